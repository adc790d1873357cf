"""Settings: who may come in, what may be spent, the policy in force, and whether the work beside the turns keeps up."""

from __future__ import annotations

import glob
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pointsman.errors import NotFound, RequestError
from pointsman.execution.limits.budgets import period_of
from pointsman.execution.limits.scopes import words
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Moved, Shown, View
from pointsman.store.keys import ROLES, create_key, list_keys, revoke_key
from pointsman.store.money import from_pico
from pointsman.store.reading import TurnFilter
from pointsman.store.spend import Line, list_spend

_DAY_US: Final = 86_400_000_000
_LONGEST_NAME: Final = 100
_LONGEST_POLICY: Final = 100_000
_PERIODS: Final = {4: "year", 5: "total", 7: "month", 10: "day"}
_SIDE_FILES: Final = ("", "-wal", ".columns", ".columns.wal")


async def show(view: View) -> Shown:
    """Show everything."""
    return await view.ask(_show, view, "", "")


async def act(view: View) -> Moved | Shown:
    """Create or revoke a key."""
    view.require("admin")
    return await view.ask(_act, view)


def _act(view: View) -> Moved | Shown:
    match view.form.get("do"):
        case "create":
            return _create(view)
        case "revoke":
            key_id = view.form.get("key", "")
            if all(key.id != key_id for key in list_keys(view.router.store)):
                raise NotFound(f"there is no key {key_id[:40]!r}; load the page again")
            changed = revoke_key(view.router.store, key_id)
            return Moved(view.here(), f"Key {key_id} is revoked." if changed else f"Key {key_id} was revoked before.")
        case other:
            raise RequestError(f"a key cannot be {other!r}: it can be created or revoked")


def _create(view: View) -> Shown:
    name = view.form.get("name", "").strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise RequestError(
            f"a key needs a name of 1 to {_LONGEST_NAME} characters that tells whose it is", param="name"
        )
    chosen = view.form.get("role", "")
    role = next((one for one in ROLES if one == chosen), None)
    if chosen and role is None:
        raise RequestError(f"role: {chosen[:40]!r} is none of {', '.join(ROLES)}", param="role")
    models = tuple(dict.fromkeys(part.strip() for part in view.form.get("models", "").split(",") if part.strip()))
    _, secret = create_key(view.router.store, name, models or None, role=role)
    return _show(view, secret, name)


def _show(view: View, secret: str, name: str) -> Shown:
    admin = view.person.may("admin")
    keys, used = _keys(view)
    policy, now = view.router.policy, datetime.fromtimestamp(view.now_us / 1e6, UTC)
    good = sum(key.revoked_at_us is None for key in list_keys(view.router.store))
    data = {
        "secret": secret,
        "secret_name": name,
        "admin": admin,
        "roles": ROLES,
        "revocable": [
            (key.id, key.name, used.get(key.id, 0)) for key in list_keys(view.router.store) if key.revoked_at_us is None
        ],
        "policy": policy,
        "policy_text": _policy_text(policy.source),
        "warnings": view.router.warnings(now.date()),
        "asks_for_keys": view.keys is not None,
    }
    verdict = f"{good} good key{'' if good == 1 else 's'}; policy {policy.version} is in force from {policy.source}."
    return Shown(data, verdict, (keys, _budgets(view, now), _readers(view), _files(view)))


def _keys(view: View) -> tuple[Table, dict[str, int]]:
    store = view.router.store
    used = {key.id: store.count(TurnFilter(since_us=view.now_us - _DAY_US, key_id=key.id)) for key in list_keys(store)}
    columns = (
        Column("name", "Name"),
        Column("id", "Id", "id"),
        Column("role", "Role"),
        Column("models", "Models"),
        Column("turns", "Turns, last 24 h", "count"),
        Column("created", "Created", "when"),
        Column("revoked", "Revoked", "when"),
    )
    rows = [
        [
            key.name,
            key.id,
            key.role or "runs turns only",
            ", ".join(key.models) if key.models is not None else "all",
            Cell(used[key.id], view.link("turns", key=key.id, range="24h")),
            key.created_at_us,
            key.revoked_at_us,
        ]
        for key in list_keys(store)
    ]
    return Table("keys", "Client keys", columns, rows, empty="No key yet."), used


def _budgets(view: View, now: datetime) -> Table:
    columns = (
        Column("whose", "Whose"),
        Column("period", "Period (UTC)"),
        Column("spent_usd", "Spent", "usd"),
        Column("held_usd", "Held for calls on their way", "usd"),
        Column("cap_usd", "Cap", "usd"),
        Column("left_usd", "Left", "usd"),
    )
    rows = [
        _budget(view, line) for line in list_spend(view.router.store, period_of("day", now), period_of("month", now))
    ]
    empty = (
        "Nothing is spent in this period."
        if view.router.policy.budgets.caps
        else "The policy has no caps (section budgets)."
    )
    return Table("budgets", "Budgets", columns, rows[:200], len(rows), empty)


def _budget(view: View, line: Line) -> list[Any]:
    account = line.account
    per = _PERIODS.get(len(account.period), "")
    name = account.id if account.scope in {"key", "agent"} else account.id.partition("/")[2]
    fitting = [cap for cap in view.router.policy.budgets.caps if cap.of == account.scope and cap.per == per]
    own = [cap for cap in fitting if cap.name == name] or [cap for cap in fitting if cap.name is None]
    cap = own[0].usd if own else None
    spent, held = from_pico(line.spend.spent), from_pico(line.held)
    left = None if cap is None or spent is None or held is None else max(cap - spent - held, type(cap)(0))
    whose = words(account.scope, account.id) + (" (simulated)" if line.simulated else "")
    return [whose, account.period, spent, held, cap, left]


def _readers(view: View) -> Table:
    with view.router.store.reading() as connection:
        newest = connection.execute("SELECT coalesce(max(seq), 0) FROM turn").fetchone()[0]
        found = connection.execute("SELECT name, seq, updated_at_us FROM cursor ORDER BY name").fetchall()
    columns = (Column("name", "Work"), Column("behind", "Turns behind", "count"), Column("at", "Last moved", "when"))
    rows = [[name, max(0, newest - seq), at_us] for name, seq, at_us in found]
    return Table(
        "readers",
        "Work beside the turns",
        columns,
        rows,
        empty="Nothing works beside the turns: the policy asks for nothing.",
    )


def _files(view: View) -> Table:
    store = view.router.store.path
    paths = sorted({*(Path(f"{store}{end}") for end in _SIDE_FILES), *store.parent.glob(f"{glob.escape(store.stem)}*")})
    rows = [[path.name, path.stat().st_size] for path in paths if path.is_file()]
    return Table(
        "files", "Files of the store", (Column("file", "File", "id"), Column("bytes", "Size, bytes", "count")), rows
    )


def _policy_text(source: str) -> str:
    path = Path(source)
    try:
        if path.is_file() and path.stat().st_size <= _LONGEST_POLICY:
            return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError):
        return ""
    return ""
