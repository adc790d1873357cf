"""The way of a turn in the terminal: where the time went, what was handed over, and what was checked."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from rich.console import Console

from pointsman.cli.console import plain
from pointsman.cli.turn_view import ms
from pointsman.domain.record import CheckRecord, Handoff, TurnRecord

_LINES: Final = 40
_WIDTH: Final = 200
_INDENT: Final = "      "


def show_way(console: Console, record: TurnRecord) -> None:
    """Print the way of a turn that took more than one answering call; nothing for any other."""
    if not (record.handoffs or record.checks or any(step.purpose != "reply" for step in record.steps)):
        return
    console.print(plain("\nThe way of this turn", "bold"))
    console.print(plain(f"  {_time(record)}"))
    for number, handoff in enumerate(record.handoffs, 1):
        console.print(plain(f"  handoff {number}: {handoff.kind}, {handoff.source} -> {handoff.target}"))
        for line in artifact_lines(handoff):
            console.print(plain(_INDENT + line, "dim"))
    if record.checks:
        console.print(plain("  checks"))
        for check in record.checks:
            console.print(plain(f"    {check_line(check)}", "" if check.passed else "yellow"))


def _time(record: TurnRecord) -> str:
    before = "no other model was at work before the answering call"
    if all(step.purpose != "reply" for step in record.steps):
        before = "no answering call was made"
    elif record.prepared_ms is not None:
        before = f"{ms(record.prepared_ms)} ms before the answering call began"
    first = "" if record.ttft_ms is None else f"; the client saw its first word after {ms(record.ttft_ms)} ms"
    return before + first


def artifact_lines(handoff: Handoff) -> list[str]:
    """Return what was handed over as lines of bounded number and length; empty fields are left out."""
    try:
        value = msgspec.json.decode(handoff.artifact)
    except msgspec.DecodeError:
        return ["(not readable)"]
    lines: list[str] = []
    for name, field in value.items() if isinstance(value, dict) else [("", value)]:
        lines += _field(str(name), field)
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"... and {len(lines) - _LINES} more lines (--json has them all)"]
    return lines


def _field(name: str, value: Any) -> list[str]:
    if value in (None, "", [], {}):
        return []
    if isinstance(value, list):
        return [f"{name}:", *(_cut(f"  - {_text(item)}") for item in value)]
    first, *rest = _text(value).splitlines() or [""]
    return [_cut(f"{name}: {first}"), *(_cut(f"  {line}") for line in rest)]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 3] + "..."


def check_line(check: CheckRecord) -> str:
    """Return one check as a line."""
    verdict = "passed" if check.passed else "failed"
    line = f"{check.name}: {verdict} on {check.model}, {check.action}"
    return _cut(line + (f": {' '.join(check.text.split())}" if check.text else ""))
