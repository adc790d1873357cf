"""Rows of the store made into rows of the column file."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

import msgspec

from pointsman.errors import StoreError
from pointsman.monitoring.columns.sketch import bucket
from pointsman.monitoring.columns.splitting import Split, Splitter
from pointsman.store.bodies import Codec

Row = tuple[Any, ...]
_NOT_DECIDING: Final = frozenset({"eligibility", "cost"})
_PART_OF: Final = {"route": "router", "plan": "planner"}
_HELPERS: Final = frozenset({"route", "plan", "summary", "verify"})
_OWN: Final = frozenset({"shadow", "judge", "grade", "canary", "replay"})
_TOOL_STOP: Final = "tool_use"
CUSTOMER_NAMES: Final = ("user", "user_id", "customer", "customer_id")

TURN_COLUMNS: Final = (
    "seq, id, conversation_id, at_us, dialect, status, model, route, tier, intent, policy, confidence, key_id, channel, stream,"
    " http_status, error_code, duration_ms, ttft_ms, gateway_us, input_uncached, output, cache_read, cache_write, reasoning,"
    " cost_pico, flagship_model, flagship_cost_pico, simulated, detail"
)
STEP_COLUMNS: Final = (
    "turn_seq, n, purpose, model, status, attempt, http_status, error_code, stop_reason, duration_ms, ttft_ms,"
    " input_uncached, cache_read, cache_write, output, reasoning, cache_write_1h, estimated, cost_pico, upstream_model, prompt"
)


class _Reason(msgspec.Struct):
    kind: str
    name: str


class _Decision(msgspec.Struct):
    reasons: tuple[_Reason, ...] = ()


class _Check(msgspec.Struct):
    name: str
    passed: bool
    model: str
    action: str


class _Detail(msgspec.Struct, array_like=True):
    """What is read of the part of a record that the store keeps in one piece."""

    decision: _Decision
    dropped_params: msgspec.Raw
    metadata: dict[str, str]
    handoffs: tuple[tuple[str, str, str, bytes], ...] = ()
    checks: tuple[_Check, ...] = ()
    prepared_ms: float | None = None


WARM_US: Final = 3_600_000_000
"""No provider's prompt cache in the catalogue lives longer than an hour."""
Warm = dict[int, tuple[int, int]]
"""Per conversation number: when its last turn was, and how many tokens a cache could hold of it (its prompt and reply)."""

_DECODER: Final = msgspec.msgpack.Decoder(_Detail)


class _Step(msgspec.Struct, gc=False):
    """A row of ``STEP_COLUMNS``, by name."""

    turn_seq: int
    n: int
    purpose: str
    model: str
    status: str
    attempt: int
    http_status: int | None
    error_code: str | None
    stop_reason: str | None
    duration_ms: float
    ttft_ms: float | None
    input_uncached: int | None
    cache_read: int | None
    cache_write: int | None
    output: int | None
    reasoning: int | None
    cache_write_1h: int | None
    estimated: int
    cost: int | None
    upstream_model: str | None
    prompt: str | None


class Batch(msgspec.Struct):
    """Rows of the column file by table, made of some turns with their calls."""

    turn: list[Row]
    step: list[Row]
    checked: list[Row]
    handoff: list[Row]


def conversation_number(conversation: str, key_id: str | None) -> int:
    """Return the number under which a conversation of one key is joined and grouped."""
    named = f"{key_id or ''}\0{conversation}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(named, digest_size=8).digest(), "big")


class RowMaker:
    """Makes rows; keeps a codec and prices. Used by one thread."""

    def __init__(self, splitter: Splitter) -> None:
        self._splitter = splitter
        self._codec = Codec()

    def batch(self, turns: Sequence[Row], steps: Sequence[Row], warm: Warm) -> Batch:
        """Return the rows of ``turns`` (``TURN_COLUMNS``) and their ``steps`` (``STEP_COLUMNS``), both by seq.

        ``warm`` is what earlier turns of the last hour left for a cache; the batch's own turns are added to it.

        Raises:
            StoreError: a turn's bytes are damaged.
        """
        by_turn: dict[int, list[_Step]] = {}
        for row in steps:
            by_turn.setdefault(row[0], []).append(_Step(*row))
        made = Batch([], [], [], [])
        for turn in turns:
            self._add(made, turn, by_turn.get(turn[0], []), warm)
        return made

    def _add(self, made: Batch, turn: Row, steps: list[_Step], warm: Warm) -> None:
        seq, at_us, simulated, cost = turn[0], turn[3], bool(turn[28]), turn[25]
        detail = self._detail(turn)
        answer = _answer(steps)
        splits = [self._split(step, at_us) for step in steps]
        for step, split in zip(steps, splits, strict=True):
            made.step.append(_step_row(step, split, at_us, simulated=simulated))
        for check in detail.checks:
            kind = check.name.partition(" ")[0]
            made.checked.append((seq, at_us, kind, check.name, check.passed, check.model, check.action))
        made.handoff.extend((seq, at_us, kind, source, target) for kind, source, target, _ in detail.handoffs)
        conv = conversation_number(turn[2], turn[12])
        made.turn.append(
            (
                seq,
                turn[1],
                turn[2],
                conv,
                at_us,
                *turn[4:11],  # dialect, status, model, route, tier, intent, policy
                _prompts(steps),
                *_whose(detail.metadata),
                turn[12],
                turn[13],
                *_deciding(detail.decision.reasons),
                turn[11],
                bool(turn[14]),
                simulated,
                *_course(turn, detail, steps, answer),
                turn[20],
                turn[22],
                turn[23],
                turn[21],
                turn[24],
                *_answer_tokens(answer),
                *_warmth(warm, conv, at_us, answer),
                cost,
                turn[26],
                turn[27],
                *_parts(steps, splits, answer, cost),
            )
        )

    def _detail(self, turn: Row) -> _Detail:
        try:
            return _DECODER.decode(self._codec.unpack(turn[29]))
        except msgspec.MsgspecError as error:
            raise StoreError(
                f"turn {turn[1]}: its decision is damaged ({error}). Restore the store from a copy."
            ) from None

    def _split(self, step: _Step, at_us: int) -> Split | None:
        if step.cost is None or step.input_uncached is None:
            return None
        tokens = (
            step.input_uncached,
            step.output or 0,
            step.cache_read,
            step.cache_write,
            step.cache_write_1h,
            step.reasoning,
        )
        return self._splitter.split(step.model, at_us, tokens, step.cost)


