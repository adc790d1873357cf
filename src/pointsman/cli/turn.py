"""``pointsman turn``: the whole story of one turn."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.conversation_view import conversation
from pointsman.cli.figures import for_json, usd
from pointsman.cli.outcome_view import outcome_lines
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, StoreUrl, at
from pointsman.cli.turn_view import decision_line, ms, show_decision, steps_table
from pointsman.cli.turns import status_text
from pointsman.cli.way_view import show_way
from pointsman.domain.record import TurnRecord
from pointsman.errors import NotFound
from pointsman.store import DEFAULT_URL, Store, open_store
from pointsman.store.keys import list_keys
from pointsman.store.outcomes import Outcomes

_OFFERED = 5


def command(
    turn_id: Annotated[str, typer.Argument(metavar="ID", help="The turn's id, or as much of it as is unique.")],
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Tell the whole story of one turn: decision, reasons, every model call, the conversation.

    Exit codes: 0 done, 2 the input was wrong or there is no such turn.
    """
    with open_store(store, must_exist=True) as opened:
        record = find(opened, turn_id)
        keys = {key.id: key.name for key in list_keys(opened)}
        outcomes = Outcomes(opened)
        ended = outcomes.of(record.conversation_id, record.key_id)
        feedback = outcomes.feedback(record.id)
    if json:
        print_json({**_json(record), "outcome": for_json(ended), "feedback": for_json(feedback)})
        return
    _show(out(), record, keys)
    for line in outcome_lines(ended, feedback):
        out().print(plain(line))


def find(store: Store, turn_id: str) -> TurnRecord:
    """Return the turn with this id, or the only one whose id begins so.

    Raises:
        NotFound: there is none, or more than one.
    """
    record = store.turn(turn_id)
    if record is not None:
        return record
    ids = store.ids_with_prefix(turn_id, _OFFERED + 1) if turn_id else []
    if not ids:
        raise NotFound(f"there is no turn {turn_id!r} in {store.path}. `pointsman turns` lists the newest.")
    if len(ids) > 1:
        more = " ..." if len(ids) > _OFFERED else ""
        raise NotFound(
            f"more than one turn begins with {turn_id!r}: {', '.join(ids[:_OFFERED])}{more}. Write more of it."
        )
    found = store.turn(ids[0])
    if found is None:
        raise NotFound(f"turn {ids[0]!r} was removed while it was looked up.")
    return found


def _show(console: Console, record: TurnRecord, keys: dict[str, str]) -> None:
    console.print(decision_line(record))
    if record.simulated:
        console.print(plain("simulated models: the replies are scripted; costs are at catalogue prices", "bold"))
    status = status_text(record.status, record.error_code)
    console.print(plain(f"turn {record.id}  "), status, plain(f"  HTTP {record.http_status}  {at(record.at_us)}"))
    for name, value in _facts(record, keys):
        console.print(plain(f"  {name:<14} {value}"))
    show_decision(console, record.decision)
    console.print(plain("\nModel calls", "bold"))
    if record.steps:
        show_stacked(steps_table(record.steps), keys=1)
    else:
        console.print(plain("  none: no model was called"))
    show_way(console, record)
    console.print(plain("\nConversation", "bold"))
    for block in conversation(record):
        console.print(block)


def _facts(record: TurnRecord, keys: dict[str, str]) -> list[tuple[str, str]]:
    key = "none (no key was asked for)"
    if record.key_id is not None:
        key = f"{keys[record.key_id]} ({record.key_id})" if record.key_id in keys else record.key_id
    took = f"{ms(record.duration_ms)} ms"
    if record.ttft_ms is not None:
        took += f", first word after {ms(record.ttft_ms)} ms"
    elif not record.stream:
        took += ", not streamed"
    if record.gateway_us is not None:
        took += f", {record.gateway_us / 1000:.1f} ms of it Pointsman's before the first call"
    facts = [
        ("conversation", record.conversation_id),
        ("key", key),
        ("asked for", f"{record.requested_model} by {record.dialect}, {record.channel}"),
        ("took", took),
        ("cost", usd(record.cost_usd) + ("" if record.cost_usd is not None else " (unknown: no price or no usage)")),
    ]
    if record.flagship_model is not None:
        facts.append(("on flagship", f"{usd(record.flagship_cost_usd)} on {record.flagship_model}"))
    facts.append(("policy", record.decision.policy))
    prompts = dict.fromkeys(step.prompt for step in record.steps if step.prompt is not None)
    if prompts:
        facts.append(("prompts", ", ".join(prompts)))
    if record.dropped_params:
        facts.append(("dropped", ", ".join(record.dropped_params) + " (the model does not take them)"))
    if record.metadata:
        facts.append(("metadata", ", ".join(f"{name}={value}" for name, value in record.metadata.items())))
    return facts


def _json(record: TurnRecord) -> dict[str, Any]:
    data: dict[str, Any] = for_json(msgspec.structs.replace(record, request=(), reply=b"", handoffs=()))
    data["handoffs"] = [
        {"kind": one.kind, "source": one.source, "target": one.target, "artifact": _body(bytes(one.artifact))}
        for one in record.handoffs
    ]
    data["request"] = [{"name": name, "body": _body(body)} for name, body in record.request]
    data["reply"] = _body(record.reply) if record.reply else None
    return data


def _body(raw: bytes) -> Any:
    """Return a body as JSON where it is some, else as text."""
    try:
        msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return raw.decode("utf-8", "replace")
    return msgspec.Raw(raw)
