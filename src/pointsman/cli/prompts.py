"""``pointsman prompts``: the prompts of router, planner, worker, summarizer, judge and agents, by version and label."""

from __future__ import annotations

import difflib
import getpass
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from pointsman.cli.console import out, plain, print_json, safe
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, Limit, StoreUrl, at
from pointsman.errors import UsageError
from pointsman.execution.prompts import AGENT, DEFINED, ROLES, Label, Prompt, PromptBook, is_role, shipped
from pointsman.store import DEFAULT_URL, open_store
from pointsman.store.location import parse_url
from pointsman.store.prompts import Place, PromptChange

app = typer.Typer(
    help="List, compare, change and roll back prompts. Exit codes: 0 done, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _role(name: str) -> str:
    if not is_role(name):
        raise UsageError(
            f"there is no prompt of {name[:80]!r}; there are {', '.join(ROLES)}, and {AGENT}NAME for agents"
        )
    return name


RoleName = Annotated[
    str, typer.Argument(metavar="ROLE", help=f"{', '.join(ROLES)}, or {AGENT}NAME for an agent's own.", callback=_role)
]
Agent = Annotated[str | None, typer.Option("--agent", help="Only this agent's own prompt; default: every agent's.")]
OfLabel = Annotated[Label, typer.Option("--label", help="production or candidate.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the history.")]
By = Annotated[str | None, typer.Option("--by", help="Who changes it; default: your login.", envvar="POINTSMAN_ACTOR")]


@app.command("list")
def list_(json: AsJson = False, store: StoreUrl = DEFAULT_URL) -> None:
    """List the prompts in force: what is shipped, and what labels point to in this store."""
    with _reading(store) as book:
        changed = book.in_force()
        rows = [_row(book, role, changed) for role in ROLES]
        rows += [_own_row(place, change) for place, change in changed.items() if not _is_general(place)]
    rows.sort(key=lambda row: (*_order(row["role"]), row["agent"] or "", row["label"] != "production"))
    if json:
        print_json({"prompts": rows})
        return
    own = sum(row["from"] == "store" for row in rows)
    agents = len({row["role"] for row in rows} - set(ROLES))
    of_agents = f", {_many(agents, 'agent')}" if agents else ""
    yours = _many(own, "prompt")
    out().print(plain(f"{len(ROLES)} roles{of_agents}; {yours} of your own, the rest as shipped.", "bold"))
    show_stacked(_table(rows), keys=1)


@app.command("show")
def show_(
    role: RoleName,
    which: Annotated[str, typer.Argument(metavar="[LABEL|VERSION]", help="Default: production.")] = "production",
    agent: Agent = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Print the text of a prompt, ready to be edited and saved again."""
    with _reading(store) as book:
        prompt = book.find(role, which, agent)
    if json:
        print_json({"role": role, "version": prompt.version, "label": prompt.label, "text": prompt.text})
        return
    sys.stdout.write(safe(prompt.text))


@app.command()
def history(
    role: RoleName, agent: Agent = None, limit: Limit = 50, json: AsJson = False, store: StoreUrl = DEFAULT_URL
) -> None:
    """Tell who changed a prompt, when and why, newest first. The shipped prompt is below the oldest change."""
    with _reading(store) as book:
        changes = book.history(role, agent, limit)
    if json:
        print_json({"role": role, "shipped": shipped(role).version if role in ROLES else None, "changes": changes})
        return
    below = f"; shipped is {shipped(role).version}" if role in ROLES else ""
    out().print(plain(f"{role}: {_many(len(changes), 'change')}{below}.", "bold"))
    if changes:
        table = _columns("when", "label", "agent", "action", "version", "before", "by", "why")
        for change in changes:
            cells = (
                change.label,
                _whose(role, change.agent),
                change.action,
                change.version or _below(role),
                change.before or _below(role),
            )
            table.add_row(at(change.at_us), *map(plain, (*cells, change.actor, change.reason)))
        show_stacked(table, keys=1)


@app.command()
def diff(
    role: RoleName,
    old: Annotated[str, typer.Argument(help="A label, shipped, or a version.")] = "production",
    new: Annotated[str, typer.Argument(help="A label, shipped, or a version.")] = "candidate",
    agent: Agent = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Show what differs between two prompts of a role, as a unified diff."""
    with _reading(store) as book:
        first, second = book.find(role, old, agent), book.find(role, new, agent)
    lines = list(
        difflib.unified_diff(
            first.text.splitlines(), second.text.splitlines(), f"{old} {first.ref}", f"{new} {second.ref}", lineterm=""
        )
    )
    if json:
        print_json({"role": role, "old": first.version, "new": second.version, "diff": lines})
        return
    if not lines:
        out().print(plain(f"{role}: {old} and {new} are the same prompt, {first.version}."))
    for line in lines:
        out().print(plain(line, _DIFF_STYLE.get(line[:1], "")))


@app.command()
def save(
    role: RoleName,
    file: Annotated[str, typer.Argument(metavar="FILE", help="The new text; - for stdin.")],
    label: OfLabel = "candidate",
    agent: Agent = None,
    why: Why = "",
    by: By = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Keep a new text and let a label point to it. The same text is the same version; no other prompt changes."""
    text = _text(file)
    with open_store(store) as opened:
        prompt, changed = PromptBook(opened).save(role, text, label=label, agent=agent, who=(_actor(by), why))
    _told(prompt, label, agent, changed=changed, json=json)


@app.command()
def promote(
    role: RoleName,
    which: Annotated[str, typer.Argument(metavar="[candidate|shipped|VERSION]")] = "candidate",
    agent: Agent = None,
    why: Why = "",
    by: By = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Let production point to the candidate (or to a version). Running gateways follow within a second."""
    with open_store(store, must_exist=True, read_only=False) as opened:
        prompt, changed = PromptBook(opened).promote(role, which, agent=agent, who=(_actor(by), why))
    _told(prompt, "production", agent, changed=changed, json=json)


@app.command()
def rollback(
    role: RoleName,
    label: OfLabel = "production",
    agent: Agent = None,
    why: Why = "",
    by: By = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Go back to the prompt before. Repeat it to go further back, at last to the shipped one."""
    with open_store(store, must_exist=True, read_only=False) as opened:
        book = PromptBook(opened)
        before, _ = book.roll_back(role, label=label, agent=agent, who=(_actor(by), why))
        now, was = book.get(role, agent, label), before or book.below(role).version
    if json:
        print_json({"role": role, "agent": agent, "label": label, "version": now.version, "before": before})
        return
    out().print(plain(f"{role} {label}{_of(agent)} is {now.version} again ({now.label}); it was {was}."))


_GENERAL = ("", "production")
_DIFF_STYLE = {"+": "green", "-": "red", "@": "dim"}


@contextmanager
def _reading(url: str) -> Iterator[PromptBook]:
    """Lend the prompts of a store; where there is no store yet, the shipped ones."""
    if not parse_url(url).path.exists():
        yield PromptBook()
        return
    with open_store(url, must_exist=True) as opened:
        yield PromptBook(opened)


def _is_general(place: Place) -> bool:
    """Tell whether a place is the production prompt of a role, which has its row whether it was changed or not."""
    return place.role in ROLES and (place.agent, place.label) == _GENERAL


def _order(role: str) -> tuple[int, str]:
    return (ROLES.index(role), "") if role in ROLES else (len(ROLES), role)


def _row(book: PromptBook, role: str, changed: dict[Place, PromptChange]) -> dict[str, Any]:
    prompt = book.get(role)
    change = changed.get(Place(role, *_GENERAL))
    return {
        "role": role,
        "agent": None,
        "label": "production",
        "version": prompt.version,
        "from": "shipped" if prompt.label == "shipped" else "store",
        "since_us": None if change is None else change.at_us,
        "by": None if change is None else change.actor,
        "why": None if change is None else change.reason,
    }


def _own_row(place: Place, change: PromptChange) -> dict[str, Any]:
    return {
        "role": place.role,
        "agent": place.agent or None,
        "label": place.label,
        "version": change.version,
        "from": "shipped" if change.version is None else DEFINED if place.label == DEFINED else "store",
        "since_us": change.at_us,
        "by": change.actor,
        "why": change.reason,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = _columns("role", "label", "agent", "version", "since", "by", "why")
    for row in rows:
        since = "shipped" if row["since_us"] is None else at(row["since_us"])
        cells = (
            row["label"],
            _whose(row["role"], row["agent"]),
            row["version"] or _below(row["role"]),
            since,
            row["by"] or "",
            row["why"] or "",
        )
        table.add_row(plain(row["role"]), *map(plain, cells))
    return table


def _below(role: str) -> str:
    """Return what a label without a version means: the shipped prompt; of an agent, what its definition says."""
    return "shipped" if role in ROLES else DEFINED


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _whose(role: str, agent: str | None) -> str:
    return role.removeprefix(AGENT) if role.startswith(AGENT) else agent or "all"


def _columns(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _text(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: not UTF-8 text at byte {error.start}; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from None


def _actor(by: str | None) -> str:
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _of(agent: str | None) -> str:
    return f" of {agent}" if agent else ""


def _told(prompt: Prompt, label: str, agent: str | None, *, changed: bool, json: bool) -> None:
    if json:
        body = {"role": prompt.role, "agent": agent, "label": label, "version": prompt.version, "changed": changed}
        print_json(body)
        return
    word = "is now" if changed else "was already"
    out().print(plain(f"{prompt.role} {label}{_of(agent)} {word} {prompt.version}."))
