"""Prompts: what each role is told, who changed it and why, and the way back."""

from __future__ import annotations

from typing import Any, Final

from pointsman.errors import NotFound, RequestError, UsageError
from pointsman.execution.prompts import AGENT, LABELS, ROLES, Prompt, PromptBook, is_role
from pointsman.server.dashboard.differing import by_lines
from pointsman.server.dashboard.tables import Cell, Column, Table
from pointsman.server.dashboard.view import Moved, Shown, View
from pointsman.store.prompts import Place, PromptChange

_LONGEST_WHY: Final = 300


async def show(view: View) -> Shown:
    """Show all prompts, or the one of a role."""
    return await view.ask(_one if view.rest else _all, view)


async def act(view: View) -> Moved:
    """Save, promote or roll back."""
    view.require("operator")
    return await view.ask(_act, view)


def _act(view: View) -> Moved:
    role, book = _role(view.rest), PromptBook(view.router.store)
    agent = view.form.get("agent", "").strip() or None
    who = (view.person.name, view.form.get("why", "").strip()[:_LONGEST_WHY])
    match view.form.get("do"):
        case "save":
            prompt, changed = book.save(role, view.form.get("text", ""), label="candidate", agent=agent, who=who)
            said = f"{prompt.ref} is the candidate." if changed else f"{prompt.ref} was the candidate before."
        case "promote":
            prompt, changed = book.promote(role, view.form.get("version", "candidate"), agent=agent, who=who)
            said = (
                f"{prompt.ref} is in production from the next turn on."
                if changed
                else f"{prompt.ref} was in production before."
            )
        case "rollback":
            was, now = book.roll_back(role, agent=agent, who=who)
            said = f"{role}: back from {was or 'the shipped prompt'} to {now or 'the shipped prompt'}."
        case other:
            raise RequestError(f"a prompt cannot be {other!r}: it can be saved, promoted or rolled back")
    return Moved(view.link("prompts", role), said)


def _role(name: str) -> str:
    if not is_role(name):
        raise NotFound(f"there is no prompt of {name[:80]!r}; there are {', '.join(ROLES)}, and {AGENT}NAME for agents")
    return name


def _all(view: View) -> Shown:
    book = PromptBook(view.router.store)
    changed = book.in_force()
    rows: list[list[Any]] = []
    for role in ROLES:
        prompt = book.get(role)
        change = next(
            (
                one
                for place, one in changed.items()
                if (place.role, place.agent, place.label) == (role, "", "production")
            ),
            None,
        )
        rows.append(_row(view, Place(role, "", prompt.label), prompt.version, change))
    for place, change in sorted(changed.items(), key=lambda one: (one[0].role, one[0].agent, one[0].label)):
        if (place.agent or place.label != "production" or place.role not in ROLES) and change.version:
            rows.append(_row(view, place, change.version, change))
    columns = (
        Column("role", "Role"),
        Column("version", "Version", "id"),
        Column("label", "Label"),
        Column("agent", "Agent"),
        Column("changed", "Changed", "when"),
        Column("by", "By"),
        Column("why", "Why"),
    )
    table = Table("prompts", "Prompts in force", columns, rows)
    own = sum(row[2] != "shipped" for row in rows)
    verdict = (
        f"{len(ROLES)} roles, each with a prompt of its own version; {own or 'none'} changed here, the rest as shipped."
    )
    return Shown({}, verdict, (table,), template="prompts.html")


def _row(view: View, place: Place, version: str, change: PromptChange | None) -> list[Any]:
    return [
        Cell(place.role, view.link("prompts", place.role)),
        Cell(version, view.link("turns", prompt=f"{place.role}@{version}"), title="The turns in which it was given"),
        place.label,
        place.agent or "every agent",
        change.at_us if change else None,
        change.actor if change else None,
        change.reason if change else None,
    ]


def _one(view: View) -> Shown:
    role, book = _role(view.rest), PromptBook(view.router.store)
    agent = view.query.get("agent") or None
    history = book.history(role, agent)
    current = _found(book, role, "production", agent)
    if current is None:
        raise NotFound(f"{role}: this store knows no prompt of that name; an agent's is kept when it is first asked")
    names = [*LABELS, "shipped", *dict.fromkeys(change.version for change in history if change.version)]
    old, new = view.query.get("old", "production"), view.query.get("new", "candidate")
    first, second = _found(book, role, old, agent), _found(book, role, new, agent)
    columns = (
        Column("at", "When", "when"),
        Column("label", "Label"),
        Column("action", "Action"),
        Column("version", "Version", "id"),
        Column("before", "Before", "id"),
        Column("by", "By"),
        Column("why", "Why"),
    )
    rows = [
        [
            change.at_us,
            change.label,
            change.action,
            Cell(
                change.version or "shipped",
                view.here(old=change.before or "shipped", new=change.version or "shipped") + "#diff",
            ),
            change.before or "shipped",
            change.actor,
            change.reason,
        ]
        for change in history
    ]
    table = Table("history", "History", columns, rows, empty="Nobody has changed it: it is as shipped.")
    differ = first is not None and second is not None and first.version != second.version
    data = {
        "role": role,
        "agent": agent or "",
        "current": current,
        "candidate": _candidate(book, role, agent, current),
        "names": names,
        "old": old,
        "new": new,
        "diff": by_lines(first.text, second.text) if first and second and differ else [],
        "first": first,
        "second": second,
        "can_roll_back": any(change.label == "production" for change in history),
        "may": view.person.may("operator"),
        "used": view.link("turns", prompt=current.ref),
    }
    return Shown(data, _said(role, current, history), (table,), title=f"Prompt of {role}", template="prompt.html")


def _candidate(book: PromptBook, role: str, agent: str | None, current: Prompt) -> Prompt | None:
    found = _found(book, role, "candidate", agent)
    return found if found is not None and found.label == "candidate" and found.version != current.version else None


def _found(book: PromptBook, role: str, name: str, agent: str | None) -> Prompt | None:
    try:
        return book.find(role, name[:64], agent)
    except UsageError:
        return None


def _said(role: str, current: Prompt, history: list[PromptChange]) -> str:
    times = f"changed {len(history)} time{'' if len(history) == 1 else 's'}" if history else "as shipped"
    return f"{role} is told version {current.version} ({current.label}); {times}."
