"""What shadow checks come to in words, for the command line and the pages alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pointsman.domain.money import in_dollars
from pointsman.domain.reply import Reply
from pointsman.store.money import from_pico
from pointsman.store.shadow_rows import STATES, ShadowRow

if TYPE_CHECKING:
    from pointsman.monitoring.misroutes import Misroutes
    from pointsman.monitoring.misroutes_of import Rates
    from pointsman.monitoring.shadow.standing import Pair, Standing

_UNKNOWN: Final = "–"
_NOT_CHECKED: Final = ("failed", "over_budget", "not_allowed")
_VERDICTS: Final = {
    "same": "Both replies serve the customer alike",
    "tie": "The judge's answer changed with the order, so it is a tie",
    "shipped_better": "The shipped reply was better",
    "shadow_better": "The stronger model's reply was better: this turn was misrouted",
}


def usd(pico: int | None) -> str:
    """Return pico-dollars as dollars; unknown is a dash."""
    dollars = from_pico(pico)
    return _UNKNOWN if dollars is None else in_dollars(dollars)


def verdict(now: Standing, rates: Rates) -> str:
    """Return the one line that is worth reading."""
    whole = rates.overall
    if not now.on and not now.chosen:
        return "The router is not checked: the policy has no section shadow."
    if whole.value is None:
        return f"No misroute rate yet: {whole.why or 'no turn has been looked at'}."
    few = ", too few to act on" if whole.few else ""
    return f"{share(whole)} of {whole.turns:,} turns needed a stronger model ({whole.n:,} checked{few})."


def share(one: Misroutes) -> str:
    """Return a rate with its interval, in per cent."""
    if one.value is None or one.low is None or one.high is None:
        return _UNKNOWN
    return f"{one.value:.1%} (95 %: {one.low:.1%} to {one.high:.1%})"


def remarks(now: Standing, rates: Rates) -> list[str]:
    """Return what the figures rest on, and what they leave out."""
    found = [spending(now), f"Checks: {standing_words(now)}."]
    if now.behind:
        found.append(f"{now.behind:,} stored turns have not been looked at.")
    if waiting := now.count("waiting"):
        left = usd(now.purse.left)
        found.append(
            f"{waiting:,} wait for the next pass, for a model that is ill, or for money (each call's worst case; {left} is left)."
        )
    whole = rates.overall
    missing = sum(now.count(state) for state in _NOT_CHECKED)
    if missing and whole.if_fine is not None and whole.if_bad is not None:
        found.append(
            f"{missing:,} chosen turns could not be checked: had all of them been fine the rate would be"
            f" {whole.if_fine:.1%}, had all been misrouted {whole.if_bad:.1%}."
        )
    if rates.unknown:
        found.append(f"Of {rates.unknown:,} of {whole.turns:,} turns the confidence is unknown: chosen by chance only.")
    if rates.flips[1]:
        found.append(f"The judge changed its mind with the order on {rates.flips[0]:,} of {rates.flips[1]:,} pairs.")
    if whole.n:
        told = f"corrected by {whole.labels:,} labels of people" if rates.corrected else "not corrected: too few labels"
        found.append(f"What the judge gets wrong is {told}.")
    return found


def spending(now: Standing) -> str:
    """Return what was spent of the budget."""
    money = now.purse.money
    parts = {"replies": money.shadow, "judge": money.judge, "not heard of": money.lost, "under way": money.held}
    listed = ", ".join(f"{name} {usd(pico)}" for name, pico in parts.items())
    return f"Spent {usd(money.total)} of {usd(now.purse.limit)} this period ({listed})."


def standing_words(now: Standing) -> str:
    """Return how many checks are in which state."""
    counts = [f"{now.count(state):,} {state.replace('_', ' ')}" for state in STATES if now.count(state)]
    return ", ".join(counts) or "none yet"


def sentence(one: Pair) -> str:
    """Return what became of a check, in one sentence."""
    row: ShadowRow = one.row
    if row.state != "judged":
        return f"{row.state.replace('_', ' ').capitalize()}."
    if row.verdict is None:
        return f"Undecided ({one.detail.get('why', 'no reason kept')})."
    by = f"{row.decided_by}, {row.judge}" if row.judge else row.decided_by
    return f"{_VERDICTS.get(row.verdict, row.verdict)} (decided by {by})."


def said(reply: Reply | None) -> str | None:
    """Return a reply as text: its words, then its calls."""
    if reply is None:
        return None
    calls = [f"calls {call.name}({call.arguments})" for call in reply.tool_calls]
    return "\n".join(part for part in (reply.text, *calls) if part) or "(nothing)"
