from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.errors import StoreError
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.location import Location, parse_url


def test_urls_name_relative_and_absolute_files() -> None:
    assert parse_url(DEFAULT_URL) == Location(Path("pointsman.db"))
    assert parse_url("sqlite:////var/lib/turns.db") == Location(Path("/var/lib/turns.db"))
    assert parse_url("sqlite:///a%20b.db?durability=normal") == Location(Path("a b.db"), "normal")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://host/db", "not one this version opens"),
        ("pointsman.db", "not one this version opens"),
        ("", "not one this version opens"),
        ("sqlite://pointsman.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///a.db?durability=never", "durability=never"),
        ("sqlite:///a.db?cache=shared", "cache=shared"),
    ],
)
def test_other_urls_are_refused_in_words(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        parse_url(url)


def test_a_missing_folder_a_folder_and_a_text_file_are_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but a text that is long enough to be looked at as one " * 20)
    for name, said in (("none/a.db", "does not exist"), ("", "is a folder"), ("notes.txt", "not a SQLite database")):
        with pytest.raises(StoreError, match=said):
            open_store(f"sqlite:///{tmp_path}/{name}")
    with pytest.raises(StoreError, match="not a SQLite database"):
        open_store(f"sqlite:///{tmp_path}/notes.txt", must_exist=True)
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreError, match="empty file"):
        open_store(f"sqlite:///{tmp_path}/empty.db", must_exist=True)
