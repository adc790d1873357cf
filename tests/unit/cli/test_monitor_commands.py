"""``pointsman monitors``, ``incidents`` and ``drift``: what they print, their exit codes, and what they refuse."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from pointsman.cli import load
from pointsman.errors import NotFound, UsageError
from pointsman.store import open_store
from support.watched import MINUTE_US, MODEL, minutes


def run(name: str, *args: str, code: int = 0) -> Result:
    result = CliRunner().invoke(load(name), list(args))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def data(name: str, *args: str, code: int = 0) -> Any:
    return json.loads(run(name, *args, "--json", code=code).stdout)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/s.db"
    with open_store(url) as store:
        begins = time.time_ns() // 1000 // MINUTE_US - 60
        minutes(store, begins, 45, n=14)
        minutes(store, begins + 45, 15, n=14, bad=5)
    return url


def test_rules_are_listed_and_tried_on_stored_turns(url: str) -> None:
    listed = data("monitors", "list")
    assert len(listed["rules"]) == 11
    assert "told to nobody" in run("monitors", "list").stdout
    fired = data("monitors", "test", "error-rate", "--store", url, code=1)["findings"]
    assert [one["state"] for one in fired] == ["firing"]
    run("monitors", "test", "error-rate", "--at", "30m", "--store", url)
    alarms = data("monitors", "backtest", "--since", "2h", "--store", url)["alarms"]
    assert {alarm["rule"] for alarm in alarms} == {"error-rate", "model-errors", "error-budget"}
    assert "error-rate" in run("monitors", "backtest", "error-rate", "--store", url).stdout
    assert data("incidents", "list", "--store", url)["incidents"] == []
    with pytest.raises(UsageError, match="there is no rule 'eror-rate'"):
        run("monitors", "test", "eror-rate", "--store", url)
    with pytest.raises(UsageError, match="--once"):
        run("monitors", "run", "--store", url)


def test_an_incident_is_opened_looked_at_and_ended(url: str) -> None:
    changed = data("monitors", "run", "--once", "--store", url, code=1)["changed"]
    [name] = changed["opened"]
    assert name in run("incidents", "list", "--store", url).stdout
    told = run("incidents", "show", name, "--store", url).stdout
    assert f"Service at {MODEL}" in told
    assert "opened" in told
    run("incidents", "ack", name[:8], "--who", "ana", "--store", url)
    run("incidents", "silence", name, "--for", "2h", "--store", url)
    run("incidents", "note", name, "The provider was down. [bold]Really[/bold]", "--store", url)
    run("incidents", "resolve", name, "--why", "failed over", "--store", url)
    shown = data("incidents", "show", name, "--store", url)
    assert shown["incident"]["state"] == "resolved"
    assert [event["kind"] for event in shown["timeline"]][-4:] == ["acknowledged", "silenced", "note", "resolved"]
    assert "[bold]Really[/bold]" in run("incidents", "show", name, "--store", url).stdout
    assert data("incidents", "deliveries", "--store", url)["deliveries"] == []
    with pytest.raises(NotFound, match="no incident 'inc_none'"):
        run("incidents", "ack", "inc_none", "--store", url)
    with pytest.raises(UsageError, match="not a length of time"):
        run("incidents", "silence", name, "--for", "soon", "--store", url)


def test_drift_says_what_is_unknown(url: str) -> None:
    found = data("drift", "report", "--store", url)
    assert {one["psi"] for one in found["mix"]} == {None}
    assert all(not one["told"] for one in found["rates"])
    assert "needs 500 turns" in run("drift", "report", "--store", url).stdout
    with pytest.raises(UsageError, match="pins no cases"):
        run("drift", "canary", "--store", url)


def test_prometheus_rules_go_to_stdout_alone(url: str) -> None:
    assert run("monitors", "prometheus").stdout.startswith("groups:\n- name: pointsman-tool-call-success")
