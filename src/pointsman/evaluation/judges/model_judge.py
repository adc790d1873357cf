"""A model of the catalogue as a judge: pinned, asked politely, its answers held to a schema and kept where there is a log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Protocol

import msgspec

from pointsman.catalog.book import Catalog
from pointsman.catalog.models import Model
from pointsman.domain.message import Message, OutputFormat, Text
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Sampling, Turn
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Asker, Job, Purse
from pointsman.evaluation.judges.same_model import refuse_own_kind
from pointsman.evaluation.judges.seam import Finding, Opinion
from pointsman.evaluation.judges.wording import (
    RUBRIC,
    Question,
    claim_question,
    contract_of,
    pair_question,
    version_of,
)
from pointsman.evaluation.live import Pace
from pointsman.execution.hop import Dispatch
from pointsman.execution.prompts import Prompt, shipped
from pointsman.store.money import to_pico

UNREADABLE = "unreadable"
NO_MONEY = "no_money"
_BUSY = frozenset({"rate_limit", "overloaded", "quota"})
_TRIES = 6
_REPLY_TOKENS = 800
_REASONING_TOKENS = 8_000
"""A model that reasons pays for its thoughts out of the same limit."""


class Asked(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came back of one question: the answer's value, or why there is none. ``cost_usd`` None: unknown."""

    value: dict[str, Any] | None = None
    cost_usd: Decimal | None = None
    error: str | None = None


class Keeps(Protocol):
    """Where answers are kept, so that a question is paid for once."""

    def find(self, key: str) -> Asked | None:
        """Return what is kept under a key."""
        ...

    def sent(self, key: str, worst: Decimal | None) -> None:
        """Note that a paid call is about to be made."""
        ...

    def keep(self, key: str, asked: Asked) -> None:
        """Keep an answer; one that failed for a passing reason is not kept as an answer."""
        ...


class ModelJudge:
    """A judge. Get one from ``open_judge``, which refuses one that is among the models compared."""

    def __init__(self, asker: Asker, model: Model, prompt: Prompt, kept: Keeps | None = None) -> None:
        self.model = model.id
        self.origin = asker.origin(model.id)
        self.version = version_of(prompt.text)
        self._facts = model
        self._asker = asker
        self._prompt = prompt
        self._kept = kept
        self._pace = Pace()

    async def prefer(self, prefix: Turn, first: Reply, second: Reply, rubric: str = "") -> Opinion:
        """Say which of two replies is better."""
        asked = await self._ask(self._pair(prefix, first, second, rubric))
        if asked.value is None:
            return Opinion("unknown", cost_usd=asked.cost_usd, error=asked.error)
        return Opinion(asked.value["choice"], asked.value["reason"], asked.cost_usd)

    async def decide(self, prefix: Turn, reply: Reply, question: str) -> Finding:
        """Say whether a criterion holds of a reply."""
        asked = await self._ask(claim_question(self._prompt.render(criteria=question), prefix, reply))
        if asked.value is None:
            return Finding("unknown", cost_usd=asked.cost_usd, error=asked.error)
        value = asked.value
        return Finding(value["answer"], value["quote"], value["speaker"], value["reason"], asked.cost_usd)

    def worst_pair(self, prefix: Turn, first: Reply, second: Reply, rubric: str = "") -> Decimal | None:
        """Return what a comparison in both orders may cost at most; None: unknown."""
        worst = self._asker.worst(self._job(self._pair(prefix, first, second, rubric), ""))
        return None if worst is None else 2 * worst

    def _pair(self, prefix: Turn, first: Reply, second: Reply, rubric: str) -> Question:
        return pair_question(self._prompt.render(criteria=rubric.strip() or RUBRIC), prefix, first, second)

    async def _ask(self, question: Question) -> Asked:
        """Return the answer to a question: the one kept, or a new one, kept before anything else happens."""
        key = self._key(question)
        known = None if self._kept is None else self._kept.find(key)
        if known is not None:
            return known
        answer = await self._answered(self._job(question, key), key)
        asked = Asked(error=NO_MONEY) if answer is None else _read(answer, question)
        if self._kept is not None and answer is not None:
            self._kept.keep(key, asked)
        return asked

    async def _answered(self, job: Job, key: str) -> Answer | None:
        answer: Answer | None = None
        for attempt in range(_TRIES):
            await self._pace.wait()
            if not self._announced(job, key):
                return None
            answer = await self._asker.ask(job)
            if answer is None or answer.error not in _BUSY:
                return answer
            self._pace.busy(attempt)
        return answer

    def _announced(self, job: Job, key: str) -> bool:
        """Note that a paid call is coming; False where the money does not reach for it."""
        worst = self._asker.worst(job)
        if self._kept is None or worst == 0:
            return True
        purse, pico = self._asker.purse, to_pico(worst) or 0
        if not purse.take(pico):
            return False
        purse.settle(pico, 0)  # the call itself takes it again; nothing comes between
        self._kept.sent(key, worst)
        return True

    def _job(self, question: Question, key: str) -> Job:
        model = self._facts
        wanted = None
        if model.structured_output == "json_schema":
            wanted = OutputFormat("json_schema", question.schema, "judgement", strict=True)
        elif model.structured_output == "json_object":
            wanted = OutputFormat("json_object")
        turn = Turn(
            messages=(
                Message("system", (Text(question.instructions),)),
                Message("user", (Text(question.data),)),
            ),
            model=model.id,
            output_format=wanted,
            max_output_tokens=_REASONING_TOKENS if model.reasoning.default_on else _REPLY_TOKENS,
            sampling=Sampling(temperature=0.0),
        )
        return Job(f"judge-{key[:16]}", model.id, turn, mode=question.kind)

    def _key(self, question: Question) -> str:
        told = msgspec.json.encode([self.model, self.origin, question], order="deterministic")
        return hashlib.blake2b(told, digest_size=16).hexdigest()


def _read(answer: Answer, question: Question) -> Asked:
    """Return an answer's value where it has the shape that was asked for; what it might have meant is not guessed."""
    if answer.reply is None:
        return Asked(None, answer.cost_usd, answer.error or UNREADABLE)
    reply = answer.reply
    verdict = contract_of(question.schema).check(
        reply.text, truncated=reply.stop_reason == "max_tokens", refusal=reply.stop_reason == "refusal"
    )
    if not verdict.ok or not isinstance(verdict.value, dict):
        return Asked(None, answer.cost_usd, UNREADABLE)
    return Asked(verdict.value, answer.cost_usd)


def open_judge(  # noqa: PLR0913 - what a judge is made of, by name
    dispatch: Dispatch,
    name: str,
    *,
    compared: Iterable[str],
    missing: Mapping[str, str] | None = None,
    purse: Purse | None = None,
    kept: Keeps | None = None,
    prompt: Prompt | None = None,
) -> ModelJudge:
    """Return a model as the judge of the replies of ``compared`` (model ids, as exactly as they are known).

    ``missing`` says, for a provider that cannot be called, why. ``prompt`` None: the one that is shipped.

    Raises:
        UsageError: the judge is one of the models compared, or cannot be called.
        CatalogError: there is no such model.
    """
    catalog: Catalog = dispatch.catalog
    model = catalog.get(name)
    refuse_own_kind(catalog, model.id, compared)
    if model.responses_only:
        raise UsageError(
            f"{model.id} cannot judge: it answers on the Responses API only, which no dialect here speaks."
        )
    return ModelJudge(Asker(dispatch, purse, missing), model, prompt or shipped("judge"), kept)
