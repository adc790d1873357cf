"""The route summarize: a small model condenses what is long, and the condensed turn is routed again. At most one pass.

What the policy wants kept is looked for in the summary; what is missing is put behind it word by word, without another call. The
operator's words, the tools, an open tool loop and the customer's own question stay as they are. A summary that fails or loses
too much leaves the turn to be answered from the original.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import Any

import msgspec

from pointsman.domain.decision import Decision
from pointsman.domain.message import Document, Message, Part, Text
from pointsman.domain.record import CheckRecord, Handoff
from pointsman.domain.turn import Turn
from pointsman.errors import NoEligibleModel, PointsmanError
from pointsman.execution.prompts import delimited
from pointsman.execution.routes.kit import Kit, explain
from pointsman.execution.routes.survival import Survival, important, invented, own_words, survived
from pointsman.execution.work import Desk, Wish
from pointsman.routing.route_parts import floor_of, summarizer
from pointsman.routing.sections import Route

PURPOSE = "summary"
_SHARE = 0.5
_BYTES_PER_TOKEN = 4
_LEAST_TOKENS = 800
_MOST_PARTS = 4
_LISTED = 40
_OF_SIZE = frozenset({"context", "max_output", "effective_context"})
"""Exclusions that a shorter text may lift; every other one holds for the summary of a text as for the text."""


class _Source(msgspec.Struct, frozen=True):
    """A long part: where it stands, its text, and what of it stays as the customer wrote it."""

    message: int
    part: int
    text: str
    name: str = ""
    head: str = ""
    tail: str = ""


class _Condensed(msgspec.Struct, frozen=True):
    source: _Source
    summary: str
    lost: Survival

    def told(self) -> str:
        """Return the text that takes the source's place."""
        block = self.summary
        if self.lost.passages:
            block += "\n\nKept word by word from the original:\n" + "\n".join(f"- {one}" for one in self.lost.passages)
        origin = f" from {self.source.name}" if self.source.name else ""
        title = f"[Condensed{origin}: it was about {_tokens(self.source.text):,} tokens]"
        pieces = (self.source.head, title + "\n" + delimited("summary", block), self.source.tail)
        return "\n\n".join(piece for piece in pieces if piece)


