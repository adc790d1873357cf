"""What is read of a conversation does not depend on how much lies before it; only its sizes and counts do."""

from __future__ import annotations

import msgspec

from pointsman.domain.message import Document, Message, Text, ToolCall, ToolResult
from pointsman.domain.turn import Turn
from pointsman.routing.reading import EARLIER, Reading

PAIR = (Message("user", (Text("où est ma commande?"),)), Message("assistant", (Text("On its way, 12345."),)))
TAIL = (*PAIR * EARLIER, Message("assistant", (Text("Shall I cancel it?"),)), Message("user", (Text("yes"),)))
GROWING = {"prompt_tokens", "user_turns"}


def test_only_sizes_and_counts_grow_with_the_conversation() -> None:
    short, long = (Reading.of(Turn(messages=PAIR * count + TAIL)) for count in (1, 500))
    plain_short, plain_long = msgspec.structs.asdict(short), msgspec.structs.asdict(long)
    assert {name for name in plain_long if plain_long[name] != plain_short[name]} == GROWING
    assert long.user_turns == short.user_turns + 499
    pair = Reading.of(Turn(messages=PAIR)).prompt_tokens
    assert long.prompt_tokens == short.prompt_tokens + 499 * pair


def test_calls_and_media_of_long_ago_still_count() -> None:
    early = (
        Message("user", (Text("see this"), Document("application/pdf", url="https://x.test/a.pdf"))),
        Message("assistant", (ToolCall("a", "escalate_case", "{}"), ToolCall("b", "lookup", "{}"))),
        Message("tool", (ToolResult("b", (Text("found"),)),)),
    )
    read = Reading.of(Turn(messages=early + PAIR * 50))
    assert read.modalities == ("pdf",)
    assert read.called == ("escalate_case", "lookup")
    assert read.unanswered == ("escalate_case",)


def test_user_messages_side_by_side_are_one_turn() -> None:
    said = (Message("user", (Text("hi"),)), Message("system", (Text("note"),)), Message("user", (Text("there"),)))
    read = Reading.of(Turn(messages=(*PAIR, *said)))
    assert read.user_turns == 2
    assert read.user.text == "hi\nthere"
