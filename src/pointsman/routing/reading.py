"""What the signals read: the parts of a turn that matter, taken out once.

Bounded work: of a long text only the first and last ``WINDOW`` characters are read (a customer says what they want at the
start or at the end; what is pasted stands between), while sizes come from lengths. So a turn of a megabyte is decided as
fast as one of a page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec

from pointsman.domain.message import Document, Image, Message, Part, Text, Tool, ToolCall, ToolResult
from pointsman.domain.turn import Channel, Turn
from pointsman.routing.lexicon.intents import intent_cues
from pointsman.routing.lexicon.match import NO_WORDS, Hit, Words

WINDOW: Final = 4_000
EARLIER: Final = 3
EARLIER_WINDOW: Final = 1_000
ASSISTANT_WINDOW: Final = 1_500
IMAGE_TOKENS: Final = 1_500
"""A photo at the size providers scale to: Anthropic counts width x height / 750, at most about 1,600."""
PDF_TOKENS_PER_PAGE: Final = 2_000
PDF_BYTES_PER_PAGE: Final = 50_000
MEDIA_BYTES_PER_TOKEN: Final = 500
"""Speech at 128 kbit/s and the 32 tokens a second that Gemini counts."""

_ENCODER: Final = msgspec.json.Encoder()
_FAILED: Final = re.compile(
    r"""^[\s\[(*#]*(?:error|exception|failed|failure|traceback|timeout|timed\ out|not\ found|unauthorized|forbidden)\b
    | "(?:error|errors|exception|error_code|error_message)"\s*:(?!\s*(?:null|false|""|\[\s*\]|\{\s*\}|0\b))
    | "(?:success|ok)"\s*:\s*false
    | "status"\s*:\s*"(?:error|failed|failure|timeout|unavailable)"
    | "(?:status|status_code|code)"\s*:\s*"?[45]\d\d\b""",
    re.IGNORECASE | re.VERBOSE,
)


class Reading(msgspec.Struct, frozen=True):
    """One turn, read once.

    ``user`` is what the customer said last (all user messages since the agent last spoke); ``earlier`` are up to three
    user texts before it, newest first; ``assistant`` the agent's last text before ``user``. ``user_tokens`` and
    ``prompt_tokens`` are estimates (4 UTF-8 bytes a token). ``modalities`` are those of the whole conversation beyond text,
    ``attachments`` counts those of the last user turn. ``called`` names the tools called so far, ``unanswered`` those whose
    result is missing. ``last_failed``: a tool result of this or the previous turn reports an error, and is the latest.
    ``cues`` are the intent phrases found in ``user``.
    """

    user: Words
    earlier: tuple[Words, ...] = ()
    assistant: Words = NO_WORDS
    user_tokens: int = 0
    prompt_tokens: int = 0
    user_turns: int = 0
    attachments: int = 0
    modalities: tuple[str, ...] = ()
    tools: tuple[Tool, ...] = ()
    tool_mode: str = "auto"
    in_loop: bool = False
    last_failed: bool = False
    called: tuple[str, ...] = ()
    unanswered: tuple[str, ...] = ()
    channel: Channel = "chat"
    cues: tuple[Hit, ...] = ()

    @classmethod
    def of(cls, turn: Turn, words_of: Callable[[str], Words] = Words.of) -> Reading:
        """Read a turn. ``words_of`` splits a text, or remembers how it was split."""
        messages = turn.messages
        runs = _user_runs(messages)
        parts = [part for message in messages for part in message.parts]
        others = [part for part in parts if type(part) is not Text]
        start, last = runs[0] if runs else (len(messages), ())
        said = [part for message in last for part in message.parts]
        user = words_of(_window(_text_of(said), WINDOW, WINDOW)) if said else NO_WORDS
        called, unanswered = _calls(others) if others else ((), ())
        return cls(
            user=user,
            earlier=tuple([words_of(_earlier(run)) for _, run in runs[1:]]),
            assistant=_last_assistant(messages, start, words_of),
            user_tokens=4 * len(last) + sum(map(_part_tokens, said)),
            prompt_tokens=4 * len(messages) + _parts_tokens(parts, others) + _tools_tokens(turn.tools),
            user_turns=_count_user_runs(messages),
            attachments=sum([type(part) in _ATTACHMENTS for part in said]) if others else 0,
            modalities=_modalities(others) if others else (),
            tools=turn.tools,
            tool_mode=turn.tool_choice.mode if turn.tool_choice else "auto",
            in_loop=turn.in_tool_loop,
            last_failed=bool(others) and _last_failed(messages),
            called=called,
            unanswered=unanswered,
            channel=turn.channel,
            cues=user.once("cues", intent_cues),
        )


_ATTACHMENTS: Final = (Image, Document)


def _user_runs(messages: tuple[Message, ...]) -> list[tuple[int, tuple[Message, ...]]]:
    """Return the last runs of user messages that stand side by side with their position, newest first; empty ones are left out.

    Only as many as are read are collected, however long the conversation is.
    """
    runs: list[tuple[int, tuple[Message, ...]]] = []
    open_run = False
    for position in range(len(messages) - 1, -1, -1):
        message = messages[position]
        if message.role == "user" and message.parts:
            run = (message, *runs.pop()[1]) if open_run else (message,)
            runs.append((position, run))
            open_run = True
        elif message.role in {"assistant", "tool"}:
            open_run = False
            if len(runs) > EARLIER:
                break
    return runs


def _count_user_runs(messages: tuple[Message, ...]) -> int:
    """Count all runs of user messages: one cheap pass, since its cost grows with the conversation."""
    roles = [
        message.role for message in messages if message.role != "system" and (message.parts or message.role != "user")
    ]
    return sum([role == "user" != before for role, before in zip(roles, ["", *roles], strict=False)])


def _text_of(parts: list[Part]) -> str:
    return "\n".join([part.text for part in parts if type(part) is Text and part.text])


def _earlier(run: tuple[Message, ...]) -> str:
    return _window(_text_of([part for message in run for part in message.parts]), EARLIER_WINDOW, 0)


def _window(text: str, head: int, tail: int) -> str:
    """Return the text, or its head and tail where it is longer than both."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n{text[-tail:]}" if tail else text[:head]


def _last_assistant(messages: tuple[Message, ...], before: int, words_of: Callable[[str], Words]) -> Words:
    """Return the agent's last text before a position; its end counts, since questions stand there."""
    for position in range(before - 1, -1, -1):
        message = messages[position]
        if message.role == "assistant":
            text = message.text
            if text:
                return words_of(text[-ASSISTANT_WINDOW:])
    return NO_WORDS


def _calls(others: list[Part]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of tools called, and of those calls that never got a result."""
    called = {part.id: part.name for part in others if type(part) is ToolCall}
    if not called:
        return (), ()
    answered = {part.call_id for part in others if type(part) is ToolResult}
    return tuple(dict.fromkeys(called.values())), tuple(name for key, name in called.items() if key not in answered)


def _last_failed(messages: tuple[Message, ...]) -> bool:
    """Return whether the latest tool results, unless two user turns old, report a failure."""
    users = 0
    for message in reversed(messages):
        if message.role == "user":
            users += 1
            if users > 1:
                return False
        elif message.role == "tool":
            return any(_failed(part) for part in message.parts if type(part) is ToolResult)
    return False


def _failed(result: ToolResult) -> bool:
    if result.is_error:
        return True
    return any(_FAILED.search(part.text[:600]) for part in result.content if type(part) is Text and part.text)


def _modalities(others: list[Part]) -> tuple[str, ...]:
    found: set[str] = set()
    for part in others:
        if type(part) is Image or type(part) is Document:
            found.add(modality_of(part))
        elif type(part) is ToolResult:
            found.update(modality_of(inner) for inner in part.content if type(inner) is not Text)
    found.discard("text")
    return tuple(sorted(found))


def modality_of(part: Image | Document | Text) -> str:
    """Return the modality a model must have to read a part: text, image, audio, video or pdf."""
    if type(part) is Image:
        return "image"
    if type(part) is not Document:
        return "text"
    kind = (part.media_type or "").lower()
    for prefix in ("image", "audio", "video", "text"):
        if kind.startswith(prefix + "/"):
            return prefix
    return "text" if kind in {"application/json", "application/xml", "application/yaml"} else "pdf"


def _parts_tokens(parts: list[Part], others: list[Part]) -> int:
    """Estimate the tokens of all parts. Every turn measures the whole conversation, so ASCII texts are summed by length alone."""
    texts = [part.text for part in parts if type(part) is Text] if others else [part.text for part in parts]  # type: ignore[union-attr]
    total = sum(map(_part_tokens, others))
    if all(map(str.isascii, texts)):
        return total + sum([len(text) + 3 >> 2 for text in texts])
    return total + sum(map(_tokens, texts))


def _part_tokens(part: object) -> int:
    """Estimate the tokens of one part; media are counted by kind, since their bytes say little."""
    if type(part) is Text:
        return _tokens(part.text)
    if type(part) is ToolCall:
        return _tokens(part.name) + _tokens(part.arguments)
    if type(part) is ToolResult:
        return sum(_part_tokens(inner) for inner in part.content)
    if type(part) is Image or type(part) is Document:
        return _media_tokens(part)
    text = getattr(part, "text", None)
    return _tokens(text) if isinstance(text, str) else 0


def _media_tokens(part: Image | Document) -> int:
    size = len(part.data or "") * 3 // 4
    kind = modality_of(part)
    if kind == "image":
        return IMAGE_TOKENS
    if kind == "pdf":
        return PDF_TOKENS_PER_PAGE * max(1, size // PDF_BYTES_PER_PAGE)
    return size // 4 if kind == "text" else max(1, size // MEDIA_BYTES_PER_TOKEN)


def _tokens(text: str | None) -> int:
    """Estimate tokens as UTF-8 bytes / 4, rounded up; a long text that is not ASCII is measured by its two ends."""
    if not text:
        return 0
    size = len(text)
    if not text.isascii():
        sample = _window(text, WINDOW, WINDOW)
        size = len(sample.encode("utf-8", "surrogatepass")) * size // len(sample)
    return (size + 3) // 4


def _tools_tokens(tools: tuple[Tool, ...]) -> int:
    if not tools:
        return 0
    try:
        return (len(_ENCODER.encode([(tool.name, tool.description, tool.parameters) for tool in tools])) + 3) // 4
    except (TypeError, ValueError, RecursionError, OverflowError):
        # A schema that is no JSON cannot be sent either; its size is then of no consequence to a routing choice.
        return sum(_tokens(tool.name) + _tokens(tool.description) for tool in tools)
