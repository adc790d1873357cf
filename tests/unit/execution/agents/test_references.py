"""What agents refer to is looked up without being run."""

from __future__ import annotations

from pathlib import Path

import pytest

from pointsman.execution.agents.references import broken_references
from pointsman.routing.policy import parse_policy
from support.agents import agent

RUNS = "raise SystemExit('a check must not run this')\n"
SHOP = RUNS + "def refund(order: str) -> str:\n    return order\ndef odd(order):\n    return order\nmade = refund\n"


def found(folder: Path, lines: str, **environ: str) -> list[str]:
    (folder / "shop.py").write_text(SHOP)
    (folder / "torn.py").write_text("def refund(:\n")
    return broken_references(parse_policy(agent(lines), str(folder / "p.yaml")), {"PATH": "", **environ})


@pytest.mark.parametrize(
    "lines",
    [
        "tools: {refund: {python: 'shop.py:refund'}}\nwrites: [ref*]",
        "tools: {refund: {python: 'shop.py:made'}}",
        "tools: {refund: {python: 'json:loads', parameters: {type: object}}}",
        "tools: {refund: {python: 'importlib.machinery:PathFinder', parameters: {type: object}}}",
        "tools: {refund: {python: 'shop.py:odd', parameters: {type: object}}}",
        "tools: {refund: {}}",
        "mcp: {files: {stdio: {command: python, env: {KEY: $KEY}}}}\nwrites: [anything]",
    ],
)
def test_what_is_there_is_not_mentioned(tmp_path: Path, lines: str) -> None:
    assert found(tmp_path, lines, KEY="k") == []


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            "tools: {refund: {python: 'nowhere.py:refund'}}",
            "tools.refund: nowhere.py:refund cannot be loaded: there is no f",
        ),
        ("tools: {refund: {python: 'shop.py:refnud'}}", "there is no function 'refnud' in shop.py"),
        ("tools: {refund: {python: 'shop.py:odd'}}", "parameter 'order' has no type"),
        ("tools: {refund: {python: 'torn.py:refund'}}", "line 1: invalid syntax"),
        ("tools: {refund: {python: 'no.such.module:refund'}}", "there is no module 'no'"),
        ("tools: {refund: {python: 'json.nothing:refund'}}", "there is no module 'json.nothing'"),
        ("tools: {refund: {parameters: {type: objekt}}}", "its parameters are no JSON Schema"),
        ("contract: {type: objekt}", "contract: "),
        ("tools: {refund: {}}\nwrites: [transfer]", "writes: 'transfer' is the name of none of its tools (refund)"),
        (
            "mcp: {files: {stdio: {command: no-such-program}}}",
            "mcp.files: stdio: there is no program 'no-such-program'",
        ),
        ("mcp: {files: {stdio: {command: python, cwd: nowhere}}}", "is no folder"),
        ("mcp: {files: {stdio: {command: python, env: {KEY: $KEY}}}}", "needs the environment variable KEY"),
        ("mcp: {far: {http: {url: 'http://x.test', headers_env: {a: KEY}}}}", "a needs the environment variable KEY"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, lines: str, said: str) -> None:
    (problem,) = found(tmp_path, lines)
    assert problem.startswith("agents.clerk.")
    assert said in problem
