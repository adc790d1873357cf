"""The batch desk against the emulated batch APIs: every outcome of an item, on every provider."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from pointsman.app import Router, build_router
from pointsman.domain.message import Image, Message, Text
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import BatchesSaid, Fault, Rule, Say, Script, When
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.errors import BudgetExceeded, NoEligibleModel, NotFound, UsageError
from pointsman.execution.batches.desk import BatchDesk, BatchItem, BatchView, PollPlan
from pointsman.library.door import Pointsman
from pointsman.store import open_store
from pointsman.store.batches import ItemRow
from pointsman.store.money import to_pico
from pointsman.store.spend import list_spend
from support.gateway import POLICY, policy

T = TypeVar("T")
MODELS = ["anthropic/claude-haiku-4-5", "openai/gpt-5-mini", "google/gemini-2.5-flash"]
RULES = (
    Rule(when=When(contains="bad"), fault=Fault(kind="status", status=400, message="too bad")),
    Rule(when=When(contains="busy"), fault=Fault(kind="status", status=503), times=1),
    Rule(reply=Say(text="done")),
)


def script(**said: Any) -> Script:
    return Script(rules=RULES, batches=BatchesSaid(**said))


def item(name: str, text: str = "hello") -> BatchItem:
    return BatchItem(name, Turn((Message("user", (Text(text),)),), metadata={"user": "ann"}))


class Desk:
    """A desk with its emulator and store. Every look follows the one before at once."""

    def __init__(self, router: Router, handle: Handle, **options: Any) -> None:
        self.router = router
        self.emulator = handle
        self.waits: list[float] = []
        self.desk = BatchDesk(router.engine.dispatch, router.store, sleep=self._sleep, grace_s=0, **options)

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        assert len(self.waits) < 50, "the batch never ended"

    def states(self, batch_id: str) -> dict[str, str]:
        return {row.item_id: row.error_code or row.state for row in self.desk.items(batch_id)}

    def row(self, batch_id: str, name: str) -> ItemRow:
        return next(row for row in self.desk.items(batch_id) if row.item_id == name)

    def posts(self, ending: str) -> int:
        """How many POSTs to a path that ends so have been seen."""
        return sum(seen.method == "POST" and seen.path.endswith(ending) for seen in self.emulator.requests)


SUBMITS = dict(zip(MODELS, ["/messages/batches", "/v1/batches", ":batchGenerateContent"], strict=True))


def at_desk(folder: Path, said: Script, work: Callable[[Desk], Awaitable[T]], **options: Any) -> T:
    async def run() -> T:
        with serve_in_thread(Emulator(said)) as handle:
            router = build_router(policy(), store=f"sqlite:///{folder / 't.db'}", simulate_at=handle.base_url)
            async with router:
                return await work(Desk(router, handle, **options))

    return asyncio.run(run())


@pytest.mark.parametrize("model", MODELS)
def test_every_outcome_of_an_item(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        items = [item("a"), item("b", "bad"), item("c"), item("d", "busy"), item("e")]
        sent = await at.desk.submit(items, model, purpose="summary")
        assert not sent.ended
        view = await at.desk.wait(sent.batch.id)
        assert at.states(view.batch.id) == {"a": "ok", "b": "invalid_request", "c": "expired", "d": "ok", "e": "ok"}
        assert at.row(view.batch.id, "d").attempt == 2
        assert len(view.parts) == 2

        record = at.router.store.turn(at.row(view.batch.id, "a").turn_id)
        assert record is not None
        assert (record.status, record.dialect, record.decision.route) == ("ok", "batch", "batch")
        assert record.metadata == {"user": "ann", "batch": view.batch.id, "batch_item": "a"}
        assert msgspec.json.decode(record.reply, type=Reply).text == "done"
        (step,) = record.steps
        assert (step.purpose, step.model) == ("summary", model)
        rates = at.router.catalog.rates(model, _day(record.at_us), "batch")
        assert rates is not None
        assert step.usage is not None
        assert step.cost_usd == rates.cost(step.usage)
        costs = [row.cost_usd for row in at.desk.items(view.batch.id)]
        assert view.counts.cost_usd == sum((cost for cost in costs if cost is not None), Decimal(0))
        failed = at.router.store.turn(at.row(view.batch.id, "b").turn_id)
        assert failed is not None
        assert (failed.status, failed.error_code, failed.cost_usd) == ("error", "invalid_request", Decimal(0))
        assert len(at.router.store.turns(limit=99)) == 5

    at_desk(tmp_path, script(expire=("*-2-*",)), work)


def _day(at_us: int) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at_us / 1e6, UTC)


def test_a_model_without_a_batch_price_costs_an_unknown_amount(tmp_path: Path) -> None:
    async def work(at: Desk) -> BatchView:
        sent = await at.desk.submit([item("a")], "google/gemini-3.5-flash")
        return await at.desk.wait(sent.batch.id)

    view = at_desk(tmp_path, script(), work)
    assert (view.counts.by_state, view.counts.unpriced) == ({"ok": 1}, 1)


@pytest.mark.parametrize("model", MODELS)
def test_what_fails_twice_has_failed(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        sent = await at.desk.submit([item("a"), item("b")], model)
        view = await at.desk.wait(sent.batch.id)
        assert at.states(view.batch.id) == {"a": "expired", "b": "ok"}
        assert at.row(view.batch.id, "a").attempt == 2
        assert at.posts(SUBMITS[model]) == 2

    at_desk(tmp_path, script(expire=("*-0-*",)), work)


@pytest.mark.parametrize("model", MODELS)
def test_a_provider_that_is_full_is_asked_again(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        sent = await at.desk.submit([item("a")], model)
        assert sent.parts[0].state == "ready"
        view = await at.desk.wait(sent.batch.id)
        assert at.states(view.batch.id) == {"a": "ok"}
        assert at.waits == sorted(at.waits)

    at_desk(tmp_path, script(refuse=2), work)


@pytest.mark.parametrize("model", MODELS)
def test_a_batch_that_fails_fails_its_items(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        view = await at.desk.wait((await at.desk.submit([item("a")], model, again=0)).batch.id)
        code = "server_error" if model.startswith("anthropic") else "batch_failed"
        assert at.states(view.batch.id) == {"a": code}

    at_desk(tmp_path, script(fail=True), work)


@pytest.mark.parametrize("model", MODELS[:2])
def test_a_broken_line_leaves_its_item_unaccounted_for(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        sent = await at.desk.submit([item("a"), item("b")], model)
        view = await at.desk.wait(sent.batch.id)
        # The results come in reverse order, and the first line is cut.
        assert at.states(view.batch.id) == {"a": "ok", "b": "result_unreadable"}
        row = at.row(view.batch.id, "b")
        assert row.cost_usd is None
        assert at.posts(SUBMITS[model]) == 1, "it may have been done: it is not sent again"

    at_desk(tmp_path, script(broken_line=True), work)


@pytest.mark.parametrize("model", MODELS)
def test_cancelling_keeps_what_was_done(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        sent = await at.desk.submit([item("a"), item("b"), item("c"), item("d")], model)
        cancelling = await at.desk.cancel(sent.batch.id)
        assert not cancelling.ended
        view = await at.desk.wait(sent.batch.id)
        expected = {"a": "ok", "b": "ok", "c": "cancelled", "d": "cancelled"}
        if model.startswith("google"):  # it is cancelled at once
            assert set(at.states(view.batch.id).values()) <= {"ok", "cancelled"}
        else:
            assert at.states(view.batch.id) == expected

    at_desk(tmp_path, script(polls=5), work)


@pytest.mark.parametrize("model", MODELS)
def test_a_submission_whose_answer_is_lost_is_found_again(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        submitting = asyncio.ensure_future(at.desk.submit([item("a"), item("b")], model))
        while not at.posts(SUBMITS[model]):  # noqa: ASYNC110 - the emulator runs in a thread of its own
            await asyncio.sleep(0.01)
        submitting.cancel()
        await asyncio.gather(submitting, return_exceptions=True)
        (known,) = at.desk.newest()
        assert known.parts[0].state == "submitting"
        view = await at.desk.wait(known.batch.id)
        assert at.states(view.batch.id) == {"a": "ok", "b": "ok"}
        assert at.posts(SUBMITS[model]) == 1, "paid once"

    at_desk(tmp_path, script(lose=1), work)


def test_a_foreign_batch_of_the_same_size_is_not_taken_for_ours(tmp_path: Path) -> None:
    model = MODELS[0]

    async def work(at: Desk) -> None:
        await at.desk.wait((await at.desk.submit([item("x"), item("y")], model)).batch.id)
        # Another team's batch, under the same key and unknown to this store.
        with at.router.store.reading() as connection:
            assert connection.execute("SELECT count(*) FROM batch_part").fetchone() == (1,)
        await at.router.store.write(lambda connection: connection.execute("UPDATE batch_part SET provider_id = NULL"))
        submitting = await at.desk.submit([item("a"), item("b")], model)
        await at.router.store.write(
            lambda connection: connection.execute(
                "UPDATE batch_part SET state = 'submitting', provider_id = NULL, owner = 'gone 1 x', submitting_at_us = 1"
                " WHERE batch_id = ?",
                (submitting.batch.id,),
            )
        )
        view = await at.desk.wait(submitting.batch.id)
        assert at.states(view.batch.id) == {"a": "ok", "b": "ok"}
        assert at.posts(SUBMITS[model]) == 2

    at_desk(tmp_path, script(), work)


def test_batches_are_divided_within_the_providers_limits(tmp_path: Path) -> None:
    async def work(at: Desk) -> None:
        big = "x" * 4_000_000
        items = [item(str(n), big) for n in range(5)] + [item("huge", "y" * 20_000_000)]
        sent = await at.desk.submit(items, MODELS[2])
        assert len(sent.parts) == 2
        view = await at.desk.wait(sent.batch.id)
        assert at.states(view.batch.id) == {**dict.fromkeys("01234", "ok"), "huge": "invalid_request"}

    at_desk(tmp_path, Script(rules=(Rule(reply=Say(text="done")),)), work)


def test_an_item_that_may_not_go_there_is_not_sent(tmp_path: Path) -> None:
    def admit(turn: Turn, _model: Any) -> None:
        if "secret" in turn.messages[0].text:
            raise NoEligibleModel("it stays in the house")

    async def work(at: Desk) -> None:
        sent = await at.desk.submit([item("a"), item("b", "secret")], MODELS[0])
        view = await at.desk.wait(sent.batch.id)
        assert at.states(view.batch.id) == {"a": "ok", "b": "no_eligible_model"}
        assert not any(b"secret" in seen.raw for seen in at.emulator.requests)

    at_desk(tmp_path, script(), work, admit=admit)


def test_money_is_set_aside_and_settled(tmp_path: Path) -> None:
    settled: dict[str, Decimal | None] = {}

    async def reserve(turn_id: str, turn: Turn, _model: Any) -> Callable[[Decimal | None], None]:
        if turn.messages[0].text == "dear":
            raise BudgetExceeded("nothing is left")
        return lambda cost: settled.__setitem__(turn_id, cost)

    async def work(at: Desk) -> None:
        sent = await at.desk.submit([item("a"), item("b", "dear")], MODELS[0])
        view = await at.desk.wait(sent.batch.id)
        row = at.row(view.batch.id, "a")
        assert settled == {row.turn_id: row.cost_usd}
        assert at.states(view.batch.id) == {"a": "ok", "b": "budget_exceeded"}

    at_desk(tmp_path, script(), work, reserve=reserve)


def test_what_cannot_be_a_batch_is_refused(tmp_path: Path) -> None:
    async def work(at: Desk) -> None:
        for items, model, said in [
            ([], MODELS[0], "at least one item"),
            ([item("a"), item("a")], MODELS[0], "two items are called 'a'"),
            ([item("")], MODELS[0], "1 to 200 characters"),
            ([item("a")], "groq/llama-3.3-70b-versatile", "no batch API is known for host groq"),
            ([item("a")], "together/meta-llama/Llama-3.3-70B-Instruct-Turbo", "cannot be called"),
        ]:
            with pytest.raises(UsageError) as caught:
                await at.desk.submit(items, model)
            assert said in str(caught.value)
        with pytest.raises(NotFound, match="there is no batch nonsense"):
            await at.desk.advance("nonsense")
        assert at.desk.newest() == []

    at_desk(tmp_path, script(), work)


def run_with(folder: Path, more: str, *works: Callable[[BatchDesk, Pointsman], Awaitable[None]]) -> None:
    """Run each of ``works`` with the desk of a policy that says ``more``, opened anew, at one emulator."""
    store = f"sqlite:///{folder / 't.db'}"

    async def run(work: Callable[[BatchDesk, Pointsman], Awaitable[None]]) -> None:
        environ = {"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k", "GEMINI_API_KEY": "k", "GROQ_API_KEY": "k"}
        async with Pointsman.from_policy(folder / "p.yaml", store=store, environ=environ) as pm:
            await work(pm.batch_desk(PollPlan(0, 1, 0)), pm)

    with serve_in_thread(Emulator(script())) as handle:
        text = POLICY
        for host, path in (("anthropic", ""), ("openai", "/v1"), ("google", "")):
            text = text.replace(f"{{host: {host}}}", f"{{host: {host}, base_url: '{handle.base_url}{path}'}}")
        (folder / "p.yaml").write_text(text + more)
        for work in works:
            asyncio.run(run(work))


def codes(desk: BatchDesk, view: BatchView) -> list[str]:
    return [row.error_code or row.state for row in desk.items(view.batch.id)]


def test_a_batch_keeps_to_the_policys_budget(tmp_path: Path) -> None:
    async def work(desk: BatchDesk, _pm: Pointsman) -> None:
        limited = msgspec.structs.replace(item("x").turn, max_output_tokens=50)
        items = [BatchItem(str(n), limited) for n in range(6)]
        view = await desk.wait((await desk.submit(items, MODELS[0])).batch.id)
        found = codes(desk, view)
        assert set(found) == {"ok", "budget_exceeded"}
        assert found == sorted(found, reverse=True), "the first ones fit"

    run_with(tmp_path, "budgets:\n  caps:\n    - {of: user, per: day, usd: 0.001}\n", work)


def test_what_a_batch_cost_is_settled_by_the_process_that_takes_it_in(tmp_path: Path) -> None:
    known: list[str] = []

    def spent(pm: Pointsman) -> tuple[int, int]:
        now = datetime.now(UTC)
        (line,) = list_spend(pm.router.store, now.strftime("%Y-%m-%d"), now.strftime("%Y-%m"))
        return line.spend.spent, line.held

    async def submit(desk: BatchDesk, _pm: Pointsman) -> None:
        known.append((await desk.submit([item("a"), item("b")], MODELS[0])).batch.id)

    async def take_in(desk: BatchDesk, pm: Pointsman) -> None:
        worst, held = spent(pm)
        assert (worst > 0, held) == (True, 0)
        view = await desk.wait(known[0])
        await pm.router.store.write(lambda _: None)  # behind what was lined up
        assert spent(pm) == (to_pico(view.counts.cost_usd), 0)
        assert 0 < spent(pm)[0] < worst

    caps = "budgets:\n  caps:\n    - {of: all, per: total, usd: 5}\n"
    run_with(tmp_path, caps, submit, take_in)


def test_an_item_without_a_limit_gets_one_where_money_is_capped(tmp_path: Path) -> None:
    async def work(desk: BatchDesk, _pm: Pointsman) -> None:
        view = await desk.submit([item("a")], MODELS[0])
        (row,) = desk.items(view.batch.id)
        assert row.turn.max_output_tokens == 77

    run_with(tmp_path, "budgets:\n  max_output_tokens: 77\n  caps:\n    - {of: all, per: day, usd: 5}\n", work)


def test_a_sensitive_item_stays_in_its_region(tmp_path: Path) -> None:
    async def work(desk: BatchDesk, _pm: Pointsman) -> None:
        items = [item("a"), item("b", "my card is 4111 1111 1111 1111")]
        view = await desk.wait((await desk.submit(items, MODELS[0])).batch.id)
        assert codes(desk, view) == ["ok", "no_eligible_model"]

    run_with(tmp_path, "privacy: {sensitive: {on_prem_only: true}}\n", work)


def test_what_waits_is_written_down_and_sent_redacted(tmp_path: Path) -> None:
    async def work(desk: BatchDesk, pm: Pointsman) -> None:
        items = [
            item("a", "my card is 4111 1111 1111 1111"),
            BatchItem("b", Turn((Message("user", (Image(data="aGk=", media_type="image/png"),)),))),
        ]
        view = await desk.wait((await desk.submit(items, MODELS[0])).batch.id)
        assert codes(desk, view) == ["ok", "invalid_request"]
        row = desk.items(view.batch.id)[0]
        record = pm.router.store.turn(row.turn_id)
        assert record is not None
        assert b"4111" not in b"".join(raw for _, raw in record.request)

    run_with(tmp_path, "privacy: {redact: all}\n", work)
    assert not any(b"4111 1111" in path.read_bytes() for path in tmp_path.glob("t.db*"))


@pytest.mark.parametrize("model", MODELS)
def test_two_processes_may_wait_for_one_batch(tmp_path: Path, model: str) -> None:
    async def work(at: Desk) -> None:
        sent = await at.desk.submit([item("a"), item("b")], model)
        with open_store(f"sqlite:///{tmp_path / 't.db'}") as other_store:
            other = BatchDesk(at.router.engine.dispatch, other_store, sleep=at._sleep, grace_s=0)
            await asyncio.gather(at.desk.wait(sent.batch.id), other.wait(sent.batch.id))
        assert at.states(sent.batch.id) == {"a": "expired", "b": "ok"}
        assert at.posts(SUBMITS[model]) == 2, "once, and once more for what expired"
        assert len(at.router.store.turns(limit=9)) == 2

    at_desk(tmp_path, script(expire=("*-0-*",)), work)


def test_a_provider_that_cannot_be_reached_leaves_the_batch_ready(tmp_path: Path) -> None:
    async def run() -> None:
        with serve_in_thread(Emulator(script())) as handle:
            gone = handle.base_url
        router = build_router(policy(), store=f"sqlite:///{tmp_path / 't.db'}", simulate_at=gone)
        async with router:
            desk = BatchDesk(router.engine.dispatch, router.store, grace_s=0)
            sent = await desk.submit([item("a")], MODELS[0])
            assert (sent.parts[0].state, sent.counts.by_state) == ("ready", {"waiting": 1})
            assert sent.parts[0].error is not None

    asyncio.run(run())
