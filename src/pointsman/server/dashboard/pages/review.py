"""Review queue: what people should look at, one item at a time and blind, and what the judges are worth by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from pointsman.charts import numbers
from pointsman.domain.figures import FEW, Estimate
from pointsman.domain.message import Reasoning, Refusal, Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.errors import NotFound, RequestError
from pointsman.evaluation.judging_standing import Standing, between_people, standing
from pointsman.evaluation.labels_saying import Said, as_shown, label_of, say
from pointsman.evaluation.labels_shown import Shown as ItemShown
from pointsman.evaluation.labels_shown import shown_of
from pointsman.evaluation.labels_sources import shadow_items
from pointsman.evaluation.statistics.agreement import Kappa
from pointsman.server.dashboard.figures import Figure, counted, figure
from pointsman.server.dashboard.tables import Column, Table
from pointsman.server.dashboard.talk import Block, ToolCard, Words
from pointsman.server.dashboard.view import Moved, Shown, View
from pointsman.store.labels import PREFERENCE, Item, Labels

_MESSAGES: Final = 30
_JUDGES: Final = 8
_TRIED: Final = (50, 2_000)
"""Items looked at for one that can still be shown: where many turns were deleted, more of them."""
_WHO: Final = {"user": "customer", "assistant": "agent", "system": "system", "tool": "other"}
_KINDS: Final = {
    "run": "two replies of a replay",
    "shadow": "a shipped reply and a stronger model's",
    "turn": "a shipped reply",
    "import": "an imported item",
}


class Look(msgspec.Struct, frozen=True):
    """An item as it is shown: the end of the conversation, and the replies in this labeller's order."""

    item: Item
    kind: str
    second_look: bool
    left_out: int
    before: list[Block]
    first: list[Block]
    second: list[Block] | None
    conversation: str


async def show(view: View) -> Shown:
    """Show the next item, and what judges and labellers agree on."""
    return await view.ask(_show, view)


async def act(view: View) -> Moved:
    """Keep a label, or put shadow replies into the queue."""
    view.require("labeller")
    store = view.router.store
    labels = Labels(store)
    if view.form.get("do") == "shadows":
        found = await view.ask(shadow_items, store, view.now_us)
        new = await labels.add_soon(found.items, found.judgements)
        return Moved(view.link("review"), f"{numbers.count(new)} shadow replies are in the queue.")
    item = await view.ask(labels.item, view.form.get("item", ""))
    if item is None:
        raise NotFound("this item is not in the queue any more; load the page again")
    name = _name(view)
    value = as_shown(item, name, view.form.get("value", ""))
    intent = view.form.get("intent", "").strip()[:100] or None
    route = view.form.get("route", "").strip() or None
    if route is not None and route not in view.router.policy.routes:
        raise RequestError(f"the policy has no route {route[:60]!r}", param="route")
    said = Said(value, view.form.get("note", "").strip(), route, intent)
    await say(store, item, label_of(item, name, said, view.now_us), said)
    return Moved(view.link("review"), await view.ask(_told, view, item, value))


def _told(view: View, item: Item, value: str) -> str:
    """Return what may be known once it is said: whose replies they were, and what a judge said."""
    if value == "skip":
        return "Skipped."
    judged = Labels(view.router.store).judgements_of(item.id)
    also = f" {judged[0].judge} said: {_words(judged[0].verdict)}." if judged else ""
    try:
        makers = shown_of(view.router.store, item).makers
    except NotFound:
        makers = ("", "")
    better = {"a": makers[0], "b": makers[1]}.get(value)
    return (f"Kept: {better} is better." if better else f"Kept: {_words(value)}.") + also


def _words(verdict: str) -> str:
    return {
        "a": "the first model's is better",
        "b": "the second model's is better",
        "same": "no difference",
        "tie": "one thing in one order and another in the other",
        "unknown": "nothing that could be read",
    }.get(verdict, verdict)


def _show(view: View) -> Shown:
    labels = Labels(view.router.store)
    worth = [
        standing(labels, key.judge, key.version, key.metric)
        for key in sorted(labels.judges(), key=lambda key: -key.n)[:_JUDGES]
    ]
    labellers = labels.labellers()
    waiting, shadows = labels.waiting(), len(labels.shadows_waiting())
    look, gone = _next(view, labels)
    people = between_people(labels.labels(PREFERENCE))
    data = {
        "look": look,
        "gone": gone,
        "anything": bool(waiting or labellers or worth),
        "figures": _figures(waiting, labellers, worth, people),
        "may_label": view.person.may("labeller"),
        "routes": tuple(view.router.policy.routes),
        "shadows": shadows,
        "worth": worth,
    }
    return Shown(data, _verdict(waiting, worth), (_judges(worth), _people(labellers)))


def _name(view: View) -> str:
    return view.person.name.strip()[:80] or "somebody"


def _next(view: View, labels: Labels) -> tuple[Look | None, int]:
    """Return the first item that can be shown, and how many before it cannot: their turns are gone."""
    if view.rest:
        item = labels.item(view.rest)
        if item is None:
            raise NotFound(f"there is no item {view.rest[:40]!r} in the queue")
        return _first(view, labels, [item])
    found: tuple[Look | None, int] = (None, 0)
    for limit in _TRIED:
        queue = labels.queue(_name(view), limit=limit)
        found = _first(view, labels, queue)
        if found[0] is not None or len(queue) < limit:
            break
    return found


