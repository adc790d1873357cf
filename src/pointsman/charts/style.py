"""The one stylesheet of the plots: every colour is a variable, light and dark, by the system's choice or a switch's.

A page that has its own palette may leave ``PALETTE_CSS`` out and define the same variables.
"""

from __future__ import annotations

from typing import Final

_LIGHT: Final = (
    "--ink:#1a1e23;--dim:#59626c;--rule:#d9dde2;--paper:#fff;--card:#f6f7f9;"
    "--small:#00775f;--mid:#0067a8;--flagship:#8146b0;"
    "--pass:#20752b;--fail:#bf4300;--hold:#855c00"
)
_DARK: Final = (
    "--ink:#e7eaee;--dim:#a2abb6;--rule:#3a414a;--paper:#14171b;--card:#1d2126;"
    "--small:#3fc5a6;--mid:#62b1ef;--flagship:#c79df0;"
    "--pass:#6fca74;--fail:#ff8d5e;--hold:#efb73e"
)

PALETTE_CSS: Final = f"""
:root{{color-scheme:light dark;{_LIGHT}}}
@media (prefers-color-scheme:dark){{:root{{{_DARK}}}}}
:root[data-theme=light]{{color-scheme:light;{_LIGHT}}}
:root[data-theme=dark]{{color-scheme:dark;{_DARK}}}
"""
"""Ink and paper, the three tiers, the three verdicts, at 4.5 to 1 or more on paper and on a card. ``data-theme``: the switch."""

CHARTS_CSS: Final = """
.figure{margin:0 0 24px}.figure>figcaption{font-weight:600;margin:0 0 4px}.figure .note{color:var(--dim);margin:0 0 8px}
.figure{container-type:inline-size}
.chart{display:block;width:100%;height:auto;max-width:1040px;overflow:visible;color:var(--ink)}
.narrow .chart{max-width:500px}.wide-only{display:block}.narrow-only{display:none}
@container (max-width:659px){.wide-only{display:none}.narrow-only{display:block}}
.chart text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--ink);font-variant-numeric:tabular-nums}
.chart text.dim,.chart .few text{fill:var(--dim)}.chart text.strong{font-weight:600}
.chart text.halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
.chart .grid{stroke:var(--rule);stroke-width:1;fill:none}.chart .axis{stroke:var(--dim);stroke-width:1;fill:none}
.chart .baseline{stroke:var(--dim);stroke-width:1.5;stroke-dasharray:5 4;fill:none}
.chart .margin{stroke:var(--fail);stroke-width:1.5;stroke-dasharray:5 4;fill:none}
.chart .event{stroke:var(--dim);stroke-width:1;fill:none}
.chart .line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.chart .band{fill:currentColor;opacity:.16;stroke:none}.chart .whisker{stroke:currentColor;stroke-width:1.5;fill:none;opacity:.65}
.chart .fill{fill:currentColor}.chart .dot{fill:currentColor;stroke:var(--paper);stroke-width:1}
.chart .bar{fill:currentColor;stroke:var(--paper);stroke-width:.5}.chart .join{stroke:var(--dim);stroke-width:1;fill:none}
.chart .front{fill:none;stroke:currentColor;stroke-width:1.5}
.chart .hit{fill:transparent;stroke:none}
.chart .tier-small{color:var(--small)}.chart .tier-mid{color:var(--mid)}.chart .tier-flagship{color:var(--flagship)}
.chart .pass{color:var(--pass)}.chart .fail{color:var(--fail)}.chart .hold{color:var(--hold)}
.chart .ink{color:var(--ink)}.chart .soft{color:var(--dim)}.chart .faint{color:color-mix(in srgb,var(--ink) 45%,var(--paper))}
.chart .pale{color:color-mix(in srgb,var(--ink) 25%,var(--paper))}
.chart .few .bar,.chart .few .dot,.chart .few .whisker{opacity:.45}
.chart .dash-1 .line,.chart .line.dash-1{stroke-dasharray:6 3}.chart .dash-2 .line,.chart .line.dash-2{stroke-dasharray:2 3}
.chart .dash-3 .line,.chart .line.dash-3{stroke-dasharray:8 3 2 3}
.chart .dash-4 .line,.chart .line.dash-4{stroke-dasharray:14 4}
.chart .dash-5 .line,.chart .line.dash-5{stroke-dasharray:1 5}
.chart text.toned{fill:currentColor;font-weight:600}
.chart a,.chart .few a{cursor:pointer;color:inherit;text-decoration:none}
.chart a:focus-visible{outline:2px solid var(--mid);outline-offset:2px}
.chart a:hover .dot,.chart a:hover .bar{opacity:.75}
.verdict{font-weight:600;white-space:nowrap}
.verdict svg{width:.9em;height:.9em;margin-right:.35em;vertical-align:-.08em}
.verdict path{fill:none;stroke:currentColor;stroke-width:2.2;stroke-linecap:round;stroke-linejoin:round}
.verdict.pass{color:var(--pass)}.verdict.fail{color:var(--fail)}.verdict.hold{color:var(--hold)}
.behind{margin:4px 0 0}.behind>summary{color:var(--dim);cursor:pointer;font-size:13px}
.behind .scroll{overflow-x:auto}
.behind table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;margin:8px 0}
.behind th,.behind td{padding:3px 12px 3px 0;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
.behind th:first-child,.behind td:first-child{text-align:left;white-space:normal;overflow-wrap:anywhere;min-width:8em}
.behind th{color:var(--dim);font-weight:600}
"""
"""Classes of the plots, of their tables behind a toggle, and of verdict marks."""
