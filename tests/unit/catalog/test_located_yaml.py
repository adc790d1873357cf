from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.catalog.located_yaml import LocatedYaml
from pointsman.errors import UsageError


def read(text: str) -> LocatedYaml:
    return LocatedYaml("p", text, UsageError)


def test_words_stay_words_and_numbers_stay_numbers() -> None:
    data = read("a: no\nb: 1:30\nc: 2026-01-01\nd: true\ne:\nf: 1.5\ng: 010\nh: 'no'").data
    assert data == {"a": "no", "b": "1:30", "c": "2026-01-01", "d": True, "e": None, "f": 1.5, "g": 10, "h": "no"}


def test_an_empty_file_is_no_data() -> None:
    assert read("").data is None
    assert read("# nothing\n").data is None
    assert read("1: a\ntrue: b").data == {"1": "a", "true": "b"}


def test_lines_are_remembered_for_nested_values() -> None:
    document = read("a:\n  - x\n  - y: 1\n    z: 2\n")
    assert document.line(("a", 1, "z")) == 4
    assert document.line(("a", 1, "missing", "deeper")) == 3


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcd", "bcde", strict=True)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "p:3: a: stands twice (first on line 1); keep one"),
        ("a: !!python/object/apply:os.system [x]", "is not taken here"),
        ("a: !secret x", "is not taken here"),
        ("a: &x [*x]", "contains itself"),
        (BOMB, "more than 50,000 values"),
        ("[" * 1500, "nested too deeply"),
        ("a: b: c", "p:1: this is not valid YAML"),
        ("\ta: 1", "indent with spaces"),
        ("a: 1\n---\nb: 2", "p:2: this is not valid YAML"),
        ("<<: {a: 1}", "merge keys"),
        ("? [1]\n: 2", "a key must be a plain word"),
        ("a: !!int x", "is not a number"),
        ("[" * 80 + "]" * 80, "nested too deeply"),
        ("a: 'x" + "x" * 600_000, "larger than"),
    ],
)
def test_hazards_are_refused_with_the_line(text: str, expected: Any) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert expected in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_data_or_one_error(text: str) -> None:
    problem: UsageError | None = None
    try:
        read(text)
    except UsageError as error:
        problem = error
    assert problem is None or str(problem).startswith("p")
