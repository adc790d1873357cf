"""The plots of a run's report, from its sums."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pointsman.charts.bars import Bar, bars, bars_table
from pointsman.charts.distributions import Spread, ecdf, ecdf_table
from pointsman.charts.figure import figure
from pointsman.charts.forest import Interval, forest, forest_table
from pointsman.charts.numbers import Unit, duration, money, percent
from pointsman.charts.scatter import Spot, front_of, scatter, scatter_table
from pointsman.evaluation.gate import Gate
from pointsman.evaluation.gate_seam import MetricVerdict
from pointsman.evaluation.run_extent import Extent
from pointsman.evaluation.run_summary import ModelSum

_LINES: Final = 6
"""Lines that can be told apart in one plot."""
_BARS: Final = 16
_WORDS: Final[Mapping[str, str]] = {
    "accuracy": "right answers",
    "conformance": "conform to the schemas",
    "ttft_p95": "first token, p95",
    "latency_p95": "whole answer, p95",
    "cost": "mean cost",
    "write_errors": "new wrong writes",
}


def cost_plot(ranked: Sequence[ModelSum]) -> str:
    """Return right answers against cost with the Pareto front; '' where fewer than two models have both."""
    known = [one for one in ranked if one.accuracy.share is not None and one.usd_case]
    if len(known) < 2:  # noqa: PLR2004 - one point is no picture
        return ""
    spots = [
        Spot(
            one.model,
            float(one.usd_case or 0) * 1000,
            one.accuracy.share,
            y_low=one.accuracy.low,
            y_high=one.accuracy.high,
            n=one.accuracy.n,
        )
        for one in known
    ]
    title = "Right answers against cost"
    return figure(
        title,
        lambda width: scatter(
            spots,
            title=title,
            x_unit="usd",
            y_unit="share",
            x_name="USD per 1,000 answers",
            y_name="right answers",
            log_x=True,
            width=width,
        ),
        scatter_table(spots, x_unit="usd", y_unit="share", x_name="USD per 1,000", y_name="right (95 %)"),
        note="The line joins the models that no other beats in both. Upright bars are 95 % intervals.",
    )


def chosen_lines(ranked: Sequence[ModelSum], named: Sequence[str] = ()) -> list[ModelSum]:
    """Return the models whose lines are drawn: those compared, then the front of accuracy and cost, then the best."""
    priced = [one for one in ranked if one.usd_case is not None and one.accuracy.share is not None]
    front = [
        priced[place] for place in front_of([(float(one.usd_case or 0), one.accuracy.share or 0) for one in priced])
    ]
    order = [*(one for one in ranked if one.model in named), *reversed(front), *ranked]
    return list({one.model: one for one in order}.values())[:_LINES]


def time_plot(ranked: Sequence[ModelSum], extents: Mapping[str, Extent], named: Sequence[str] = ()) -> str:
    """Return how the times to the first token are spread, or those of whole answers where no first token was timed."""
    lines = [extents[one.model] for one in chosen_lines(ranked, named) if one.model in extents]
    first = any(one.ttft for one in lines)
    spreads = [
        Spread(one.model, quantiles=one.ttft if first else one.latency, n=one.ttft_n if first else one.latency_n)
        for one in lines
        if (one.ttft if first else one.latency)
    ]
    if not spreads:
        return ""
    what = "time to first token" if first else "time of whole answers"
    title = f"How the {what} is spread" if first else f"How the {what} is spread (no first token was timed)"
    some = (
        f" {len(spreads)} of {len(ranked)} models: first those on the front of accuracy and cost."
        if len(ranked) > _LINES
        else ""
    )
    return figure(
        title,
        lambda width: ecdf(spreads, title=title, unit="ms", name=what, width=width),
        ecdf_table(spreads, unit="ms"),
        note=f"The share of answers that took at most so long. Dots: the median and the 95th percentile.{some}",
    )


def kind_plot(model: ModelSum) -> str:
    """Return what was wrong with a model's answers, by kind; '' where nothing was."""
    items = [Bar(kind.replace("_", " "), count) for kind, count in model.kinds[:_BARS]]
    if not items:
        return ""
    title = f"What was wrong: {model.model}"
    note = f"{sum(count for _, count in model.kinds):,} wrong answers of {model.graded:,} graded."
    return figure(
        title,
        lambda width: bars(items, title=title, unit="count", name="answers", width=width),
        bars_table(items, unit="count", names=("kind", "answers")),
        note=note,
    )


def repeat_plot(model: ModelSum) -> str:
    """Return pass^k: in how many cases all of k repeats are right; '' where each case was asked once."""
    if len(model.pass_hat) < 2:  # noqa: PLR2004 - pass^1 alone is the accuracy
        return ""
    items = [Bar(f"pass^{k}", share, note=f"n = {n:,}") for k, share, n in model.pass_hat]
    title = f"Right every time: {model.model}"
    return figure(
        title,
        lambda width: bars(items, title=title, unit="share", width=width),
        bars_table(items, unit="share", names=("", "share")),
        note="The chance that k repeats of one case are all right.",
    )


def margin_plots(gate: Gate) -> str:
    """Return the differences with their margins: shares in points, times and costs in percent of the baseline."""
    return _margins([one for one in gate.metrics if not one.ratio], "points") + _margins(
        [one for one in gate.metrics if one.ratio], "change"
    )


def _margins(metrics: Sequence[MetricVerdict], unit: Unit) -> str:
    if not metrics:
        return ""
    rows = [_interval(one) for one in metrics]
    title = "Shares: candidate less baseline" if unit == "points" else "Times and costs: candidate against baseline"
    return figure(
        title,
        lambda width: forest(rows, title=title, unit=unit, middle=0, width=width),
        forest_table(rows, unit=unit),
        note="The dashed mark is the margin. An interval that stays clear of it, on the side of the upright line, passes.",
    )


def level(metric: str, value: float | None) -> str:
    """Return an arm's own figure of a metric, in its unit."""
    if metric == "cost":
        return money(value)
    return duration(value) if metric.endswith("_p95") else percent(value)


def _interval(metric: MetricVerdict) -> Interval:
    name = _WORDS.get(metric.name, metric.name)
    if metric.ratio:
        low, high = (None if one is None else one - 1 for one in (metric.low, metric.high))
        known = metric.candidate is not None and metric.baseline
        value = metric.candidate / metric.baseline - 1 if known and metric.candidate and metric.baseline else None
        return Interval(name, value, low, high, metric.n, metric.margin, metric.answer, note=metric.text)
    worse_is_more = metric.name == "write_errors"
    value = metric.candidate
    if metric.baseline is not None and metric.candidate is not None:
        value = metric.candidate - metric.baseline
    margin = metric.margin if worse_is_more else -metric.margin
    return Interval(name, value, metric.low, metric.high, metric.n, margin, metric.answer, note=metric.text)
