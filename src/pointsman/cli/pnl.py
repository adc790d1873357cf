"""``pointsman pnl``: does the router pay?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import typer

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.store_options import AsJson, Since, StoreUrl, Until, since_us, until_us
from pointsman.store import DEFAULT_URL, open_store

_MONTH_US = 30 * 86_400_000_000


def command(
    by: Annotated[Literal["route", "intent"], typer.Option(help="One line per route, or per intent.")] = "route",
    since: Since = None,
    until: Until = None,
    simulated: Annotated[
        Literal["both", "yes", "no"], typer.Option(help="Turns of simulated models: both kinds, only those, or none.")
    ] = "both",
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", help="Policy file with the prices; default ./pointsman.yaml, else the built-in rubric."
        ),
    ] = None,
    store: StoreUrl = DEFAULT_URL,
    json: AsJson = False,
) -> None:
    """Sum up what routing saved, what watching it cost, and what went wrong. Whole days of UTC; by default the last 30.

    May be negative, and says so. A dash (null in JSON) means unknown, never zero. Exit codes: 0 done, 2 the input was wrong.
    """
    from pointsman.catalog.book import Catalog
    from pointsman.cli.pnl_view import profit_json, show_profit
    from pointsman.cli.policy_file import open_policy
    from pointsman.monitoring.asking.asker import Asker
    from pointsman.monitoring.profit_of import profit

    chosen = open_policy(policy)
    ends = until_us(until) or time.time_ns() // 1000
    begins = since_us(since)
    begins = ends - _MONTH_US if begins is None else begins
    flagships = chosen.tiers.models("flagship")
    tiers = {"flagship": flagships[0]} if flagships else {}
    with open_store(store, must_exist=True) as opened:
        asker = Asker(opened, Catalog.load(chosen.catalogue_path), tiers)
        asker.fold()
        with asker.board() as board:
            found = profit(opened, board, chosen.economics.prices, begins, ends, by=by, simulated=simulated)
    if json:
        print_json(profit_json(found))
    elif not found.total.turns:
        out().print(plain("No turn in this period.", "bold"))
    else:
        show_profit(found)
