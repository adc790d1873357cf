"""Splicing changes the named top-level values and no other byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.domain.turn import Turn
from pointsman.errors import RequestError
from pointsman.providers.openai_chat import OpenAIChat
from pointsman.providers.splice import TopLevel, with_model
from support.providers import GPT, OPENAI, user

_SPACE = st.text(" \t\r\n", max_size=3)
_KEYS = st.sampled_from(["model", "stream", "messages", 'mo"del', "mod\\el", "é", "{", '"model":']) | st.text(
    max_size=6
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def _objects(draw: st.DrawFn) -> tuple[str, list[tuple[str, object]]]:
    """A JSON object as text, keys repeated and escaped at will, and what is in it."""
    pairs = draw(st.lists(st.tuples(_KEYS, _VALUES), max_size=8))
    written = []
    for key, value in pairs:
        ascii_only, indent = draw(st.booleans()), draw(st.sampled_from([None, 1]))
        name = json.dumps(key, ensure_ascii=ascii_only)
        if draw(st.booleans()):
            name = '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 0x10000 else c for c in key) + '"'
        space = [draw(_SPACE) for _ in range(4)]
        text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
        written.append(f"{space[0]}{name}{space[1]}:{space[2]}{text}{space[3]}")
    inside = ",".join(written) or draw(_SPACE)
    return f"{draw(_SPACE)}{{{inside}}}{draw(_SPACE)}", pairs


@given(_objects())
def test_only_the_named_values_change(case: tuple[str, list[tuple[str, object]]]) -> None:
    text, pairs = case
    try:
        body = text.encode()
    except UnicodeEncodeError:
        return  # a lone surrogate is no JSON text
    top = TopLevel(body)

    changed = json.loads(top.replaced({"model": b'"new"', "added": b"1"}))

    assert changed == {**dict(pairs), "model": "new", "added": 1}
    assert top.replaced({}) == body
    pieces, position = [], 0
    for start, stop in top.spans.get("model", []):
        pieces.append(body[position:start])
        position = stop
    rest = body[position : top.end]
    assert top.replaced({"model": b"0"}).startswith(b"0".join([*pieces, rest]))


def test_the_prefix_of_a_body_stays_the_same() -> None:
    body = b'{ "messages" : [{"role":"user","content":"model \\u00e9 1.0"}], "model":"auto", "stream":true }'

    sent = OpenAIChat().splice(body, Turn((user("x"),), stream=True), GPT, OPENAI).body

    assert sent == (
        b'{ "messages" : [{"role":"user","content":"model \\u00e9 1.0"}], "model":"gpt-4o", "stream":true '
        b',"stream_options":{"include_usage":true}}'
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        (b"null", b'{"include_usage":true}'),
        (b"{}", b'{"include_usage":true}'),
        (b'{"include_usage": false}', b'{"include_usage":true}'),
        (b'{"include_obfuscation":false}', b'{"include_obfuscation":false,"include_usage":true}'),
        (b'{"include_usage": true}', b'{"include_usage": true}'),
    ],
)
def test_usage_is_always_asked_for(options: bytes, sent: bytes) -> None:
    body = b'{"model":"auto","stream_options":' + options + b',"stream":true}'

    outgoing = OpenAIChat().splice(body, Turn((user("x"),), stream=True), GPT, OPENAI)

    assert outgoing.body == b'{"model":"gpt-4o","stream_options":' + sent + b',"stream":true}'


@pytest.mark.parametrize("body", [b"", b"[]", b'"model"', b'{"model":', b'{"model":"a"} x', b"\xff"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(RequestError):
        TopLevel(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"model":"auto","messages":[{"content":"a \\"model\\" of \\"auto\\""}]}',
        b' {"messages" : [], "model" :\t"auto" , "n":1.50 } \n',
    ],
)
def test_the_quick_way_gives_the_bytes_of_the_careful_one(body: bytes) -> None:
    careful = TopLevel(body).replaced({"model": b'"gpt-4o"', "stream_options": b"{}"})
    assert with_model(body, "auto", "gpt-4o", b',"stream_options":{}') == careful


@pytest.mark.parametrize(
    "body",
    [
        b'{"mod\\u0065l":"auto","tools":[{"model":"auto"}]}',  # the key is hidden behind an escape
        b'{"model":"auto","tools":[{"model":"auto"}]}',
        b'{"model":"au\\u0074o"}',
        b'{"model":"auto","model":"other"}',
        b'{"messages":[]}',
    ],
)
def test_the_quick_way_is_not_taken_where_it_is_not_certain(body: bytes) -> None:
    assert with_model(body, "auto", "gpt-4o") is None
