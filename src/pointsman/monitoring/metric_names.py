"""Names and labels of what ``/metrics`` shows, shared by the endpoint and by the Prometheus rules made of the policy's monitors.

Labels never hold customer text. ``outcome`` of a turn: ``ok``, ``failed`` (our or a provider's fault: HTTP 5xx, or the stream
broke), ``refused`` (the client's own fault, or a limit: HTTP 4xx), ``cancelled`` (the client left). Of a model call, a tool call
and a contract check: ``ok`` or ``failed``. ``simulated`` is ``true`` or ``false``: rules look at real traffic only.
"""

from __future__ import annotations

from typing import Final

import msgspec


class Metric(msgspec.Struct, frozen=True):
    """A metric's name, its labels in order, and its help line."""

    name: str
    labels: tuple[str, ...]
    help: str


OK: Final = "ok"
FAILED: Final = "failed"
REFUSED: Final = "refused"
CANCELLED: Final = "cancelled"

TURNS: Final = Metric("pointsman_turns_total", ("model", "route", "tier", "outcome", "simulated"), "Finished turns.")
MODEL_CALLS: Final = Metric(
    "pointsman_model_calls_total", ("model", "purpose", "outcome", "simulated"), "Calls to models, failed ones too."
)
FIRST_TOKEN: Final = Metric(
    "pointsman_first_token_seconds",
    ("model", "tier", "simulated"),
    "Time to the first text or tool delta, streamed turns.",
)
TOOL_CALLS: Final = Metric(
    "pointsman_tool_calls_total", ("tool", "model", "outcome", "simulated"), "Tool calls whose arguments were checked."
)
CONTRACT_CHECKS: Final = Metric(
    "pointsman_contract_checks_total", ("model", "outcome", "simulated"), "Replies checked against their contract."
)
ESCALATED: Final = Metric(
    "pointsman_escalated_turns_total", ("route", "simulated"), "Turns that a flagship answered, first or in the end."
)
COST: Final = Metric(
    "pointsman_cost_usd_total", ("model", "route", "simulated"), "Dollars of turns whose cost is known."
)
UNPRICED: Final = Metric("pointsman_unpriced_turns_total", ("model", "simulated"), "Answered turns of unknown cost.")
TOKENS: Final = Metric(
    "pointsman_tokens_total", ("model", "kind", "simulated"), "Tokens: uncached, cache_read, cache_write, output."
)
INCIDENTS: Final = Metric("pointsman_open_incidents", ("severity", "simulated"), "Incidents that are not resolved.")
TURN_DURATION: Final = Metric(
    "pointsman_turn_duration_seconds", ("model", "tier", "simulated"), "From a request's arrival to its last byte."
)
DECISION: Final = Metric("pointsman_decision_seconds", (), "Time that choosing route and model took.")
OVERHEAD: Final = Metric("pointsman_gateway_seconds", (), "Pointsman's own time before the first call of a turn.")
REJECTIONS: Final = Metric(
    "pointsman_rejected_replies_total", ("model", "outcome"), "Replies that broke their contract: rejected, repaired."
)
BUDGET_SPENT: Final = Metric(
    "pointsman_budget_spent_usd",
    ("scope", "name", "period", "simulated"),
    "Dollars counted against caps of this period.",
)
BUDGET_CAP: Final = Metric("pointsman_budget_cap_usd", ("scope", "name", "period"), "The policy's caps in dollars.")
SHADOW_COST: Final = Metric("pointsman_shadow_cost_usd_total", (), "Dollars of shadow checks and their judges.")
READER_LAG: Final = Metric("pointsman_reader_lag_turns", ("reader",), "Turns that a reader has not dealt with yet.")
STORE_BYTES: Final = Metric("pointsman_store_bytes", (), "Size of the store's file.")
CAPTURED_TURNS: Final = Metric(
    "pointsman_captured_turns_total",
    ("provider", "model", "outcome"),
    "Turns captured from another program's telemetry.",
)
CAPTURED_COST: Final = Metric(
    "pointsman_captured_cost_usd_total", ("provider", "model"), "Dollars of captured turns whose cost is known."
)

FIRST_TOKEN_BUCKETS_S: Final = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.5, 10.0, 15.0, 30.0)
"""Bounds of the first-token histogram; the exported rules take the nearest one."""
DURATION_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
OVERHEAD_BUCKETS_S: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5)
OTHER: Final = "other"
"""Stands for every value of a label beyond the bound on how many are kept apart."""
