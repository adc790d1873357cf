"""``pointsman keys``: client keys for the gateway."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, StoreUrl, at
from pointsman.errors import UsageError
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.keys import KeyInfo, Role, create_key, list_keys, revoke_key

app = typer.Typer(
    help="Create, list and revoke client keys. Exit codes: 0 done, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, e.g. support-bot.")],
    models: Annotated[str | None, typer.Option(help="Only these model ids, with commas; default: all.")] = None,
    role: Annotated[
        Role | None, typer.Option(help="What it may do on the dashboard; default: nothing, it only runs turns.")
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="As --role operator: it may define agents.")] = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Make a key and print its secret, this once. A store that does not exist yet is created."""
    if operator and role not in {None, "operator", "admin"}:
        raise UsageError(f"--operator and --role {role} contradict each other: leave one out.")
    role = role or ("operator" if operator else None)
    allowed = _allowed(models)
    _warn_of_unknown(allowed or ())
    with open_store(store) as opened:
        key_id, secret = create_key(opened, name, allowed, role=role)
    if json:
        print_json({"id": key_id, "name": name, "models": allowed, "role": role, "secret": secret})
        return
    err().print(plain(f"Key {key_id} for {name}. Keep the secret: it is stored hashed and cannot be shown again."))
    # The secret alone on stdout, so that it can be piped into a secret store.
    out().print(plain(secret))


@app.command("list")
def list_(json: AsJson = False, store: StoreUrl = DEFAULT_URL) -> None:
    """List all keys, revoked ones too. Secrets are not kept."""
    with open_store(store, must_exist=True) as opened:
        keys = list_keys(opened)
    if json:
        print_json({"keys": keys})
        return
    good = sum(key.revoked_at_us is None for key in keys)
    out().print(plain(f"{counted(good, 'good key')}, {len(keys) - good} revoked." if keys else _NONE, "bold"))
    if keys:
        show_stacked(_table(keys), keys=1)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `pointsman keys list` shows it.")],
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Revoke a key. A running gateway turns it away within a second."""
    with open_store(store, must_exist=True, read_only=False) as opened:
        changed = revoke_key(opened, key_id)
    if json:
        print_json({"id": key_id, "revoked": True, "changed": changed})
        return
    out().print(plain(f"Key {key_id} is revoked." if changed else f"Key {key_id} was revoked before."))


_NONE = "No keys. Make one: pointsman keys create NAME"


def _allowed(models: str | None) -> tuple[str, ...] | None:
    if models is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in models.split(",") if name.strip()))
    if not names:
        raise UsageError(
            "--models names no model: write ids with commas, e.g. --models openai/gpt-5-mini, or leave it out."
        )
    return names


def _warn_of_unknown(names: tuple[str, ...]) -> None:
    """Say which models are not in the shipped catalogue. Your own catalogue file may have them, so it is no error."""
    from pointsman.catalog.book import Catalog

    known = {model.id for model in Catalog.load().models()} if names else set()
    for name in names:
        if name not in known:
            err().print(
                plain(f"warning: model {name} is not in the shipped catalogue; `pointsman models` lists the ids.")
            )


def _table(keys: list[KeyInfo]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "role", "models", "created", "revoked"):
        table.add_column(heading, overflow="fold")
    for key in keys:
        table.add_row(
            plain(key.id),
            plain(key.name),
            plain(key.role or ""),
            plain(", ".join(key.models) if key.models is not None else "all"),
            at(key.created_at_us),
            "" if key.revoked_at_us is None else at(key.revoked_at_us),
        )
    return table
