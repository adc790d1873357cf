"""What the engine is asked to do: one inbound turn with all that came along with it."""

from __future__ import annotations

import hashlib

import msgspec

from pointsman.contracts import Contract
from pointsman.domain.turn import Turn
from pointsman.routing.router import Routing

Parts = tuple[tuple[str, bytes], ...]


class Ask(msgspec.Struct, frozen=True):
    """One turn to run.

    ``dialect`` is the wire dialect it came in (``library`` for the Python door). ``body`` is the client's own request
    body, kept for relay; None when there is none. ``parts`` go to the store. ``explicit_conversation`` is False when the
    conversation id was derived from the opening words: two customers may open with the same words, so such an id
    must not carry anything but cache warmth from turn to turn. ``allowed`` is the client's own allow-list of model ids.
    ``arrived_us`` is Unix time in microseconds, ``started_ns`` the monotonic clock at the same moment. ``routing`` decides
    the turn in place of the engine's own (an agent with routes and tiers of its own); ``open_risky_action`` names an action
    that is known to wait for the customer's word. ``agent`` is the agent that Pointsman runs; None: the client runs its own.
    ``prompt`` is the version of that agent's prompt, as ``agent/NAME@version``. ``contract`` holds the reply where the turn asks
    for a shape, in place of one made from its output format: a program's own checks cannot be written as a JSON Schema.
    ``traceparent`` is the client's own trace, as its header named it.
    """

    turn: Turn
    dialect: str
    conversation_id: str
    arrived_us: int
    started_ns: int
    body: bytes | None = None
    parts: Parts = ()
    explicit_conversation: bool = True
    key_id: str | None = None
    key_name: str | None = None
    allowed: frozenset[str] | None = None
    routing: Routing | None = None
    open_risky_action: str | None = None
    agent: str | None = None
    prompt: str | None = None
    contract: Contract | None = None
    traceparent: str | None = None


def neutral_parts(turn: Turn) -> Parts:
    """Return a turn as the parts that go to the store, where there is no client's body to take them from.

    Of the parameters only what differs from the usual is written.
    """
    usual = Turn(())
    wishes = {
        name: value
        for name, value in msgspec.structs.asdict(turn).items()
        if name not in {"messages", "tools"} and value != getattr(usual, name)
    }
    params = msgspec.json.encode({"model": turn.model} | wishes)
    tools = (("tools", msgspec.json.encode(turn.tools)),) if turn.tools else ()
    return (("params", params), *tools, *(("message", msgspec.json.encode(message)) for message in turn.messages))


def conversation_hash(parts: Parts, key_id: str | None, user: str | None) -> str:
    """Return an id for a conversation whose client named none: a hash of who asks and of the opening.

    The opening is everything before the second turn could differ: system prompt, tools and the messages up to the first
    one of the customer. Clients resend the history, so every turn of a conversation gives the same id.
    """
    digest = hashlib.blake2b(digest_size=12)
    digest.update(f"{key_id}\x00{user}\x00".encode())
    for name, raw in parts:
        if name == "params":
            continue
        digest.update(raw)
        if name == "message" and b'"user"' in raw:
            break
    return "auto-" + digest.hexdigest()
