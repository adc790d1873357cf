"""Whatever stands in a policy file, the answer is a policy or a ``PolicyError``."""

from __future__ import annotations

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.errors import PolicyError
from pointsman.routing.policy import parse_policy
from pointsman.routing.templates import render

GOOD: Any = yaml.safe_load(render("rubric"))
ODD: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.just([])
    | st.just({})
    | st.just([[]])
)
WORDS = st.sampled_from(
    ["plan", "small", "a/b", "size.tokens > 1", "true", "sk-abcdefghijklmnopqrstuv1", "../x", "{{", "é"]
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        found += paths(inner, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=120, deadline=None)
@given(path=st.sampled_from(paths(GOOD)), new=ODD | WORDS | st.dictionaries(st.text(max_size=6), ODD, max_size=2))
def test_any_value_anywhere_is_a_policy_or_one_clear_error(path: tuple[Any, ...], new: Any) -> None:
    text = yaml.safe_dump(replaced(GOOD, path, new), allow_unicode=True)
    problem: PolicyError | None = None
    try:
        parse_policy(text, "p.yaml")
    except PolicyError as error:
        problem = error
    assert problem is None or all(line.startswith(("p.yaml", "... and")) for line in str(problem).splitlines())
    assert problem is None or "sk-abcdef" not in str(problem)
