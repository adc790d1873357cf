"""The documents are true: generated pages are fresh; links, names and command lines exist."""

from __future__ import annotations

from pathlib import Path

import pytest

from house import docs_check, docs_commands, docs_links

FLAGS = {"report": {"--help", "--by", "--store"}, "keys": {"--help"}, "keys create": {"--help", "--models"}}


def test_the_documents_have_no_problem() -> None:
    assert docs_check.problems() == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("pointsman report --by route", None),
        ("`pointsman report [--by] [--store URL]`", None),
        ("`pointsman COMMAND --help`", None),
        ("`.venv/bin/pointsman keys create agent --models a,b | cat --number`", None),
        ("`pointsman report --buy route`", "'pointsman report' has no --buy"),
        ("`pointsman keys create --by x`", "'pointsman keys create' has no --by"),
        ("`pointsman rapport`", "there is no command 'rapport'"),
        ("`make test`", None),
        ("`make PYTHON=/usr/bin/python3 test`", None),
        ("`make tset`", "there is no 'make tset'"),
        ("`python benchmarks/nothing.py`", "there is no benchmarks/nothing.py"),
        (
            "```console\n$ pointsman report \\\n    --buy x\nreport: --made up output\n```",
            "'pointsman report' has no --buy",
        ),
        ("```python\npointsman --buy\n```", None),
    ],
)
def test_a_command_line_that_would_be_refused_is_found(tmp_path: Path, line: str, problem: str | None) -> None:
    page = tmp_path / "page.md"
    page.write_text(line)

    found = list(docs_commands.command_problems(tmp_path, page, FLAGS, {"test"}))

    assert [text.rpartition(": ")[2] for text in found] == ([problem] if problem else [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[a](page.md#two-words)\n\n# Two *words*", None),
        ("[a](https://example.org/#x)", None),
        ("[a](gone.md)", "link to gone.md, which does not exist"),
        ("[a](#none)\n\n# One", "link to #none, but page.md has no heading #none"),
        ("```text\n[a](gone.md)\n```", None),
    ],
)
def test_a_link_that_leads_nowhere_is_found(tmp_path: Path, text: str, problem: str | None) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)

    found = list(docs_links.link_problems(tmp_path, page))

    assert found == ([f"page.md: {problem}"] if problem else [])


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("app.Router.begin", True),
        ("execution.engine.Running.open", True),
        ("pointsman.errors.StoreError", True),
        ("routing.cost", True),
        ("app.Router.nothing", False),
        ("routing.nothing", False),
    ],
)
def test_a_name_of_the_code_is_looked_up(name: str, there: bool) -> None:
    assert docs_links.exists(name) is there


def test_a_fragment_with_a_wrong_name_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "changelog.d"
    folder.mkdir()
    for name in ("README.md", "2.store.added.md", "2.gateway-dialects.fixed.md", "store.added.md", "2.store.new.md"):
        (folder / name).write_text("Something a user can see.")

    assert [line.partition(":")[0] for line in docs_links.fragment_problems(tmp_path)] == [
        "changelog.d/2.store.new.md",
        "changelog.d/store.added.md",
    ]
