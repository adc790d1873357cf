"""The flags of ``pointsman replay``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

CasesFile = Annotated[Path, typer.Argument(help="A case file (`pointsman import` writes one).", show_default=False)]
Models = Annotated[
    str,
    typer.Option(
        help="With commas: ids of the catalogue, recorded:PATH or recorded:PATH#MODEL, or a whole policy: policy:FILE, "
        "policy:FILE?worker=candidate.",
        show_default=False,
    ),
]
OutFolder = Annotated[Path, typer.Option("--out", help="The run's folder; the same one goes on where it stopped.")]
Repeats = Annotated[int, typer.Option(min=1, max=1000, help="How often each model answers each case.")]
ReplayMode = Annotated[
    Literal["fixed", "free"],
    typer.Option(help="fixed: every turn on the recorded history. free: the model goes on, served by the tape."),
]
ToolsFunction = Annotated[
    str | None,
    typer.Option(
        "--tools", help="With --mode free: MODULE:FUNCTION beside the cases, the tools that act on their worlds."
    ),
]
GraderName = Annotated[str, typer.Option(help="What grades: strict, bfcl, end_state, policy_adherence:FILE ...")]
Limit = Annotated[int | None, typer.Option(min=1, help="Only so many cases, taken at random.")]
Seed = Annotated[int, typer.Option(help="Orders the cases, and is sent to providers that take one.")]
Concurrency = Annotated[int, typer.Option("--concurrency", min=1, max=256, help="Calls at the same time.")]
Processes = Annotated[
    int, typer.Option(min=0, max=256, help="Grade in so many processes beside this one, for many recorded answers.")
]
PoolKind = Annotated[
    Literal["local", "ray"], typer.Option("--pool", help="Grade on this machine, or on a Ray cluster (extra ray).")
]
MaxUsd = Annotated[str | None, typer.Option("--max-usd", help="Never spend more than this on the run.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what it would cost.")]
Emulated = Annotated[bool, typer.Option("--emulated", help="Simulated models answer; no account is needed.")]
ScriptFile = Annotated[Path | None, typer.Option(help="With --emulated: what the simulated models say.")]
PolicyFile = Annotated[Path | None, typer.Option(help="Whose providers and keys are used; default ./pointsman.yaml.")]
PricesFile = Annotated[
    Path | None, typer.Option(help="Prices of recorded models, in dollars per million tokens (JSON).")
]
PromptStore = Annotated[
    str | None,
    typer.Option("--prompts", help="The store whose prompts policy:FILE answers with; left out, the shipped ones."),
]
RetryErrors = Annotated[bool, typer.Option("--retry-errors", help="Make calls again that failed.")]
