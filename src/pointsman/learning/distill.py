"""Exports turns that a strong model answered well as training data: consented, redacted, de-duplicated, kept apart from tests.

The store is read turn by turn in the order of writing; what is remembered for de-duplication lies in a temporary file. The same
store, sets and seed give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, Literal

import msgspec

from pointsman.domain.message import Message
from pointsman.errors import StoreError, UsageError
from pointsman.execution.privacy.redaction import Redactor
from pointsman.learning.distill_clean import Cleaner, Content, NotClean, tail, words_of
from pointsman.learning.distill_files import SPLITS, SetFiles, Split, encode_line
from pointsman.learning.distill_formats import RENDER, Line
from pointsman.learning.distill_overlap import Excluded, Overlap
from pointsman.learning.distill_pairs import Worse, Worsts
from pointsman.learning.distill_router import measured, router_line
from pointsman.learning.distill_runs import disagreements_of
from pointsman.learning.distill_sample import Provenance, Sample, Unreadable, provenance_of, sample_of
from pointsman.learning.distill_shadows import ShadowPair, shadow_pairs
from pointsman.learning.distill_sieve import Answers, Sieve, checks_failed, complained, has_consent, praised
from pointsman.learning.distill_twins import Twins
from pointsman.store import Store, TurnFilter
from pointsman.store.outcomes import Outcomes
from pointsman.store.walking import walk_turns

Target = Literal["chat", "sharegpt", "dpo", "router"]
CARD: Final = "CARD.md"
_PARTS: Final = 10_000


class Settings(msgspec.Struct, frozen=True):
    """What is exported, and on which ground.

    ``strong`` are the models to learn from; None: those of the flagship tier. ``consent_field`` is the metadata that must say
    yes; ``consent_ground`` (a sentence) takes its place where consent is given otherwise. ``shares`` are those of train, valid
    and test.
    """

    target: Target
    since_us: int | None = None
    strong: frozenset[str] | None = None
    consent_field: str = "training_consent"
    consent_ground: str | None = None
    licence: str = "not stated"
    seed: int = 0
    shares: tuple[int, int, int] = (80, 10, 10)
    simulated: bool = False


class Exported(msgspec.Struct, frozen=True):
    """What was written, and why the rest was not: ``left_out`` counts turns by the first reason, for pairs also pairs."""

    settings: Settings
    turns: int
    lines: dict[Split, int]
    conversations: dict[Split, int]
    left_out: dict[str, int]
    models: dict[str, int]
    routes: dict[str, int]
    first: str | None
    last: str | None
    excluded: tuple[Excluded, ...]
    tokens: dict[str, int]

    @property
    def written(self) -> int:
        """Lines in all."""
        return sum(self.lines.values())


TierOf = Callable[[str], str | None]
"""The tier of a model; None where it is not known."""


class _Desk(msgspec.Struct, frozen=True):
    """What an export works with: what is kept out, what was taken, what is worse (for pairs), and where lines go."""

    overlap: Overlap
    twins: Twins
    worsts: Worsts | None
    out: SetFiles


class Whence(msgspec.Struct, frozen=True):
    """Of what a line is made: the names that an evaluation set may know it by, where it comes from, and its file."""

    names: tuple[str, str]
    provenance: Provenance
    split: Split


class Exporter:
    """One export. ``key`` hashes conversation ids; ``sieves`` are further checks (a scorecard's verdict, say)."""

    def __init__(  # noqa: PLR0913 - the collaborators of one piece of work, by name
        self,
        store: Store,
        settings: Settings,
        *,
        redactor: Redactor,
        key: bytes,
        tier_of: TierOf,
        sieves: Sequence[Sieve] = (),
    ) -> None:
        if sum(settings.shares) <= 0 or min(settings.shares) < 0:
            raise UsageError("the shares of train, valid and test must be whole numbers, and one of them above 0")
        self._store = store
        self._settings = settings
        self._redactor = redactor
        self._cleaner = Cleaner(redactor)
        self._key = key
        self._tier_of = tier_of
        self._sieves = sieves
        self._answers = Answers()
        self._outcomes = Outcomes(store)
        self._left: Counter[str] = Counter()
        self._turns = 0

    def run(
        self,
        folder: Path,
        exclude: Sequence[Path] = (),
        runs: Sequence[Path] = (),
        told: Callable[[int], None] | None = None,
    ) -> Exported:
        """Write the training set to ``folder`` and return what was done. ``told`` hears how many turns were looked at.

        ``runs`` are folders of replays, whose disagreements become pairs.

        Raises:
            UsageError: an evaluation set or a run cannot be read, or the folder cannot be written.
            StoreError: the store cannot be read.
        """
        with ExitStack() as stack:
            overlap, twins = stack.enter_context(Overlap()), stack.enter_context(Twins())
            excluded = tuple(overlap.read(path) for path in exclude)
            worsts = self._worsts(stack) if self._settings.target == "dpo" else None
            out = stack.enter_context(SetFiles(folder, sidecar=self._settings.target == "chat"))
            desk = _Desk(overlap, twins, worsts, out)
            for sample in self._samples(told):
                self._take(sample, desk)
            if worsts is not None:
                for pair in shadow_pairs(self._store):
                    self._take_shadow(pair, desk)
            for run in runs:
                self._take_run(run, desk)
            out.finish()
            return self._exported(out, excluded)

    # -- which turns ----------------------------------------------------------------------------------------------------

    def _samples(self, told: Callable[[int], None] | None = None) -> Iterator[Sample]:
        """Yield the turns that may be looked at: real, consented, kept, and by a strong model where that is asked for."""
        for turn_id in walk_turns(self._store, TurnFilter(since_us=self._settings.since_us)):
            self._turns += 1
            if told is not None:
                told(self._turns)
            sample = self._read(turn_id)
            if isinstance(sample, str):
                self._left[sample] += 1
                continue
            if self._settings.target != "router" and not self._is_strong(sample):
                self._left["not_strong"] += 1
                continue
            yield sample

    def _read(self, turn_id: str) -> Sample | str:
        try:
            record = self._store.turn(turn_id)
        except StoreError:
            return "damaged"
        if record is None:
            return "gone"
        if record.simulated and not self._settings.simulated:
            return "simulated"
        if self._settings.consent_ground is None and not has_consent(record.metadata, self._settings.consent_field):
            return "no_consent"
        try:
            feedback = tuple(self._outcomes.feedback(record.id))
            return sample_of(record, feedback, self._outcomes.of(record.conversation_id, record.key_id))
        except Unreadable:
            return "not_kept"

    def _is_strong(self, sample: Sample) -> bool:
        return self._is_strong_model(sample.model, sample.record.decision.tier)

    def _is_strong_model(self, model: str, tier: str = "") -> bool:
        if self._settings.strong is not None:
            return model in self._settings.strong
        return (self._tier_of(model) or tier) == "flagship"

    def _worsts(self, stack: ExitStack) -> Worsts:
        """Look through the store once for answers that a better one may be set against."""
        found = stack.enter_context(Worsts(self._store))
        for turn_id in walk_turns(self._store, TurnFilter(since_us=self._settings.since_us)):
            sample = self._read(turn_id)
            if isinstance(sample, str) or sample.reply is None or sample.record.status != "ok":
                continue
            if complained(sample.feedback):
                found.take(sample, "negative_feedback")
            elif checks_failed(sample.record):
                found.take(sample, "check_failed")
            elif not self._is_strong(sample) and not praised(sample.feedback):
                found.take(sample, "weaker_model")
        return found

    # -- one turn -------------------------------------------------------------------------------------------------------

    def _take(self, sample: Sample, desk: _Desk) -> None:
        reason = self._fault(sample)
        if reason is not None:
            self._left[reason] += 1
            return
        if desk.worsts is None:
            content = Content(sample.turn.messages, (sample.said,), sample.turn.tools)
            self._put(self._whence(sample), content, None, desk, sample)
            return
        found = list(desk.worsts.than(sample))
        if not found:
            self._left["no_worse_answer"] += 1
        for worse in found:
            content = Content(sample.turn.messages, (sample.said, worse.message), sample.turn.tools)
            self._put(self._whence(sample), content, worse, desk)

    def _take_shadow(self, pair: ShadowPair, desk: _Desk) -> None:
        """Make a pair of what a stronger model answered in a shadow check and the worse reply that was shipped."""
        self._turns += 1
        sample = self._read(pair.turn_id)
        fault = sample if isinstance(sample, str) else self._answers.shape_fault(sample.turn, pair.reply)
        if pair.simulated and not self._settings.simulated:
            fault = "simulated"
        if fault is None and not self._is_strong_model(pair.model):
            fault = "not_strong"
        if fault is not None or isinstance(sample, str):
            self._left[fault or "gone"] += 1
            return
        whence = self._whence(sample)
        whence = msgspec.structs.replace(
            whence, provenance=msgspec.structs.replace(whence.provenance, model=pair.model)
        )
        answers = (Message("assistant", pair.reply.parts), sample.said)
        content = Content(sample.turn.messages, answers, sample.turn.tools)
        self._put(whence, content, Worse(sample.said, sample.model, pair.why), desk)

    def _take_run(self, folder: Path, desk: _Desk) -> None:
        """Make pairs of the cases of a replay on which a strong model was right and others were not."""
        settings = self._settings
        for one in disagreements_of(folder, self._is_strong_model):
            case = one.case
            self._turns += 1
            fault = self._answers.shape_fault(case.turn, one.reply)
            if settings.consent_ground is None and not has_consent(case.turn.metadata, settings.consent_field):
                fault = "no_consent"
            if fault is not None:
                self._left[fault] += 1
                continue
            conversation = self._conversation(None, case.conversation_id)
            name = self._redactor.name(case.id)
            found = Provenance(name, conversation, one.model, "replay", "", (), None, settings.licence, self._consent())
            whence = Whence((case.id, case.conversation_id), found, self._split(None, case.conversation_id))
            for worse in one.worse:
                answers = (Message("assistant", one.reply.parts), worse.message)
                self._put(whence, Content(case.turn.messages, answers, case.turn.tools), worse, desk)

    def _fault(self, sample: Sample) -> str | None:
        fault = None if self._settings.target == "router" else self._answers.fault(sample)
        return fault or next((word for sieve in self._sieves if (word := sieve(sample)) is not None), None)

    def _whence(self, sample: Sample) -> Whence:
        record = sample.record
        conversation = self._conversation(record.key_id, record.conversation_id)
        found = provenance_of(sample, conversation, self._settings.licence, self._consent())
        split = self._split(record.key_id, record.conversation_id)
        return Whence((record.id, record.conversation_id), found, split)

    def _consent(self) -> str:
        return self._settings.consent_ground or f"metadata {self._settings.consent_field}"

    def _put(
        self, whence: Whence, content: Content, worse: Worse | None, desk: _Desk, sample: Sample | None = None
    ) -> None:
        if desk.overlap.holds(whence.names, content.messages, content.answers):
            self._left["in_evaluation_set"] += 1
            return
        try:
            clean = self._cleaner.clean(content)
            line, problem = self._line(sample, clean)
        except NotClean:
            self._left["redaction_failed"] += 1
            return
        if desk.overlap.holds((), clean.messages, clean.answers):
            problem = "in_evaluation_set"
        problem = problem or desk.twins.seen(encode_line(line), self._new(clean))
        if problem is not None:
            self._left[problem] += 1
            return
        provenance: Line = msgspec.to_builtins(whence.provenance)
        if worse is not None:
            provenance |= {"rejected_model": worse.model, "rejected_for": worse.why}
        desk.out.add(whence.split, line, provenance)

    def _line(self, sample: Sample | None, clean: Content) -> tuple[Line, str | None]:
        if self._settings.target == "router" and sample is not None:
            signals = self._redactor.value(measured(sample))
            return router_line(sample, clean, signals), None
        render, problem_of = RENDER[self._settings.target]
        line = render(clean)
        return line, None if problem_of(line) is None else "not_valid"

    def _new(self, clean: Content) -> str:
        """Return the words by which near copies are found; a router learns from how often a thing is said."""
        if self._settings.target == "router":
            return ""
        return "\n".join([tail(clean.messages, clean.answers[0]), *map(words_of, clean.answers[1:])])

    def _conversation(self, key_id: str | None, conversation: str) -> str:
        name = f"{key_id or ''}\x00{conversation}".encode("utf-8", "surrogatepass")
        return hashlib.blake2b(name, key=self._key[:64], digest_size=8).hexdigest()

    def _split(self, key_id: str | None, conversation: str) -> Split:
        name = f"{self._settings.seed}\x00{key_id or ''}\x00{conversation}"
        place = int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()[:8], "big") % _PARTS
        train, valid, test = self._settings.shares
        whole = train + valid + test
        if place * whole < train * _PARTS:
            return "train"
        return "valid" if place * whole < (train + valid) * _PARTS else "test"

    def _exported(self, out: SetFiles, excluded: tuple[Excluded, ...]) -> Exported:
        return Exported(
            settings=self._settings,
            turns=self._turns,
            lines={split: out.lines[split] for split in SPLITS},
            conversations={split: out.conversations[split] for split in SPLITS},
            left_out=dict(sorted(self._left.items(), key=lambda pair: (-pair[1], pair[0]))),
            models=dict(sorted(out.models.items())),
            routes=dict(sorted(out.routes.items())),
            first=out.first,
            last=out.last,
            excluded=excluded,
            tokens={split: out.bytes[split] // 4 for split in SPLITS},
        )
