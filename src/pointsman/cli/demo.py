"""``pointsman demo``: the bundled conversations through a real gateway and simulated models."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.console import err, out, print_json

if TYPE_CHECKING:
    from pointsman.app import Router
    from pointsman.cli.demo_week import Seeded
    from pointsman.domain.decision import Tier
    from pointsman.emulator.models import Dialect
    from pointsman.evaluation.demo_file import DemoFile
    from pointsman.evaluation.demo_run import Exchange
    from pointsman.evaluation.demo_summary import DemoSummary, PlayedTurn

EXIT_FAILED = 1
_DOWN: Dialect = "gemini"
"""Whose server is down in the turn with the outage: the one that the built-in policy asks first there (a test holds it)."""


def command(
    fast: Annotated[bool, typer.Option("--fast", help="Do not pace the simulated models.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
    store: Annotated[
        str | None, typer.Option(help="Where to keep the turns; left out, a new file in the temporary folder.")
    ] = None,
    week: Annotated[
        bool,
        typer.Option(
            "--week", help="Add a week of simulated turns, for the dashboard; writes a policy beside the store."
        ),
    ] = False,
    week_turns: Annotated[int, typer.Option(min=500, max=1_000_000, help="About how many.", hidden=True)] = 12_000,
) -> None:
    """Run the bundled conversations through the gateway. Needs no account: every model is simulated.

    Prints each turn's decision, the sums by route and model, and the bill against the flagship for everything.

    Exit codes: 0 done, 1 a turn failed, 2 wrong input.
    """
    from pointsman.cli import demo_view
    from pointsman.evaluation.demo_file import load_demo
    from pointsman.evaluation.demo_summary import summarise

    url = store or _new_store()
    demo = load_demo()
    started = time.monotonic()
    played, tiers = _play(demo, url, fast=fast, quiet=json)
    summary = summarise(played, tiers)
    seeded = _seed(demo, url, week_turns) if week else None
    if json:
        print_json(demo_view.to_json(summary, played, url) | {"week": seeded})
    else:
        demo_view.show_summary(out(), summary)
        demo_view.show_next(out(), url, _worth_reading(played))
        if seeded is not None:
            demo_view.show_week(out(), seeded, url)
        err().print(f"({time.monotonic() - started:.1f} s)", style="dim")
    if _failed(summary):
        raise typer.Exit(EXIT_FAILED)


def _seed(demo: DemoFile, url: str, turns: int) -> Seeded:
    from pointsman.cli.demo_week import seed, write_policy
    from pointsman.evaluation.demo_script import AT_ONCE, demo_script
    from pointsman.store import open_store

    with open_store(url, durability="normal") as store:
        policy = write_policy(store.path.with_name("pointsman.yaml"))
        return seed(store, policy, demo_script(demo, down=_DOWN, pace=AT_ONCE), turns=turns)


def _new_store() -> str:
    folder = Path(tempfile.mkdtemp(prefix="pointsman-demo-"))
    return f"sqlite:///{folder / 'demo.db'}"


def _play(demo: DemoFile, url: str, *, fast: bool, quiet: bool) -> tuple[list[PlayedTurn], dict[str, Tier]]:
    """Start emulator and gateway, play every turn and print it as it ends; return the turns and the tiers of the models."""
    from pointsman.app import build_router
    from pointsman.cli.demo_view import heading, turn_line
    from pointsman.cli.figures import width
    from pointsman.emulator.app import Emulator
    from pointsman.emulator.serving import serve_in_thread
    from pointsman.evaluation.demo_run import play
    from pointsman.evaluation.demo_script import AT_ONCE, PACE, demo_script
    from pointsman.server.background import gateway_in_thread

    console = out()
    played: list[PlayedTurn] = []
    script = demo_script(demo, down=_DOWN, pace=AT_ONCE if fast else PACE)
    with contextlib.ExitStack() as stack:
        emulator = stack.enter_context(serve_in_thread(Emulator(script)))
        router = build_router(None, store=url, simulate_at=emulator.base_url)
        base_url = stack.enter_context(gateway_in_thread(router))
        if not quiet:
            console.print(f"Gateway at {base_url}, simulated models at {emulator.base_url}, {demo.turns} turns.")
        shown = ""
        for conversation, turn, exchanges in play(demo, base_url):
            one = _played(router, conversation.id, conversation.channel, turn.said, exchanges)
            played.append(one)
            if quiet:
                continue
            if conversation.id != shown:
                shown = conversation.id
                console.print(heading(conversation))
            console.print(turn_line(one, width()))
    return played, {model.id: model.tier for model in router.catalog.models()}


def _played(router: Router, conversation: str, channel: str, said: str, exchanges: list[Exchange]) -> PlayedTurn:
    from pointsman.evaluation.demo_summary import PlayedTurn

    ids = [exchange.decision_id for exchange in exchanges]
    return PlayedTurn(
        conversation=conversation,
        channel=channel,
        said=said,
        number=exchanges[0].turn,
        exchanges=tuple(exchanges),
        records=tuple(None if key is None else router.store.turn(key) for key in ids),
    )


def _worth_reading(played: list[PlayedTurn]) -> str | None:
    """Return the id of a turn that tells much: the first that fell back, else the first."""
    from pointsman.evaluation.demo_summary import answered_by

    records = [record for turn in played for record in turn.stored]
    fell_back = (record.id for record in records if answered_by(record) != record.decision.model)
    return next(fell_back, records[0].id if records else None)


def _failed(summary: DemoSummary) -> bool:
    return bool(summary.missing_records) or any(trouble.kind == "error" for trouble in summary.troubles)
