"""The client metrics of the GenAI conventions, made of finished turns. All turns count, whatever share of them is traced."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import Resource

from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.monitoring.telemetry import conventions as names
from pointsman.monitoring.telemetry.tools import ToolRun

_CHAT: Final = "chat"


class Meters:
    """Counts turns into instruments that ``reader`` sends."""

    def __init__(self, reader: MetricReader, resource: Resource) -> None:
        self.provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._meter = self.provider.get_meter(names.SCOPE, names.GEN_AI_VERSION)
        self._operation = self._seconds(names.OPERATION_DURATION, "GenAI operation duration.")
        self._first = self._seconds(names.TIME_TO_FIRST_CHUNK, "Time to receive the first chunk.")
        self._chunk = self._seconds(names.TIME_PER_OUTPUT_CHUNK, "Mean time between a call's chunks after the first.")
        self._workflow = self._seconds(names.WORKFLOW_DURATION, "Duration of a turn.")
        self._tool = self._seconds(names.TOOL_DURATION, "Duration of a tool's execution.")
        self._decision = self._seconds(
            names.DECISION_DURATION, "Time that choosing route and model took.", names.DECISION_BUCKETS
        )
        self._tokens = self._meter.create_histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=names.TOKEN_BUCKETS,
        )
        self._cost = self._meter.create_counter(names.TURN_COST, "{USD}", "Dollars of turns whose cost is known.")

    def _seconds(self, name: str, text: str, bounds: tuple[float, ...] = names.SECONDS_BUCKETS) -> Histogram:
        return self._meter.create_histogram(name, "s", text, explicit_bucket_boundaries_advisory=bounds)

    def count(self, record: TurnRecord, tools: Iterable[ToolRun] = ()) -> None:
        """Count one turn with its calls, and the tool calls whose results it was given."""
        failed = _failure(record.error_code if record.status in ("error", "broken") else None)
        route = {names.WORKFLOW_NAME: record.decision.route} | failed
        self._workflow.record(record.duration_ms / 1000, route)
        if record.decision.decided_us:
            self._decision.record(record.decision.decided_us / 1e6)
        if record.cost_usd is not None:
            self._cost.add(float(record.cost_usd), {"pointsman.route": record.decision.route})
        for step in record.steps:
            self._call(step)
        for tool in tools:
            self._tool.record(
                tool.seconds, {names.TOOL_NAME: tool.tool, names.TOOL_TYPE: "function"} | _failure(tool.error)
            )

    def _call(self, step: StepRecord) -> None:
        labels: dict[str, Any] = {
            names.OPERATION: _CHAT,
            names.PROVIDER: names.provider_name(step.model),
            names.REQUEST_MODEL: step.model.partition("/")[2] or step.model,
        }
        if step.upstream_model:
            labels[names.RESPONSE_MODEL] = step.upstream_model
        failed = _failure(step.error_code if step.status in ("error", "broken") else None)
        self._operation.record(step.duration_ms / 1000, labels | failed)
        if step.usage is not None:
            self._tokens.record(step.usage.prompt, labels | {names.TOKEN_TYPE: "input"})
            self._tokens.record(step.usage.output, labels | {names.TOKEN_TYPE: "output"})
        if step.ttft_ms is not None:
            self._first.record(step.ttft_ms / 1000, labels)
            if step.chunks is not None and step.chunks > 1:
                # The times of single chunks are not kept, so each call gives the mean of its own.
                self._chunk.record((step.duration_ms - step.ttft_ms) / 1000 / (step.chunks - 1), labels)


def _failure(code: str | None) -> dict[str, str]:
    return {} if code is None else {names.ERROR_TYPE: code}
