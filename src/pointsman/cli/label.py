"""``pointsman label``: people say which reply is better, or whether one passes, one at a time and blind."""

from __future__ import annotations

import asyncio
import getpass
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.replay_view import counted
from pointsman.cli.store_options import AsJson, Since, StoreUrl, since_us
from pointsman.errors import RequestError, UsageError
from pointsman.store import DEFAULT_URL, Store, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pointsman.evaluation.labels_sources import Found
    from pointsman.store.labels import Labels

_SHOWN = 5


def command(
    baseline: Annotated[
        str | None, typer.Option(help="Queue pairs of replies: RUN or RUN#MODEL of what answers today.")
    ] = None,
    candidate: Annotated[str | None, typer.Option(help="Queue pairs: RUN or RUN#MODEL of the candidate.")] = None,
    judge: Annotated[
        str | None, typer.Option("--judge", help="With pairs: whose verdicts, where several judges compared them.")
    ] = None,
    cases: Annotated[Path | None, typer.Option(help="With pairs: where the case file is now.")] = None,
    shadows: Annotated[bool, typer.Option("--shadows", help="Queue shadow replies that wait for a person.")] = False,
    turns: Annotated[
        str | None,
        typer.Option("--turns", help='Queue stored turns, to pass or fail by this question: "Is it polite?"'),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option("--metric", help="With --turns: scorecard:NAME or criterion:NAME/CRITERION it stands for."),
    ] = None,
    version: Annotated[str, typer.Option("--metric-version", help="With --metric: which version of it.")] = "",
    since: Since = None,
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="Items to queue at most.")] = 200,
    by: Annotated[
        str | None, typer.Option("--by", help="Who labels; default: your login.", envvar="POINTSMAN_ACTOR")
    ] = None,
    export: Annotated[Path | None, typer.Option("--export", help="Write all labels to this JSONL file.")] = None,
    import_: Annotated[Path | None, typer.Option("--import", help="Take labels from such a file.")] = None,
    json: AsJson = False,
    store: StoreUrl = DEFAULT_URL,
) -> None:
    """Label what waits in the queue: first what says most about a judge, blind and in random order. Stop and go on as you like.

    Keys: 1 or 2 the better reply, 0 no difference, p pass, f fail, s skip, n note, i what should have been, q stop.
    Exit codes: 0 done, 2 wrong input.
    """
    if (baseline is None) != (candidate is None):
        raise UsageError("pairs need both --baseline and --candidate.")
    if metric is not None and turns is None:
        raise UsageError("--metric says what --turns stands for: give the question with --turns.")
    with open_store(store) as opened:
        if export is not None or import_ is not None:
            _files(opened, export, import_, json=json)
            return
        new = 0
        if baseline is not None and candidate is not None:
            new += _queue(opened, _pairs(baseline, candidate, judge, cases, most))
        if shadows:
            new += _queue(opened, _shadows(opened, most))
        if turns is not None:
            new += _queue(opened, _turns(opened, turns, (metric or "label:reply", version), since_us(since), most))
        _go(opened, by or _login(), new, asked=bool(baseline or shadows or turns), json=json)


def _go(store: Store, labeller: str, new: int, *, asked: bool, json: bool) -> None:
    """Say what waits, and label it where there is a person at a terminal."""
    from pointsman.cli.label_view import session
    from pointsman.store.labels import Labels

    labels = Labels(store)
    waiting = labels.waiting()
    if json:
        print_json(_state(labels, new))
        return
    console = out()
    if asked:
        console.print(plain(f"{counted(new, 'new item')} in the queue, {waiting:,} waiting.", "bold"))
    if not labels.queue(labeller, limit=1):
        console.print(
            plain(f"Nothing waits for {labeller}." if not waiting else f"{labeller} has seen all of it.", "bold")
        )
        if not waiting:
            console.print(plain("Queue something: --baseline RUN#A --candidate RUN#B, --shadows, or --turns QUESTION."))
        return
    if not sys.stdin.isatty():
        err().print(
            plain(
                f"{counted(waiting, 'item')} to label, and nobody at a terminal: run it in one, or label on the dashboard."
            )
        )
        return
    session(store, labeller)


