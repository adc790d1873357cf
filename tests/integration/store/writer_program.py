"""A program that writes turns, for tests to kill or to starve: ``writer_program.py endless|limited URL [NAME]``."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys

from pointsman.domain.decision import Decision
from pointsman.domain.record import StepRecord, TurnRecord
from pointsman.domain.usage import Usage
from pointsman.errors import StoreError
from pointsman.store import open_store


def record(name: str, n: int) -> TurnRecord:
    decision = Decision(id=name, route="tools", model="openai/gpt-5-mini", tier="small", policy="p")
    step = StepRecord(purpose="reply", model="openai/gpt-5-mini", status="ok", duration_ms=1.0, usage=Usage(n, 1))
    said = b'{"role":"user","content":"%b"}' % (name.encode() * (1 + n % 40))
    return TurnRecord(
        id=name,
        conversation_id=name.partition("-")[0],
        at_us=n,
        dialect="openai_chat",
        status="ok",
        decision=decision,
        steps=(step, step),
        duration_ms=1.0,
        request=(("system", b'"Be kind."'), ("message", said)),
        reply=said[::-1],
    )


async def endless(url: str, life: str) -> None:
    """Append from many tasks and print each id once its commit is durable, until killed."""
    store = open_store(url)

    async def client(number: int) -> None:
        n = 0
        while True:
            name = f"{life}.{number}-{n}"
            await store.append(record(name, n))
            # As the gateway releases a last byte: only now, and at once.
            os.write(1, name.encode() + b"\n")
            n += 1

    await asyncio.gather(*(client(number) for number in range(8)))


def limited(url: str) -> None:
    """Run into a file size limit (as on a full disk), then get room; print what the first refusal said."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with open_store(url) as store:
        store.append_sync(record("before", 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
        kept, refused = ["before"], []
        for n in range(300):
            try:
                store.append_sync(record(f"during-{n}", n))
                kept.append(f"during-{n}")
            except StoreError as error:
                refused.append(str(error))
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        store.append_sync(record("after", 0))
        kept.append("after")
        assert refused, "the limit was never reached"
        assert sorted(kept) == sorted(row.id for row in store.turns(limit=1000))
        os.write(1, refused[0].encode())


if __name__ == "__main__":
    if sys.argv[1] == "limited":
        limited(sys.argv[2])
    else:
        asyncio.run(endless(*sys.argv[2:]))
