"""Conversation: what was said, what was decided before each reply, and what it cost."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from pointsman.charts import numbers
from pointsman.domain.record import TurnRecord
from pointsman.errors import NotFound, PointsmanError, RequestError, StoreError
from pointsman.evaluation.case_file import encode_case
from pointsman.evaluation.cases import Case
from pointsman.evaluation.importers.cases_store import turn_of
from pointsman.monitoring.questions import turns as listing
from pointsman.server.dashboard.differing import Piece, by_words
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.talk import Read, Reader, reply_blocks, text_of
from pointsman.server.dashboard.view import Moved, Sent, Shown, View
from pointsman.store.grades import TurnGrade, grades_of
from pointsman.store.outcomes import Feedback, Outcome, Outcomes, Sender
from pointsman.store.reading import TurnFilter
from pointsman.store.shadow import Shadows

_MOST_TURNS: Final = 100
_LONGEST_COMMENT: Final = 2_000
_LATEST: Final = 30
_NOT_A_REASON: Final = frozenset({"eligibility", "cost"})


class Shadow(msgspec.Struct, frozen=True):
    """The stronger model's reply beside the shipped one, with what differs marked on either side."""

    model: str
    state: str
    verdict: str
    material: bool | None
    why: str
    shipped: list[Piece]
    other: list[Piece]
    cost_usd: Any


class TurnShown(msgspec.Struct, frozen=True):
    """One turn with all that is known of it."""

    record: TurnRecord
    read: Read
    why: str
    model: str
    tier: str
    plan: dict[str, Any]
    handoffs: list[tuple[str, str, str, Any]]
    grades: list[TurnGrade]
    feedback: list[Feedback]
    shadow: Shadow | None
    opened: bool


async def show(view: View) -> Shown | Sent:
    """Show a conversation, or, without one in the path, the way to one."""
    if not view.rest:
        return await view.ask(_choose, view)
    if "case" in view.query:
        return await view.ask(_case, view, view.query["case"])
    return await view.ask(_conversation, view)


async def act(view: View) -> Moved:
    """Keep what would have been right for a turn."""
    view.require("labeller")
    turn_id, route, intent = (view.form.get(name, "").strip() for name in ("turn", "route", "intent"))
    comment = view.form.get("comment", "").strip()[:_LONGEST_COMMENT]
    if not (route or intent or comment):
        raise RequestError("nothing was said: choose a route, name an intent, or write a comment")
    if route and route not in view.router.policy.routes:
        raise RequestError(f"the policy has no route {route!r}", param="route")
    said = Feedback(
        id=None,
        at_us=view.now_us,
        source=f"dashboard: {view.person.name}"[:100],
        comment=comment or None,
        route=route or None,
        intent=intent[:100] or None,
    )
    await Outcomes(view.router.store).give(turn_id, said, Sender())
    return Moved(view.here(turn=turn_id) + "#t-" + turn_id, "Kept as a label of this turn.")


def _choose(view: View) -> Shown:
    wanted = view.query.get("find", "").strip()
    if wanted:
        return _found(view, wanted)
    with view.asker.board() as board:
        latest = listing.ask(board, view.slice, (), listing.Options(limit=200))
    seen: dict[str, list[Any]] = {}
    for row in latest.rows:
        seen.setdefault(row.conversation, []).append(row)
    rows = [
        [
            Cell(name, view.link("conversation", name)),
            many[0].at_us,
            len(many),
            ", ".join(sorted({row.route for row in many})),
            _sum(row.cost_usd for row in many),
        ]
        for name, many in list(seen.items())[:_LATEST]
    ]
    columns = (
        Column("conversation", "Conversation", "id"),
        Column("at", "Last turn", "when"),
        Column("turns", "Turns", "count", "Of the newest 200 turns"),
        Column("routes", "Routes"),
        Column("cost_usd", "Cost", "usd"),
    )
    table = Table("conversations", "The latest conversations", columns, rows)
    return Shown({}, tables=(table,), template="conversations.html")


def _found(view: View, wanted: str) -> Shown:
    store = view.router.store
    ids = store.ids_with_prefix(wanted, 2)
    row = store.turn(ids[0]) if len(ids) == 1 else None
    name = wanted if store.last_turn(wanted) else row.conversation_id if row else None
    if name is None:
        raise NotFound(f"neither a conversation nor one turn alone begins with {wanted[:100]!r}")
    msgspec_view = msgspec.structs.replace(view, rest=name, query={"turn": row.id} if row else {})
    return _conversation(msgspec_view)


