"""kill -9 under load: what a budget knows afterwards is never less than what the turns on record cost."""

from __future__ import annotations

import asyncio
import urllib.request
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import aiohttp

from pointsman.store import open_store
from pointsman.store.spend import list_spend
from support.gateway import POLICY
from support.process import serve

CLIENTS = 16
ENOUGH = 60


async def ask_until_it_is_gone(url: str, answered: asyncio.Semaphore) -> None:
    async with aiohttp.ClientSession() as session:
        number = 0
        while True:
            number += 1
            asked = {"role": "user", "content": f"Where is my parcel {number}?"}
            body = {"model": "auto", "messages": [asked], "stream": number % 2 == 0, "max_completion_tokens": 200}
            try:
                async with session.post(f"{url}/v1/chat/completions", json=body) as answer:
                    await answer.read()
                    assert answer.status == 200
            except aiohttp.ClientError:
                return
            answered.release()


def test_no_spent_money_is_forgotten(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/turns.db"
    (tmp_path / "p.yaml").write_text(POLICY + "budgets: {caps: [{of: all, per: total, usd: 1000}]}\n")
    options = ("--emulated", "--no-auth", "--policy", "p.yaml", "--store", url)

    async def load_and_kill() -> None:
        with serve(*options, cwd=tmp_path) as served:
            answered = asyncio.Semaphore(0)
            clients = [asyncio.ensure_future(ask_until_it_is_gone(served.url, answered)) for _ in range(CLIENTS)]
            for _ in range(ENOUGH):
                async with asyncio.timeout(30):
                    await answered.acquire()
            served.kill()
            await asyncio.gather(*clients)

    asyncio.run(load_and_kill())
    with serve(*options, cwd=tmp_path) as again, urllib.request.urlopen(f"{again.url}/readyz") as ready:  # noqa: S310 - ours
        assert ready.status == 200  # it has started, and counted what was on its way
    with open_store(url, must_exist=True) as store:
        cost = sum((row.cost_usd for row in store.turns(limit=100_000) if row.cost_usd), Decimal(0))
        now = datetime.now(UTC)
        (line,) = list_spend(store, f"{now:%Y-%m-%d}", f"{now:%Y-%m}")
    assert cost > 0
    assert line.held == 0
    assert Decimal(line.spend.spent) / 10**12 >= cost
    assert line.spend.assumed_calls <= CLIENTS
