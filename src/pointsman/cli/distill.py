"""``pointsman distill``: recorded turns as training data for a smaller model, or for the routing scorer."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import msgspec
import typer
from rich.table import Table

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.figures import count
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import AsJson, Since, StoreUrl, since_us
from pointsman.errors import UsageError
from pointsman.learning.distill import CARD, Exported, Exporter, Settings, Target
from pointsman.learning.distill_files import SPLITS
from pointsman.store import DEFAULT_URL, open_store

if TYPE_CHECKING:
    from pointsman.catalog.book import Catalog
    from pointsman.store import Store

app = typer.Typer(
    help="Make training data of recorded turns. Exit codes: 0 done, 1 no turn could be used, 2 the input was wrong.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
EXIT_FAILED = 1
_CONSENT = "training_consent"
_POLICY_FILE = Path("pointsman.yaml")
_LEAST_LINES = 10
"""OpenAI's fine-tuning takes no file with fewer lines."""


@app.callback()
def _group() -> None:
    pass


@app.command()
def export(
    folder: Annotated[Path, typer.Option("--out", help="The folder to write to.")],
    target: Annotated[str, typer.Option("--target", help=f"One of: {', '.join(get_args(Target))}.")] = "chat",
    since: Since = None,
    strong: Annotated[
        list[str] | None,
        typer.Option("--strong", help="A model to learn from; again for more. Default: the flagship tier."),
    ] = None,
    consent_field: Annotated[
        str | None,
        typer.Option("--consent-field", help="The turn's metadata that must say yes; default: training_consent."),
    ] = None,
    consent_ground: Annotated[
        str | None,
        typer.Option("--consent-ground", help="Why every turn may be used, in words; no metadata is asked then."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", help="Policy file: distill.consent; default ./pointsman.yaml, if there.")
    ] = None,
    licence: Annotated[
        str, typer.Option("--licence", help="Under which licence the lines stand, in words.")
    ] = "not stated",
    exclude: Annotated[
        list[Path] | None, typer.Option("--exclude", help="A case file to keep out; again for more.")
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option("--run", help="With dpo: a replay whose disagreements become pairs, too; again for more."),
    ] = None,
    shares: Annotated[str, typer.Option("--split", help="Shares of train, valid and test.")] = "80,10,10",
    seed: Annotated[int, typer.Option("--seed", help="Another seed splits otherwise.")] = 0,
    simulated: Annotated[bool, typer.Option("--simulated", help="Take turns of simulated models too.")] = False,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Write turns that a strong model answered well as chat, sharegpt, dpo or router lines, with a data card."""
    from pointsman.catalog.book import Catalog

    catalog = Catalog.load()
    field, ground = _consent(consent_field, _said("--consent-ground", consent_ground), policy)
    settings = Settings(
        target=_target(target),
        since_us=since_us(since),
        strong=None if not strong else frozenset(_model(catalog, name) for name in strong),
        consent_field=field,
        consent_ground=ground,
        licence=_said("--licence", licence) or "not stated",
        seed=seed,
        shares=_shares(shares),
        simulated=simulated,
    )
    if run and settings.target != "dpo":
        raise UsageError("--run makes pairs: add --target dpo")
    with open_store(store, must_exist=True) as opened:
        done = _run(opened, catalog, settings, folder, _Sets(exclude or [], run or []))
    _tell(folder, done, json=json)
    if not done.written:
        raise typer.Exit(EXIT_FAILED)


def _consent(field: str | None, ground: str | None, policy: Path | None) -> tuple[str, str | None]:
    """Return on which metadata or ground turns are taken: as the flags say, else the policy, else metadata training_consent."""
    if field is not None or ground is not None:
        return field or _CONSENT, ground
    if policy is None and not _POLICY_FILE.exists():
        return _CONSENT, None
    from pointsman.cli.policy_file import open_policy

    consent = open_policy(policy).distill.consent
    return (_CONSENT, None) if consent is None else (consent.field or _CONSENT, consent.ground)


class _Sets(msgspec.Struct, frozen=True):
    """The files beside the store: evaluation sets to keep out, and replays to take pairs from."""

    exclude: list[Path]
    runs: list[Path]


def _tell(folder: Path, done: Exported, *, json: bool) -> None:
    _write_card(folder, done)
    if json:
        print_json(_as_json(folder, done))
    else:
        _show(folder, done)


def _run(store: Store, catalog: Catalog, settings: Settings, folder: Path, sets: _Sets) -> Exported:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from pointsman.execution.privacy.redaction import Redactor, redaction_key

    key = redaction_key(store.path)

    def tier_of(model: str) -> str | None:
        found = catalog.find(model)
        return None if found is None else found.tier

    exporter = Exporter(store, settings, redactor=Redactor(key=key), key=key, tier_of=tier_of)
    console = err()
    columns = (TextColumn("looking through"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=store.count())
        return exporter.run(folder, sets.exclude, sets.runs, lambda turns: progress.update(task, completed=turns))


def _write_card(folder: Path, done: Exported) -> None:
    from pointsman.learning.distill_card import card

    (folder / CARD).write_text(card(done, version("pointsman")), encoding="utf-8")


def _show(folder: Path, done: Exported) -> None:
    from pointsman.learning.distill_card import REASONS

    console = out()
    split = ", ".join(f"{done.lines[one]:,} {one}" for one in SPLITS)
    console.print(plain(f"{done.written:,} lines of {done.turns:,} turns in {folder} ({split}).", "bold"))
    if done.left_out:
        table = Table(box=None, pad_edge=False)
        table.add_column("left out", justify="right", no_wrap=True)
        table.add_column("why", overflow="fold")
        for word, number in done.left_out.items():
            table.add_row(count(number), plain(f"{word}: {REASONS.get(word, word)}"))
        show_stacked(table, keys=1)
    notes = [f"The data card is {folder / CARD}: it says what to mind, the providers' terms among it."]
    if not done.excluded:
        notes.append("No evaluation set was named (--exclude FILE): a test of the trained model may not be fair.")
    if 0 < done.lines["train"] < _LEAST_LINES:
        notes.append(f"Fewer than {_LEAST_LINES} lines to train on: fine-tuning services take no such file.")
    for note in notes:
        console.print(plain(note, "dim"))


def _as_json(folder: Path, done: Exported) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "target": done.settings.target,
        "turns": done.turns,
        "lines": done.lines,
        "conversations": done.conversations,
        "left_out": done.left_out,
        "models": done.models,
        "routes": done.routes,
        "excluded": done.excluded,
        "card": str(folder / CARD),
    }


def _target(word: str) -> Target:
    known: tuple[Target, ...] = get_args(Target)
    for one in known:
        if one == word:
            return one
    raise UsageError(f"--target {word[:40]!r}: there are {', '.join(known)}")


def _model(catalog: Catalog, name: str) -> str:
    """Return the id of a model; one that the catalogue does not know is taken as it is written in the store."""
    found = catalog.find(name)
    return name if found is None else found.id


def _said(flag: str, words: str | None) -> str | None:
    if words is None:
        return None
    line = " ".join(words.split())
    if not line:
        raise UsageError(f"{flag} is empty: say it in words, or leave it out")
    return line[:500]


def _shares(words: str) -> tuple[int, int, int]:
    try:
        train, valid, test = (int(word) for word in words.split(","))
    except ValueError:
        train, valid, test = -1, 0, 0
    if min(train, valid, test) < 0 or not train + valid + test:
        raise UsageError(f"--split {words[:40]!r}: write three whole numbers, e.g. 80,10,10")
    return train, valid, test
