"""How ``pointsman contracts`` shows its findings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from pointsman.cli.console import out, plain
from pointsman.cli.figures import UNKNOWN, count
from pointsman.cli.stacked import show_stacked
from pointsman.cli.store_options import at
from pointsman.store.rejections import Rejection, RejectionSum

if TYPE_CHECKING:
    from pointsman.contracts import Contract, Verdict

_SHOWN = 60
_FAILURES = 5


def show_sums(
    by: tuple[str, ...], whole: RejectionSum, groups: list[RejectionSum], newest: list[Rejection], limit: int
) -> None:
    """Print the report: one line, the groups, the newest replies."""
    console = out()
    replies, came = ("reply", "it came") if whole.replies == 1 else ("replies", "they came")
    verdict = f"{whole.replies:,} {replies} did not satisfy a contract as {came}: {whole.rejected:,} rejected, "
    console.print(plain(f"{verdict}{whole.repaired:,} repaired.", "bold"))
    table = Table(box=None, pad_edge=False)
    for name in by:
        table.add_column(name, overflow="fold")
    for heading in ("rejected", "repaired", "turns"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("last", no_wrap=True)
    for row in groups[:limit]:
        keys = [plain(value if value is not None else UNKNOWN) for value in row.by.values()]
        table.add_row(*keys, count(row.rejected), count(row.repaired), count(row.turns), at(row.last_us))
    show_stacked(table, keys=len(by))
    console.print()
    show_stacked(_newest(newest), keys=1)
    if len(groups) > limit:
        console.print(plain(f"{len(groups) - limit} more groups: --limit shows them.", "dim"))
    if "kind" in by:
        console.print(plain("A reply with two kinds counts under both. `--json` gives the replies in full.", "dim"))


def _newest(rejections: list[Rejection]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("newest", "outcome", "turn", "kinds", "reply as it came"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "newest")
    for one in rejections:
        line = " ".join(one.raw.split())
        table.add_row(
            at(one.at_us),
            plain(one.outcome),
            plain(one.turn_id or UNKNOWN),
            plain(", ".join(one.kinds)),
            plain(line if len(line) <= _SHOWN else line[:_SHOWN] + "…"),
        )
    return table


def show_verdicts(contract: Contract, found: list[tuple[str, Verdict]]) -> None:
    """Print one line for each reply, with what was wrong and what was done."""
    console = out()
    outcomes = [verdict.outcome for _, verdict in found]
    sums = ", ".join(f"{outcomes.count(word)} {word}" for word in ("ok", "repaired", "rejected") if word in outcomes)
    name = f"contract {contract.name} (version {contract.version})"
    console.print(plain(f"{len(found)} checked against {name}: {sums}.", "bold"))
    for reply, verdict in found:
        kinds = f": {', '.join(verdict.kinds)}" if verdict.kinds else ""
        console.print(plain(f"{reply}: {verdict.outcome}{kinds}"))
        for failure in verdict.failures[:_FAILURES]:
            console.print(plain(f"  {failure.kind} at {failure.pointer or 'the whole reply'}: {failure.message}"))
        if len(verdict.failures) > _FAILURES:
            console.print(plain(f"  and {len(verdict.failures) - _FAILURES} more", "dim"))
        for repair in verdict.repairs:
            place = f" at {repair.pointer}" if repair.pointer else ""
            console.print(plain(f"  repair{place}: {repair.what}"))
