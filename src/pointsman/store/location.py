"""Where a store is: the URL people write, and the file it means."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qsl, unquote

import msgspec

from pointsman.errors import StoreError

DEFAULT_URL = "sqlite:///pointsman.db"
Durability = Literal["full", "normal"]
_DURABILITIES = ("full", "normal")


class Location(msgspec.Struct, frozen=True):
    """A store's file, and how hard a commit is pressed onto the disk (see ``connection.open_writer``)."""

    path: Path
    durability: Durability = "full"


def parse_url(url: str) -> Location:
    """Read ``sqlite:///relative.db``, ``sqlite:////absolute/path.db``, with ``?durability=normal`` where wanted.

    Raises:
        StoreError: another scheme, no path, or an option that does not exist.
    """
    scheme, found, rest = url.partition("://")
    if not found or scheme != "sqlite":
        raise StoreError(
            f"store URL {url!r} is not one this version opens. "
            "Write sqlite:///file.db (relative) or sqlite:////folder/file.db (absolute)."
        )
    host_and_path, _, query = rest.partition("?")
    if not host_and_path.startswith("/") or host_and_path == "/":
        raise StoreError(f"store URL {url!r} names no file. Three slashes come before a relative path: {DEFAULT_URL}")
    path = unquote(host_and_path[1:])
    if path == ":memory:":
        raise StoreError("a store in memory would lose every turn on exit. Name a file: " + DEFAULT_URL)
    return Location(Path(path), _durability(url, query))


def _durability(url: str, query: str) -> Durability:
    durability = "full"
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name != "durability" or value not in _DURABILITIES:
            raise StoreError(f"store URL {url!r}: unknown option {name}={value}. Known: durability=full|normal")
        durability = value
    return cast("Durability", durability)
