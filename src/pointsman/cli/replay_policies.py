"""Opens whole policies as what answers in a replay: ``policy:FILE``, with other prompts as ``policy:FILE?worker=candidate``."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pointsman.errors import UsageError
from pointsman.evaluation.bench_asking import Purse
from pointsman.evaluation.policy_source import PREFIX as POLICY
from pointsman.evaluation.policy_source import PolicySource, policy_name
from pointsman.execution.prompts import ROLES, Prompt, PromptBook
from pointsman.store import open_store

if TYPE_CHECKING:
    from pointsman.cli.replay_setup import LiveWhere

__all__ = ["POLICY", "open_policies", "prompts_in_force"]

_BY = ("pointsman replay", "copied for a replay")


async def open_policies(
    names: Sequence[str], stack: contextlib.AsyncExitStack, where: LiveWhere, purse: Purse
) -> dict[str, PolicySource]:
    """Start one router for each policy named, on a store of its own that is thrown away; ``stack`` ends them.

    Raises:
        UsageError, PolicyError: a name is not understood, a file is no policy, or a prompt does not exist.
    """
    from pointsman.cli.bench_setup import Where, open_router

    found: dict[str, PolicySource] = {}
    for name in names:
        path, wishes = _named(name)
        router = stack.enter_context(open_router(Where(path, where.emulated, where.script), ""))
        prompts = _prompts(where.prompts, wishes)
        book = PromptBook(router.store)
        for prompt in prompts.values():
            book.save(prompt.role, prompt.text, label="production", agent=None, who=_BY)
        await stack.enter_async_context(router)
        versions = {role: prompt.version for role, prompt in prompts.items()}
        found[name] = PolicySource(policy_name(router.policy.version, versions), router.begin, router.engine, purse)
    return found


def prompts_in_force(url: str | None) -> dict[str, Prompt]:
    """Return the prompts of a store that are not the shipped ones, by role; agents' own are left out."""
    return _prompts(url, {})


def _named(name: str) -> tuple[Path, dict[str, str]]:
    file, _, query = name.removeprefix(POLICY).partition("?")
    if not file:
        raise UsageError(f"{name}: write policy:FILE, for example policy:pointsman.yaml")
    wishes: dict[str, str] = {}
    for wish in filter(None, query.split("&")):
        role, _, which = wish.partition("=")
        if role not in ROLES or not which:
            raise UsageError(f"{name[:80]}: after ? stands ROLE=candidate or ROLE=VERSION; roles: {', '.join(ROLES)}")
        wishes[role] = which
    return Path(file), wishes


def _prompts(url: str | None, wishes: dict[str, str]) -> dict[str, Prompt]:
    if url is None:
        if wishes:
            raise UsageError("say with --prompts in which store the prompts are")
        return {}
    with open_store(url, must_exist=True) as store:
        book = PromptBook(store)
        found: dict[str, Prompt] = {
            role: book.find(role, wishes[role]) if role in wishes else book.get(role) for role in ROLES
        }
        for role, which in wishes.items():
            if which == "candidate" and found[role].label != "candidate":
                raise UsageError(f"{role} has no candidate; `pointsman prompts save {role} FILE` makes one")
        return {role: prompt for role, prompt in found.items() if prompt.version != PromptBook().get(role).version}
