"""A gate's verdict as Markdown (for a pull request) and as JUnit (for a CI server)."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from pointsman.evaluation.gate import Flip, Gate
from pointsman.evaluation.gate_seam import MetricVerdict

_FLIPS = 20
_WHY = 160
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def figures(metric: MetricVerdict) -> tuple[str, str, str, str]:
    """Return a metric's baseline, candidate, difference with its bounds, and margin, as people read them."""
    if metric.ratio:
        bounds = (
            "" if metric.low is None or metric.high is None else f" ({metric.low - 1:+.1%} to {metric.high - 1:+.1%})"
        )
        known = metric.baseline and metric.candidate is not None
        change = (
            f"{metric.candidate / metric.baseline - 1:+.1%}"
            if known and metric.candidate is not None and metric.baseline
            else "–"
        )
        return _number(metric.baseline), _number(metric.candidate), change + bounds, f"{metric.margin:+.1%}"
    difference = (
        metric.candidate if metric.baseline is None or metric.candidate is None else metric.candidate - metric.baseline
    )
    bounds = (
        "" if metric.low is None or metric.high is None else f" ({metric.low * 100:+.1f} to {metric.high * 100:+.1f})"
    )
    said = "–" if difference is None else f"{difference * 100:+.1f} pp{bounds}"
    margin = f"{metric.margin * 100:g} pp" if metric.name == "write_errors" else f"−{metric.margin * 100:g} pp"
    if metric.baseline is None:
        return "–", "–", said, margin
    return f"{metric.baseline:.1%}", f"{metric.candidate or 0:.1%}", said, margin


def _number(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"  # noqa: PLR2004 - enough digits either way


def markdown(gate: Gate, baseline: str, candidate: str) -> str:
    """Return the verdict as Markdown; text from outside stands in code, so that none of it is obeyed."""
    lines = [
        f"## Gate: {gate.answer.upper()}",
        "",
        f"{_cell(gate.text[:1].upper() + gate.text[1:])}. Baseline {_code(baseline)}, candidate {_code(candidate)}; "
        f"{gate.cases:,} cases of {gate.conversations:,} conversations"
        + (", looked at while the run goes on." if gate.sequential else "."),
        "",
        "| metric | verdict | baseline | candidate | difference (bounds) | margin | n | |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for metric in gate.metrics:
        old, new, change, margin = figures(metric)
        lines.append(
            f"| {metric.name} | **{metric.answer}** | {old} | {new} | {change} | {margin} | {metric.n:,} | {_cell(metric.text)} |"
        )
    lines += [f"| {_cell(one)} | not judged | | | | | | |" for one in gate.left_out]
    for title, flips in (("Lost", gate.lost), ("Gained", gate.gained)):
        if flips:
            lines += ["", f"### {title}: {len(flips):,}", "", "| case | before | after | why |", "|---|--:|--:|---|"]
            lines += [_row(flip) for flip in flips[:_FLIPS]]
            if len(flips) > _FLIPS:
                lines.append(f"\n… and {len(flips) - _FLIPS:,} more")
    return "\n".join(lines) + "\n"


def _row(flip: Flip) -> str:
    return f"| {_code(flip.case)} | {flip.before:.0%} | {flip.after:.0%} | {_code(flip.why[:_WHY])} |"


def _code(text: str) -> str:
    bare = re.sub(r"[`|\s\x00-\x1f\x7f]+", " ", text).strip()
    return f"`{bare}`" if bare else ""


def _cell(text: str) -> str:
    return re.sub(r"[|\s]+", " ", text)


def junit(gate: Gate, baseline: str, candidate: str) -> str:
    """Return the verdict as JUnit: a test for each metric. Hold is a failure of type ``hold``: nothing may be swapped on it."""
    failed = sum(metric.answer != "pass" for metric in gate.metrics)
    name = f"gate {baseline} -> {candidate}"
    skipped = len(gate.left_out)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name={_attribute(name)} tests="{len(gate.metrics) + skipped}" failures="{failed}" skipped="{skipped}">',
    ]
    for metric in gate.metrics:
        head = f'  <testcase classname="pointsman.gate" name={_attribute(metric.name)}'
        if metric.answer == "pass":
            lines.append(head + f"><system-out>{_text(metric.text)}</system-out></testcase>")
        else:
            fault = f"<failure type={_attribute(metric.answer)} message={_attribute(metric.text)}/>"
            lines.append(head + f">{fault}</testcase>")
    for one in gate.left_out:
        what, _, why = one.partition(": ")
        lines.append(
            f'  <testcase classname="pointsman.gate" name={_attribute(what)}><skipped message={_attribute(why)}/></testcase>'
        )
    flips = "\n".join(f"lost {flip.case}: {flip.why[:_WHY]}" for flip in gate.lost[:_FLIPS])
    lines += [f"  <system-out>{_text(gate.text)}\n{_text(flips)}</system-out>", "</testsuite>"]
    return "\n".join(lines) + "\n"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text))
