"""A flipped case on a page: the conversation above, both replies side by side, what differs marked.

All of it is other people's text, and is escaped here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from pointsman.charts.figure import verdict_mark
from pointsman.charts.numbers import duration, money, percent
from pointsman.charts.svg import clean, safe
from pointsman.domain.message import Message, Refusal, Text, ToolCall, ToolResult
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case, Gold
from pointsman.evaluation.flip_views import FlipView, Side

_TEXT: Final = 4_000
_VALUE: Final = 1_200
_WORDS: Final = 600
"""Replies of more words are not compared word by word: it would take long and mark everything."""
_LATEST: Final = 6
"""Messages shown at once; what was said before is behind a toggle."""


def flip_html(view: FlipView, place: int) -> str:
    """Return one flip as an article. ``place`` counts from 1 and is its anchor."""
    flip = view.flip
    tags = ", ".join(f"{name}: {value}" for name, value in sorted(flip.tags.items()) if len(value) < 40)  # noqa: PLR2004
    mark = verdict_mark("fail", "lost") if view.lost else verdict_mark("pass", "gained")
    went = f"{percent(flip.before, 0)} of its repeats right before, {percent(flip.after, 0)} after"
    if {flip.before, flip.after} == {0.0, 1.0}:
        went = "right before, wrong now" if view.lost else "wrong before, right now"
    head = (
        f"<header><h3>{place}. {safe(flip.case)}</h3><p>{mark} {went}{safe(f' · {tags}') if tags else ''}</p>"
        f'<p class="flip-why">{safe(_clip(flip.why, _VALUE))}</p></header>'
    )
    before = _conversation(view.case) if view.case is not None else ""
    return f'<article class="flip" id="flip-{place}">{head}{before}{_gold(view.case)}{_sides(view)}</article>'


def _conversation(case: Case) -> str:
    messages = case.turn.messages
    drawn = list(_messages(messages))
    early, late = drawn[:-_LATEST], drawn[-_LATEST:]
    more = f"<details><summary>{len(early)} earlier</summary>{''.join(early)}</details>" if early else ""
    many = f"{len(messages)} messages" if len(messages) != 1 else "one message"
    return f"<details open><summary>The conversation before: {many}</summary>{more}{''.join(late)}</details>"


def _messages(messages: Iterable[Message]) -> Iterable[str]:
    results = {part.call_id: part for message in messages for part in message.parts if isinstance(part, ToolResult)}
    shown: set[str] = set()
    for message in messages:
        if message.role == "system":
            text = f"<details><summary>Instructions</summary>{safe(_clip(message.text, _TEXT))}</details>"
            yield f'<div class="flip-said system">{text}</div>'
            continue
        if message.text:
            who = {"user": "Customer", "assistant": "Agent", "tool": "Tool"}[message.role]
            yield f'<div class="flip-said {message.role}"><b>{who}</b>{safe(_clip(message.text, _TEXT))}</div>'
        for part in message.parts:
            if isinstance(part, ToolCall):
                shown.add(part.id)
                yield _card(part.name, _arguments(part.arguments), result=results.get(part.id))
            elif isinstance(part, ToolResult) and part.call_id not in shown:
                yield _card(part.name or "tool result", {}, result=part)
            elif isinstance(part, Refusal):
                yield f'<div class="flip-said {message.role}"><b>Refused</b>{safe(_clip(part.text, _TEXT))}</div>'


def _gold(case: Case | None) -> str:
    gold = case.gold if case is not None else None
    if gold is None:
        return ""
    told = "".join(
        _card(call.name, {key: _allowed(values) for key, values in call.arguments.items()}) for call in gold.calls
    )
    if gold.kind == "no_call":
        told = "<p>No tool call: none of the tools fits.</p>"
    elif gold.reply and not told:
        told = f'<div class="flip-said">{safe(_clip(gold.reply, _TEXT))}</div>'
    phrases = _phrases(gold)
    return f"<details open><summary>What is right</summary>{told}{phrases}</details>" if told or phrases else ""


def _phrases(gold: Gold) -> str:
    told = [("must say", gold.must_mention), ("must not say", gold.forbidden)]
    return "".join(f"<p>{what}: {safe(', '.join(words))}</p>" for what, words in told if words)


def _allowed(values: Sequence[Any]) -> str:
    return " or ".join(dict.fromkeys(map(_json, values))) or "anything"


def _sides(view: FlipView) -> str:
    old, new = view.old, view.new
    texts = _words(_text(old.answer)), _words(_text(new.answer))
    marked = _marked(*texts)
    calls = [_calls(side.answer) for side in (old, new)]
    # Calls that one side wrote as text cannot be told apart from the other's one by one.
    as_text = any(side.answer is not None and side.answer.text_calls for side in (old, new))
    drawn = []
    for place, (name, side) in enumerate((("Baseline", old), ("Candidate", new))):
        cards = "".join(_compared(call, [call] if as_text else calls[1 - place]) for call in calls[place])
        other = (new, old)[place].answer
        drawn.append(
            f"<section><h4>{name}: {safe(side.model)}</h4>{_state(side, right=view.lost is (place == 0))}"
            f"{_way(side.answer, other) or _body(side.answer, marked[place], cards)}</section>"
        )
    return f'<div class="flip-sides">{"".join(drawn)}</div>'


def _state(side: Side, *, right: bool) -> str:
    mark = verdict_mark("pass", "right") if right else verdict_mark("fail", "wrong")
    said: list[str] = []
    if side.answer is not None:
        said += [f"first token {duration(side.answer.ttft_ms)}"] if side.answer.ttft_ms is not None else []
        said += [duration(side.answer.latency_ms)] if side.answer.latency_ms is not None else []
        said += [money(side.answer.cost_usd)] if side.answer.cost_usd is not None else []
    return f"<p>{mark} {safe(' · '.join(said))}</p>"


def _way(answer: Answer | None, other: Answer | None) -> str:
    """Return a conversation that ran on freely, with what is marked that does not come about in the other's; '' for a reply."""
    if answer is None or answer.way is None:
        return ""
    there = set(_messages(other.way.messages)) if other is not None and other.way is not None else set()
    ended = f"<p>{safe(answer.way.divergence)}</p>" if answer.way.divergence else ""
    said = (
        one if not there or one in there else f'<div class="flip-alone">{one}</div>'
        for one in _messages(answer.way.messages)
    )
    return "".join(said) + ended