def _state(labels: Labels, new: int) -> dict[str, Any]:
    who = [{"labeller": name, "seen": seen, "labelled": said} for name, seen, said in labels.labellers()]
    return {"new": new, "waiting": labels.waiting(), "labels": len(labels.labels()), "labellers": who}


def _queue(store: Store, found: Found) -> int:
    from pointsman.store.labels import Labels

    return Labels(store).add(found.items, found.judgements)


def _pairs(baseline: str, candidate: str, judge: str | None, cases: Path | None, most: int) -> Found:
    from pointsman.evaluation.judging import BothArms, Judged, RunArm, judged_between
    from pointsman.evaluation.labels_sources import pair_items

    old, new = RunArm.named(baseline), RunArm.named(candidate)
    judged: list[Judged] = judged_between(new.folder, old.model, new.model, new.head.version)
    if judge is not None:
        judged = [one for one in judged if one.head.judge == judge]
        if not judged:
            raise UsageError(f"{judge} has not compared these: `pointsman judge compare --judge {judge}` does.")
    if len({one.head.judge for one in judged}) > 1:
        names = ", ".join(sorted({one.head.judge for one in judged}))
        raise UsageError(f"several judges compared these ({names}): name one with --judge.")
    if not judged:
        err().print("no judge has compared these yet: judge first, and the labels also correct what the judge finds")
    with BothArms(old, new, cases) as both:
        return asyncio.run(pair_items(old, new, both, judged[-1] if judged else None, _now(), most=most))


def _shadows(store: Store, most: int) -> Found:
    from pointsman.evaluation.labels_sources import shadow_items

    return shadow_items(store, _now(), most=most)


def _turns(store: Store, question: str, metric: tuple[str, str], since: int | None, most: int) -> Found:
    from pointsman.evaluation.labels_sources import TurnTerms, turn_items

    return turn_items(store, _now(), TurnTerms(*metric, question, since_us=since, most=most))


def _files(store: Store, export: Path | None, import_: Path | None, *, json: bool) -> None:
    from pointsman.evaluation.labels_saying import exported, imported
    from pointsman.store.labels import Labels

    labels = Labels(store)
    told: dict[str, Any] = {}
    if import_ is not None:
        good, bad = 0, []
        for found in imported(_rows(import_)):
            if len(found) == 2:  # noqa: PLR2004 - a line number and what is wrong
                bad.append(found)
                continue
            _, item, label = found
            labels.add([item])
            labels.say(label)
            good += 1
        told |= {"imported": good, "left_out": [{"line": line, "problem": problem} for line, problem in bad]}
        for line, problem in bad[:_SHOWN]:
            err().print(plain(f"{import_}: line {line} left out: {problem}"))
        if not good:
            raise UsageError(f"{import_}: no label could be read. Give a file that `pointsman label --export` wrote.")
    if export is not None:
        lines = [msgspec.json.encode(row) for row in exported(labels)]
        try:
            export.write_bytes(b"".join(line + b"\n" for line in lines))
        except OSError as error:
            raise UsageError(f"{export}: cannot be written: {error.strerror}.") from error
        told["exported"] = len(lines)
    if json:
        print_json(told)
        return
    said = [f"{counted(n, 'label')} {what}" for what, n in told.items() if isinstance(n, int)]
    left = f", {counted(len(told['left_out']), 'line')} left out" if told.get("left_out") else ""
    out().print(plain(f"{' and '.join(said)}{left}.", "bold"))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield the objects of a file's lines, or what is wrong with a line."""
    from pointsman.evaluation.importers.reader import json_object

    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield number, json_object(line)
            except RequestError as error:
                yield number, str(error)


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise UsageError("who labels? Give your name with --by NAME.") from None


def _now() -> int:
    return time.time_ns() // 1000
