"""``pointsman contracts``: verdicts on replies from files, and the report of what was rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.errors import UsageError
from pointsman.store import open_store
from pointsman.store.rejections import Rejection, record_rejection_sync

SCHEMA = {
    "type": "object",
    "properties": {"intent": {"enum": ["refund", "cancel"]}, "n": {"type": "integer"}},
    "required": ["intent"],
    "additionalProperties": False,
}


def run(*args: str | Path, stdin: str = "", code: int = 0) -> str:
    result = CliRunner().invoke(load("contracts"), [str(one) for one in args], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return str(result.stdout)


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "triage.json"
    path.write_text(json.dumps(SCHEMA))
    return path


def test_each_reply_gets_its_verdict_and_a_rejection_sets_the_exit_code(schema: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text('```json\n{"intent": "refund"}\n```')
    (tmp_path / "b.txt").write_text('{"intent": "\x1b[31mRefund"}')
    told = run("check", schema, tmp_path / "a.txt", tmp_path / "b.txt", code=1)
    assert "2 checked against contract triage" in told.splitlines()[0]
    assert "1 repaired, 1 rejected" in told.splitlines()[0]
    assert "repair: fence removed" in told
    assert "bad_enum at /intent" in told
    assert "\x1b" not in told
    assert "1 ok" in run("check", schema, stdin='{"intent": "refund"}')


def test_lines_are_replies_of_their_own(schema: Path) -> None:
    lines = '{"intent": "cancel"}\n\n"```\\n{\\"intent\\": \\"refund\\"}\\n```"\n{"n": 1}\n'
    found = json.loads(run("check", schema, "-", "--lines", "--json", stdin=lines, code=1))
    assert [one["outcome"] for one in found["verdicts"]] == ["ok", "repaired", "rejected"]
    assert [one["reply"] for one in found["verdicts"]] == ["stdin:1", "stdin:3", "stdin:4"]
    assert found["verdicts"][2]["failures"][0]["pointer"] == "/intent"
    assert (found["replies"], found["rejected"]) == (3, 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [('{"type": "objekt"}', "at /type"), ("[]", "is an object"), ("{", "not JSON"), (None, "cannot be read")],
)
def test_a_wrong_schema_is_told_in_words(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "s.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match=said):
        run("check", path, stdin="{}")


@pytest.mark.parametrize(("data", "said"), [(b'{"intent": "\xff"}', "UTF-8"), (b" " * ((16 << 20) + 1), "16 MiB")])
def test_what_cannot_be_read_whole_is_not_judged(schema: Path, tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "reply.txt").write_bytes(data)
    with pytest.raises(UsageError, match=said):
        run("check", schema, tmp_path / "reply.txt")


def test_the_report_sums_up_what_was_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/turns.db"
    with open_store(url) as store:
        for n, kind in enumerate(("bad_enum", "bad_enum", "truncated")):
            failures = ((kind, "/intent", "no"),)
            record_rejection_sync(
                store,
                Rejection(n, "rejected", "triage", "v1", f"m/{n % 2}", failures, "[bold]\x1b[2J", turn_id=f"t{n}"),
            )
    told = run("report", "--store", url)
    assert told.splitlines()[0] == "3 replies did not satisfy a contract as they came: 3 rejected, 0 repaired."
    assert "bad_enum" in told
    assert "[bold]" in told
    assert "\x1b" not in told
    one = run("report", "--store", url, "--kind", "truncated").splitlines()[0]
    assert one == "1 reply did not satisfy a contract as it came: 1 rejected, 0 repaired."
    found: Any = json.loads(run("report", "--store", url, "--by", "kind", "--json"))
    assert [(row["by"]["kind"], row["rejected"]) for row in found["rows"]] == [("bad_enum", 2), ("truncated", 1)]
    assert found["newest"][0]["raw"] == "[bold]\x1b[2J"
    assert "No reply" in run("report", "--store", url, "--since", "1h")
    for flags in (("--by", "raw"), ("--kind", "nonsense")):
        with pytest.raises(UsageError):
            run("report", "--store", url, *flags)
