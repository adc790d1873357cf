"""Holds replies to their contract: released as they came or mended, else asked for again, else from a stronger model.

A reply that breaks its contract costs at most one retry with the validation errors, then the next stronger model is asked;
when none is left the turn ends in ``ContractViolated``. Two replies are shown though they break it, each with the word that
says why: a refusal, and a reply cut off by the client's own limit. Every rejection is kept raw, off the client's path.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial

import msgspec

from pointsman.contracts import Contract, Shelf, Verdict
from pointsman.domain.message import JsonObject, Message, OutputFormat, Refusal, Text
from pointsman.domain.record import CheckRecord
from pointsman.domain.reply import Reply
from pointsman.errors import ContractViolated
from pointsman.execution.work import Desk, Stage, Wish
from pointsman.store.rejections import Rejection

_LONG = 16 * 1024

Stronger = Callable[[str, tuple[str, ...]], tuple[str, ...]]
"""Of the models named second, those to turn to when the first one failed, the best one first."""


Keep = Callable[[Rejection, JsonObject], None]
"""Takes a reply that broke its contract, and the contract's schema, off the client's path and into the store."""


class HeldReplies:
    """The stage that puts a contract on a turn whose reply must have a shape."""

    def __init__(self, stronger: Stronger, keep: Keep) -> None:
        self._stronger = stronger
        self._keep = keep
        self._shelf = Shelf()

    def stage(self, wanted: OutputFormat | None, given: Contract | None = None) -> Stage | None:
        """Return the stage of a turn that wants this shape; None where any text will do.

        ``given`` is the contract to take where it is about this very shape: a run that is taken up may want another one.

        Raises:
            UsageError: the schema is not a JSON Schema.
        """
        meant = given is not None and wanted is not None and given.output_format().schema == wanted.schema
        contract = given if meant else self._shelf.of(wanted)
        if contract is None:
            return None

        async def held(desk: Desk, wish: Wish) -> Wish:  # noqa: ARG001
            return self.hold(wish, contract)

        return held

    def hold(self, wish: Wish, contract: Contract) -> Wish:
        """Return the wish with the contract as its last check."""
        check = _Check(self, contract, wish)
        return msgspec.structs.replace(wish, checks=(*wish.checks, check))

    def keep(self, desk: Desk, wish: Wish, raw: str, contract: Contract, verdict: Verdict) -> None:
        """Keep a text that did not satisfy its contract as it came."""
        rejection = Rejection(
            at_us=time.time_ns() // 1000,
            outcome="rejected" if verdict.outcome == "rejected" else "repaired",
            contract=contract.name,
            version=contract.version,
            model=desk.answering,
            failures=tuple((one.kind, one.pointer, one.message) for one in verdict.failures),
            repairs=tuple((one.what, one.pointer) for one in verdict.repairs),
            raw=raw,
            purpose=wish.purpose,
            turn_id=desk.decision.id,
            conversation_id=desk.ask.conversation_id,
            agent=desk.ask.turn.metadata.get("agent"),
        )
        self._keep(rejection, contract.schema)

    def stronger(self, model: str, others: tuple[str, ...]) -> tuple[str, ...]:
        """See ``Stronger``."""
        return self._stronger(model, others)


class _Check:
    """One reply against its contract. ``first`` is the wish as it was before anything was sent back."""

    def __init__(self, held: HeldReplies, contract: Contract, first: Wish, *, retried: bool = False) -> None:
        self._held = held
        self._contract = contract
        self._first = first
        self._retried = retried

    async def __call__(self, desk: Desk, wish: Wish, reply: Reply) -> Reply | Wish:
        """Release, mend, send back or escalate."""
        if reply.tool_calls:
            return reply  # a step on the way: the contract is about the answer
        model = desk.answering
        refused = _refused(reply)
        verdict = await self._verdict(reply, refused=refused)
        if verdict.ok and verdict.text is not None:
            return self._released(desk, wish, reply, verdict)
        self._held.keep(desk, wish, reply.text, self._contract, verdict)
        if refused:
            # The provider's own word that the model declined: clients know it, and asking around would be shopping for a yes.
            self._note(desk, model, verdict, "released")
            return reply
        if _cut_by_client(desk, reply):
            # Asked again, any model would run into the same limit: the client hears of its own limit, as it would elsewhere.
            self._note(desk, model, verdict, "released")
            return reply
        if not self._retried:
            self._note(desk, model, verdict, "retried")
            return self._again(wish, reply, model, verdict)
        others = self._held.stronger(model, tuple(name for name in self._first.models if name != model))
        if not others:
            self._note(desk, model, verdict, "failed")
            raise ContractViolated(_sentence(self._contract, verdict), kinds=verdict.kinds)
        self._note(desk, model, verdict, "escalated")
        rest = msgspec.structs.replace(self._first, models=others)
        return msgspec.structs.replace(rest, relay=False, checks=(*rest.checks, self._last(rest)))

    async def _verdict(self, reply: Reply, *, refused: bool) -> Verdict:
        text = reply.text
        check = partial(self._contract.check, text, truncated=reply.stop_reason == "max_tokens", refusal=refused)
        # What is long may take long to read: the other turns go on meanwhile.
        return await asyncio.to_thread(check) if len(text) > _LONG else check()

    def _last(self, rest: Wish) -> _Check:
        return _Check(self._held, self._contract, rest, retried=True)

    def _released(self, desk: Desk, wish: Wish, reply: Reply, verdict: Verdict) -> Reply:
        if not verdict.repairs:
            self._note(desk, desk.answering, verdict, "released")
            return reply
        self._held.keep(desk, wish, reply.text, self._contract, verdict)
        self._note(desk, desk.answering, verdict, "repaired")
        kept = tuple(part for part in reply.parts if not isinstance(part, Text))
        return msgspec.structs.replace(reply, parts=(*kept, Text(verdict.text or "")))

    def _again(self, wish: Wish, reply: Reply, model: str, verdict: Verdict) -> Wish:
        said = Message("assistant", (Text(reply.text or "(nothing)"),))
        told = Message("user", (Text(self._contract.retry_message(verdict)),))
        turn = msgspec.structs.replace(wish.turn, messages=(*wish.turn.messages, said, told))
        others = tuple(name for name in wish.models if name != model)
        checks = tuple(
            _Check(self._held, self._contract, self._first, retried=True) if check is self else check
            for check in wish.checks
        )
        return msgspec.structs.replace(wish, turn=turn, models=(model, *others), relay=False, checks=checks)

    def _note(self, desk: Desk, model: str, verdict: Verdict, action: str) -> None:
        text = "; ".join(
            [
                f"{failure.kind} at {failure.pointer or 'the whole'}: {failure.message}"
                for failure in verdict.failures[:5]
            ]
            + [repair.what for repair in verdict.repairs]
        )
        name = f"contract {self._contract.name}@{self._contract.version}"
        desk.note(CheckRecord(name, verdict.outcome != "rejected", model, action, text[:1000]))


def _refused(reply: Reply) -> bool:
    return reply.stop_reason == "refusal" or any(isinstance(part, Refusal) for part in reply.parts)


def _cut_by_client(desk: Desk, reply: Reply) -> bool:
    """Tell whether the reply ended at the limit that the client itself set; without a count the provider's word is taken."""
    limit = desk.ask.turn.max_output_tokens
    if reply.stop_reason != "max_tokens" or limit is None:
        return False
    return reply.usage is None or reply.usage.output >= limit


def _sentence(contract: Contract, verdict: Verdict) -> str:
    kinds = ", ".join(verdict.kinds)
    return f"no model gave a reply that satisfies {contract.name} ({kinds}); `pointsman contracts report` has them raw"
