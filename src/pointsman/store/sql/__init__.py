"""The SQL of the store, kept in ``.sql`` files: named queries beside each other, migrations in ``schema/``."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


class Migration(msgspec.Struct, frozen=True):
    """One step of the schema: ``0002_keys.sql`` has version 2 and name ``keys``."""

    version: int
    name: str
    statements: tuple[str, ...]


@cache
def load_queries(file: str) -> Mapping[str, str]:
    """Return the queries of ``sql/<file>.sql`` by the name in the ``-- name:`` line above each. A file is read once."""
    text = files(__package__).joinpath(f"{file}.sql").read_text("utf-8")
    pieces = _NAME.split(text)
    return MappingProxyType({name: body.strip() for name, body in zip(pieces[1::2], pieces[2::2], strict=True)})


def load_migrations() -> tuple[Migration, ...]:
    """Return all migrations, oldest first."""
    folder = files(__package__).joinpath("schema")
    found = []
    for entry in folder.iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append(Migration(int(number), name, _statements(entry.read_text("utf-8"))))
    return tuple(sorted(found, key=lambda migration: migration.version))


def _statements(script: str) -> tuple[str, ...]:
    """Split a script into statements. ``executescript`` would commit first, and a migration is one transaction."""
    statements, current = [], ""
    for line in script.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            statements.append(current.strip())
            current = ""
    return tuple(statements)
