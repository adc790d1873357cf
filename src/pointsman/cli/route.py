"""``pointsman route``: explain how one turn would be routed. No model is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from pointsman.cli.console import out, print_json
from pointsman.domain.turn import Channel
from pointsman.errors import UsageError


def command(
    text: Annotated[str | None, typer.Argument(help="What the customer writes; - reads it from stdin.")] = None,
    history: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="The conversation so far: OpenAI-style messages, JSON or one a line; - stdin."
        ),
    ] = None,
    tools: Annotated[
        str | None, typer.Option(metavar="FILE", help="Tools the agent offers: OpenAI-style JSON.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="Policy file; left out, ./pointsman.yaml or the rubric.")] = None,
    channel: Annotated[str, typer.Option(help="chat, voice or email.")] = "chat",
    model: Annotated[str, typer.Option(help="What the client asks for: auto, or a catalogue id to pin.")] = "auto",
    json: Annotated[bool, typer.Option("--json", help="Print only the decision, as JSON.")] = False,
) -> None:
    """Explain how one turn would be routed: route, model, reasons, runner-up. No model is called.

    Example: pointsman route "I was charged twice, please refund me" --history chat.json

    Exit codes: 0 decided; 1 no model can serve the turn; 2 wrong input.
    """
    from pointsman.catalog.book import Catalog
    from pointsman.cli.policy_file import note_missing_keys, open_policy
    from pointsman.cli.route_view import show
    from pointsman.cli.turn_input import read_turn
    from pointsman.routing.eligibility import Limits
    from pointsman.routing.router import Routing

    if channel not in get_args(Channel):
        raise UsageError(f"--channel {channel!r}: must be one of {', '.join(get_args(Channel))}")
    turn = read_turn(text, history, tools, cast("Channel", channel), model)
    chosen = open_policy(policy)
    note_missing_keys(chosen)
    catalog = Catalog.load(chosen.catalogue_path)
    routing = Routing(chosen, catalog)
    pin = None if model == "auto" else catalog.get(model).id
    # The first decision of a process pays for tables built on first use; the second is what a gateway takes.
    routing.decide(turn, limits=Limits(pin=pin))
    decision = routing.decide(turn, limits=Limits(pin=pin))
    if json:
        print_json(decision)
    else:
        show(decision, turn, chosen, out())
