"""``pointsman bench``: tool calls, latency and structured output of any models, on your schema and traffic or a bundled set."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from pointsman.cli.bench_setup import (
    AtOnce,
    BudgetStore,
    DryRun,
    Emulated,
    Local,
    MaxUsd,
    Models,
    Outcome,
    PolicyFile,
    Repeats,
    ScriptFile,
    Setting,
    Where,
    bench,
    own_cases,
    terms,
)
from pointsman.cli.console import print_json
from pointsman.cli.store_options import AsJson
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Origin
from pointsman.evaluation.bench_asking import Job
from pointsman.evaluation.bench_running import BenchRun
from pointsman.evaluation.cases import Case

app = typer.Typer(
    help="Compare models on your schema and your traffic. Exit codes: 0 done, 1 a model gave no reply at all or the cap was "
    "reached, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
EXIT_FAILED = 1
_SMALLEST, _LARGEST = 100, 1_000_000

CasesFile = Annotated[
    Path | None,
    typer.Option("--cases", help="Your own cases (`pointsman import` writes them); left out, a bundled set."),
]
Some = Annotated[int | None, typer.Option("--n", min=1, help="Only the first N of the set.")]


@app.command()
def tools(
    models: Annotated[
        str,
        typer.Option("--models", help="The models to ask, with commas; recorded:PATH#MODEL takes answers from a file."),
    ],
    cases: CasesFile = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", help="Dollars per million tokens of recorded models, as JSON.")
    ] = None,
    grader: Annotated[str, typer.Option("--grader", help="Who grades: strict, bfcl.")] = "strict",
    by: Annotated[str, typer.Option("--by", help="The tag by which results are shown apart.")] = "kind",
    repeats: Repeats = 1,
    n: Some = None,
    output_tokens: Annotated[int, typer.Option("--output-tokens", min=1, help="The longest answer asked for.")] = 1024,
    policy: PolicyFile = None,
    emulated: Emulated = False,
    script: ScriptFile = None,
    local: Local = False,
    max_usd: MaxUsd = None,
    dry_run: DryRun = False,
    at_once: AtOnce = 4,
    store: BudgetStore = None,
    json: AsJson = False,
) -> None:
    """How often tool calls are right, and what is wrong where they are not. No tool is executed."""
    from pointsman.cli import bench_view
    from pointsman.cli.bench_recorded import split_models, with_recorded
    from pointsman.evaluation.bench_sets import bundled_requests
    from pointsman.evaluation.benches.tools import USUAL_OUTPUT, ToolsBench
    from pointsman.evaluation.graders.registry import grader as grader_named

    judge = grader_named(grader)
    chosen = bundled_requests()[:n] if cases is None else own_cases(cases, n)
    this = ToolsBench(chosen, judge, by=by, output_tokens=output_tokens)
    live, recorded = split_models(models, own=cases is not None)
    outcome = Outcome((), BenchRun(()), Decimal(0))
    names: list[tuple[str, Origin]] = []
    if live:
        setting, outcome = bench(
            live,
            Where(policy, emulated, script, store, local=local),
            terms(max_usd, dry_run=dry_run, at_once=at_once),
            lambda setting: list(this.jobs(setting.models, repeats)),
            usual_output=USUAL_OUTPUT,
        )
        names += [(model.id, setting.asker.known_origin(model.id)) for model in setting.models]
    elif dry_run:
        outcome = Outcome((), None, Decimal(0))
    outcome, found = with_recorded(outcome, recorded, chosen, repeats, prices)
    names += [(name, "recorded") for name in found]
    made = () if outcome.run is None else outcome.run.made
    rows = [this.row(name, made, origin) for name, origin in names] if made else []
    if json:
        about = {"grader": f"{judge.name}@{judge.version}", "cases": len(chosen), "repeats": repeats}
        print_json(bench_view.as_json("tools", rows, outcome, about))
    elif outcome.run is None:
        bench_view.show_price(outcome)
    else:
        bench_view.show_tools(rows, outcome, judge.name, by)
    _end([name for name, _ in names], outcome)


@app.command()
def structured(
    models: Models,
    schema: Annotated[Path | None, typer.Option("--schema", help="A JSON Schema; left out, a support ticket.")] = None,
    repeats: Repeats = 1,
    cases: CasesFile = None,
    n: Some = None,
    mode: Annotated[str, typer.Option("--mode", help="native, prompt, or both with a comma.")] = "native,prompt",
    output_tokens: Annotated[int, typer.Option("--output-tokens", min=1, help="The longest reply asked for.")] = 1024,
    policy: PolicyFile = None,
    emulated: Emulated = False,
    script: ScriptFile = None,
    local: Local = False,
    max_usd: MaxUsd = None,
    dry_run: DryRun = False,
    at_once: AtOnce = 4,
    store: BudgetStore = None,
    json: AsJson = False,
) -> None:
    """How often replies satisfy a schema, and what is wrong where they do not; with the schema in the request, and without."""
    from pointsman.cli import bench_view
    from pointsman.evaluation.bench_sets import bundled_texts
    from pointsman.evaluation.benches.structured import USUAL_OUTPUT, StructuredBench

    modes = _modes(mode)
    texts = bundled_texts()[:n] if cases is None else own_cases(cases, n)
    this = StructuredBench(*_contract(schema, texts, own=cases is not None), texts, output_tokens)

    def jobs(setting: Setting) -> list[Job]:
        return list(this.jobs(setting.models, repeats, modes))

    setting, outcome = bench(
        models,
        Where(policy, emulated, script, store, local=local),
        terms(max_usd, dry_run=dry_run, at_once=at_once),
        jobs,
        usual_output=USUAL_OUTPUT,
    )
    made = () if outcome.run is None else outcome.run.made
    origin = setting.asker.known_origin
    rows = [this.row(model, one, made, origin(model.id)) for model in setting.models for one in modes]
    about = {"contract": this.contract.name, "version": this.contract.version, "cases": len(texts), "repeats": repeats}
    if json:
        print_json(bench_view.as_json("structured", rows if made else [], outcome, about))
    elif outcome.run is None:
        bench_view.show_price(outcome)
    else:
        bench_view.show_structured(rows, outcome, this.contract.name)
    _end([model.id for model in setting.models], outcome)


@app.command()
def latency(
    models: Models,
    sizes: Annotated[str, typer.Option("--sizes", help="Prompt sizes in tokens, with commas.")] = "200,2000,8000",
    n: Annotated[int, typer.Option("--n", min=1, help="How many prompts of each size; with --cases: of all.")] = 20,
    repeats: Repeats = 1,
    cases: CasesFile = None,
    warm: Annotated[
        bool, typer.Option("--warm", help="Let the providers' prompt caches help: prompts begin alike.")
    ] = False,
    output_tokens: Annotated[int, typer.Option("--output-tokens", min=1, help="The longest reply asked for.")] = 200,
    policy: PolicyFile = None,
    emulated: Emulated = False,
    script: ScriptFile = None,
    local: Local = False,
    max_usd: MaxUsd = None,
    dry_run: DryRun = False,
    at_once: AtOnce = 1,
    store: BudgetStore = None,
    json: AsJson = False,
) -> None:
    """Time to the first token (p50, p95) and tokens per second by prompt size, streamed."""
    from pointsman.cli import bench_view
    from pointsman.evaluation.benches import latency as this

    wanted = _sizes(sizes)
    own = None if cases is None else own_cases(cases, n)

    def jobs(setting: Setting) -> list[Job]:
        if own is not None:
            return list(this.case_jobs(setting.models, own, repeats=repeats, output_tokens=output_tokens))
        made_up = this.bundled_jobs(
            setting.models, sizes=wanted, prompts=n, repeats=repeats, warm=warm, output_tokens=output_tokens
        )
        return list(made_up)

    setting, outcome = bench(
        models,
        Where(policy, emulated, script, store, paced=True, local=local),
        terms(max_usd, dry_run=dry_run, at_once=at_once),
        jobs,
        usual_output=output_tokens,
    )
    made = () if outcome.run is None else outcome.run.made
    rows = this.rows(setting.models, made, [setting.asker.known_origin(model.id) for model in setting.models])
    if json:
        about = {"at_once": at_once, "warm": warm, "cases": None if own is None else len(own)}
        print_json(bench_view.as_json("latency", rows, outcome, about))
    elif outcome.run is None:
        bench_view.show_price(outcome)
    else:
        bench_view.show_latency(rows, outcome)
    _end([model.id for model in setting.models], outcome)


def _sizes(words: str) -> tuple[int, ...]:
    try:
        found = tuple(dict.fromkeys(int(word.replace("_", "")) for word in words.split(",") if word.strip()))
    except ValueError:
        found = ()
    if not found or not all(_SMALLEST <= size <= _LARGEST for size in found):
        raise UsageError(f"--sizes {words[:60]!r}: write tokens with commas, from {_SMALLEST} to {_LARGEST:,}")
    return found


def _contract(path: Path | None, texts: Sequence[Case], *, own: bool) -> tuple[dict[str, Any], str]:
    """Return the schema to hold replies to, and its name."""
    from pointsman.evaluation.bench_sets import bundled_schema
    from pointsman.evaluation.benches.structured import own_schema

    if path is not None:
        return _schema(path), path.stem[:60]
    if not own:
        return bundled_schema(), "ticket"
    schema = own_schema(texts)
    if schema is None:
        raise UsageError("the cases do not all ask for one and the same schema: name yours with --schema FILE")
    return schema, "reply"


def _modes(words: str) -> tuple[Any, ...]:
    from pointsman.evaluation.benches.structured import MODES

    chosen = tuple(dict.fromkeys(word.strip() for word in words.split(",") if word.strip()))
    if not chosen or any(word not in MODES for word in chosen):
        raise UsageError(f"--mode {words[:40]!r}: write native, prompt, or native,prompt")
    return chosen


def _schema(path: Path) -> dict[str, Any]:
    try:
        schema = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: it cannot be read ({error.strerror}).") from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: this is not JSON ({error}). Give a file that holds one JSON Schema.") from None
    if not isinstance(schema, dict):
        raise UsageError(f"{path}: a JSON Schema is an object. Give a file that holds one JSON Schema.")
    return schema


def _end(models: Sequence[str], outcome: Outcome) -> None:
    """Exit with 1 where a model gave no reply at all, or the cap was reached."""
    if outcome.run is None:
        return
    answers = [one.answer for one in outcome.run.made]
    replied = {one.model for one in answers if one.reply is not None or one.text_calls is not None}
    if outcome.run.left or not replied.issuperset(models):
        raise typer.Exit(EXIT_FAILED)