def _first(view: View, labels: Labels, queue: Sequence[Item]) -> tuple[Look | None, int]:
    labelled = {label.item_id for label in labels.labels()}
    for gone, item in enumerate(queue):
        try:
            shown = shown_of(view.router.store, item)
        except NotFound:
            continue
        return _look(item, shown, _name(view), second_look=item.id in labelled), gone
    return None, len(queue)


def _look(item: Item, shown: ItemShown, labeller: str, *, second_look: bool) -> Look:
    first, second, _ = shown.in_order(item.id, labeller)
    messages = shown.messages[-_MESSAGES:]
    return Look(
        item=item,
        kind=_KINDS[item.origin],
        second_look=second_look,
        left_out=len(shown.messages) - len(messages),
        before=[block for message in messages for block in _blocks(message.parts, message.role)],
        first=_reply(first),
        second=None if second is None else _reply(second),
        conversation=item.conversation_id or "" if item.turn_id else "",
    )


def _reply(reply: Reply) -> list[Block]:
    return _blocks(reply.parts, "assistant") or [Words("agent", "(says nothing)")]


def _blocks(parts: Sequence[Any], role: str) -> list[Block]:
    found: list[Block] = []
    who: Any = _WHO[role]
    for part in parts:
        if isinstance(part, Text | Refusal):
            found.append(Words(who, part.text))
        elif isinstance(part, ToolCall):
            found.append(ToolCard(part.id, part.name, part.arguments))
        elif isinstance(part, ToolResult):
            text = "\n".join(one.text for one in part.content if isinstance(one, Text))
            found.append(ToolCard(part.call_id, part.name, "", text, not part.is_error))
        elif not isinstance(part, Reasoning):  # thoughts would tell one model from another
            found.append(Words(who, f"({type(part).__name__.lower()})"))
    return found


def _verdict(waiting: int, worth: Sequence[Standing]) -> str:
    items = f"{numbers.count(waiting)} {'item waits' if waiting == 1 else 'items wait'} for a label."
    if not waiting:
        items = "Nothing waits for a label."
    if not worth:
        return f"{items} No judge's verdicts are here yet."
    good = [one for one in worth if one.may_gate]
    one = (good or worth)[0]
    known = one.kappa is not None and one.kappa.kappa is not None and one.labels >= FEW
    kappa = f", kappa {one.kappa.kappa:.2f}" if known and one.kappa is not None else ""
    state = "may gate" if one.may_gate else f"may not gate yet: {one.missing[0].partition(' (')[0]}"
    return f"{items} {one.judge} {state}{kappa}."


def _figures(
    waiting: int, labellers: Sequence[tuple[str, int, int]], worth: Sequence[Standing], people: Kappa | None
) -> list[Figure]:
    first = next((one for one in worth if one.may_gate), worth[0] if worth else None)
    found = [
        counted("Waiting", waiting, hint="Items that nobody has labelled"),
        counted("Labels", sum(said for _, _, said in labellers), hint="Skipped ones do not count"),
        figure(
            "Judge against people, kappa",
            _kappa(first.kappa if first else None, "no judged item is labelled yet"),
            hint="Agreement beyond chance: 1 is full, 0 is none; below 0.6 beware",
        ),
        figure(
            "People with each other, kappa",
            _kappa(people, "nothing is labelled by two people yet"),
            hint="On items that two people labelled",
        ),
    ]
    if first is not None:
        found.insert(3, figure("Flip rate", first.flips, hint="Answers that change with the order of the replies"))
        label, hint = _what(first)
        found.append(figure(label, _corrected(first), hint=hint))
    return found


def _what(one: Standing) -> tuple[str, str]:
    if one.metric == PREFERENCE:
        return "Net preference, corrected", "Wins less losses of the candidate, from -1 to 1, as people would say"
    return "Share passing, corrected", "As people would say (prediction-powered inference)"


def _kappa(found: Kappa | None, why: str) -> Estimate:
    if found is None:
        return Estimate(None, 0, "", why=why)
    if found.kappa is None:
        return Estimate(None, found.n, "", why="one of the two always says the same")
    return Estimate(found.kappa, found.n, "", found.low, found.high)


def _corrected(one: Standing) -> Estimate:
    found = one.corrected
    return Estimate(found.rate, found.labelled, "", found.low, found.high, found.why or "nothing is labelled")


def _judges(worth: Sequence[Standing]) -> Table:
    columns = (
        Column("judge", "Judge", "model"),
        Column("may_gate", "May it gate?"),
        Column("metric", "Of what"),
        Column("judged", "Judged", "count"),
        Column("labels", "Labelled", "count"),
        Column("kappa", "Kappa", "figure"),
        Column("flips", "Flip rate", "figure"),
        Column("corrected", "Corrected", "figure", "By prediction-powered inference"),
        Column("raw", "Its own", "number", "The figure before it is corrected"),
        Column("unknown", "Unreadable", "count"),
        Column("version", "Prompt", "id"),
    )
    rows = [
        [
            one.judge,
            "; ".join(("yes", *one.warnings)) if one.may_gate else "; ".join((*one.missing, *one.warnings)),
            one.metric,
            one.n,
            one.labels,
            _kappa(one.kappa, "no label"),
            one.flips,
            _corrected(one),
            one.corrected.raw,
            one.unknown,
            one.version,
        ]
        for one in worth
    ]
    return Table("judges", "Judges", columns, rows, empty="No judge's verdicts are in this store.")


def _people(labellers: Sequence[tuple[str, int, int]]) -> Table:
    columns = (
        Column("labeller", "Labeller"),
        Column("seen", "Looked at", "count"),
        Column("labels", "Labelled", "count"),
    )
    return Table("labellers", "Labellers", columns, [list(one) for one in labellers], empty="Nobody has labelled yet.")
