"""What ``pointsman replay`` needs before it starts: the models, the prices, the cap."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pointsman.cli.console import err, out, plain, print_json
from pointsman.cli.figures import usd
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.bench_asking import Purse
from pointsman.evaluation.recorded import PREFIX, Shelf, open_recorded
from pointsman.evaluation.replaying import Source
from pointsman.store.money import to_pico

if TYPE_CHECKING:
    from pointsman.catalog.prices import Rates
    from pointsman.evaluation.case_file import CaseIndex
    from pointsman.evaluation.grading_seam import Grader
    from pointsman.evaluation.live import LiveModel
    from pointsman.evaluation.pools.seam import Kept, Pool
    from pointsman.evaluation.worlds.acting import Worlds

_MOST_USD = 1_000_000
_USUAL_TOKENS = 200
"""Tokens of a usual reply to a case, for the price before the start; what it really costs stands in the report."""


class LiveWhere(msgspec.Struct, frozen=True):
    """Where live models are asked, as the flags say. ``only_priced``: nowhere, only their prices are wanted."""

    policy: Path | None = None
    emulated: bool = False
    script: Path | None = None
    seed: int = 0
    prompts: str | None = None
    """The store whose prompts policies answer with; None: the shipped ones."""
    only_priced: bool = False


class Models(msgspec.Struct, frozen=True):
    """The models of a replay. ``cap`` limits what the live ones may spend, in dollars."""

    sources: tuple[Source, ...]
    cap: Callable[[Decimal], None]


async def models_of(names: str, stack: contextlib.AsyncExitStack, where: LiveWhere) -> Models:
    """Open the models that ``--models`` names; ``stack`` closes them.

    Raises:
        UsageError: none is named, one is unknown or cannot be called, or two have one name.
    """
    from pointsman.cli.replay_policies import POLICY, open_policies

    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if not wanted:
        raise UsageError(
            "--models names no model: write ids of the catalogue, recorded:PATH#MODEL or policy:FILE, with commas"
        )
    shelves: dict[str, Shelf] = {}
    stack.callback(_close, shelves)
    live = [name for name in wanted if not name.startswith((PREFIX, POLICY))]
    purse = Purse(None)
    asked: dict[str, Source] = dict(await _live(live, stack, where, purse)) if live else {}
    asked |= await open_policies([name for name in wanted if name.startswith(POLICY)], stack, where, purse)

    def cap(left: Decimal) -> None:
        purse.cap = to_pico(left)

    found: dict[str, Source] = {}
    for name in wanted:
        several: Sequence[Source] = (asked[name],) if name in asked else open_recorded(name, shelves)
        for one in several:
            if found.setdefault(one.name, one) is not one:
                raise UsageError(
                    f"two models are called {one.name!r}: replay them into two runs, `pointsman gate` takes both"
                )
    return Models(tuple(found.values()), cap)


def _close(shelves: dict[str, Shelf]) -> None:
    for shelf in shelves.values():
        shelf.close()


async def _live(
    names: list[str], stack: contextlib.AsyncExitStack, where: LiveWhere, purse: Purse
) -> dict[str, LiveModel]:
    from pointsman.cli.bench_setup import Where, open_router
    from pointsman.evaluation.bench_asking import Asker
    from pointsman.evaluation.live import LiveModel, Pace

    router = stack.enter_context(open_router(Where(where.policy, where.emulated, where.script), ",".join(names)))
    await stack.enter_async_context(router)
    asker = Asker(router.engine.dispatch, purse, router.missing)
    paces: dict[str, Pace] = {}
    found: dict[str, LiveModel] = {}
    for name in names:
        model = router.catalog.get(name)
        found[name] = LiveModel(
            asker,
            model.id,
            paces.setdefault(model.provider, Pace()),
            where.seed,
            router.catalog.rates(model.id, datetime.now(UTC)),
            only_priced=where.only_priced,
        )
    return found


def price_list(index: CaseIndex, sources: Sequence[Source], repeats: int, *, json: bool, quiet: bool) -> None:
    """Say what the replay will cost, model by model: about, and at most."""
    from pointsman.evaluation.live import LiveModel
    from pointsman.evaluation.policy_source import PolicySource

    paid = [source for source in sources if isinstance(source, LiveModel | PolicySource)]
    sums: dict[str, list[Decimal | None]] = {source.name: [Decimal(0), Decimal(0)] for source in paid}
    for case in index if paid else ():
        for source in paid:
            for place, amount in enumerate(source.price(case.turn, _USUAL_TOKENS)):
                known = sums[source.name][place]
                sums[source.name][place] = None if known is None or amount is None else known + amount * repeats
    calls = len(index) * repeats
    if json:
        print_json(
            [
                {
                    "model": source.name,
                    "answers": calls,
                    "origin": source.origin,
                    "usual_usd": sums.get(source.name, [None])[0],
                    "worst_usd": sums.get(source.name, [None, None])[1],
                }
                for source in sources
            ]
        )
        return
    console = err() if quiet else out()
    for source in paid:
        usual, worst = sums[source.name]
        text = "its price is unknown" if worst is None else f"{usd(worst)} at the very most"
        if usual is not None:
            text = f"about {usd(usual)}, {text}"
        simulated = " (simulated: nothing is paid)" if source.origin == "simulated" else ""
        console.print(plain(f"{source.name}: {calls:,} answers, {text}{simulated}", "dim" if quiet else ""))
    free = len(sources) - len(paid)
    if free and not quiet:
        console.print(plain(f"{free:,} recorded models, {calls * free:,} answers: cost nothing"))


def worlds_of(tools: str | None, index: CaseIndex, *, free: bool) -> Worlds | None:
    """Return where models act, None where nothing is acted on.

    Raises:
        UsageError: the tools cannot be loaded, or cases with worlds and the flags do not fit each other.
    """
    from pointsman.evaluation.worlds.acting import Worlds
    from pointsman.evaluation.worlds.tools import tool_function

    if tools is None:
        if index.worlds and free:
            what = f"{index.worlds:,} cases bring a world" if index.worlds > 1 else "a case brings a world"
            raise UsageError(f"{index.path}: {what} to act on: name its tools, --tools MODULE:FUNCTION")
        return None
    if not free:
        raise UsageError("--tools act on worlds in a free run: add --mode free")
    if not index.worlds:
        raise UsageError(f"{index.path}: no case brings a world for --tools to act on")
    return Worlds(tool_function(tools, index.path.parent), index.path.parent)


def pool_of(kind: str, processes: int) -> Callable[[Grader, Kept], Pool]:
    """Return what makes the pool that grades: here, in so many processes, or on Ray (0: all its processors).

    Raises:
        UsageError: ray is asked for and not installed.
    """
    from functools import partial

    from pointsman.evaluation.pools.local import Here, Processes

    if kind == "ray":
        from pointsman.evaluation.pools.ray import RayPool, check_installed

        check_installed()
        return partial(RayPool, count=processes)
    return partial(Processes, count=processes) if processes else Here


def dollars(text: str | None) -> Decimal | None:
    """Return an amount of dollars.

    Raises:
        UsageError: it is none.
    """
    if text is None:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
        raise UsageError(f"--max-usd {text[:40]!r} is no amount of dollars: write it like 2.50")
    return amount


def prices_of(path: Path | None) -> Callable[[Answer], Decimal | None]:
    """Return what prices answers that bring no cost of their own, by the file of ``--prices``."""
    if path is None:
        return lambda answer: answer.cost_usd
    from pointsman.evaluation.price_file import read_prices

    rates: dict[str, Rates] = read_prices(path)

    def price(answer: Answer) -> Decimal | None:
        found = rates.get(answer.model)
        return None if found is None or answer.usage is None else found.cost(answer.usage)

    return price
