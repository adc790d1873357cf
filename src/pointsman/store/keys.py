"""Client keys: what an agent shows to the gateway.

A secret reads ``pm_live_<id>_<43 random characters>``. Only its SHA-256 is stored. A slow password hash would protect a secret
that people chose and that can be guessed; this one holds 256 random bits, which nobody can search through, and it is checked
on every turn. The id inside is public: it finds the row, so that one comparison, in constant time, decides.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Literal

import msgspec

from pointsman.errors import StoreError
from pointsman.store.connection import explained, identity, open_reader, open_writer
from pointsman.store.sql import load_queries
from pointsman.store.store import Store

_PREFIX = "pm_live_"
_ID_ALPHABET = string.ascii_lowercase + string.digits
_ID_SIZE = 10
_SECRET_BYTES = 32
_POLL_S = 1.0

Role = Literal["viewer", "labeller", "operator", "admin"]
"""What a key may do beside running turns; each may do all that the ones before it may."""
ROLES: Final[tuple[Role, ...]] = ("viewer", "labeller", "operator", "admin")


def at_least(role: Role | None, wanted: Role) -> bool:
    """Return whether ``role`` (None: none) may do what ``wanted`` may."""
    return role is not None and ROLES.index(role) >= ROLES.index(wanted)


class ClientKey(msgspec.Struct, frozen=True):
    """A key that may be used. ``models`` are the only model ids it may reach; None: all of them.

    ``role`` is what it may do on the dashboard; None: it only runs turns, and cannot sign in.
    """

    id: str
    name: str
    models: tuple[str, ...] | None = None
    role: Role | None = None

    @property
    def operator(self) -> bool:
        """Whether it may define agents and decide approvals."""
        return at_least(self.role, "operator")


class KeyInfo(msgspec.Struct, frozen=True):
    """A key as listed; times in Unix microseconds, ``revoked_at_us`` None while it is good."""

    id: str
    name: str
    models: tuple[str, ...] | None
    created_at_us: int
    revoked_at_us: int | None
    role: Role | None = None


def create_key(
    store: Store, name: str, models: tuple[str, ...] | None = None, *, role: Role | None = None
) -> tuple[str, str]:
    """Make a key and return its id and its secret, which cannot be shown again.

    Raises:
        StoreError: the name is empty, or the store cannot be written.
    """
    if not name.strip():
        raise StoreError("a key needs a name that tells whose it is, e.g. `pointsman keys create support-bot`.")
    key_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_SIZE))
    secret = f"{_PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    allowed = None if models is None else msgspec.json.encode(models).decode()
    with _writing(store) as connection:
        values = (
            key_id,
            name.strip(),
            _hash(secret),
            allowed,
            time.time_ns() // 1000,
            at_least(role, "operator"),
            role,
        )
        connection.execute(load_queries("keys")["insert_key"], values)
    return key_id, secret


def list_keys(store: Store) -> list[KeyInfo]:
    """Return all keys, revoked ones too, oldest first."""
    with store.reading() as connection:
        rows = connection.execute(load_queries("keys")["list_keys"]).fetchall()
    return [KeyInfo(row[0], row[1], _models(row[2]), row[3], row[4], row[5]) for row in rows]


def revoke_key(store: Store, key_id: str) -> bool:
    """Revoke a key; False when it was revoked before.

    Raises:
        StoreError: there is no such key, or the store cannot be written.
    """
    queries = load_queries("keys")
    with _writing(store) as connection:
        if connection.execute(queries["key_exists"], (key_id,)).fetchone() is None:
            raise StoreError(f"there is no key {key_id!r}. `pointsman keys list` shows the ids.")
        return connection.execute(queries["revoke_key"], (time.time_ns() // 1000, key_id)).rowcount == 1


class KeyRing:
    """The good keys in memory, for the gateway. Used by one thread.

    New and revoked keys are seen within a second: ``check`` asks SQLite's change counter at most once a second, and reads the
    keys again only when it moved. While the store cannot be read, the keys last read go on counting.
    """

    def __init__(self, store: Store) -> None:
        self._path = store.path
        self._query = load_queries("keys")["live_keys"]
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._version = -1
        self._asked = 0.0
        self._keys: dict[str, tuple[ClientKey, bytes]] = {}
        self._nobody = secrets.token_bytes(32)
        self.refresh()

    def __len__(self) -> int:
        return len(self._keys)

    def check(self, secret: str) -> ClientKey | None:
        """Return the key a secret belongs to, None if it is unknown or revoked. Takes the same time either way."""
        self._poll()
        key, expected = self._keys.get(secret[len(_PREFIX) : len(_PREFIX) + _ID_SIZE], (None, self._nobody))
        return key if hmac.compare_digest(_hash(secret), expected) else None

    def find(self, key_id: str) -> ClientKey | None:
        """Return the good key with this id: whoever signed in with it is let in no longer once it is revoked."""
        self._poll()
        key, _ = self._keys.get(key_id, (None, b""))
        return key

    def _poll(self) -> None:
        now = time.monotonic()
        if now - self._asked >= _POLL_S:
            self._asked = now
            try:
                self.refresh()
            except StoreError:
                # A backup may hold the file for a moment; turning every client away would be worse than a late revocation.
                self._drop_connection()

    def refresh(self) -> None:
        """Read the keys now if they may have changed.

        Raises:
            StoreError: the store cannot be read.
        """
        file = identity(self._path)
        if self._connection is None or file != self._file:
            self._drop_connection()
            self._connection, self._file, self._version = open_reader(self._path), file, -1
        with explained(self._path):
            version = self._connection.execute("PRAGMA data_version").fetchone()[0]
            if version != self._version:
                rows = self._connection.execute(self._query).fetchall()
                self._keys = {row[0]: (ClientKey(row[0], row[1], _models(row[2]), row[4]), row[3]) for row in rows}
                self._version = version

    def close(self) -> None:
        """Close the connection; the keys last read stay."""
        self._drop_connection()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _hash(secret: str) -> bytes:
    # surrogatepass: a header of odd bytes is an unknown secret, not an error.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def _models(stored: str | None) -> tuple[str, ...] | None:
    return None if stored is None else msgspec.json.decode(stored, type=tuple[str, ...])


@contextmanager
def _writing(store: Store) -> Iterator[sqlite3.Connection]:
    connection = open_writer(store.path, "full")
    try:
        with explained(store.path):
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
    finally:
        connection.close()  # without COMMIT this rolls back
