"""Names come back as they were, no two become one, and ids stay the same from turn to turn."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.errors import RequestError
from pointsman.providers.tool_names import check_unique, client_name, made_up_id, wire_id, wire_name

_NAMES = st.text(st.sampled_from("ab_pm25efx.-/ é7"), min_size=1, max_size=9) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6
)


@given(_NAMES)
def test_a_name_comes_back(name: str) -> None:
    sent = wire_name(name)

    assert re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", sent)
    assert client_name(sent) == name


@given(_NAMES, _NAMES)
def test_names_never_collide(one: str, other: str) -> None:
    assert (wire_name(one) == wire_name(other)) == (one == other)


def test_a_plain_name_is_sent_as_it_is() -> None:
    assert wire_name("get_order-2") == "get_order-2"


@pytest.mark.parametrize("name", ["", "x" * 65, "é" * 20])
def test_a_name_that_cannot_be_sent_is_an_error(name: str) -> None:
    with pytest.raises(RequestError, match="tool name") as caught:
        wire_name(name)
    assert caught.value.param == "tools"


def test_two_tools_of_one_name_are_an_error() -> None:
    with pytest.raises(RequestError, match="two tools are called 'f'"):
        check_unique(["f", "g", "f"])


@pytest.mark.parametrize("name", ["_pmd800_", "_pm110000_", "_pmzz_"])
def test_an_escape_a_model_made_up_is_left_alone(name: str) -> None:
    assert client_name(name) == name


@given(st.text(max_size=90))
def test_ids_fit_every_provider_and_are_stable(call_id: str) -> None:
    sent = wire_id(call_id)

    assert re.fullmatch(r"[A-Za-z0-9_-]{1,40}", sent)
    assert wire_id(call_id) == sent
    assert wire_id(sent) == sent


def test_a_fitting_id_is_kept() -> None:
    assert wire_id("toolu_01AbC-9") == "toolu_01AbC-9"


def test_a_made_up_id_needs_no_mapping() -> None:
    made = made_up_id("resp/" + "x" * 60, 3)

    assert made.endswith("_3")
    assert wire_id(made) == made
