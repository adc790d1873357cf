"""``pointsman check``: is a policy file right, and what do its rules do?"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from pointsman.cli.console import err, out, print_json
from pointsman.errors import UsageError

if TYPE_CHECKING:
    from pointsman.domain.turn import Turn

EXIT_WARNINGS = 1


def command(
    file: Annotated[
        Path | None, typer.Argument(help="Policy file; left out, ./pointsman.yaml or the rubric.", show_default=False)
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="The same, as other commands take it.")] = None,
    on: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Conversations to try the rules on; left out, those bundled for the demo."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Turns to try at most.")] = 2000,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 when there are warnings.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print only JSON.")] = False,
) -> None:
    """Check a policy file and say what its rules do: matches, shadowed rules, routes reached, missing keys, tools of agents.

    Exit codes: 0 valid; 1 valid with warnings, under --strict; 2 the policy or the conversations are wrong.
    """
    from pointsman.catalog.book import Catalog
    from pointsman.cli.check_view import show
    from pointsman.cli.policy_file import open_policy
    from pointsman.execution.agents.references import broken_references
    from pointsman.execution.endpoints import resolve_endpoints
    from pointsman.routing.audit import audit
    from pointsman.routing.router import Routing

    if file is not None and policy is not None:
        raise UsageError("the policy was given twice: name it alone, or with --policy")
    chosen = open_policy(file or policy)
    routing = Routing(chosen, Catalog.load(chosen.catalogue_path))
    turns = itertools.islice(_bundled() if on is None else _recorded(on), limit)
    found = audit(routing, turns, resolve_endpoints(chosen, os.environ).missing)
    found = msgspec.structs.replace(found, warnings=(*found.warnings, *broken_references(chosen, os.environ)))
    if on is not None and not found.turns:
        raise UsageError(f"{on}: holds no customer turn to try the rules on")
    if json:
        print_json(found)
    else:
        show(found, "the bundled conversations" if on is None else str(on), out())
    if strict and found.warnings:
        raise typer.Exit(EXIT_WARNINGS)


def _bundled() -> Iterator[Turn]:
    from pointsman.evaluation.conversation import turns
    from pointsman.evaluation.demo_file import load_demo, recorded

    for conversation in recorded(load_demo()):
        yield from turns(conversation)


def _recorded(path: Path) -> Iterator[Turn]:
    from pointsman.evaluation.conversation import turns
    from pointsman.evaluation.importers.reader import ConversationFile

    for line in ConversationFile(path).lines():
        if line.conversation is None:
            err().print(f"line {line.number} left out: {(line.problem or '')[:200]}", markup=False)
        else:
            yield from turns(line.conversation)
