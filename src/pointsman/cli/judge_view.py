"""How ``pointsman judge`` shows what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from pointsman.cli.console import out, plain, print_json
from pointsman.cli.figures import UNKNOWN, for_json, usd
from pointsman.cli.replay_view import counted
from pointsman.cli.stacked import show_stacked
from pointsman.domain.figures import Rate

if TYPE_CHECKING:
    from pointsman.evaluation.judging import Judged
    from pointsman.evaluation.judging_standing import Standing
    from pointsman.evaluation.statistics.agreement import Kappa
    from pointsman.store.labels import Labels

_VERDICTS = ("b", "a", "same", "tie", "unknown")


def show_judged(judged: Judged, labels: Labels | None, *, json: bool) -> None:
    """Print the comparison of two models: who was preferred, how often the judge flipped, what it cost."""
    from pointsman.evaluation.judging_standing import missing, standing

    head, rows = judged.head, judged.rows
    counts = Counter[str](row.verdict for row in rows)
    flips = Rate(counts["tie"], sum(counts[name] for name in ("a", "b", "same", "tie")), counts["unknown"])
    prices = [row.usd for row in rows]
    cost = None if None in prices else sum((price for price in prices if price is not None), Decimal(0))
    worth = None if labels is None else standing(labels, head.judge, head.version)
    lacks = missing(0) if worth is None else worth.missing
    if json:
        data: dict[str, Any] = {
            "head": head,
            "verdicts": {name: counts[name] for name in _VERDICTS},
            "flips": {"hits": flips.hits, "n": flips.n, "share": flips.value, "interval": flips.interval},
            "cost_usd": cost,
            "may_gate": not lacks,
            "missing": lacks,
            "rows": rows,
        }
        print_json(for_json(data))
        return
    console = out()
    better = max(("a", "b"), key=lambda name: counts[name])
    other = "b" if better == "a" else "a"
    name = {"a": head.baseline, "b": head.candidate}
    if counts["a"] == counts["b"]:
        text = f"neither is preferred: {counts['a']:,} each"
    else:
        text = f"{name[better]} is preferred in {counts[better]:,}, {name[other]} in {counts[other]:,}"
    console.print(plain(f"{text} of {counted(len(rows), 'case')}, by {head.judge}", "bold"))
    if head.origin == "simulated":
        console.print(plain("a simulated model judged: this says nothing of real ones", "bold"))
    rest = f"equal in {counts['same']:,}; {counts['tie']:,} changed with the order (tie); {counts['unknown']:,} unknown"
    console.print(plain(f"{rest}; flip rate {share(flips)}; {usd(cost)} in all"))
    console.print(plain(f"judge prompt {head.version}, cases {head.cases_version}", "dim"))
    for one in lacks:
        console.print(Text.assemble(("may not gate yet: ", "yellow"), plain(one)))


def show_standings(found: Sequence[Standing]) -> None:
    """Print what each judge is worth."""
    console = out()
    if not found:
        console.print(plain("No judge's verdicts are in this store.", "bold"))
        console.print(
            plain("pointsman judge compare --baseline RUN#A --candidate RUN#B --judge MODEL, then pointsman label")
        )
        return
    good = sum(one.may_gate for one in found)
    console.print(plain(f"{good} of {counted(len(found), 'judge')} may gate.", "bold"))
    table = Table(box=None, pad_edge=False)
    for name in ("judge", "version", "metric"):
        table.add_column(name, overflow="fold")
    for name in ("judged", "labels", "kappa, 95 %", "flips %, 95 %", "unknown", "its figure", "corrected, 95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found:
        table.add_row(
            plain(one.judge),
            plain(one.version),
            plain(one.metric),
            f"{one.n:,}",
            f"{one.labels:,}",
            kappa(one.kappa),
            share(one.flips),
            f"{one.unknown:,}",
            UNKNOWN if one.corrected.raw is None else f"{one.corrected.raw:+.3f}",
            _corrected(one),
        )
    show_stacked(table, keys=1)
    for one in found:
        for lack in one.missing:
            console.print(
                Text.assemble(("may not gate yet: ", "yellow"), plain(f"{one.judge} on {one.metric}: {lack}"))
            )
        for warning in one.warnings:
            console.print(Text.assemble(("beware: ", "yellow"), plain(f"{one.judge} on {one.metric}: {warning}")))
        if one.corrected.rate is None and one.corrected.why:
            console.print(plain(f"not corrected: {one.judge} on {one.metric}: {one.corrected.why}", "dim"))
        if one.people is not None:
            console.print(plain(f"people agree with each other: kappa {kappa(one.people)}", "dim"))
    console.print(
        plain("figures: preference is wins less losses of the candidate (-1 to 1), others the share that passes", "dim")
    )


def kappa(found: Kappa | None) -> str:
    """Return a kappa with its interval and n."""
    if found is None or found.kappa is None:
        return UNKNOWN
    if found.low is None or found.high is None:
        return f"{found.kappa:.2f}"
    return f"{found.kappa:.2f} ({found.low:.2f}–{found.high:.2f})"


def share(rate: Rate) -> str:
    """Return a share with its interval, in percent."""
    if rate.value is None or rate.interval is None:
        return UNKNOWN
    low, high = rate.interval
    return f"{rate.value * 100:.1f} ({low * 100:.1f}–{high * 100:.1f})"


def _corrected(one: Standing) -> str:
    found = one.corrected
    if found.rate is None or found.low is None or found.high is None:
        return UNKNOWN
    return f"{found.rate:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
