"""A run's report as one HTML file that needs nothing else: no script, no font, no address of anybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pointsman.charts.figure import verdict_mark
from pointsman.charts.numbers import UNKNOWN, count, duration, money, percent, with_interval
from pointsman.charts.style import CHARTS_CSS, PALETTE_CSS
from pointsman.charts.svg import safe
from pointsman.evaluation.flip_html import flip_html
from pointsman.evaluation.flip_style import FLIPS_CSS
from pointsman.evaluation.flip_views import FlipViews
from pointsman.evaluation.gate import Gate
from pointsman.evaluation.gate_papers import figures
from pointsman.evaluation.run_extent import Extent
from pointsman.evaluation.run_log import RunHead
from pointsman.evaluation.run_plots import cost_plot, kind_plot, level, margin_plots, repeat_plot, time_plot
from pointsman.evaluation.run_sheet import PAGE_CSS, sheet
from pointsman.evaluation.run_summary import ModelSum, Quantile, Share

_ALONE: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""What the page allows itself: its own style. A transcript that got through as markup could still do nothing."""

_MANY: Final = 12
"""Values of a tag that still are columns of a table; more of them are rows."""
_MOST_VALUES: Final = 24
_FULL: Final = 4
"""Models up to which each gets plots of its own."""


class Comparison(msgspec.Struct, frozen=True):
    """A candidate against its baseline: the verdict and the flips that are shown. ``command`` lists all of them."""

    old: str
    new: str
    gate: Gate
    flips: FlipViews
    command: str


def page(
    head: RunHead,
    sums: Sequence[ModelSum],
    extents: Mapping[str, Extent] | None = None,
    comparison: Comparison | None = None,
) -> str:
    """Return the report. Text from outside is escaped."""
    ranked = sorted(sums, key=lambda one: (-(one.accuracy.share or -1.0), one.model))
    parts = [*_top(head, ranked, comparison)]
    sections = _sections(ranked, extents or {}, comparison)
    parts.append(_contents([(name, anchor) for name, anchor, _ in sections]))
    parts += [f'<section id="{anchor}"><h2>{name}</h2>{body}</section>' for name, anchor, body in sections]
    title = safe(f"Run: {head.cases_file}")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(_ALONE)}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><meta name="referrer" content="no-referrer">'
        f"<title>{title}</title><style>{PALETTE_CSS}{PAGE_CSS}{CHARTS_CSS}{FLIPS_CSS}</style></head>\n<body><main>\n"
        + "\n".join(part for part in parts if part)
        + "\n</main></body></html>\n"
    )


def _top(head: RunHead, ranked: Sequence[ModelSum], comparison: Comparison | None) -> list[str]:
    some = f" of {count(head.total)}" if head.cases < head.total else ""
    repeats = f", {head.repeats} repeats" if head.repeats > 1 else ""
    how = "on the recorded history" if head.mode == "fixed" else "running freely on the tape"
    what = f"{count(head.cases)} cases{some} of {head.cases_file} (version {head.version})"
    made_of = f"{what}{repeats}, {how}, graded by {head.grader}"
    simulated = any("simulated" in one.origins for one in ranked)
    return [
        f"<h1>{_sentence(ranked, comparison)}</h1>",
        f'<p class="dim">{safe(made_of)}</p>',
        '<p class="notice">Simulated models answered: this says nothing of real ones.</p>' if simulated else "",
    ]


def _sentence(ranked: Sequence[ModelSum], comparison: Comparison | None) -> str:
    if comparison is not None:
        gate = comparison.gate
        change = f"{comparison.new} in place of {comparison.old}: {gate.text}"
        return f"{verdict_mark(gate.answer, gate.answer.capitalize())} {safe(change)}"
    best = ranked[0] if ranked else None
    if best is None or best.accuracy.share is None:
        return "Nothing was graded"
    often = "is right most often:" if len(ranked) > 1 else "is right in"
    return safe(f"{best.model} {often} {_percent(best.accuracy)}, n = {count(best.accuracy.n)}")


def _contents(names: Sequence[tuple[str, str]]) -> str:
    links = "".join(f'<a href="#{anchor}">{name}</a>' for name, anchor in names)
    return f'<nav aria-label="Contents">{links}</nav>'


def _sections(
    ranked: Sequence[ModelSum], extents: Mapping[str, Extent], comparison: Comparison | None
) -> list[tuple[str, str, str]]:
    named = (comparison.new, comparison.old) if comparison is not None else ()
    full = [one for one in ranked if one.model in named] or list(ranked[:_FULL])
    found = [
        ("Verdict", "verdict", _verdict(comparison)),
        ("Flipped cases", "flips", _flips(comparison)),
        ("Models", "models", _models(ranked)),
        ("Accuracy and cost", "cost", cost_plot(ranked) + _costs(ranked, extents)),
        ("Times", "times", time_plot(ranked, extents, named)),
        ("By category", "categories", "".join(_by_tag(ranked, tag) for tag in _tags(ranked))),
        ("Repeats", "repeats", "".join(map(repeat_plot, full))),
        ("What was wrong", "failures", "".join(map(kind_plot, full)) + _failures(ranked)),
    ]
    return [one for one in found if one[2]]


