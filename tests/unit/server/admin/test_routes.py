from __future__ import annotations

import pytest

from pointsman.errors import MethodNotAllowed, RequestError
from pointsman.server.admin.routes import ROUTES, find


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_row_of_the_table_leads_to_a_handler(route: object) -> None:
    method, path = route.method, route.path  # type: ignore[attr-defined]
    found = find(method, path.replace("{", "a").replace("}", "").encode())
    assert found is not None
    load, args = found
    assert callable(load())
    assert len(args) == path.count("{")


def test_a_slash_inside_an_id_stays_inside_it() -> None:
    found = find("GET", b"/v1/conversations/a%2Fb%20%C3%BC/outcome?x=1")
    assert found is not None
    assert found[1] == {"conversation": "a/b ü"}


@pytest.mark.parametrize("path", [b"/v1/conversations", b"/v1/conversations/a/b/outcome", b"/v1/turns/a", b"/", b""])
def test_other_paths_are_not_found(path: bytes) -> None:
    assert find("GET", path) is None


@pytest.mark.parametrize("segment", [b"", b"%FF", b"%00", b"%0A", b"x" * 300])
def test_an_id_must_be_printable_text(segment: bytes) -> None:
    with pytest.raises(RequestError):
        find("GET", b"/v1/turns/" + segment + b"/feedback")


def test_a_wrong_method_names_the_right_ones() -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        find("PUT", b"/v1/turns/t/feedback")
    assert caught.value.allowed == "POST, GET"
