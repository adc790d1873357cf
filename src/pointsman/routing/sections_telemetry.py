"""The policy's section on what OpenTelemetry receivers are sent: ``telemetry``."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator

from pointsman.routing.sections import Section

_Short = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class TelemetrySection(Section):
    """Traces and metrics over OTLP/HTTP. What is not written here comes from the variables ``OTEL_*``, as everywhere."""

    endpoint: str | None = Field(
        default=None,
        max_length=2000,
        description="Base URL of the receiver; /v1/traces and /v1/metrics follow it. Default: OTEL_EXPORTER_OTLP_ENDPOINT, "
        "else http://localhost:4318. Headers, such as a key, come from OTEL_EXPORTER_OTLP_HEADERS.",
    )
    traces: bool = Field(default=True, description="Whether turns are sent as traces.")
    metrics: bool = Field(default=True, description="Whether client metrics are sent.")
    sample: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Share of the turns that are traced, by trace id; failed and escalated ones always are.",
    )
    content: Literal["none", "redacted"] = Field(
        default="none", description="Whether messages and replies are sent, always with personal data taken out."
    )
    captured: bool = Field(default=False, description="Whether turns captured by OTLP are sent on as well.")
    resource: dict[_Short, _Short] = Field(
        default={}, max_length=64, description="Resource attributes, beside OTEL_RESOURCE_ATTRIBUTES."
    )

    @field_validator("endpoint")
    @classmethod
    def _is_a_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a URL such as http://localhost:4318")
        if parts.username or parts.password or parts.query:
            raise ValueError("must not hold a key: set OTEL_EXPORTER_OTLP_HEADERS")
        return value
