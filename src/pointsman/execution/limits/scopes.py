"""Whose money and whose rate a turn is: all together, its client key, user, conversation and agent.

A user's or conversation's name comes from the client, so it means something only to the key that uses it: one key's user 7
never spends another key's money. Turns that name no key, or no user, share one account of their own: leaving the name
out is no way around a cap. A turn without an agent has no agent's account.
"""

from __future__ import annotations

import hashlib

import msgspec

from pointsman.execution.ask import Ask
from pointsman.routing.sections_budgets import Of

_LONGEST = 128
NOBODY = ""


class Scopes(msgspec.Struct, frozen=True):
    """Who asks. ``turn`` is an id of the turn; None and empty mean that the client named none."""

    turn: str
    key: str | None = None
    user: str | None = None
    conversation: str | None = None
    agent: str | None = None

    def name(self, of: Of) -> str | None:
        """Return the name by which a policy means this one."""
        return None if of == "all" else getattr(self, of)


def scopes_of(ask: Ask) -> Scopes:
    """Return who asks for a turn. The user is OpenAI's ``user`` or Anthropic's ``metadata.user_id``."""
    said = ask.turn.metadata
    user = said.get("user") or said.get("user_id") or said.get("safety_identifier")
    return Scopes(f"{ask.started_ns:x}/{ask.conversation_id}", ask.key_name, user, ask.conversation_id, ask.agent)


def scope_id(scopes: Scopes, of: Of) -> str | None:
    """Return the id of the account of this scope; None where the turn has none."""
    match of:
        case "all":
            return NOBODY
        case "key":
            return scopes.key or NOBODY
        case "agent":
            return scopes.agent
        case "user":
            return _within(scopes.key, scopes.user)
        case "conversation":
            return _within(scopes.key, scopes.conversation)


def words(of: Of, account_id: str) -> str:
    """Return whose account it is, for a sentence."""
    if of == "all":
        return "all turns together"
    key, _, name = account_id.partition("/")
    if of in {"user", "conversation"}:
        whose = f" of key {key.replace('%2F', '/')}" if key else ""
        return f"{of} {name}{whose}" if name else f"turns without {of}{whose}"
    return f"{of} {account_id}" if account_id else f"turns without {of}"


def _within(key: str | None, name: str | None) -> str:
    """Return a name that means something only to its key. The slash ends the key: one inside it is written otherwise."""
    return f"{(key or NOBODY).replace('/', '%2F')}/{_short(name or NOBODY)}"


def _short(name: str) -> str:
    """Long names are kept by their hash: they are somebody's text, and stand in memory and in the store."""
    if len(name) <= _LONGEST:
        return name
    return "#" + hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
