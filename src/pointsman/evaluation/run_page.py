"""A run's report as one HTML file that needs nothing else: no script, no font, no address of anybody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from pointsman.evaluation.run_log import RunHead
from pointsman.evaluation.run_summary import ModelSum, Quantile, Share

_STYLE = """
:root{color-scheme:light dark;--ink:#1b1f24;--dim:#5d6670;--line:#d5dae0;--page:#fff;--mark:#1f6feb;--front:#b35900;
--ok:31,111,235}
@media (prefers-color-scheme:dark){:root{--ink:#e6eaef;--dim:#9aa4af;--line:#363d46;--page:#14181d;--mark:#6cb0ff;--front:#ffb366;
--ok:108,176,255}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--page);max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2.2rem 0 .4rem}p.dim{color:var(--dim);margin:.2rem 0}
.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.87rem}
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
th:first-child,td:first-child{text-align:left}th{color:var(--dim);font-weight:600}svg{width:100%;height:auto}
svg text{fill:var(--ink);font:12px system-ui,sans-serif}svg .dim{fill:var(--dim)}svg line,svg path{stroke:var(--line);fill:none}
svg .ci{stroke:var(--mark);opacity:.45}svg .front{stroke:var(--front);stroke-width:2}svg circle{fill:var(--mark)}
svg .bar{stroke:var(--mark);stroke-width:7;opacity:.5}
"""
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 1000, 420, 60, 46, 16, 24
_NAMED = 14
"""With more points than this only those on the front get their names; the others say theirs under the pointer."""


def page(head: RunHead, sums: Sequence[ModelSum]) -> str:
    """Return the report. Text from outside is escaped."""
    ranked = sorted(sums, key=lambda one: (-(one.accuracy.share or -1.0), one.model))
    how = "on the recorded history" if head.mode == "fixed" else "running freely on the tape"
    repeats = f", {head.repeats} repeats" if head.repeats > 1 else ""
    simulated = any("simulated" in one.origins for one in sums)
    made_of = (
        f"{head.cases:,} cases of {escape(head.cases_file)} (version {escape(head.version)}){repeats}, {how}, "
        f"graded by {escape(head.grader)}"
    )
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>Run: {escape(head.cases_file)}</title><style>{_STYLE}</style>",
        f"<h1>{escape(_verdict(ranked))}</h1>",
        f"<p class=dim>{made_of}</p>",
        "<p><b>Simulated models answered: this says nothing of real ones.</b></p>" if simulated else "",
        _models(ranked),
        _scatter(ranked),
        _latencies(ranked),
        _failures(ranked),
        *(_by_tag(ranked, tag) for tag in sorted({tag for one in sums for tag in one.by_tag})),
        "</html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _verdict(ranked: Sequence[ModelSum]) -> str:
    best = ranked[0] if ranked else None
    if best is None or best.accuracy.share is None:
        return "Nothing was graded"
    often = "is right most often:" if len(ranked) > 1 else "is right in"
    return f"{best.model} {often} {_percent(best.accuracy)}"


def _models(ranked: Sequence[ModelSum]) -> str:
    rows = [
        [
            one.model,
            _percent(one.accuracy),
            f"{one.accuracy.n:,}",
            " ".join(f"{share:.3f}" for _, share, _ in one.pass_hat) or "–",
            _percent(one.conformance),
            "–" if one.usd_case is None else f"{one.usd_case * 1000:.3f}",
            _ms(one.ttft[0]),
            _ms(one.ttft[1]),
            _ms(one.latency[0]),
            _ms(one.latency[1]),
        ]
        for one in ranked
    ]
    names = [
        "model",
        "right, 95 %",
        "n",
        "pass^1 ...",
        "conform, 95 %",
        "USD / 1,000",
        "TTFT p50 ms",
        "p95",
        "latency p50 ms",
        "p95",
    ]
    return "<h2>Models</h2>" + _table(names, rows)


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table without the columns that nobody measured."""
    kept = [place for place in range(len(names)) if any(row[place] != "–" for row in rows)]
    names, rows = [names[place] for place in kept], [[row[place] for place in kept] for row in rows]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