def _body(answer: Answer | None, text: str, cards: str) -> str:
    if answer is None:
        return "<p>The answer is not in the run's folder.</p>"
    failed = f"<p>Failed: {safe(_clip(answer.error, _VALUE))}</p>" if answer.error else ""
    raw = f'<div class="flip-call flip-raw">{text}</div>' if answer.text_calls and text else ""
    said = f'<div class="flip-said assistant"><b>Agent</b>{text}</div>' if text and not raw else ""
    return failed + said + raw + cards or "<p>It said nothing.</p>"


def _text(answer: Answer | None) -> str:
    if answer is None or answer.way is not None:
        return ""
    if answer.text_calls:
        return answer.text_calls
    parts = answer.reply.parts if answer.reply is not None else ()
    return "\n".join(part.text for part in parts if isinstance(part, Text | Refusal))


def _calls(answer: Answer | None) -> list[ToolCall]:
    return list(answer.reply.tool_calls) if answer is not None and answer.reply is not None else []


def _words(text: str) -> list[str]:
    """Return the words, each with the space after it."""
    words = clean(_clip(text, _TEXT)).replace("\n", " \n ").split(" ")
    return [word if word == "\n" else f"{word} " for word in words] if text else []


def _marked(old: list[str], new: list[str]) -> tuple[str, str]:
    """Return both texts, with the words marked that the other lacks."""
    plain = safe("".join(old).rstrip()), safe("".join(new).rstrip())
    if not old or not new or max(len(old), len(new)) > _WORDS or old == new:
        return plain
    told: tuple[list[str], list[str]] = ([], [])
    for what, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for place, words in ((0, old[a:b]), (1, new[c:d])):
            text = safe("".join(words))
            told[place].append(text if what == "equal" or not text.strip() else f"<mark>{text}</mark>")
    return "".join(told[0]).rstrip(), "".join(told[1]).rstrip()


def _compared(call: ToolCall, others: Sequence[ToolCall]) -> str:
    """Return a call's card, with the arguments marked that no call of the same name on the other side has."""
    same = [_arguments(other.arguments) for other in others if other.name == call.name]
    mine = _arguments(call.arguments)
    if not same:
        return _card(call.name, mine, alone=True)
    nearest = max(same, key=lambda other: sum(mine.get(key) == value for key, value in other.items()))
    differs = {key for key, value in mine.items() if nearest.get(key, _NOTHING) != value}
    gone = [key for key in nearest if key not in mine]
    return _card(call.name, mine, differs=differs, gone=gone)


_NOTHING: Final = object()


def _card(  # noqa: PLR0913 - what may be marked on a card, by name
    name: str,
    arguments: dict[str, Any],
    *,
    result: ToolResult | None = None,
    alone: bool = False,
    differs: Iterable[str] = (),
    gone: Iterable[str] = (),
) -> str:
    marked = set(differs)
    rows = ""
    for key, value in arguments.items():
        told = safe(_clip(value if isinstance(value, str) else _json(value), _VALUE))
        rows += f"<dt>{safe(_clip(key, 80))}</dt><dd>{f'<mark>{told}</mark>' if key in marked else told}</dd>"
    rows += "".join(f"<dt>{safe(_clip(key, 80))}</dt><dd><mark>not given</mark></dd>" for key in gone)
    back = ""
    if result is not None:
        text = "\n".join(part.text for part in result.content if isinstance(part, Text))
        failed = verdict_mark("fail", "error") + " " if result.is_error else ""
        back = f'<div class="result">{failed}{safe(_clip(text, _VALUE))}</div>'
    body = f"<dl>{rows}</dl>" if rows else ""
    return (
        f'<div class="flip-call{" alone" if alone else ""}"><strong>{safe(_clip(name, 120))}</strong>{body}{back}</div>'
    )


def _arguments(text: str) -> dict[str, Any]:
    """Return a call's arguments; text that is no JSON object stands under one name, as it is."""
    try:
        found = msgspec.json.decode(text or "{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"(not JSON)": text}
    return found if isinstance(found, dict) else {"(no object)": found}


def _json(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        return str(value)


def _clip(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} … ({len(text) - most:,} more characters)"
