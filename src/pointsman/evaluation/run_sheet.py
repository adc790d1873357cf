"""The tables of a run's report, and how its page looks. On a phone a table is cards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pointsman.charts.numbers import UNKNOWN

PAGE_CSS: Final = """
*{box-sizing:border-box}body{font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;color:var(--ink);
background:var(--paper);max-width:1080px;margin:0 auto;padding:24px 16px 64px;font-variant-numeric:tabular-nums}
h1{font-size:22px;line-height:1.3;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:17px;margin:40px 0 8px}
p{margin:4px 0}
.dim{color:var(--dim)}p.dim{overflow-wrap:anywhere}
.notice{border-left:3px solid var(--hold);padding:4px 12px;margin:12px 0;font-weight:600}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:16px 0 0}
a{color:var(--mid)}
a:focus-visible,summary:focus-visible{outline:2px solid var(--mid)}
.scroll{overflow-x:auto}table.sheet{border-collapse:collapse;font-size:13px}
.sheet th,.sheet td{padding:4px 12px 4px 0;border-bottom:1px solid var(--rule);text-align:right;vertical-align:top}
.sheet th:first-child,.sheet td:first-child{text-align:left;overflow-wrap:anywhere;min-width:10em}
.sheet th{color:var(--dim);font-weight:600;vertical-align:bottom}
.sheet td{white-space:nowrap}
.sheet td:first-child,.sheet td.text{white-space:normal}
.sheet td.text,.sheet th.text{text-align:left;overflow-wrap:anywhere;min-width:14em}
code{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:12.5px;overflow-wrap:anywhere}
@media (max-width:759px){.sheet thead{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.sheet,.sheet tbody,.sheet tr,.sheet td{display:block}
.sheet tr{border:1px solid var(--rule);border-radius:8px;padding:8px 12px;margin:8px 0}
.sheet td,.sheet td.text{display:flex;justify-content:space-between;gap:16px;border:0;padding:2px 0;white-space:normal;
text-align:right;min-width:0}
.sheet td::before{content:attr(data-label);color:var(--dim);text-align:left;flex:none;max-width:55%}
.sheet td:first-child{font-weight:600;min-width:0}
.sheet td:first-child::before{content:none}}
"""


def sheet(names: Sequence[str], rows: Sequence[Sequence[str]], *, text: set[int] | None = None) -> str:
    """Return a table of cells that are markup already, without the columns that nobody measured; on a phone it is cards."""
    kept = [place for place in range(len(names)) if place == 0 or any(row[place] != UNKNOWN for row in rows)]
    words = text or set()
    head = "".join(f'<th scope="col"{_kind(place, words)}>{names[place]}</th>' for place in kept)
    body = ""
    for row in rows:
        cells = "".join(f'<td data-label="{names[place]}"{_kind(place, words)}>{row[place]}</td>' for place in kept)
        body += f"<tr>{cells}</tr>"
    return f'<div class="scroll"><table class="sheet"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _kind(place: int, words: set[int]) -> str:
    return ' class="text"' if place in words else ""
