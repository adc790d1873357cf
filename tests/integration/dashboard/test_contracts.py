"""A rejected reply on the page of contracts becomes a case, for operators only."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path

from pointsman.app import build_router
from pointsman.evaluation.case_file import read_cases
from pointsman.store import open_store
from pointsman.store.keys import create_key
from pointsman.store.rejections import Rejection, record_rejection_sync
from support.browsing import Browsing
from support.gateway import GatewayUnderTest
from support.trained import Shop, user

MODEL = "openai/gpt-5-mini"
RAW = '{"note": "<script>alert(1)</script>'


def test_a_rejected_reply_goes_into_the_regression_set_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with open_store(url) as store:
        secrets = {role: create_key(store, role, role=role)[1] for role in ("viewer", "operator")}
        turn = Shop(store).turn(user("Refund order 1182"))
        failed = (("truncated", "", "the reply breaks off"),)
        now = time.time_ns() // 1000
        record_rejection_sync(store, Rejection(now, "rejected", "ticket", "v1", MODEL, failed, RAW, turn_id=turn))
    router = build_router(None, store=url, simulate_at="http://127.0.0.1:9")
    with GatewayUnderTest(router, None, keys=True) as running, contextlib.ExitStack() as stack:
        pages: dict[str, Browsing] = {}
        for role, secret in secrets.items():
            pages[role] = stack.enter_context(Browsing(running.base_url))
            assert pages[role].post("/sign-in", data={"key": secret}).status_code == 303
        shown = pages["operator"].get("/contracts?range=all").text
        assert "&lt;script&gt;" in shown
        assert "<script>alert" not in shown
        assert "Add to the regression set" not in pages["viewer"].get("/contracts?range=all").text
        fields = dict(re.findall(r'name="(csrf|id|turn)" value="([^"]+)"', shown))
        for _ in range(2):
            assert pages["operator"].post("/contracts?range=all", data=fields).status_code == 303
        token = dict(re.findall(r'name="(csrf)" value="([^"]+)"', pages["viewer"].get("/contracts").text))
        assert pages["viewer"].post("/contracts", data={**fields, **token}).status_code == 403
        assert pages["operator"].post("/contracts", data={**fields, "id": "999"}).status_code == 404
    cases = [line.case for line in read_cases(tmp_path / "regressions.jsonl") if line.case is not None]
    assert [(case.id, case.tags["trouble"]) for case in cases] == [(turn, "rejected")]