def _answer(steps: list[_Step]) -> _Step | None:
    """Return the call that answered: the last whole reply, or whatever came last where nothing replied."""
    last = None
    for step in steps:
        if step.status != "error" and (step.purpose not in _HELPERS):
            last = step
    return last


def _answer_tokens(answer: _Step | None) -> tuple[int | None, int | None, int | None]:
    if answer is None or answer.input_uncached is None:
        return None, None, None
    prompt = answer.input_uncached + (answer.cache_read or 0) + (answer.cache_write or 0)
    return prompt, answer.output, answer.cache_read


def _warmth(warm: Warm, conv: int, at_us: int, answer: _Step | None) -> tuple[int | None, float | None]:
    """Return what the turn before left for a cache and how long ago, and note what this one leaves."""
    before = warm.get(conv)
    prompt, output, _ = _answer_tokens(answer)
    if prompt is not None:
        warm[conv] = (at_us, prompt + (output or 0))
    if before is None or not 0 <= at_us - before[0] <= WARM_US:
        return None, None
    return before[1], (at_us - before[0]) / 1e6


def _whose(metadata: dict[str, str]) -> tuple[str | None, str | None, str | None]:
    """Return agent, tenant and customer, as the client named them."""
    customer = next((metadata[name] for name in CUSTOMER_NAMES if metadata.get(name)), None)
    return metadata.get("agent"), metadata.get("tenant"), customer


def _course(turn: Row, detail: _Detail, steps: list[_Step], answer: _Step | None) -> Row:
    """Return how the turn went: the columns from ``own`` to ``escalated``."""
    speed = _speed(answer)
    return (
        answer.purpose if answer is not None and answer.purpose in _OWN else None,
        *turn[15:19],  # http_status, error_code, duration_ms, ttft_ms
        bucket(turn[18]),
        speed,
        bucket(speed),
        turn[19],
        detail.prepared_ms,
        len(steps),
        max(0, sum(step.purpose == "reply" for step in steps) - 1),
        None if answer is None or answer.stop_reason is None else answer.stop_reason == _TOOL_STOP,
        any(check.action == "escalated" for check in detail.checks),
    )


def _deciding(reasons: tuple[_Reason, ...]) -> tuple[str | None, str | None]:
    """Return kind and name of what chose the route: the first reason that is not only of which models may and what they cost."""
    for reason in reasons:
        if reason.kind not in _NOT_DECIDING:
            return reason.kind, reason.name
    return (reasons[0].kind, reasons[0].name) if reasons else (None, None)


def _prompts(steps: list[_Step]) -> str | None:
    if len(steps) == 1:
        return steps[0].prompt
    return " ".join(dict.fromkeys(step.prompt for step in steps if step.prompt)) or None


def _speed(answer: _Step | None) -> float | None:
    if answer is None or answer.ttft_ms is None or not answer.output or answer.duration_ms <= answer.ttft_ms:
        return None
    return answer.output / (answer.duration_ms - answer.ttft_ms) * 1000


def _parts(steps: list[_Step], splits: list[Split | None], answer: _Step | None, cost: int | None) -> Row:
    """Return a turn's cost by ``schema.PARTS``; they add up to it exactly. All unknown where the cost is."""
    if cost is None:
        return (None,) * 10
    main: Split = (0, 0, 0, 0, 0)
    sums = {"router": 0, "planner": 0, "helpers": 0, "retries": 0}
    left = cost
    for step, split in zip(steps, splits, strict=True):
        if step.status == "error" or step.cost is None:
            continue
        if step is answer:
            if split is not None:
                main = split
                left -= step.cost
            continue
        part = _PART_OF.get(step.purpose) or ("retries" if step.purpose == "reply" else "helpers")
        sums[part] += step.cost
        left -= step.cost
    return (*main, sums["router"], sums["planner"], sums["helpers"], sums["retries"], left)


def _step_row(step: _Step, split: Split | None, at_us: int, *, simulated: bool) -> Row:
    return (
        step.turn_seq,
        step.n,
        at_us,
        simulated,
        step.purpose,
        step.model,
        step.status,
        step.attempt,
        step.http_status,
        step.error_code,
        step.stop_reason,
        step.duration_ms,
        step.ttft_ms,
        step.input_uncached,
        step.cache_read,
        step.cache_write,
        step.output,
        step.reasoning,
        bool(step.estimated),
        step.cost,
        *((None,) * 5 if split is None else split),
        step.upstream_model,
        step.prompt,
    )
