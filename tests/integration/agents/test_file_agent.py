"""The file agent of the examples: more than 60 tool calls in one run through a real MCP server."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from pointsman.cli.runs import sum_up
from pointsman.emulator.app import Emulator
from pointsman.emulator.serving import serve_in_thread
from pointsman.store import open_store
from pointsman.store.agent_runs import AgentRuns, CallRow, StepCost

EXAMPLE = Path(__file__).parents[3] / "examples" / "file_agent" / "run.py"


@pytest.fixture(scope="module")
def example() -> Any:
    spec = importlib.util.spec_from_file_location("file_agent_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def played(example: Any, folder: Path) -> tuple[list[StepCost], list[CallRow]]:
    with serve_in_thread(Emulator(example.script())) as handle:
        run_id = asyncio.run(example.run(folder, handle.base_url, f"sqlite:///{folder}/s.db"))
    with open_store(f"sqlite:///{folder}/s.db", must_exist=True) as store:
        runs = AgentRuns(store)
        assert runs.run(run_id).state == "done"  # type: ignore[union-attr]
        return runs.costs(run_id), runs.calls(run_id)


def sorted_well(example: Any, folder: Path) -> None:
    workspace = folder / "workspace"
    assert list((workspace / "inbox").iterdir()) == []
    for name, customer, _ in example.FILES:
        assert (workspace / customer / name).is_file()
    assert len((workspace / "summary.txt").read_text().splitlines()) == len(example.CUSTOMERS)


def test_many_calls_on_the_small_model_and_the_synthesis_on_the_flagship(example: Any, tmp_path: Path) -> None:
    example.make_workspace(tmp_path)
    costs, calls = played(example, tmp_path)
    sorted_well(example, tmp_path)
    assert 60 <= len(calls) <= 120
    assert {call.state for call in calls} == {"done"}
    assert not any(call.result is None or call.result.is_error for call in calls)
    assert {cost.tier for cost in costs if cost.phase != "synthesis"} == {"small"}
    assert [(cost.phase, cost.tier) for cost in costs][-2:] == [("draft", "small"), ("synthesis", "flagship")]
    total = sum_up(costs, calls)
    assert total.cost_usd == sum(cost.cost_usd for cost in costs if cost.cost_usd is not None)
    assert total.flagship_cost_usd is not None
    assert total.cost_usd is not None
    assert total.cost_usd < total.flagship_cost_usd / 2
    assert total.tokens_in is not None
    assert total.flagship_tokens is not None
    assert total.flagship_tokens < total.tokens_in / 5


@pytest.mark.slow
def test_the_reference_server_of_npm_does_as_well(example: Any, tmp_path: Path) -> None:
    if shutil.which("npx") is None:
        pytest.skip("npx is not installed: @modelcontextprotocol/server-filesystem was not tried")
    if os.environ.get("POINTSMAN_NPM_TESTS") != "1":
        pytest.skip("set POINTSMAN_NPM_TESTS=1 to let npx fetch @modelcontextprotocol/server-filesystem")
    example.make_workspace(tmp_path)
    policy = tmp_path / "pointsman.yaml"
    ours = "stdio: {command: python, args: [../files_server.py, .], cwd: workspace}"
    npm = 'stdio: {command: npx, args: [-y, "@modelcontextprotocol/server-filesystem", .], cwd: workspace}'
    text = policy.read_text()
    assert ours in text
    policy.write_text(text.replace(ours, npm))
    _, calls = played(example, tmp_path)
    sorted_well(example, tmp_path)
    assert {call.state for call in calls} == {"done"}
