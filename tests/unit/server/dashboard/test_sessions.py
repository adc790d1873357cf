from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.errors import StoreError
from pointsman.server.dashboard.guard import _own_name
from pointsman.server.dashboard.sessions import Sessions, Tries, local_path, same_origin, session_secret


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    first = session_secret(tmp_path / "s.db")
    assert session_secret(tmp_path / "s.db") == first
    assert (tmp_path / "s.db.session-key").stat().st_mode & 0o077 == 0
    (tmp_path / "s.db.session-key").write_text("short")
    with pytest.raises(StoreError, match="begin with a new one"):
        session_secret(tmp_path / "s.db")


def test_a_cookie_of_another_secret_or_another_content_is_none() -> None:
    sessions = Sessions(b"a" * 32)
    session, cookie = sessions.begin("k1")
    assert sessions.read(cookie) == session
    assert Sessions(b"b" * 32).read(cookie) is None
    assert sessions.read(cookie.replace(cookie[0], "A" if cookie[0] != "A" else "B", 1)) is None
    assert not sessions.token_ok(sessions.begin("k1")[0], sessions.token(session))


def test_ten_failures_make_one_wait_until_the_window_is_over() -> None:
    tries = Tries()
    for second in range(10):
        assert tries.wait_s("here", float(second)) == 0
        tries.fail("here", float(second))
    assert tries.wait_s("here", 10.0) == 290.0
    assert tries.wait_s("elsewhere", 10.0) == 0
    assert tries.wait_s("here", 301.0) == 0


@pytest.mark.parametrize("path", ["https://x", "//x", "/\\x", "x", "", "/a\nb", "/a\\b"])
def test_only_paths_of_this_site_are_led_to(path: str) -> None:
    assert local_path(path) == "/"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://h:1", "host": "h:1"}, False),
        ({"origin": "http://h:1", "host": "h:1"}, True),
        ({"origin": "http://h:2", "host": "h:1"}, False),
        ({"origin": "null", "host": "h:1"}, True),
    ],
)
def test_where_a_form_came_from(headers: dict[str, str], ours: bool) -> None:
    assert same_origin(headers) is ours


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "[::1]"])
def test_names_of_this_machine(host: str) -> None:
    assert _own_name(host)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "localhost.evil", "", "10.0.0.1", "::1"])
def test_other_names(host: str) -> None:
    assert not _own_name(host)


def test_a_session_that_was_signed_out_is_over_wherever_its_cookie_was_copied() -> None:
    sessions = Sessions(b"a" * 32)
    session, cookie = sessions.begin("k1")
    other, kept = sessions.begin("k1")
    sessions.end(session)
    assert sessions.read(cookie) is None
    assert sessions.read(kept) == other
