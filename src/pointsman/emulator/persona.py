"""The default persona: a support agent that answers the same way every time.

It answers common questions from a short list, calls an offered tool when the customer names an order or asks for an action,
reports what tools returned, and fills a schema when one is asked for. Different models word the same answer differently.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import msgspec

from pointsman.emulator.exchange import Answer, Ask, Call, ToolOutput, ToolSpec
from pointsman.emulator.filling import Filler, ids_in

_FAQ: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("not good enough", "ridiculous", "angry", "furious", "unacceptable", "terrible", "worst", "third time"),
        "I am sorry, this should not have happened. I have read what went wrong and will stay on it until it is settled.",
    ),
    (("human", "supervisor", "manager", "real person"), "Of course. I will hand you over to a colleague now."),
    (
        ("return", "send back", "exchange"),
        "You can return an item within 30 days of delivery, unused and in its box. The label is in your account.",
    ),
    (("refund", "money back"), "A refund goes back to the card you paid with and takes 3 to 5 working days."),
    (
        ("shipping", "delivery", "deliver", "arrive", "how long"),
        "Standard delivery takes 3 to 5 working days, express one day.",
    ),
    (("cancel",), "You can cancel free of charge until the parcel leaves our warehouse."),
    (
        ("password", "log in", "login", "sign in"),
        'Choose "Forgot password" on the sign-in page and follow the link we send.',
    ),
    (("open", "hours", "opening"), "We are here from 8 in the morning to 8 in the evening, every day."),
    (
        ("warranty", "broken", "defect", "damaged"),
        "Every device has a two-year warranty; a photo of the fault is enough to start.",
    ),
    (
        ("pay", "payment", "card", "invoice", "bill", "charge"),
        "We take cards, PayPal and invoice; the bill is in your account.",
    ),
    (("address",), "You can change the address in your account until the parcel is packed."),
    (("thank", "thanks", "great", "perfect"), "You are welcome. Is there anything else I can do?"),
    (("hello", "hi", "good morning", "good evening", "hey"), "Hello, how can I help you today?"),
)
_OPENERS = ("", "Thanks for asking. ", "Happy to help. ", "Sure. ", "Good question. ")
_ACTIONS = frozenset(
    {
        "order",
        "orders",
        "booking",
        "reservation",
        "flight",
        "ticket",
        "account",
        "invoice",
        "parcel",
        "package",
        "track",
        "status",
        "look",
        "find",
        "search",
        "check",
        "refund",
        "cancel",
        "change",
        "update",
        "book",
        "send",
        "transfer",
    }
)
_APPROVALS = frozenset({"yes", "yeah", "yep", "ok", "okay", "sure", "please do", "go ahead", "yes please", "do it"})
_WORD = re.compile(r"[a-z]+")
_CLIP = 80


def answer(ask: Ask, seed: int, choice: int = 0) -> Answer:
    """Return what the support agent says. ``choice`` numbers the wording when several are asked for."""
    variant = zlib.crc32(f"{seed}:{ask.facts.name}:{ask.user_text}".encode()) + choice
    reasoning = _reasoning(ask) if ask.reasons else ""
    if ask.format != "text":
        return Answer(text=_structured(ask), reasoning=reasoning)
    calls, question = _calls(ask)
    if calls:
        return Answer(calls=calls, reasoning=reasoning, stop="tool_use")
    if ask.outputs:
        return Answer(text=_reported(ask.outputs), reasoning=reasoning)
    text = question or _plain(ask.user_text)
    return Answer(text=_OPENERS[variant % len(_OPENERS)] + text, reasoning=reasoning)


def _plain(text: str) -> str:
    lowered = f" {' '.join(_WORD.findall(text.lower()))} "
    for words, reply in _FAQ:
        if any(f" {word}" in lowered for word in words):
            return reply
    found = ids_in(text)
    if found:
        return f"I have noted {found[0]}. What would you like me to do with it?"
    clipped = " ".join(text.split())[:_CLIP]
    return (
        f'I understand you are asking about "{clipped}". Could you tell me a little more?'
        if clipped
        else "How can I help?"
    )


def _reasoning(ask: Ask) -> str:
    tools = f" {len(ask.tools)} tools are at hand." if ask.tools else ""
    return f"The customer writes {len(ask.user_text)} characters.{tools} Answer briefly and truthfully."


def _structured(ask: Ask) -> str:
    """Return JSON for the asked schema, or a small object when any will do."""
    value: Any = {"answer": _plain(ask.user_text)}
    if ask.schema is not None:
        value = Filler(ask.said, _plain(ask.user_text)).instance(ask.schema)
    return msgspec.json.encode(value).decode()


def _calls(ask: Ask) -> tuple[tuple[Call, ...], str]:
    """Return the calls to make; or, when an id is missing, the question to ask instead."""
    forced = ask.choice in {"required", "named"}
    if not ask.tools or ask.choice == "none" or (ask.outputs and not forced):
        return (), ""
    allowed = [tool for tool in ask.tools if not ask.names or tool.name in ask.names]
    wanted = ask.user_text
    if wanted.strip(" .!").lower() in _APPROVALS and len(ask.said) > 1:
        wanted = f"{ask.said[-2]} {wanted}"
    tool = _best(allowed, wanted, forced=forced)
    if tool is None:
        return (), ""
    filler = Filler(ask.said)
    _, missing = filler.arguments(tool.schema)
    if missing and not forced:
        return (), f"Could you give me the {missing[0].replace('_', ' ')}?"
    ids: list[str | None] = [*ids_in(ask.user_text)] or [None]
    return tuple(_call(tool, filler, one) for one in (ids if ask.parallel else ids[:1])), ""


def _call(tool: ToolSpec, filler: Filler, the_id: str | None) -> Call:
    values, _ = filler.arguments(tool.schema, the_id=the_id)
    return Call(name=tool.name, arguments=msgspec.json.encode(values).decode())


def _best(tools: list[ToolSpec], text: str, *, forced: bool) -> ToolSpec | None:
    """Return the tool whose name and description share most words with the text, if the text asks for action at all."""
    words = set(_WORD.findall(text.lower()))
    if not tools or not (forced or ids_in(text) or words & _ACTIONS):
        return None
    scored = [(2 * len(words & _words(tool.name)) + len(words & _words(tool.description)), tool) for tool in tools]
    score, best = max(scored, key=lambda pair: pair[0])
    return best if score or forced or ids_in(text) else None


def _words(text: str) -> set[str]:
    return {word for word in _WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower()) if len(word) > 2}  # noqa: PLR2004 - "of", "to"


def _reported(outputs: tuple[ToolOutput, ...]) -> str:
    return " ".join(_told(output) for output in outputs)


def _told(output: ToolOutput) -> str:
    if output.is_error:
        return f"I could not finish that: {_short(output.text)}"
    try:
        value = msgspec.json.decode(output.text)
    except msgspec.DecodeError:
        return f"Here is what I found: {_short(output.text)}"
    if isinstance(value, dict) and value:
        if "error" in value:
            return f"I could not finish that: {_short(str(value['error']))}"
        facts = [
            f"{key.replace('_', ' ')} is {item}" for key, item in value.items() if isinstance(item, str | int | float)
        ]
        return f"I looked that up: {', '.join(facts[:6])}." if facts else "I looked that up; everything is in order."
    if isinstance(value, list):
        return f"I found {len(value)} entries."
    return f"Here is what I found: {_short(str(value))}"


def _short(text: str) -> str:
    return " ".join(text.split())[: 4 * _CLIP]
