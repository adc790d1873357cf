"""kill -9 under load: no reply whose last byte was delivered is missing from the store, and none is there twice."""

from __future__ import annotations

import http.client
import json
import random
import threading
from pathlib import Path
from urllib.parse import urlsplit

from pointsman.store import TurnFilter, open_store
from support.process import serve

CLIENTS = 8
ENOUGH = 60


class _Load(threading.Thread):
    """One client that asks until the gateway is gone; ``delivered`` are the turns whose last byte it got."""

    def __init__(self, url: str, seed: int, enough: threading.Semaphore) -> None:
        super().__init__(daemon=True)
        self._address = urlsplit(url)
        self._random = random.Random(seed)
        self._enough = enough
        self.delivered: list[str] = []

    def run(self) -> None:
        while True:
            connection = http.client.HTTPConnection(self._address.hostname or "", self._address.port, timeout=20)
            try:
                turn_id = self._ask(connection, stream=self._random.random() < 0.6)
            except (OSError, http.client.HTTPException):
                return
            finally:
                connection.close()
            if turn_id is not None:
                self.delivered.append(turn_id)
                self._enough.release()

    def _ask(self, connection: http.client.HTTPConnection, *, stream: bool) -> str | None:
        question = f"Where is my parcel number {self._random.randrange(10**9)}?"
        body = {"model": "auto", "messages": [{"role": "user", "content": question}], "stream": stream}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        data = answer.read()
        complete = answer.status == 200 and (data.endswith(b"data: [DONE]\n\n") if stream else bool(data))
        return answer.headers["x-pointsman-decision-id"] if complete else None


def test_every_delivered_reply_is_stored_exactly_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/turns.db"
    enough = threading.Semaphore(0)
    with serve("--emulated", "--no-auth", "--store", url, cwd=tmp_path) as served:
        clients = [_Load(served.url, seed, enough) for seed in range(CLIENTS)]
        for client in clients:
            client.start()
        for _ in range(ENOUGH):
            assert enough.acquire(timeout=30)
        served.kill()
        for client in clients:
            client.join(20)
    delivered = [turn_id for client in clients for turn_id in client.delivered]
    assert len(delivered) == len(set(delivered)) >= ENOUGH
    with serve("--emulated", "--no-auth", "--store", url, cwd=tmp_path):
        pass  # opening it again recovers what the crash left
    with open_store(url, must_exist=True) as store:
        stored = [row.id for row in store.turns(TurnFilter(), limit=1_000_000)]
        assert len(stored) == len(set(stored))
        assert set(delivered) <= set(stored)
        for turn_id in delivered:
            record = store.turn(turn_id)
            assert record is not None
            assert record.status == "ok"
            assert record.reply
