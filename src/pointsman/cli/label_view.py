"""One item at a time on the terminal: what was said, the replies, and one key for an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import typer
from rich.console import Console

from pointsman.cli.console import err, out, plain
from pointsman.cli.replay_view import counted
from pointsman.domain.message import Message, Refusal, Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.errors import NotFound, PointsmanError
from pointsman.evaluation.labels_saying import Said, as_shown, label_of, say
from pointsman.evaluation.labels_shown import Shown, shown_of
from pointsman.store import Store
from pointsman.store.labels import Item, Labels

_SPEAKERS = {"user": "customer", "assistant": "agent", "tool": "tool", "system": "instructions"}
_STYLES = {"customer": "bold", "agent": "cyan", "tool": "dim", "instructions": "dim"}
_LAST = 12
_LONGEST = 2000
_PAIR_KEYS = {"1": "first", "2": "second", "a": "first", "b": "second", "0": "tie", "t": "tie", "s": "skip"}
_REPLY_KEYS = {"p": "pass", "f": "fail", "s": "skip"}
_ASKED = {
    "pair": "1 or 2 (a or b) is better, 0 (t) no difference, s skip, n note, i should be, q stop",
    "reply": "p pass, f fail, s skip, n note, i should be, q stop",
}


def session(store: Store, labeller: str, ask: Callable[[str], str] | None = None) -> int:
    """Go through the queue until it is empty or the labeller stops; return how many labels were given."""
    labels = Labels(store)
    ask = ask or _one_key
    given = 0
    seen: set[str] = set()
    while True:
        item = next((one for one in labels.queue(labeller, limit=50) if one.id not in seen), None)
        if item is None:
            out().print(plain(f"\nThat was all: {counted(given, 'label')} given.", "bold"))
            return given
        seen.add(item.id)
        try:
            shown = shown_of(store, item)
        except NotFound as error:
            err().print(plain(str(error)))
            continue
        said = _answer(item, shown, labeller, ask, labels.waiting())
        if said is None:
            out().print(
                plain(
                    f"\nStopped: {counted(given, 'label')} given, {labels.waiting():,} waiting. Go on any time.", "bold"
                )
            )
            return given
        try:
            label = label_of(item, labeller, said, time.time_ns() // 1000)
            asyncio.run(say(store, item, label, said))
            given += 1
        except PointsmanError as error:
            err().print(plain(str(error)))


def _answer(item: Item, shown: Shown, labeller: str, ask: Callable[[str], str], waiting: int) -> Said | None:
    """Show an item and return what is said of it; None: stop."""
    console = out()
    first, second, _ = shown.in_order(item.id, labeller)
    console.rule(f"{waiting:,} waiting", style="dim")
    _conversation(console, shown.messages)
    if second is None:
        _reply(console, "the reply", first)
    else:
        _reply(console, "reply 1", first)
        _reply(console, "reply 2", second)
    console.print(plain(f"\n{item.question}", "bold"))
    keys = _PAIR_KEYS if item.kind == "pair" else _REPLY_KEYS
    note, route, intent = "", None, None
    while True:
        key = ask(f"{_ASKED[item.kind]}: ").strip().lower()
        if key == "q":
            return None
        if key == "n":
            note = ask("note: ").strip()
        elif key == "i":
            route = ask("right route (empty: leave): ").strip() or None
            intent = ask("right intent (empty: leave): ").strip() or None
        elif key in keys:
            return Said(as_shown(item, labeller, keys[key]), note, route, intent)
        else:
            console.print("that is none of the keys")


def _conversation(console: Console, messages: tuple[Message, ...]) -> None:
    if len(messages) > _LAST:
        console.print(plain(f"... {len(messages) - _LAST:,} earlier messages", "dim"))
    for message in messages[-_LAST:]:
        speaker = _SPEAKERS[message.role]
        for line in _lines(message.parts):
            console.print(plain(f"{speaker}: ", _STYLES[speaker]).append_text(plain(line[:_LONGEST])))


def _reply(console: Console, name: str, reply: Reply) -> None:
    console.print(plain(f"\n{name}", "bold underline"))
    for line in _lines(reply.parts) or ["(says nothing)"]:
        console.print(plain(line[:_LONGEST]))


def _lines(parts: tuple[object, ...]) -> list[str]:
    found = []
    for part in parts:
        if isinstance(part, Text | Refusal):
            found.append(part.text)
        elif isinstance(part, ToolCall):
            found.append(f"calls {part.name} {part.arguments}")
        elif isinstance(part, ToolResult):
            text = "\n".join(one.text for one in part.content if isinstance(one, Text))
            found.append(f"{part.name or 'tool'} returned {text}")
    return found


def _one_key(prompt: str) -> str:
    """Ask on the terminal; an end of the input stops."""
    try:
        return str(typer.prompt(prompt, prompt_suffix="", default="", show_default=False))
    except (typer.Abort, EOFError):
        return "q"
