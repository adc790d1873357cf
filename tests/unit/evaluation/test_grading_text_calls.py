"""Calls written as text: read, never run."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.evaluation.grading_text_calls import NotCalls, text_calls


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("[f(a=1)]", {"a": 1}),
        ("f(a=1)", {"a": 1}),
        ("```\n[f(a=-2.5, b=+3)]\n```", {"a": -2.5, "b": 3}),
        ("f(a=[1, 'x', True, None], b=(1, 2))", {"a": [1, "x", True, None], "b": (1, 2)}),
        ("f(a={'k': {'n': [1]}})", {"a": {"k": {"n": [1]}}}),
        ("f(a=2 * 3 + 10 ** 2, b=0.05 / 12)", {"a": 106, "b": 0.05 / 12}),
        ("f(a='x' + 'y' * 3, b=[1] * 2 + [2])", {"a": "xyyy", "b": [1, 1, 2]}),
        ("f(a=variable, b=g(x=1), c=h())", {"a": "variable", "b": {"g": {"x": 1}}, "c": "h()"}),
        ("f(a=data[0], b=...)", {"a": "data[0]", "b": "..."}),
        (r"f(a='\d')", {"a": r"\d"}),
    ],
)
def test_values(text: str, arguments: dict[str, object]) -> None:
    (call,) = text_calls(text)
    assert call.name == "f"
    assert call.arguments == arguments


@pytest.mark.parametrize(
    "text",
    [
        "I will look into it.",
        "f(a=1) and then g(b=2)",
        "[f(a=1), 'done']",
        "f(a=lambda: 1)",
        "f(a=[x for x in range(9)])",
        "f(a=__import__('os').system)",
        "f(a=9 ** 9 ** 9)",
        "f(a='x' * 10 ** 9)",
        "f(a=1 / 0)",
        "f(a={[]: 1})",
        "f(a=f'{1}')",
        "f(a=" + "(" * 5000,
        "f(a=" + "-" * 50_000 + "1)",
        "\x00",
        "x" * 200_000,
    ],
)
def test_what_is_not_a_list_of_calls_is_refused(text: str) -> None:
    with pytest.raises(NotCalls):
        text_calls(text)


def test_dotted_names_and_what_stands_without_a_name() -> None:
    (call,) = text_calls("a.b.c(1, 2, x=3)")
    assert (call.name, call.positional, call.arguments) == ("a.b.c", 2, {"x": 3})
    (twice,) = text_calls("f(x=1, x=2)")
    assert twice.repeated


@given(st.text(max_size=60) | st.text(alphabet="f(a=1,[]{}'\"*-+.: )\n", max_size=40))
def test_anything_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(NotCalls):
        text_calls(text)
