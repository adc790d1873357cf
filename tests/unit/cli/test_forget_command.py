"""``pointsman forget``, ``archive``, ``retain`` and ``fold``, on redacted names and with wrong input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.catalog.book import Catalog
from pointsman.cli import load
from pointsman.errors import UsageError
from pointsman.execution.privacy.redaction import Redactor, redaction_key
from pointsman.monitoring.simulated_traffic import Plan, Traffic, write_traffic
from pointsman.store import open_store
from unit.monitoring.conftest import turn

MAIL = "zoe@example.com"
POLICY = """
version: 1
providers: {anthropic: {host: anthropic}}
tiers: {small: [anthropic/claude-haiku-4-5]}
routes: {direct: {tiers: [small]}}
default_route: direct
"""


def run(name: str, *args: str) -> Any:
    result = CliRunner().invoke(load(name), [*args, "--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.stdout)


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/s.db"
    redactor = Redactor(key=redaction_key(tmp_path / "s.db", {}))
    with open_store(url) as store:
        for n, user in enumerate((MAIL, MAIL, "bob")):
            store.append_sync(redactor.record(turn(n, metadata={"user": user}, conversation_id=f"conv-{user}")))
    return url


def test_a_customer_is_found_under_the_name_that_was_redacted(url: str, tmp_path: Path) -> None:
    would = run("forget", MAIL, "--dry-run", "--store", url)
    assert (would["turns"], would["conversations"], would["dry_run"]) == (2, 1, True)
    assert run("forget", MAIL, "--store", url)["turns"] == 2
    assert run("forget", MAIL, "--store", url)["turns"] == 0
    assert run("fold", "--again", "--store", url)["turns"] == 1
    with pytest.raises(UsageError, match="not both"):
        run("forget", MAIL, "--conversation", "x", "--store", url)
    with pytest.raises(UsageError, match="name a customer"):
        run("forget", "--store", url)


def test_days_are_archived_once_and_old_turns_leave_by_the_policy(url: str, tmp_path: Path) -> None:
    assert [day["turns"] for day in run("archive", "--store", url)["days"]] in ([3], [])  # the day must be over
    assert run("archive", "--store", url)["days"] == []
    policy = tmp_path / "p.yaml"
    policy.write_text(POLICY)
    with pytest.raises(UsageError, match="no retention is set"):
        run("retain", str(policy), "--store", url)
    policy.write_text(POLICY + "retention: {metrics_days: 36500}\n")
    assert run("retain", str(policy), "--store", url) == {"silenced": 0, "bodies": 0, "removed": 0, "dry_run": False}


def test_the_same_plan_gives_the_same_traffic_and_says_that_it_is_simulated(tmp_path: Path) -> None:
    plan = Plan(60, 0.2, 1_795_000_000_000_000)
    one, other = (list(Traffic(plan, Catalog.load()).conversations()) for _ in range(2))
    assert one == other
    turns = [turn for conversation in one for turn in conversation.turns]
    assert all(turn.simulated and turn.at_us < plan.start_us + 0.2 * 86_400_000_000 for turn in turns)
    assert any((turn.usage and turn.usage.cache_read) for turn in turns)
    with open_store(f"sqlite:///{tmp_path}/t.db"):
        assert write_traffic(tmp_path / "t.db", plan, Catalog.load()) == len(turns)
