"""The commands models, cost and advise: words on stdout, JSON alone with --json, errors that say what to do."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pointsman.cli import load
from pointsman.errors import UsageError

DAY = ("--at", "2026-11-21")


def run(name: str, *args: str, answers: str | None = None) -> str:
    result = CliRunner().invoke(load(name), list(args), input=answers)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def data(name: str, *args: str) -> Any:
    return json.loads(run(name, *args, "--json"))


def test_models_shows_prices_abilities_and_retirements() -> None:
    text = run("models", *DAY)
    assert "8 providers" in text
    row = next(line for line in text.splitlines() if line.startswith("anthropic/claude-haiku-4-5"))
    assert row.split()[:9] == ["anthropic/claude-haiku-4-5", "small", "1", "0.1", "1.25", "5", "0.5/2.5", "200k", "–"]
    assert "RETIRED 2026-02-19" in text


def test_a_catalogue_too_old_for_the_day_asked_for_warns_on_stderr_only() -> None:
    result = CliRunner().invoke(load("models"), ["--at", "2027-06-30", "--json"])
    assert "more than 6 months ago" in result.stderr
    assert "more than 6 months ago" in json.loads(result.stdout)["warning"]


def test_models_json_has_null_for_unknown_exact_prices_and_sources() -> None:
    found = {model["id"]: model for model in data("models", *DAY)["models"]}
    flash = found["google/gemini-3.5-flash"]
    assert flash["usd_per_mtok"]["batch"] is None
    assert flash["usd_per_mtok"]["standard"]["input"] == 1.5
    assert flash["effective_context"] is None
    assert flash["provenance"]["context_window"]["as_of"] == "2026-11-21"
    assert found["openai/gpt-5.4"]["usd_per_mtok"]["standard"]["long_above_prompt_tokens"] == 272_000
    assert found["anthropic/claude-3-5-haiku"]["retired"] is True


def test_models_can_be_narrowed() -> None:
    found = data("models", "--provider", "openai", "--tier", "small", *DAY)["models"]
    assert [model["id"] for model in found] == ["openai/gpt-5-mini", "openai/gpt-4o-mini"]


def test_models_reads_the_users_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("models:\n  acme/own: {tier: small}\n", encoding="utf-8")
    found = data("models", "--provider", "acme", "--catalog", str(path))["models"]
    assert found[0]["usd_per_mtok"] == {"standard": None, "batch": None}
    assert found[0]["context_window"] is None


def test_cost_prints_the_verdict_the_parts_and_where_published_figures_differ() -> None:
    text = run("cost", "--preset", "deflection", *DAY)
    assert text.splitlines()[0] == (
        "deflection: routed $2,668.75 a month, against $8,750.00 with everything on anthropic/claude-opus-4-8 (69.5 % less)."
    )
    for figure in (" 1,050.00", " 437.50", " 875.00", " 231.25", " 75.00", "$2,748.75", "$562.50", "$2,000", "$1,500"):
        assert figure in text
    chat = run("cost", "--preset", "reference-chat", *DAY)
    for figure in ("$1,860", "$798", "$645", "$1,812", "$802", "4,096"):
        assert figure in chat


def test_cost_json_is_exact() -> None:
    found = data("cost", "--preset", "deflection", *DAY)
    assert found["routed"]["uncached"]["usd"] == 2668.75
    assert sum(part["usd"] for part in found["routed"]["uncached"]["parts"]) == 2668.75
    assert found["remarks"][0]["ours"] == 2748.75


def test_a_shown_preset_is_a_file_that_gives_the_same_bill(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    path.write_text(run("cost", "--preset", "reference-chat", "--show"), encoding="utf-8")
    assert data("cost", str(path), *DAY)["models"] == data("cost", "--preset", "reference-chat", *DAY)["models"]


def test_cost_with_an_unknown_price_says_so_instead_of_a_sum(tmp_path: Path) -> None:
    path = tmp_path / "w.yaml"
    path.write_text(
        "conversations_per_month: 10\noutput_tokens: 3\nbatch_share: 1\nmodels: [gemini-3.5-flash]\n", encoding="utf-8"
    )
    assert "unknown: no batch price for google/gemini-3.5-flash" in run("cost", str(path), *DAY)
    assert data("cost", str(path), *DAY)["models"][0]["cached"]["usd"] is None


def test_advise_with_flags_names_tier_candidates_and_next_step() -> None:
    flags = ("--task", "tools", "--error-cost", "high", "--reasoning", "none", "--volume", "250k", "--context", "5000")
    text = run("advise", *flags, *DAY)
    assert text.startswith("Start on the mid tier; expect to end on flagship.")
    assert "50-100 real examples" in text
    found = data("advise", *flags, *DAY)
    assert found["tier"] == "flagship"
    assert found["question"]["calls"] == 250_000
    assert all(candidate["against"] for candidate in found["candidates"])


def test_advise_without_flags_asks_and_asks_again_after_a_wrong_word() -> None:
    text = run("advise", *DAY, answers="faq\ncheap\nlow\nnone\nlots\n1M\n\nany\n\n\n")
    assert "expect to end on small" in text
    assert "1,000,000 calls a month" in text


def test_advise_with_no_one_to_answer_says_what_to_do() -> None:
    with pytest.raises(UsageError, match="give flags instead"):
        run("advise", answers="")


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("models", ["--tier", "big"], "small, mid, flagship"),
        ("models", ["--provider", "antropic"], r"did you mean anthropic\?"),
        ("models", ["--at", "yesterday"], "2026-11-21"),
        ("models", ["--catalog", "nowhere.yaml"], "nowhere.yaml: cannot be read"),
        ("cost", [], "--preset"),
        ("cost", ["--preset", "nope"], "there are: reference-chat"),
        ("cost", ["nowhere.yaml"], "nowhere.yaml: cannot be read"),
        ("cost", ["w.yaml", "--preset", "deflection"], "either"),
        ("cost", ["w.yaml", "--show"], "--show goes with --preset"),
        ("advise", ["--task", "tols"], "'tols' is not understood; it is one of: classification"),
        ("advise", ["--task", "faq"], r"--error-cost \(low, medium, high\); --reasoning \(none, some, deep\)"),
        ("advise", ["--json"], "--task"),
        ("advise", ["--volume", "many"], "250k"),
    ],
)
def test_bad_flags_are_errors_that_name_the_allowed_words(name: str, args: Sequence[str], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        run(name, *args)
    assert len(str(caught.value).splitlines()) <= 3


def test_a_day_before_a_model_shows_no_price_for_it() -> None:
    found = data("models", "--at", "2020-01-01")["models"]
    assert all(model["usd_per_mtok"]["standard"] is None for model in found if not model["free"])
    words = run("models", "--at", "2020-01-01", "--provider", "anthropic").split()
    assert words.count("out") > words.count("before") > 0  # "not out before <day>", wherever the cell was folded
    text = run("cost", "--preset", "deflection", "--at", "2024-06-01")
    assert text.startswith("deflection: the routed bill is unknown, a price is missing.")
    assert "unknown less" not in text


@pytest.mark.parametrize(("given", "near"), [("nope", False), ("opneai", True), ("OpenAI", True)])
def test_an_unknown_provider_lists_those_there_are(given: str, near: bool) -> None:
    with pytest.raises(UsageError, match="anthropic, openai, google") as caught:
        run("models", "--provider", given)
    assert ("did you mean openai?" in str(caught.value)) is near


def test_advice_with_no_model_left_says_so_and_exits_with_one() -> None:
    flags = ["--task", "tools", "--error-cost", "high", "--reasoning", "deep", "--privacy", "on-prem"]
    result = CliRunner().invoke(load("advise"), [*flags, "--json"])
    assert result.exit_code == 1
    assert json.loads(result.stdout)["candidates"] == []
    shown = CliRunner().invoke(load("advise"), flags)
    assert shown.exit_code == 1
    assert shown.stdout.startswith("No model meets the constraints.")
