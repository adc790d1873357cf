"""Laws of repair: a value is released as the model wrote it, or not at all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pointsman.contracts import Contract
from pointsman.contracts.strict_json import same

CONTRACT = Contract(
    {
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "count": {"type": "integer"},
            "share": {"type": "number"},
            "done": {"type": ["boolean", "null"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "more": {"$ref": "#"},
        },
        "required": ["id", "count"],
        "additionalProperties": False,
    }
)
ANYTHING = Contract({"type": ["object", "array"]})

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
WORDS = st.text(st.characters(categories=["L", "Zs", "Po"], exclude_characters="\"'`#/\\"), max_size=40).filter(
    lambda text: not any(mark in text for mark in "{}[]~<")
)
# A comma after the value may say that more of it follows: then it is not released.
AFTER = WORDS.filter(lambda text: not text.lstrip().startswith(","))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
CONTAINERS = JSON.filter(lambda value: isinstance(value, dict | list))


NEEDED: dict[str, st.SearchStrategy[Any]] = {"id": TEXT, "count": st.integers()}
OPTIONAL: dict[str, st.SearchStrategy[Any]] = {
    "share": st.floats(allow_nan=False, allow_infinity=False),
    "done": st.booleans() | st.none(),
    "tags": st.lists(TEXT, max_size=3),
}
FLAT = st.fixed_dictionaries(NEEDED, optional=OPTIONAL)
NESTED = st.fixed_dictionaries(NEEDED, optional={**OPTIONAL, "more": FLAT})
DOCUMENTS = st.fixed_dictionaries(NEEDED, optional={**OPTIONAL, "more": NESTED})
"""Values that satisfy ``CONTRACT``."""


@st.composite
def spelled(draw: st.DrawFn, values: st.SearchStrategy[Any]) -> tuple[Any, str]:
    """A value and one of its spellings as strict JSON."""
    value = draw(values)
    text = json.dumps(value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1, "\t"])))
    return value, text


@given(spelled(DOCUMENTS))
def test_a_valid_document_in_any_spelling_is_released_unchanged(made: tuple[Any, str]) -> None:
    value, text = made
    verdict = CONTRACT.check(text)
    assert (verdict.outcome, verdict.text, verdict.failures, verdict.repairs) == ("ok", text, (), ())
    assert same(verdict.value, value)


@given(spelled(DOCUMENTS), WORDS, AFTER, st.sampled_from(["", "```json\n", "```\n", "~~~\n"]))
def test_fences_and_words_around_never_change_a_value(
    made: tuple[Any, str], before: str, after: str, fence: str
) -> None:
    value, text = made
    close = "\n" + fence[:3] if fence else ""
    verdict = CONTRACT.check(f"{before}\n{fence}{text}{close}\n{after}")
    assert verdict.ok
    assert same(verdict.value, value)
    assert (verdict.text or "").strip() == text
    assert verdict.outcome == ("repaired" if (before + fence + after).strip(" \t\r\n") else "ok")


@given(spelled(DOCUMENTS), st.sampled_from(["plain", "fenced", "words", "python", "wrapped"]), st.data())
def test_cut_anywhere_a_reply_gives_the_whole_value_or_none(
    made: tuple[Any, str], dress: str, data: st.DataObject
) -> None:
    value, text = made
    reply = {
        "plain": text,
        "fenced": f"```json\n{text}\n```",
        "words": f"Here it is: {text} Thank you!",
        "python": repr(value),
        "wrapped": f'{{"result": {text}}}',
    }[dress]
    cut = reply.encode()[: data.draw(st.integers(0, len(reply.encode())))].decode("utf-8", "ignore")
    verdict = CONTRACT.check(cut)
    if verdict.ok:
        assert same(verdict.value, value)


@given(spelled(CONTAINERS), st.data())
def test_what_is_released_from_a_damaged_reply_is_spelled_as_the_reply_was(
    made: tuple[Any, str], data: st.DataObject
) -> None:
    """One character taken out, put in or changed: no letter or digit is invented, altered or moved by a repair."""
    text = made[1]
    at = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from(["", ",", '"', "'", "}", "]", ":", "1", " ", "x", "/", "\\"]))
    damaged = text[:at] + put + text[at + data.draw(st.integers(0, 1)) :]
    verdict = ANYTHING.check(damaged)
    if verdict.text is not None:
        letters = _letters(verdict.text)
        if any(repair.what == "comment removed" for repair in verdict.repairs):
            rest = iter(_letters(damaged))
            assert all(letter in rest for letter in letters)
        else:
            assert letters in _letters(damaged)


@given(DOCUMENTS, st.sampled_from(["count", "id"]))
def test_a_wrong_type_is_never_coerced(value: dict[str, Any], field: str) -> None:
    value[field] = str(value[field]) if field == "count" else 7
    verdict = CONTRACT.check(json.dumps(value))
    assert verdict.outcome == "rejected"
    assert ("wrong_type", f"/{field}") in {(one.kind, one.pointer) for one in verdict.failures}


@given(st.text(max_size=200), st.booleans())
def test_no_text_makes_a_check_raise(text: str, truncated: bool) -> None:
    for contract in (CONTRACT, ANYTHING):
        verdict = contract.check(text, truncated=truncated)
        assert verdict.ok == (verdict.text is not None)
        contract.retry_message(verdict)


@given(st.text(alphabet="{}[]\"':,`~#/\\ \n0123.-eEtrufalsn“”’<think>", max_size=120))
def test_no_heap_of_marks_makes_a_check_raise(text: str) -> None:
    verdict = ANYTHING.check(text)
    assert verdict.ok == (verdict.text is not None)


def _letters(text: str) -> str:
    return "".join(mark for mark in text if mark.isalnum())
