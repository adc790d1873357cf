"""Incidents over HTTP, for operator keys, and pinned cases answered at night by the gateway itself."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from pointsman.app import build_router
from pointsman.domain.message import Message, Text
from pointsman.domain.turn import Turn
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Script
from pointsman.emulator.serving import serve_in_thread
from pointsman.evaluation.case_file import encode_case
from pointsman.evaluation.cases import Case, Gold
from pointsman.monitoring.monitors.engine import Engine
from pointsman.routing.policy import load_policy
from pointsman.routing.sections_monitors import Monitors
from pointsman.server.nightly import NightlyCases
from pointsman.store.canaries import nights
from pointsman.store.keys import create_key
from support.gateway import POLICY, GatewayUnderTest
from support.watched import MINUTE_US, MODEL, minutes


def ask(base: str, path: str, key: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Send a request, POST where there is a body; return status and JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}{path}", data, {"Authorization": f"Bearer {key}"})  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_operators_look_at_incidents_and_end_them(tmp_path: Path) -> None:
    router = build_router(None, store=f"sqlite:///{tmp_path}/store.db", simulate_at="http://127.0.0.1:9")
    _, operator = create_key(router.store, "ana", role="operator")
    _, client = create_key(router.store, "bot")
    now = time.time_ns() // 1000
    minutes(router.store, now // MINUTE_US - 15, 15, n=14, bad=5)
    Engine(router.store, Monitors()).evaluate(now)
    with GatewayUnderTest(router, None, keys=True) as running:
        base = running.base_url
        status, listed = ask(base, "/v1/incidents", operator)
        [one] = listed["data"]
        assert (status, one["subject"], one["state"]) == (200, MODEL, "open")
        assert ask(base, "/v1/incidents", client)[0] == 403
        assert ask(base, f"/v1/incidents/{one['id']}/resolve", client, {})[0] == 403
        assert ask(base, "/v1/incidents?state=odd", operator)[0] == 400
        assert ask(base, "/v1/incidents/inc_none", operator)[0] == 404
        whole = ask(base, f"/v1/incidents/{one['id']}", operator)[1]
        assert {"error-rate", "model-errors"} <= {signal["rule"] for signal in whole["signals"]}
        assert whole["turns"]
        acked = ask(base, f"/v1/incidents/{one['id']}/acknowledge", operator, {})[1]
        assert acked["state"] == "acknowledged"
        quiet = ask(base, f"/v1/incidents/{one['id']}/silence", operator, {"minutes": 30, "reason": "known"})
        assert quiet[0] == 200
        assert ask(base, f"/v1/incidents/{one['id']}/silence", operator, {"minutes": 0})[0] == 400
        assert ask(base, f"/v1/incidents/{one['id']}/note", operator, {})[0] == 400
        ended = ask(base, f"/v1/incidents/{one['id']}/resolve", operator, {"reason": "failed over"})[1]
        assert ended["state"] == "resolved"
        timeline = ask(base, f"/v1/incidents/{one['id']}", operator)[1]["timeline"]
        assert [(event["kind"], event["who"]) for event in timeline if event["who"]] == [
            ("acknowledged", "ana"),
            ("silenced", "ana"),
            ("resolved", "ana"),
        ]


def test_pinned_cases_are_answered_once_a_night(tmp_path: Path) -> None:
    cases = [
        Case(f"c{n}", f"k{n}", "t", Turn((Message("user", (Text(f"Is {n} even?"),)),)), Gold("no_call"))
        for n in range(25)
    ]
    (tmp_path / "pinned.jsonl").write_bytes(b"".join(encode_case(case) + b"\n" for case in cases))
    written = f"{POLICY}monitors: {{drift: {{canary: {{cases: pinned.jsonl, models: {MODEL}, at: '03:00'}}}}}}\n"
    (tmp_path / "pointsman.yaml").write_text(written)
    clock = [20_000 * 86_400_000_000 + 4 * 3_600_000_000]

    async def two_looks(url: str) -> None:
        router = build_router(
            load_policy(tmp_path / "pointsman.yaml"), store=f"sqlite:///{tmp_path}/store.db", simulate_at=url
        )
        async with router:
            nightly = NightlyCases(router, lambda: clock[0])
            await nightly.look()
            clock[0] += 3_600_000_000
            await nightly.look()
            [night] = nights(router.store)
            assert (night.model, night.n, night.simulated, night.error_text) == (MODEL, 25, True, None)
            assert sum(night.served.values()) == 25
            clock[0] += 86_400_000_000
            await nightly.look()
            assert len(nights(router.store)) == 2

    with serve_in_thread(Emulator(Script())) as handle:
        asyncio.run(two_looks(handle.base_url))
