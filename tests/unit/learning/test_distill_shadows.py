"""Pairs of shadow checks, and on which ground turns are taken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.store import Store, open_store
from pointsman.store.shadow import Shadows
from support.gateway import POLICY
from support.shadows import HAIKU, OPUS, make, reply


@pytest.fixture
def url(tmp_path: Path) -> str:
    found = f"sqlite:///{tmp_path / 't.db'}"
    with open_store(found) as store:
        for n, metadata in ((1, {"training_consent": "yes"}), (2, {}), (3, {"may_train": "yes"})):
            store.append_sync(make(n, metadata=metadata, reply=reply("Never, and no refund either.")))
            _checked(store, n)
    return found


def _checked(store: Store, n: int) -> None:
    better = reply(f"Order {n} left us on Monday and will be with you by Thursday.")

    def job(connection: Any) -> None:
        connection.execute(
            "INSERT INTO shadow (turn_id, turn_seq, chosen_at_us, changed_at_us, why, probability, state, model, reply,"
            " verdict, material, decided_by, detail) VALUES (?, ?, 1, 1, 'floor', 0.01, 'judged', ?, ?, 'shadow_better', 1,"
            " 'judge', '{}')",
            (f"turn{n:05}", n, OPUS, b"\x00" + better),
        )

    store.write_sync(job)


def export(url: str, folder: Path, *args: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    words = ["export", "--target", "dpo", "--out", str(folder), "--store", url, "--json", "--split", "1,0,0", *args]
    result = CliRunner().invoke(load("distill"), words)
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    return json.loads(result.stdout), lines


def test_the_stronger_models_reply_is_chosen_and_the_shipped_one_rejected(url: str, tmp_path: Path) -> None:
    told, lines = export(url, tmp_path / "out")
    assert len(lines) == 1
    shown = json.dumps(lines[0])
    assert shown.index("by Thursday") < shown.index("Never, and no refund either")
    provenance = lines[0].get("provenance") or lines[0]
    assert OPUS in json.dumps(provenance)
    assert "shadow:judge" in json.dumps(provenance)
    assert HAIKU in json.dumps(provenance)
    assert told["left_out"]["no_consent"] >= 2


def test_consent_is_the_policys_unless_flags_say_otherwise(url: str, tmp_path: Path) -> None:
    policy = tmp_path / "p.yaml"
    policy.write_text(POLICY + "distill: {consent: {field: may_train}}\n")
    _, lines = export(url, tmp_path / "out", "--policy", str(policy))
    assert [line for line in lines if "Order 3" in json.dumps(line)] == lines
    assert len(lines) == 1
    policy.write_text(POLICY + "distill: {consent: {ground: customers agreed in the terms}}\n")
    told, lines = export(url, tmp_path / "all", "--policy", str(policy))
    assert "no_consent" not in told["left_out"]
    assert len(lines) >= 1
    _, lines = export(url, tmp_path / "flag", "--policy", str(policy), "--consent-field", "training_consent")
    assert [line for line in lines if "Order 1" in json.dumps(line)] == lines


def test_a_turn_that_needed_more_joins_the_regression_set(url: str, tmp_path: Path) -> None:
    to = tmp_path / "cases.jsonl"
    result = CliRunner().invoke(load("regressions"), ["--to", str(to), "--store", url, "--json"])
    assert json.loads(result.stdout)["found"] == {"misrouted": 3}
    with open_store(url) as store:
        assert len(Shadows(store).material_ids()) == 3
