"""``pointsman shadow`` and ``pointsman pnl`` as they are typed."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.errors import NotFound, UsageError
from pointsman.store import open_store
from support.gateway import POLICY
from support.shadows import make, reply

SHADOW = """
shadow: {everyone: 1.0, judge: [openai/gpt-5-mini], budget: {share: 0.5}}
economics: {prices: {handoff_usd: 6, reask_usd: 0.4, harm_usd: 2}}
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "p.yaml").write_text(POLICY + SHADOW)
    now = time.time_ns() // 1000
    with open_store(f"sqlite:///{tmp_path / 't.db'}") as store:
        for n in range(8):
            said = reply("Never. [bold]hostile[/bold]\x1b[31m" if n % 2 else "It ships on Monday.")
            store.append_sync(make(n, at_us=now + n, cost=Decimal("0.6"), reply=said))
    return tmp_path


def run(here: Path, command: str, *args: str, policy: bool = True) -> str:
    words = [*args, "--store", f"sqlite:///{here / 't.db'}", *(("--policy", str(here / "p.yaml")) if policy else ())]
    result = CliRunner().invoke(load(command), words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_pass_and_what_came_of_it(here: Path) -> None:
    assert "No misroute rate yet" in run(here, "shadow", "status")
    done: dict[str, Any] = json.loads(run(here, "shadow", "run", "--once", "--emulated", "--json"))
    assert (done["looked_at"], done["answered"], done["judged"]) == (8, 8, 8)
    told = run(here, "shadow", "status")
    assert "of 8 turns needed a stronger model (8 checked, too few to act on)" in told
    status = json.loads(run(here, "shadow", "status", "--json"))
    assert status["states"]["judged"] == 8
    assert status["misroutes"]["turns"] == 8
    rows = json.loads(run(here, "shadow", "list", "--json", policy=False))["checks"]
    assert len(rows) == 8
    shown = run(here, "shadow", "show", "turn00001", policy=False)
    assert "[bold]hostile[/bold]" in shown
    assert "\x1b" not in shown
    found = json.loads(run(here, "pnl", "--json"))
    assert found["total"]["turns"] == 8
    assert found["total"]["net"]["value"] < 0
    assert found["verdict"].startswith("The router LOST")
    assert "The router LOST" in run(here, "pnl", "--by", "intent")
    # Nothing is asked, or paid, a second time.
    again = json.loads(run(here, "shadow", "run", "--once", "--emulated", "--json"))
    assert (again["looked_at"], again["answered"], again["judged"]) == (0, 0, 0)


def test_what_is_wrong_is_said(here: Path) -> None:
    with pytest.raises(UsageError, match="--once"):
        run(here, "shadow", "run")
    with pytest.raises(UsageError, match="none of: waiting"):
        run(here, "shadow", "list", "--state", "nonsense", policy=False)
    with pytest.raises(NotFound, match="was not chosen"):
        run(here, "shadow", "show", "turn00001", policy=False)
    (here / "p.yaml").write_text(POLICY)
    with pytest.raises(UsageError, match="no section shadow"):
        run(here, "shadow", "run", "--once")
    assert "not checked: the policy has no section shadow" in run(here, "shadow", "status")