def _conversation(view: View) -> Shown:
    store = view.router.store
    rows = store.turns(TurnFilter(conversation=view.rest, key_id=view.filter.get("key")), _MOST_TURNS + 1)
    if not rows:
        raise NotFound(f"there is no conversation {view.rest[:100]!r} here; it may have been deleted")
    cut = len(rows) > _MOST_TURNS
    reader = Reader()
    wanted = view.query.get("turn", "")
    shown: list[TurnShown] = []
    lost = 0
    for row in reversed(rows[:_MOST_TURNS]):
        try:
            record = store.turn(row.id)
        except StoreError:
            record = None
        if record is None:
            lost += 1
            continue
        shown.append(_turn(view, record, reader.read(record), opened=row.id == wanted))
    outcome = _outcome(view, shown)
    data = {
        "turns": shown,
        "outcome": outcome,
        "lost": lost,
        "cut": cut,
        "most": _MOST_TURNS,
        "routes": tuple(view.router.policy.routes),
        "may_label": view.person.may("labeller"),
    }
    verdict, title = _verdict(shown, outcome), f"Conversation {view.rest}"
    return Shown(data, verdict, title=title, template="conversation.html", filtered=False)


def _outcome(view: View, shown: list[TurnShown]) -> Outcome | None:
    if not shown:
        return None
    return Outcomes(view.router.store).of(view.rest, shown[0].record.key_id)


def _turn(view: View, record: TurnRecord, read: Read, *, opened: bool) -> TurnShown:
    decision = record.decision
    why = next((one.text for one in decision.reasons if one.kind not in _NOT_A_REASON), "no reason recorded")
    handoffs = [(one.kind, one.source, one.target, _json(one.artifact)) for one in record.handoffs]
    plan = next((one[3] for one in handoffs if one[0] == "plan" and isinstance(one[3], dict)), {})
    store = view.router.store
    model = record.steps[-1].model if record.steps else decision.model
    return TurnShown(
        record=record,
        read=read,
        why=why,
        model=model,
        tier=view.tier_of(model, decision.tier),
        plan=plan,
        handoffs=handoffs,
        grades=grades_of(store, record.id),
        feedback=Outcomes(store).feedback(record.id),
        shadow=_shadow(view, record, read),
        opened=opened,
    )


def _shadow(view: View, record: TurnRecord, read: Read) -> Shadow | None:
    row = Shadows(view.router.store).row(record.id)
    if row is None:
        return None
    other = reply_blocks(row.reply)
    left, right = by_words(text_of(read.reply), text_of(other)) if other else ([], [])
    return Shadow(
        model=row.model or "",
        state=row.state,
        verdict=(row.verdict or "").replace("_", " "),
        material=row.material,
        why={"quantile": "among the least sure", "floor": "drawn by chance"}.get(row.why, row.why),
        shipped=left,
        other=right,
        cost_usd=None if row.cost_pico is None else row.cost_pico / 1e12,
    )


def _case(view: View, turn_id: str) -> Sent:
    record = view.router.store.turn(turn_id)
    if record is None:
        raise NotFound(f"there is no turn {turn_id[:60]!r} here")
    try:
        case = Case(record.id, record.conversation_id, "store", turn_of(record))
    except (PointsmanError, msgspec.MsgspecError) as error:
        raise RequestError(f"this turn cannot be made a case: {error}") from None
    return Sent(encode_case(case), f"case-{record.id}.jsonl", "application/x-ndjson")


def _verdict(shown: list[TurnShown], outcome: Outcome | None) -> str:
    cost = _sum(one.record.cost_usd for one in shown)
    known = "" if cost is None else f" for {numbers.money(cost)}"
    ended = "How it ended was not reported."
    if outcome is not None and outcome.resolved is not None:
        ended = "Reported as resolved." if outcome.resolved else "Reported as not resolved."
        if outcome.escalated:
            ended = ended[:-1] + ", and handed to a person."
    simulated = " Simulated models answered." if shown and all(one.record.simulated for one in shown) else ""
    return f"{len(shown)} turn{'' if len(shown) == 1 else 's'}{known}. {ended}{simulated}"


def _sum(values: Any) -> Any:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _json(raw: msgspec.Raw) -> Any:
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return bytes(raw).decode("utf-8", "replace")