def _verdict(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    gate = comparison.gate
    rows = []
    for metric in gate.metrics:
        _, _, change, margin = figures(metric)
        old, new = (level(metric.name, value) for value in (metric.baseline, metric.candidate))
        cells = [safe(metric.name.replace("_", " ")), verdict_mark(metric.answer)]
        cells += [safe(cell) for cell in (old, new, change, margin, count(metric.n), metric.text)]
        rows.append(cells)
    names = ["metric", "verdict", "baseline", "candidate", "difference (bounds)", "margin", "n", "what it rests on"]
    left = "".join(f'<p class="dim">Not judged: {safe(one)}</p>' for one in gate.left_out)
    base = (
        f'<p class="dim">{safe(comparison.new)} against {safe(comparison.old)}, {count(gate.cases)} cases of '
        f"{count(gate.conversations)} conversations.</p>"
    )
    return base + sheet(names, rows, text={7}) + left + margin_plots(gate)


def _flips(comparison: Comparison | None) -> str:
    if comparison is None:
        return ""
    gate, shown = comparison.gate, comparison.flips
    both = f"{count(len(gate.lost))} lost, {count(len(gate.gained))} gained."
    total = len(gate.lost) + len(gate.gained)
    if not total:
        return "<p>No case was answered rightly by one and wrongly by the other.</p>"
    more = ""
    if total > len(shown.views):
        more = (
            f"<p>The first {count(len(shown.views))} are below, and {count(total - len(shown.views))} more are listed by "
            f"<code>{safe(comparison.command)}</code></p>"
        )
    missing = f'<p class="notice">Conversations are not shown: {safe(shown.missing)}.</p>' if shown.missing else ""
    return f"<p>{both} Lost ones first. What the other side does not say is marked.</p>{more}{missing}" + "".join(
        flip_html(view, place) for place, view in enumerate(shown.views, 1)
    )


def _models(ranked: Sequence[ModelSum]) -> str:
    names = [
        "model",
        "right (95 %)",
        "n",
        "conform (95 %)",
        "USD / 1,000",
        "first token p50",
        "p95",
        "answer p50",
        "p95 (95 %)",
    ]
    rows = [
        [
            safe(cell)
            for cell in (
                one.model,
                _percent(one.accuracy),
                count(one.accuracy.n),
                _percent(one.conformance),
                UNKNOWN if one.usd_case is None else money(one.usd_case * 1000),
                _ms(one.ttft[0]),
                _ms(one.ttft[1]),
                _ms(one.latency[0]),
                _bounded_ms(one.latency[1]),
            )
        ]
        for one in ranked
    ]
    return sheet(names, rows)


def _costs(ranked: Sequence[ModelSum], extents: Mapping[str, Extent]) -> str:
    """Return what each model took in all: dollars, for one right answer, tokens."""
    names = ["model", "USD in all", "answers priced", "USD per right answer", "tokens in, mean", "tokens out, mean"]
    rows = []
    for one in ranked:
        extent = extents.get(one.model)
        told = (one.model, money(one.usd), count(one.priced) if one.priced else UNKNOWN)
        right = money(extent.usd_right) if extent else UNKNOWN
        tokens = (count(extent.tokens_in), count(extent.tokens_out)) if extent else (UNKNOWN, UNKNOWN)
        rows.append([safe(cell) for cell in (*told, right, *tokens)])
    return sheet(names, rows) if any(cell != UNKNOWN for row in rows for cell in row[1:]) else ""


def _tags(ranked: Sequence[ModelSum]) -> list[str]:
    return sorted({tag for one in ranked for tag in one.by_tag})


def _by_tag(ranked: Sequence[ModelSum], tag: str) -> str:
    """Return a table of shares with intervals: values as columns where there are few, as rows where there are many."""
    values = sorted({value for one in ranked for value, _ in one.by_tag.get(tag, ())})
    shares = {one.model: dict(one.by_tag.get(tag, ())) for one in ranked}
    named = {value: safe(value or "(none)") for value in values}
    across = len(values) <= _MANY and len(ranked) > 1
    if across:
        names = ["model", *(f"{named[value]}{_same_n(shares, value)}" for value in values)]
        rows = [[safe(one.model), *(_cell(shares[one.model].get(value)) for value in values)] for one in ranked]
    else:
        few = ranked[:_FULL]
        names = [safe(tag), *(safe(one.model) for one in few)]
        rows = [[named[value], *(_cell(shares[one.model].get(value)) for one in few)] for value in values]
    opened = " open" if across or len(rows) <= _MOST_VALUES else ""
    return f"<details{opened}><summary>Right by {safe(tag)}</summary>{sheet(names, rows)}</details>"


def _same_n(shares: Mapping[str, Mapping[str, Share]], value: str) -> str:
    counts = {found[value].n for found in shares.values() if value in found}
    return f" (n = {count(counts.pop())})" if len(counts) == 1 else ""


def _cell(share: Share | None) -> str:
    if share is None or share.share is None:
        return UNKNOWN
    return safe(f"{_percent(share)}, n = {count(share.n)}")


def _failures(ranked: Sequence[ModelSum]) -> str:
    kinds = sorted({kind for one in ranked for kind, _ in one.kinds})
    rows = []
    for one in ranked:
        said = dict(one.kinds)
        errors = ", ".join(f"{count(n)} {kind}" for kind, n in one.errors)
        cells = [
            *(count(said[kind]) if kind in said else "0" for kind in kinds),
            count(one.write_errors),
            errors or UNKNOWN,
        ]
        rows.append([safe(cell) for cell in (one.model, *cells)])
    names = ["model", *(safe(kind.replace("_", " ")) for kind in kinds), "wrong writes", "failed calls"]
    if not kinds and all(row[-1] == UNKNOWN for row in rows):
        return ""
    return f"<details open><summary>By model</summary>{sheet(names, rows, text={len(names) - 1})}</details>"


def _percent(share: Share) -> str:
    return with_interval(share.share, share.low, share.high) if share.low is not None else percent(share.share)


def _ms(found: Quantile) -> str:
    return duration(found.value)


def _bounded_ms(found: Quantile) -> str:
    return with_interval(found.value, found.low, found.high, "ms")
