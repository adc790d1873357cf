"""Laws of every signal: it never raises, it repeats itself, and its values are plain."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.domain.message import Document, Image, Message, Text, Tool, ToolCall, ToolChoice, ToolResult
from pointsman.domain.turn import EMPTY_SESSION, Session, Turn
from pointsman.routing import signals
from pointsman.routing.privacy import Searched, confinements
from pointsman.routing.reading import WINDOW, Reading
from pointsman.routing.sections import Privacy, Residency
from pointsman.routing.signals import SIGNALS, as_plain, measure_all

NASTY = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(), max_size=60),
    st.sampled_from(
        [
            "",
            "\x00\x1b[31m",
            "\ud800",
            "a" * 9000,
            "😡" * 50,
            "4" * 400,
            "@" * 300,
            "١٢٣٤٥٦٧٨٩٠" * 3,
            "İSTANBUL ß",
            "²³¹ ½ 4²5²6²7²8²9²",
        ]
    ),
)
PART = st.one_of(
    st.builds(Text, NASTY),
    st.builds(Image, data=st.none() | NASTY, media_type=st.none() | NASTY),
    st.builds(Document, media_type=NASTY, data=st.none() | NASTY),
    st.builds(ToolCall, id=NASTY, name=NASTY, arguments=NASTY),
    st.builds(ToolResult, call_id=NASTY, content=st.tuples(st.builds(Text, NASTY)), is_error=st.booleans()),
)
MESSAGE = st.builds(
    Message, st.sampled_from(["system", "user", "assistant", "tool"]), st.lists(PART, max_size=3).map(tuple)
)
TURN = st.builds(
    Turn,
    messages=st.lists(MESSAGE, max_size=6).map(tuple),
    tools=st.lists(st.builds(Tool, NASTY, NASTY), max_size=3).map(tuple),
    tool_choice=st.none() | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required", "named"])),
    channel=st.sampled_from(["chat", "voice", "email"]),
)
SESSION = st.builds(Session, turns=st.integers(0, 9), escalated=st.booleans(), open_risky_action=st.none() | NASTY)


@given(TURN, SESSION)
@settings(max_examples=150, deadline=None)
def test_no_input_makes_a_signal_raise_and_values_are_plain(turn: Turn, session: Session) -> None:
    plain = as_plain(measure_all(turn, session))
    assert list(plain) == [signal.NAME for signal in SIGNALS]
    for fields in plain.values():
        for value in fields.values():
            assert isinstance(value, bool | int | float | str) or _list_of_text(value)
    assert plain == as_plain(measure_all(turn, session))


def _list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def test_a_schema_that_is_no_json_does_not_stop_the_size_estimate() -> None:
    deep: dict[str, Any] = {}
    for _ in range(3000):
        deep = {"x": deep}
    turn = Turn(messages=(), tools=(Tool("odd", parameters={"x": object()}), Tool("deep", parameters=deep)))
    assert measure_all(turn, EMPTY_SESSION)["size"].prompt_tokens > 0  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [10_000, 2_000_000])
def test_only_both_ends_of_a_long_text_are_read(size: int) -> None:
    text = "I want a refund. " + "lorem ipsum " * (size // 12) + "and cancel my order"
    reading = Reading.of(Turn(messages=(Message("user", (Text(text),)),)))
    assert len(reading.user.text) < 8_100
    assert {hit.label for hit in reading.cues} >= {"refund", "cancel"}
    assert reading.user_tokens > size // 4 - 10


def test_each_signal_module_has_a_name_and_a_frozen_value() -> None:
    turn = Turn(messages=(Message("user", (Text("hello"),)),))
    values = measure_all(turn, EMPTY_SESSION)
    assert len(values) == len(SIGNALS)
    for value in values.values():
        assert isinstance(value, msgspec.Struct)
        assert value.__struct_config__.frozen


def test_signals_do_not_import_each_other() -> None:
    folder = Path(signals.__file__).parent
    for path in folder.glob("*.py"):
        if path.name == "__init__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("pointsman.routing.signals"), path.name


@given(TURN)
@settings(max_examples=150, deadline=None)
def test_no_input_makes_the_privacy_search_raise(turn: Turn) -> None:
    privacy = Privacy(sensitive=Residency(on_prem_only=True), personal=Residency(regions=("eu",)))
    signal = as_plain(measure_all(turn, EMPTY_SESSION))["personal_data"]
    found = confinements(privacy, turn, signal, Searched())
    assert found == confinements(privacy, turn, signal, Searched())
    if signal["sensitive"]:
        assert len(found) == 2


@pytest.mark.parametrize(
    "text", ["\n" * 50_000, " \t\n" * 20_000, "1 " * 50_000, "- a\n" * 20_000, "from wrote: >" * 8_000]
)
def test_only_a_window_of_a_long_text_is_read(text: str) -> None:
    reading = Reading.of(Turn(messages=(Message("user", (Text(text),)),)))
    assert len(reading.user.text) <= 2 * WINDOW + 1
    assert reading.user_tokens >= len(text) // 4