class Summarizing:
    """The stage of routes that condense. The stages behind it are those of the route that the condensed turn takes."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def __call__(self, desk: Desk, wish: Wish) -> Wish:
        """Return the wish for an answer to the condensed turn; the wish itself where nothing can be condensed."""
        target = summarizer(self._kit.policy, desk.decision.route)
        if target is None or wish.turn.in_tool_loop:
            return wish
        spec = self._kit.policy.routes[desk.decision.route]
        models = self._kit.models(desk, target)
        sources = long_parts(wish.turn, max(_LEAST_TOKENS, 2 * spec.summary_tokens))
        obstacle = _obstacle(desk, wish.turn, models, sources)
        if obstacle is not None:
            explain(desk, "summary", "skipped", f"nothing was condensed: {obstacle}")
            return wish
        room = self._kit.room(desk, PURPOSE, models, desk.decision.model, desk.remaining_s() * _SHARE)
        if room.refused is not None:
            explain(desk, "summary", "skipped", f"nothing was condensed: {room.refused}")
            return wish
        condensed = await self._condense(desk, spec, models, sources, room.limit_s)
        if not condensed:
            explain(desk, "summary", "failed", "no usable summary came: the answer is made from the original")
            return wish
        return self._go_on(desk, wish, condensed, models)

    async def _condense(
        self, desk: Desk, spec: Route, models: tuple[str, ...], sources: list[_Source], limit: float
    ) -> list[_Condensed]:
        """Condense every source, at the same time; those that fail are left out."""
        found = await asyncio.gather(*(self._one(desk, spec, models, source, limit) for source in sources))
        return [one for one in found if one is not None]

    async def _one(
        self, desk: Desk, spec: Route, models: tuple[str, ...], source: _Source, limit: float
    ) -> _Condensed | None:
        prompt = self._kit.prompts.get("summarizer", agent=desk.ask.agent)
        facts = await asyncio.to_thread(important, source.text, spec.keep)
        listed = ", ".join(dict.fromkeys(fact.raw for fact in facts if fact.kind != "url"))
        keep = f"- these in particular: {listed}" if 0 < len(facts) <= _LISTED else ""
        system = Message("system", (Text(prompt.render(target_tokens=str(spec.summary_tokens), keep=keep)),))
        asked = Turn(
            messages=(system, Message("user", (Text(delimited("source", source.text)),))),
            max_output_tokens=4 * spec.summary_tokens + 1000,
            channel=desk.ask.turn.channel,
            metadata=desk.ask.turn.metadata,
        )
        try:
            reply = await desk.consult(Wish(asked, models, PURPOSE, prompt.ref, limit_s=limit))
        except PointsmanError as error:
            self._note(desk, models[0], "failed", str(error))
            return None
        summary = reply.text.strip()
        if not summary or reply.stop_reason in {"max_tokens", "refusal"}:
            self._note(desk, models[0], "failed", f"the summary is not whole ({reply.stop_reason})")
            return None
        if made_up := await asyncio.to_thread(invented, source.text, summary):
            self._note(desk, models[0], "failed", f"the summary says what its text does not: {'; '.join(made_up)}")
            return None
        lost = await asyncio.to_thread(survived, source.text, f"{source.head}\n{summary}\n{source.tail}", spec.keep)
        condensed = _Condensed(source, summary, lost)
        if len(condensed.told()) > len(source.text) * 2 // 3:
            self._note(desk, models[0], "failed", f"lost {len(lost.missing)} facts: keeping them would save too little")
            return None
        self._note(desk, models[0], "repaired" if lost.missing else "released", "; ".join(lost.missing), lost)
        return condensed

    def _note(self, desk: Desk, model: str, action: str, text: str, lost: Survival | None = None) -> None:
        model = self._kit.answered(desk, PURPOSE, (model,))
        told = text if lost is None or not lost.missing else f"missing in the summary, kept word by word: {text}"
        desk.note(CheckRecord("summary.kept", lost is not None and not lost.missing, model, action, told[:500]))

    def _go_on(self, desk: Desk, wish: Wish, condensed: list[_Condensed], models: tuple[str, ...]) -> Wish:
        turn = replaced(wish.turn, condensed)
        original = desk.decision
        decision = self._rerouted(desk, turn, original)
        source = self._kit.answered(desk, PURPOSE, models)
        answering = decision or original
        desk.hand_over(Handoff("summary", source, answering.model, msgspec.Raw(_artifact(original.id, condensed))))
        texts = "1 long text" if len(condensed) == 1 else f"{len(condensed)} long texts"
        explain(desk, "summary", "condensed", f"{source} condensed {texts}; the rest is as it was")
        wish = msgspec.structs.replace(wish, turn=turn, relay=False)
        if decision is None:
            explain(desk, "summary", "stays", f"the condensed turn stays on route {original.route}")
            return wish
        desk.take(decision)
        return msgspec.structs.replace(wish, models=(decision.model, *decision.fallbacks))

    def _rerouted(self, desk: Desk, turn: Turn, original: Decision) -> Decision | None:
        """Return where the condensed turn goes; None where it stays.

        Condensing takes words out, so it lifts nothing: no floor that a rule has set, no limit on who may see the turn.
        """
        try:
            found = desk.reroute(turn)
        except NoEligibleModel:
            return None
        policy = self._kit.policy
        if found.route not in policy.routes or summarizer(policy, found.route) is not None:
            return None
        if policy.rank(found.route) < floor_of(policy, original):
            return None
        barred = {out.model for out in original.excluded if out.constraint not in _OF_SIZE}
        models = [name for name in (found.model, *found.fallbacks) if name not in barred]
        if not models:
            return None
        eligible = tuple(name for name in found.eligible if name not in barred)
        return msgspec.structs.replace(found, model=models[0], fallbacks=tuple(models[1:]), eligible=eligible)


def long_parts(turn: Turn, least: int) -> list[_Source]:
    """Return the texts and text documents of the customer that are worth condensing, the largest first."""
    last = max((n for n, message in enumerate(turn.messages) if message.role == "user"), default=-1)
    found: list[_Source] = []
    for number, message in enumerate(turn.messages):
        for index, part in enumerate(message.parts) if message.role == "user" else ():
            text = _text(part)
            if text is None or _tokens(text) < least:
                continue
            own = own_words(text) if number == last and isinstance(part, Text) else ("", "")
            name = (part.name or "a document") if isinstance(part, Document) else ""
            found.append(_Source(number, index, text, name, *own))
    return sorted(found, key=lambda source: -len(source.text))[:_MOST_PARTS]


def replaced(turn: Turn, condensed: list[_Condensed]) -> Turn:
    """Return the turn with the condensed texts in the place of the long ones."""
    by_place = {(one.source.message, one.source.part): one for one in condensed}
    messages = [
        Message(
            message.role,
            tuple(
                Text(by_place[number, index].told()) if (number, index) in by_place else part
                for index, part in enumerate(message.parts)
            ),
        )
        for number, message in enumerate(turn.messages)
    ]
    return msgspec.structs.replace(turn, messages=tuple(messages))


def _text(part: Part) -> str | None:
    if isinstance(part, Text):
        return part.text
    if not isinstance(part, Document) or not part.media_type.startswith("text/") or part.data is None:
        return None
    try:
        return base64.b64decode(part.data, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None


def _tokens(text: str) -> int:
    return len(text.encode()) // _BYTES_PER_TOKEN


def _obstacle(desk: Desk, turn: Turn, models: tuple[str, ...], sources: list[_Source]) -> str | None:
    found = (
        ("several replies are wanted", turn.n is not None and turn.n > 1),
        ("log probabilities are wanted", turn.logprobs or turn.top_logprobs is not None),
        ("no model that condenses may see this turn", not models),
        ("no text of the customer is long by itself", not sources),
        ("the turn was passed on as often as it may be", not desk.handoffs_left),
    )
    return next((text for text, holds in found if holds), None)


def _artifact(turn_id: str, condensed: list[_Condensed]) -> bytes:
    texts: list[dict[str, Any]] = [
        {
            "message": one.source.message,
            "document": one.source.name or None,
            "tokens_before": _tokens(one.source.text),
            "tokens_after": _tokens(one.told()),
            "summary": one.summary,
            "kept_word_by_word": one.lost.passages,
            "missing_in_summary": one.lost.missing,
        }
        for one in condensed
    ]
    return msgspec.json.encode({"original": f"request of turn {turn_id}", "texts": texts})
