"""Shadow checks against emulated providers: what is asked of whom, what it may cost, and what a crash leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from pointsman.app import Router, build_router
from pointsman.domain.decision import Exclusion
from pointsman.domain.message import ToolCall
from pointsman.domain.record import TurnRecord
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import BatchesSaid, Fault, Rule, SaidCall, Say, Script, When
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.monitoring.asking.asker import Asker
from pointsman.monitoring.forgetting import Wanted, forget
from pointsman.monitoring.shadow.service import Pass, ShadowChecks, build
from pointsman.store.labels import Labels
from pointsman.store.shadow import Shadows
from pointsman.store.shadow_rows import ShadowRow
from support.gateway import policy
from support.shadows import AT_US, HAIKU, MINI, OPUS, make, reply

T = TypeVar("T")
SECTION = "shadow: {everyone: 1.0, judge: [openai/gpt-5-mini]}\n"
SAME_WORDS = Say(text="It ships on Monday.")
TOOLS = msgspec.json.encode(
    [
        {
            "type": "function",
            "function": {
                "name": "refund",
                "parameters": {
                    "type": "object",
                    "properties": {"order_id": {"type": "string"}, "amount": {"type": "number"}},
                    "required": ["order_id", "amount"],
                },
            },
        }
    ]
)


def judged(choice: str) -> Rule:
    return Rule(when=When(model="gpt-5-mini"), reply=Say(text=f'{{"reason": "because", "choice": "{choice}"}}'))


class Bureau:
    """A router with its emulator, and the checks over its store."""

    def __init__(self, router: Router, handle: Handle) -> None:
        self.router = router
        self.emulator = handle
        self.shadows = Shadows(router.store)

    def checks(self) -> ShadowChecks:
        assert self.router.policy.shadow is not None
        return ShadowChecks(self.router, self.router.policy.shadow, now=lambda: AT_US / 1e6 + 3600)

    async def once(self) -> Pass:
        checks = self.checks()
        await checks.begin(from_first=True)
        return await checks.once(look=True)

    def asked(self, model: str = "claude-opus") -> int:
        """How many calls went to a model."""
        return sum(model in str(seen.body) for seen in self.emulator.requests if seen.method == "POST")

    def row(self, n: int = 1) -> ShadowRow:
        row = self.shadows.row(f"turn{n:05}")
        assert row is not None
        return row


def at(
    folder: Path,
    work: Callable[[Bureau], Awaitable[T]],
    *records: TurnRecord,
    rules: tuple[Rule, ...] = (),
    section: str = SECTION,
    extra: str = "",
    **said: Any,
) -> T:
    async def run() -> T:
        script = Script(rules=(*rules, Rule(reply=SAME_WORDS)), **said)
        with serve_in_thread(Emulator(script)) as handle:
            chosen = policy(**{"default_route: direct": f"default_route: direct\n{section}{extra}"})
            url = f"sqlite:///{folder / 't.db'}"
            async with build_router(chosen, store=url, simulate_at=handle.base_url) as router:
                for record in records:
                    router.store.append_sync(record)
                return await work(Bureau(router, handle))

    return asyncio.run(run())


RICH = Decimal(10)
"""What a turn cost, where the budget is not what is tested."""


def calling(**arguments: Any) -> bytes:
    return reply("", ToolCall("c1", "refund", msgspec.json.encode(arguments).decode()))


def with_tools(n: int, said: bytes) -> TurnRecord:
    asked = make(n).request
    return make(n, cost=RICH, request=(asked[0], ("tools", TOOLS), asked[1]), reply=said)


def test_the_same_words_are_the_same_and_cost_no_judge(tmp_path: Path) -> None:
    async def work(bureau: Bureau) -> None:
        done = await bureau.once()
        assert (done.looked, done.answered, done.judged) == (1, 1, 1)
        row = bureau.row()
        assert (row.state, row.verdict, row.material, row.decided_by) == ("judged", "same", False, "rule")
        assert (row.model, row.simulated, row.why, row.probability) == (OPUS, True, "floor", 1.0)
        assert row.cost_pico
        assert row.cost_pico > 0
        assert (row.held_pico, row.judge_cost_pico, bureau.asked("gpt-5-mini")) == (0, 0, 0)
        # The customer's name for the conversation and who they are stay behind.
        assert "conv00001" not in str(bureau.emulator.requests[-1].body)

    at(tmp_path, work, make(1, cost=RICH))


@pytest.mark.parametrize(
    ("choices", "verdict", "material", "flipped"),
    [
        (("second", "first"), "shadow_better", True, False),
        (("first", "second"), "shipped_better", False, False),
        (("equal", "equal"), "same", False, False),
        (("first", "first"), "tie", False, True),
        (("nonsense", "first"), None, None, None),
    ],
)
def test_other_words_are_judged_in_both_orders(
    tmp_path: Path, choices: tuple[str, str], verdict: str | None, material: bool | None, flipped: bool | None
) -> None:
    first = msgspec.structs.replace(judged(choices[0]), times=1)

    async def work(bureau: Bureau) -> None:
        await bureau.once()
        row = bureau.row()
        assert (row.state, row.verdict, row.material, row.flipped) == ("judged", verdict, material, flipped)
        assert (row.judge, row.judge_cost_pico is not None) == (MINI, True)
        assert len(Labels(bureau.router.store).items()) == (1 if material or flipped or verdict is None else 0) or (
            row.review == 0.05
        )

    at(tmp_path, work, make(1, cost=RICH, reply=reply("Never.")), rules=(first, judged(choices[1])))


def test_tool_calls_are_compared_by_value_and_never_executed(tmp_path: Path) -> None:
    said = SaidCall(name="refund", arguments={"order_id": "A-1", "amount": 49.9})
    opus = Rule(when=When(model="claude-opus-4-8"), reply=Say(calls=(said,)))
    records = (
        with_tools(1, calling(amount=49.9, order_id="A-1")),
        with_tools(2, calling(order_id="A-1", amount=4.99)),
        with_tools(3, reply("Done, you are refunded.")),
    )

    async def work(bureau: Bureau) -> None:
        await bureau.once()
        assert [bureau.row(n).verdict for n in (1, 2, 3)] == ["same", "shadow_better", "shadow_better"]
        assert bureau.row(1).decided_by == "rule"
        assert "wrong_value at calls[0]/amount" in bureau.row(2).detail
        assert "missing_call" in bureau.row(3).detail
        assert bureau.asked() == 3  # one call each: nothing came of the calls in the replies

    at(tmp_path, work, *records, rules=(opus, judged("second")), section="shadow: {everyone: 1.0}\n")


def test_what_the_stronger_model_answered_itself_is_not_asked_again(tmp_path: Path) -> None:
    async def work(bureau: Bureau) -> None:
        await bureau.once()
        row = bureau.row()
        assert (row.state, row.verdict, row.cost_pico, bureau.asked()) == ("judged", "same", 0, 0)

    at(tmp_path, work, make(1, cost=RICH, model=OPUS, tier="flagship"))


@pytest.mark.parametrize(
    ("extra", "changes", "said"),
    [
        ("limits: {allow: {default: [small]}}\n", {}, "allow-list"),
        ("limits: {allow: {tenants: {acme: [small]}}}\n", {"metadata": {"tenant": "acme"}}, "allow-list"),
        (
            "privacy: {sensitive: {on_prem_only: true}}\n",
            {
                "request": (
                    ("params", b"{}"),
                    ("message", b'{"role":"user","content":"My card is 4111 1111 1111 1111, refund it"}'),
                )
            },
            "own machines",
        ),
        (
            "privacy: {personal: {regions: [eu]}, redact: all}\n",
            {"request": (("params", b"{}"), ("message", b'{"role":"user","content":"I am [EMAIL_bcdfghjk]"}'))},
            "stays in eu",
        ),
        ("", {"excluded": (Exclusion(OPUS, "region", "must stay in eu"),)}, "must stay in eu"),
        ("", {"key_id": "gone"}, "key is revoked"),
    ],
)
def test_nobody_sees_a_turn_who_might_not_have_seen_it_before(
    tmp_path: Path, extra: str, changes: dict[str, Any], said: str
) -> None:
    async def work(bureau: Bureau) -> None:
        await bureau.once()
        row = bureau.row()
        assert row.state == "not_allowed"
        assert said in (row.error_text or "")
        assert bureau.asked("") == 0

    at(tmp_path, work, make(1, cost=RICH, **changes), extra=extra)


def test_what_redaction_has_left_out_cannot_be_checked_and_says_so(tmp_path: Path) -> None:
    long = {"role": "user", "content": "[2000000 bytes, not kept: too long to be searched for personal data]"}

    async def work(bureau: Bureau) -> None:
        await bureau.once()
        row = bureau.row()
        assert (row.state, bureau.asked("")) == ("failed", 0)
        assert "redaction has left out a part" in (row.error_text or "")

    record = make(1, cost=RICH, request=(("params", b"{}"), ("message", msgspec.json.encode(long))))
    at(tmp_path, work, record, extra="privacy: {redact: all}\n")


def test_the_budget_is_hard_at_any_concurrency(tmp_path: Path) -> None:
    section = "shadow: {everyone: 1.0, at_once: 16, budget: {usd: 0.12}}\n"

    async def work(bureau: Bureau) -> None:
        one, other = bureau.checks(), bureau.checks()
        await one.begin(from_first=True)
        await asyncio.gather(one.once(), other.once())
        money = bureau.shadows.money(0, 2**62)
        assert 0 < money.total <= 120_000_000_000
        assert money.held == 0
        waiting = [row for row in bureau.shadows.listed() if row.state == "waiting"]
        assert 0 < len(waiting) < 60
        assert bureau.asked() + len(waiting) == 60

    long = Rule(reply=Say(text="word " * 150))
    at(tmp_path, work, *(make(n, cost=RICH) for n in range(1, 61)), rules=(long,), section=section)


def test_no_routed_spend_no_shadow_and_what_waits_too_long_says_so(tmp_path: Path) -> None:
    async def work(bureau: Bureau) -> None:
        await bureau.once()
        assert (bureau.row().state, bureau.asked("")) == ("waiting", 0)
        section = bureau.router.policy.shadow
        assert section is not None
        late = ShadowChecks(bureau.router, section, now=lambda: AT_US / 1e6 + 40 * 86_400)
        bureau.router.store.write_sync(lambda c: c.execute("UPDATE shadow SET chosen_at_us = ?", (AT_US,)))
        await late.once()
        assert bureau.row().state == "over_budget"

    at(tmp_path, work, make(1, cost=Decimal("0.001")))


def test_a_failure_that_passes_is_tried_again_and_one_that_may_be_billed_is_not(tmp_path: Path) -> None:
    busy = Rule(when=When(contains="busy"), fault=Fault(kind="status", status=529), times=1)
    cut = Rule(when=When(contains="cut"), fault=Fault(kind="cut"))
    records = [
        make(
            n, cost=RICH, request=(("params", b"{}"), ("message", msgspec.json.encode({"role": "user", "content": w})))
        )
        for n, w in ((1, "busy"), (2, "cut"))
    ]

    async def work(bureau: Bureau) -> None:
        checks = bureau.checks()
        await checks.begin(from_first=True)
        for _ in range(3):
            await checks.once()
        assert bureau.row(1).state == "judged"
        row = bureau.row(2)
        assert (row.state, row.cost_pico, row.held_pico) == ("failed", None, 0)
        assert row.lost_pico > 0  # it may be billed: its worst case counts as spent

    at(tmp_path, work, *records, rules=(busy, cut))


def test_what_a_kill_leaves_is_told_and_not_paid_twice(tmp_path: Path) -> None:
    async def work(bureau: Bureau) -> None:
        checks = bureau.checks()
        await checks.begin(from_first=True)
        await checks.once()
        # As the store stands when the process is killed while the call of turn 1, and the judge's of turn 2, are on their way.
        gone = "elsewhere 1 1-a"
        mend = (
            "UPDATE shadow SET state = 'waiting', held_pico = 7, asked_at_us = 1, owner = ?, cost_pico = NULL, reply = NULL"
            " WHERE turn_id = 'turn00001'"
        )
        judge = (
            "UPDATE shadow SET state = 'answered', held_pico = 5, asked_at_us = 1, owner = ?, verdict = NULL"
            " WHERE turn_id = 'turn00002'"
        )
        bureau.router.store.write_sync(lambda c: (c.execute(mend, (gone,)), c.execute(judge, (gone,))))
        before = bureau.asked()
        await bureau.checks().once()
        lost, mended = bureau.row(1), bureau.row(2)
        assert (lost.state, lost.lost_pico, lost.held_pico) == ("failed", 7, 0)
        assert "may have been paid" in (lost.error_text or "")
        assert (mended.state, mended.lost_pico) == ("judged", 5)
        assert bureau.asked() == before

    at(tmp_path, work, make(1, cost=RICH), make(2, cost=RICH))


def test_by_batch_the_results_are_picked_up_after_a_restart(tmp_path: Path) -> None:
    section = "shadow: {everyone: 1.0, batch: true}\n"

    async def work(bureau: Bureau) -> None:
        checks = bureau.checks()
        await checks.begin(from_first=True)
        sent = await checks.once()
        assert (sent.sent, sent.answered) == (2, 0)
        assert {bureau.row(n).state for n in (1, 2)} == {"batched"}
        # Another process, which knows only the store; and one row whose batch was sent but not noted.
        bureau.router.store.write_sync(
            lambda c: c.execute(
                "UPDATE shadow SET state = 'waiting', batch_id = NULL, asked_at_us = 1, owner = 'elsewhere 1 1-a'"
                " WHERE turn_id = 'turn00002'"
            )
        )
        again = bureau.checks()
        for _ in range(6):
            await again.once(look=True)
        assert {bureau.row(n).state for n in (1, 2)} == {"judged"}
        # Half the price, and the batch's own turns are neither routed spend nor checked themselves.
        assert len(bureau.shadows.listed()) == 2
        assert bureau.shadows.routed(0, 2**62).turns == 2
        assert bureau.row(1).cost_pico == bureau.row(2).cost_pico

    at(tmp_path, work, make(1, cost=RICH), make(2, cost=RICH), section=section, batches=BatchesSaid())


def test_a_forgotten_customer_leaves_no_copy_in_a_batch(tmp_path: Path) -> None:
    section = "shadow: {everyone: 1.0, batch: true}\n"
    word = "zanzibarometer"
    asked = {"role": "user", "content": f"Where is my {word}?"}
    parts = (("params", b"{}"), ("message", msgspec.json.encode(asked)))

    async def work(bureau: Bureau) -> None:
        checks = bureau.checks()
        await checks.begin(from_first=True)
        for _ in range(4):
            await checks.once(look=True)
        bureau.router.store.append_sync(make(2, cost=RICH, request=parts))
        await checks.once()  # this one still waits in its batch
        assert (bureau.row(1).state, bureau.row(2).state) == ("judged", "batched")
        asker = Asker(bureau.router.store, bureau.router.catalog)
        forget(bureau.router.store, asker, Wanted(conversations=("conv00001", "conv00002")))

    at(tmp_path, work, make(1, cost=RICH, request=parts), section=section, batches=BatchesSaid())
    left = [path for path in tmp_path.rglob("*") if path.is_file() and word.encode() in path.read_bytes()]
    assert left == []


def test_without_the_section_there_is_no_service(tmp_path: Path) -> None:
    async def work(bureau: Bureau) -> None:
        assert build(bureau.router) is None

    at(tmp_path, work, section="")


def test_the_judge_is_never_one_of_the_two(tmp_path: Path) -> None:
    async def work(bureau: Bureau) -> None:
        await bureau.once()
        row = bureau.row()
        assert (row.verdict, row.material, row.judge) == (None, None, None)
        assert "cannot judge" in row.detail

    record = make(1, cost=RICH, model=HAIKU, reply=reply("Never."))
    at(tmp_path, work, record, section=f"shadow: {{everyone: 1.0, judge: [{HAIKU}, {OPUS}]}}\n")
