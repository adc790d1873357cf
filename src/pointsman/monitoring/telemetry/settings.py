"""What is sent and where: the policy's section ``telemetry`` over the environment variables that OpenTelemetry defines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import msgspec

from pointsman.errors import UsageError
from pointsman.routing.sections_telemetry import TelemetrySection

_BASE: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_OWN: Final = {"traces": "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "metrics": "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"}
_EXPORTER: Final = {"traces": "OTEL_TRACES_EXPORTER", "metrics": "OTEL_METRICS_EXPORTER"}
_EVERY: Final = "OTEL_METRIC_EXPORT_INTERVAL"
_SAMPLER: Final = "OTEL_TRACES_SAMPLER"
_SHARE: Final = "OTEL_TRACES_SAMPLER_ARG"
_DEFAULT: Final = "http://localhost:4318"
_ALL: Final = 1.0
_MINUTE_S: Final = 60.0


class Settings(msgspec.Struct, frozen=True):
    """``traces`` and ``metrics`` are the URLs they go to, None: not sent. ``share`` of the turns is traced."""

    traces: str | None
    metrics: str | None
    share: float = _ALL
    content: bool = False
    captured: bool = False
    resource: Mapping[str, str] = msgspec.field(default_factory=dict)
    every_s: float = _MINUTE_S


def settings_of(section: TelemetrySection | None, environ: Mapping[str, str]) -> Settings | None:
    """Return what is sent; None where neither the policy nor the environment asks for it.

    Raises:
        UsageError: an environment variable holds what it cannot.
    """
    asked = section is not None or any(environ.get(name) for name in (_BASE, *_OWN.values()))
    if not asked or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    section = section or TelemetrySection()
    found = Settings(
        traces=_url("traces", section, environ) if section.traces else None,
        metrics=_url("metrics", section, environ) if section.metrics else None,
        share=_share(environ) if section.sample is None else section.sample,
        content=section.content == "redacted",
        captured=section.captured,
        resource=section.resource,
        every_s=_number(environ, _EVERY, _MINUTE_S * 1000, least=1) / 1000,
    )
    return found if found.traces or found.metrics else None


def _url(signal: str, section: TelemetrySection, environ: Mapping[str, str]) -> str | None:
    if environ.get(_EXPORTER[signal], "").strip().lower() == "none":
        return None
    if section.endpoint is None and (own := environ.get(_OWN[signal])):
        return own
    base = section.endpoint or environ.get(_BASE) or _DEFAULT
    return f"{base.rstrip('/')}/v1/{signal}"


def _share(environ: Mapping[str, str]) -> float:
    """Return the share that the standard samplers name."""
    sampler = environ.get(_SAMPLER, "").strip().lower().removeprefix("parentbased_")
    if sampler == "always_off":
        return 0.0
    return _number(environ, _SHARE, _ALL, most=1) if sampler == "traceidratio" else _ALL


def _number(environ: Mapping[str, str], name: str, otherwise: float, *, least: float = 0, most: float = 1e9) -> float:
    said = environ.get(name, "").strip()
    if not said:
        return otherwise
    try:
        value = float(said)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise UsageError(f"{name}={said[:40]!r}: must be a number from {least:g} to {most:g}")
    return value