class _Axis:
    """A scale from numbers to a picture's coordinates; ``log``: powers of ten."""

    def __init__(self, values: Sequence[float], start: float, end: float, *, log: bool = False) -> None:
        self._log = log
        known = [self._scaled(value) for value in values]
        low, high = min(known), max(known)
        room = (high - low) * 0.06 or 0.5
        self._low, self._high, self._start, self._end = low - room, high + room, start, end

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self._log else value

    def at(self, value: float) -> float:
        share = (self._scaled(value) - self._low) / (self._high - self._low)
        return round(self._start + share * (self._end - self._start), 1)

    def ticks(self) -> list[float]:
        if self._log:
            powers = range(math.floor(self._low), math.ceil(self._high) + 1)
            found = [m * 10.0**power for power in powers for m in (1, 2, 5)]
            return [tick for tick in found if self._low <= math.log10(tick) <= self._high]
        step = 10 ** math.floor(math.log10(self._high - self._low))
        step = step / 2 if (self._high - self._low) / step < 3 else step  # noqa: PLR2004 - enough lines to read by
        first = math.ceil(self._low / step)
        return [n * step for n in range(first, math.floor(self._high / step) + 1)]


def front_of(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points (cost, share) that no other beats in both, cheapest first."""
    best, found = -1.0, []
    for place in sorted(range(len(points)), key=lambda n: (points[n][0], -points[n][1])):
        if points[place][1] > best:
            best = points[place][1]
            found.append(place)
    return found


def _scatter(ranked: Sequence[ModelSum]) -> str:
    known = [one for one in ranked if one.accuracy.share is not None and one.usd_case]
    if len(known) < 2:  # noqa: PLR2004 - one point is no picture
        return ""
    points = [(float(one.usd_case or 0) * 1000, one.accuracy.share or 0.0) for one in known]
    bounds = [edge for one in known for edge in (one.accuracy.low, one.accuracy.high) if edge is not None]
    x = _Axis([cost for cost, _ in points], _LEFT, _WIDTH - _RIGHT, log=True)
    y = _Axis([share for _, share in points] + bounds, _HEIGHT - _BOTTOM, _TOP)
    front = front_of(points)
    drawn = [*_grid_x(x, "USD per 1,000 answers"), *_grid_y(y)]
    path = " L".join(f"{x.at(points[place][0])} {y.at(points[place][1])}" for place in front)
    drawn.append(f"<path class=front d='M{path}'/>")
    named = set(range(len(points))) if len(points) <= _NAMED else set(front)
    lower = {place for number, place in enumerate(front) if number % 2}
    for place, (one, (cost, share)) in enumerate(zip(known, points, strict=True)):
        if one.accuracy.low is not None and one.accuracy.high is not None:
            low, high = y.at(one.accuracy.low), y.at(one.accuracy.high)
            drawn.append(f"<line class=ci x1={x.at(cost)} x2={x.at(cost)} y1={low} y2={high} />")
        title = f"{one.model}: {_percent(one.accuracy)}, {cost:.3f} USD per 1,000"
        drawn.append(f"<circle cx={x.at(cost)} cy={y.at(share)} r=5><title>{escape(title)}</title></circle>")
        if place in named:
            drawn.append(_label(x.at(cost), y.at(share) + (17 if place in lower else -8), one.model))
    note = "<p class=dim>The line joins the models that no other beats in both. Bars are 95 % intervals.</p>"
    return f"<h2>Right answers against cost</h2>{note}{_svg(drawn, _HEIGHT)}"


def _label(x: float, y: float, text: str) -> str:
    if x > _WIDTH * 0.72:
        return f"<text x={x - 8} y={y} text-anchor=end>{escape(text)}</text>"
    return f"<text x={x + 8} y={y}>{escape(text)}</text>"


def _grid_x(x: _Axis, name: str, height: int = _HEIGHT) -> list[str]:
    bottom = height - _BOTTOM
    lines = [f"<line x1={x.at(tick)} x2={x.at(tick)} y1={_TOP} y2={bottom} />" for tick in x.ticks()]
    texts = [
        f"<text class=dim x={x.at(tick)} y={bottom + 18} text-anchor=middle>{tick:,.6g}</text>" for tick in x.ticks()
    ]
    return [*lines, *texts, f"<text class=dim x={_WIDTH / 2} y={height - 8} text-anchor=middle>{name}</text>"]


def _grid_y(y: _Axis) -> list[str]:
    lines = [f"<line x1={_LEFT} x2={_WIDTH - _RIGHT} y1={y.at(tick)} y2={y.at(tick)} />" for tick in y.ticks()]
    texts = [
        f"<text class=dim x={_LEFT - 8} y={y.at(tick) + 4} text-anchor=end>{tick:.0%}</text>" for tick in y.ticks()
    ]
    return [*lines, *texts]


def _latencies(ranked: Sequence[ModelSum]) -> str:
    known = [(one, one.ttft if one.ttft[0].value else one.latency) for one in ranked]
    measured = [(one, p50.value, p95.value) for one, (p50, p95) in known if p50.value and p95.value]
    if not measured:
        return ""
    what = "time to first token" if any(one.ttft[0].value for one, _, _ in measured) else "latency of whole answers"
    height, left = _TOP + 22 * len(measured) + _BOTTOM, 300
    x = _Axis([value for _, p50, p95 in measured for value in (p50, p95)], left, _WIDTH - _RIGHT, log=True)
    drawn = _grid_x(x, f"{what}, ms", height)
    for number, (one, p50, p95) in enumerate(measured):
        y = _TOP + 22 * number + 12
        drawn.append(f"<text x={left - 10} y={y + 4} text-anchor=end>{escape(one.model)}</text>")
        drawn.append(f"<line class=bar x1={x.at(p50)} x2={x.at(p95)} y1={y} y2={y} />")
        title = f"{one.model}: p50 {p50:,.0f} ms, p95 {p95:,.0f} ms"
        drawn.append(f"<circle cx={x.at(p50)} cy={y} r=5><title>{escape(title)}</title></circle>")
    return f"<h2>Latency</h2><p class=dim>From the median (dot) to the 95th percentile.</p>{_svg(drawn, height)}"


def _svg(drawn: Sequence[str], height: int) -> str:
    return f"<svg viewBox='0 0 {_WIDTH} {height}' role=img>{''.join(drawn)}</svg>"


def _failures(ranked: Sequence[ModelSum]) -> str:
    kinds = sorted({kind for one in ranked for kind, _ in one.kinds})
    if not kinds:
        return ""
    rows = [
        [one.model, *(f"{dict(one.kinds).get(kind, 0):,}" for kind in kinds), f"{one.write_errors:,}"] for one in ranked
    ]
    return "<h2>What was wrong</h2>" + _table(["model", *kinds, "wrong writes"], rows)


def _by_tag(ranked: Sequence[ModelSum], tag: str) -> str:
    values = sorted({value for one in ranked for value, _ in one.by_tag.get(tag, ())})
    head = "".join(f"<th>{escape(value or '(none)')}</th>" for value in values)
    rows = []
    for one in ranked:
        shares = dict(one.by_tag.get(tag, ()))
        cells = "".join(_heat(shares.get(value)) for value in values)
        rows.append(f"<tr><td>{escape(one.model)}</td>{cells}</tr>")
    return f"<h2>Right by {escape(tag)}</h2><div class=wide><table><tr><th>model</th>{head}</tr>{''.join(rows)}</table></div>"


def _heat(share: Share | None) -> str:
    if share is None or share.share is None:
        return "<td>–</td>"
    title = f"{_percent(share)} of {share.n:,}"
    return f"<td style='background:rgba(var(--ok),{share.share**3 * 0.5:.2f})' title='{escape(title)}'>{share.share:.0%}</td>"


def _percent(share: Share) -> str:
    if share.share is None:
        return "–"
    bounds = "" if share.low is None or share.high is None else f" ({share.low * 100:.1f}–{share.high * 100:.1f})"
    return f"{share.share:.1%}{bounds}"


def _ms(found: Quantile) -> str:
    return "–" if found.value is None else f"{found.value:,.0f}"
