"""Budgets and rates through the whole gateway: never overshot, at any concurrency, and what a client is told."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import pytest

from pointsman.emulator.script import Fault, Pace, Rule, Say, Script, UsageSaid, When
from pointsman.routing.policy import Policy, parse_policy
from pointsman.store import open_store
from pointsman.store.keys import create_key
from pointsman.store.spend import Account, SpendBook, list_spend
from support.gateway import POLICY, GatewayUnderTest, gateway
from support.wire import eventually

ASK: Any = [{"role": "user", "content": "What are your opening hours?"}]
AT_ONCE = 200
HAIKU, OPUS = "anthropic/claude-haiku-4-5", "anthropic/claude-opus-4-8"


def capped(*caps: str, rates: str = "", more: str = "") -> Policy:
    lines = "".join(f"\n    - {{{cap}}}" for cap in caps)
    text = POLICY + "budgets:\n" + (f"  caps:{lines}\n" if caps else "")
    return parse_policy(text + (f"  rates: [{{{rates}}}]\n" if rates else "") + more, "test.yaml")


def openai_client(running: GatewayUnderTest, key: str = "k") -> openai.OpenAI:
    return openai.OpenAI(api_key=key, base_url=running.openai_url, max_retries=0, timeout=20)


async def burst(running: GatewayUnderTest, body: dict[str, Any], path: str = "/v1/chat/completions") -> list[int]:
    async def one(session: aiohttp.ClientSession, number: int) -> int:
        asked = {**body, "stream": number % 2 == 0}
        async with session.post(running.base_url + path, json=asked) as answer:
            await answer.read()
            return answer.status

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return list(await asyncio.gather(*(one(session, number) for number in range(AT_ONCE))))


@pytest.mark.parametrize("at_cap", ["refuse", "queue, wait_s: 15"])
def test_two_hundred_at_once_do_not_overshoot(tmp_path: Path, at_cap: str) -> None:
    cap = Decimal("0.01")
    # Each call is billed for every token it was allowed, the worst case that can happen.
    say = Say(text="Nine to five.", usage=UsageSaid(uncached=80, output=60))
    script = Script(rules=(Rule(reply=say, pace=Pace(head_ms=30)),))
    policy = capped(f"of: all, per: day, usd: {cap}, at_cap: {at_cap}")
    with gateway(tmp_path / "t.db", script, policy) as running:
        body = {"model": HAIKU, "max_completion_tokens": 60, "messages": ASK}
        statuses = asyncio.run(burst(running, body))
        turns = running.turns()
        spent = sum((turn.cost_usd for turn in turns if turn.cost_usd), Decimal(0))
        worst = Decimal("0.0008")
        assert set(statuses) == {200, 429}
        assert len(turns) == AT_ONCE
        assert statuses.count(200) == sum(turn.status == "ok" for turn in turns)
        assert spent <= cap
        if at_cap.startswith("queue"):
            assert spent > cap - worst, "those who waited used what the reservations of others gave back"
        refused = [turn for turn in turns if turn.status == "error"]
        assert {turn.error_code for turn in refused} == {"budget_exceeded"}
        assert all(not turn.steps for turn in refused)
    with open_store(f"sqlite:///{tmp_path}/t.db") as store:
        (line,) = [line for line in list_spend(store, *periods(turns[0].at_us)) if line.account.scope == "all"]
        assert Decimal(line.spend.spent) / 10**12 == spent
        assert (line.held, line.spend.assumed) == (0, 0)


def periods(at_us: int) -> tuple[str, str]:
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    return at.strftime("%Y-%m-%d"), at.strftime("%Y-%m")


def test_what_clients_are_told_at_the_cap_and_that_a_restart_changes_nothing(tmp_path: Path) -> None:
    policy = capped("of: key, per: month, usd: 0.0013")
    with open_store(f"sqlite:///{tmp_path}/t.db") as store:
        _, bot = create_key(store, "bot")
        _, other = create_key(store, "other")
    say = Script(rules=(Rule(reply=Say(text="Nine to five.", usage=UsageSaid(uncached=100, output=200))),))
    with gateway(tmp_path / "t.db", say, policy, keys=True) as running, openai_client(running, bot) as client:
        client.chat.completions.create(model=HAIKU, messages=ASK, max_completion_tokens=200)
    for _ in range(2):
        with gateway(tmp_path / "t.db", say, policy, keys=True) as running:
            with openai_client(running, bot) as client, pytest.raises(openai.RateLimitError) as caught:
                client.chat.completions.create(model=HAIKU, messages=ASK, max_completion_tokens=200)
            assert caught.value.code == "insufficient_quota"
            assert caught.value.response.headers["x-should-retry"] == "false"
            assert "the budget of key bot per month is $0.0013, $0.0011 spent" in str(caught.value)
            with (
                anthropic.Anthropic(api_key=bot, base_url=running.base_url, max_retries=2) as theirs,
                pytest.raises(anthropic.APIStatusError) as refused,
            ):
                theirs.messages.create(model=HAIKU, messages=ASK, max_tokens=200)
            assert (refused.value.status_code, refused.value.type) == (402, "billing_error")
            with openai_client(running, other) as client, pytest.raises(openai.RateLimitError, match="key other"):
                client.chat.completions.create(model=HAIKU, messages=ASK, max_completion_tokens=500)
    with gateway(tmp_path / "t.db", say, policy, keys=True) as running, openai_client(running, other) as client:
        assert client.chat.completions.create(model=HAIKU, messages=ASK, max_completion_tokens=100).choices


def test_a_broken_stream_and_a_client_that_left_are_billed(tmp_path: Path) -> None:
    rules = (
        Rule(when=When(contains="cut"), reply=Say(text="word " * 200), fault=Fault(kind="cut", after_deltas=3)),
        Rule(when=When(contains="silent"), fault=Fault(kind="stall")),
        Rule(when=When(contains="down"), fault=Fault(kind="status", status=500)),
    )
    policy = capped("of: user, per: day, usd: 1")
    with gateway(tmp_path / "t.db", Script(rules=rules), policy) as running, openai_client(running) as client:
        for word in ("cut", "down"):
            with pytest.raises(openai.APIError):
                for _ in client.chat.completions.create(
                    model=HAIKU, messages=[{"role": "user", "content": word}], stream=True, user=word, max_tokens=50
                ):
                    pass
        asyncio.run(leave(running))
        eventually(lambda: running.busy == 0)
        turns = {turn.metadata["user"]: turn for turn in running.turns()}
    day, month = periods(turns["cut"].at_us)
    with open_store(f"sqlite:///{tmp_path}/t.db") as store:
        lines = {line.account.id: line for line in list_spend(store, day, month)}
    assert turns["cut"].status == "broken"
    assert Decimal(lines["/cut"].spend.spent) / 10**12 == turns["cut"].cost_usd
    assert "/down" not in lines, "an error answer is not billed"
    assert turns["silent"].status == "cancelled"
    assert turns["silent"].cost_usd is None
    silent = lines["/silent"].spend
    assert (silent.assumed_calls, silent.spent) == (1, silent.assumed)
    assert silent.spent > 50 * 5_000_000, "unknown is not nothing: the whole worst case counts"


async def leave(running: GatewayUnderTest) -> None:
    body = {"model": HAIKU, "messages": [{"role": "user", "content": "silent"}], "user": "silent", "max_tokens": 50}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3)) as session:
        with pytest.raises(TimeoutError):
            await session.post(running.openai_url + "/chat/completions", json=body)


def test_what_is_on_its_way_is_in_the_store_for_a_crash_to_leave(tmp_path: Path) -> None:
    script = Script(rules=(Rule(fault=Fault(kind="stall")),))
    policy = capped("of: conversation, per: total, usd: 1")
    with gateway(tmp_path / "t.db", script, policy) as running:
        client = threading.Thread(target=lambda: asyncio.run(leave(running)))
        client.start()
        store = running.router.store
        held = 0
        while client.is_alive() and not held:
            held = sum(line.held for line in list_spend(store, "2000-01-01", "2000-01"))
        client.join()
    assert held > 50 * 5_000_000


def test_a_cheaper_model_takes_over_and_the_decision_says_why(tmp_path: Path) -> None:
    text = POLICY.replace(
        "direct: {tiers: [small], choose: listed}", f"direct: {{models: [{OPUS}, {HAIKU}], choose: listed}}"
    )
    text += "budgets: {caps: [{of: all, per: day, usd: 0.01, at_cap: cheaper}]}\n"
    with gateway(tmp_path / "t.db", None, parse_policy(text, "t.yaml")) as running, openai_client(running) as client:
        asked = {"model": "auto", "messages": ASK, "max_completion_tokens": 600}
        answer = client.chat.completions.with_raw_response.create(**asked)
        assert answer.headers["x-pointsman-model"] == HAIKU
        (turn,) = running.turns()
        (why,) = [item for item in turn.decision.excluded if item.constraint == "budget"]
        assert why.model == OPUS
        assert "the budget of all turns together per day is $0.01" in why.text
        with pytest.raises(openai.RateLimitError, match="budget"):
            client.chat.completions.create(model=OPUS, messages=ASK, max_completion_tokens=600)
        with pytest.raises(openai.RateLimitError, match="budget"):
            client.chat.completions.create(**{**asked, "max_completion_tokens": 20_000})


def test_a_reply_is_made_to_fit_what_is_left(tmp_path: Path) -> None:
    script = Script(rules=(Rule(reply=Say(text="word " * 3000)),))
    policy = capped("of: all, per: day, usd: 0.01")
    with gateway(tmp_path / "t.db", script, policy) as running, openai_client(running) as client:
        answer = client.chat.completions.create(model=HAIKU, messages=ASK)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert 900 < answer.usage.completion_tokens < 1000, "a cent buys 2,000 tokens; half of it, less the prompt"
        (turn,) = running.turns()
        assert turn.cost_usd is not None
        assert turn.cost_usd <= Decimal("0.01")


def test_rates_are_told_and_kept(tmp_path: Path) -> None:
    policy = capped(rates="of: user, requests_per_minute: 2, tokens_per_minute: 5000")
    with gateway(tmp_path / "t.db", None, policy) as running, openai_client(running) as client:
        create = client.chat.completions.with_raw_response.create
        first = create(model=HAIKU, messages=ASK, user="ann", max_tokens=100)
        assert first.headers["x-ratelimit-limit-requests"] == "2"
        assert first.headers["x-ratelimit-remaining-requests"] == "1"
        assert 4000 < int(first.headers["x-ratelimit-remaining-tokens"]) < 5000
        with pytest.raises(openai.RateLimitError, match="set a smaller limit"):
            create(model=HAIKU, messages=ASK, user="ann", max_tokens=9000)
        with pytest.raises(openai.RateLimitError, match="at most 2 requests a minute") as caught:
            create(model=HAIKU, messages=ASK, user="ann", max_tokens=10)
        assert 0 < int(caught.value.response.headers["retry-after"]) <= 60
        assert "x-should-retry" not in caught.value.response.headers
        create(model=HAIKU, messages=ASK, user="bob", max_tokens=10)
        with anthropic.Anthropic(api_key="k", base_url=running.base_url, max_retries=0) as theirs:
            seen = theirs.messages.with_raw_response.create(
                model=HAIKU, messages=ASK, max_tokens=10, metadata={"user_id": "cem"}
            )
        assert seen.headers["anthropic-ratelimit-requests-remaining"] == "1"
        assert [turn.error_code for turn in running.turns() if turn.status == "error"] == ["rate_limited"] * 2


def test_a_budget_set_up_later_counts_what_was_spent_before(tmp_path: Path) -> None:
    with gateway(tmp_path / "t.db") as running, openai_client(running) as client:
        client.chat.completions.create(model=HAIKU, messages=ASK)
        (turn,) = running.turns()
    with gateway(tmp_path / "t.db", None, capped("of: all, per: month, usd: 5")) as running:
        with openai_client(running) as client:
            client.models.list()  # it has started
        book = SpendBook(running.router.store, simulated=True)
        assert turn.cost_usd is not None
        found = book.find(Account("all", "", periods(turn.at_us)[1]))
        assert Decimal(found.spent) / 10**12 == turn.cost_usd


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "told",
    [UsageSaid(uncached=0, output=0), UsageSaid(uncached=10**12, output=10**11), UsageSaid(uncached=9, output=0)],
)
def test_a_bill_that_cannot_be_is_unknown(tmp_path: Path, told: UsageSaid, *, stream: bool) -> None:
    lies = Script(rules=(Rule(reply=Say(text="Nine to five.", usage=told)),))
    with gateway(tmp_path / "t.db", lies, capped("of: all, per: day, usd: 0.01")) as running:
        with openai_client(running) as client:
            asked: Any = {"model": HAIKU, "messages": ASK, "max_completion_tokens": 100}
            for _ in range(2):
                said: Any = client.chat.completions.create(**asked, stream=stream)
                assert list(said) if stream else said.choices
        record = running.turns()[0]
        assert (record.status, record.usage, record.cost_usd) == ("ok", None, None)
    with open_store(f"sqlite:///{tmp_path}/t.db") as store:
        (line,) = [line for line in list_spend(store, *periods(record.at_us)) if line.account.scope == "all"]
    assert 0 < line.spend.spent == line.spend.assumed < 10**10, "the worst case of both calls stands for their cost"
