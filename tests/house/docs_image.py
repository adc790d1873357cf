"""Draws the README's picture of a decision from what ``pointsman route`` prints, and tells when it is out of date.

``PYTHONPATH=tests python -m house.docs_image`` writes it. The picture follows the reader's light or dark setting.
"""

from __future__ import annotations

import io
import re
import sys
from html import unescape
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from pointsman.catalog.book import Catalog
from pointsman.cli.route_view import show
from pointsman.cli.turn_input import read_turn
from pointsman.domain.decision import Decision
from pointsman.domain.turn import Turn
from pointsman.routing.policy import Policy, parse_policy
from pointsman.routing.router import Routing
from pointsman.routing.templates import render

ROOT = Path(__file__).parents[2]
IMAGE = Path("docs/images/decision.svg")
HISTORY = Path("examples/history.json")
SAID = "yes"
_WIDTH = 92
# Colours that stand for themselves while rich draws; each becomes a variable of the style sheet below.
_INK, _PAPER = (17, 34, 51), (250, 251, 252)
_HUES = {"red": (201, 1, 1), "green": (1, 201, 1), "yellow": (201, 201, 1), "blue": (1, 1, 201)}
_HUES |= {"magenta": (201, 1, 201), "cyan": (1, 201, 201)}
_STYLE = """
    svg {{ --paper: #ffffff; --ink: #1f2328; --soft: #656d76;
           --blue: #0b62a8; --cyan: #00705a; --magenta: #7b3fa0; --red: #b3400e; --green: #1a6e2e; --yellow: #8a5a00 }}
    @media (prefers-color-scheme: dark) {{
      svg {{ --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1;
             --blue: #6cb6ff; --cyan: #4fd1b0; --magenta: #d0a2f7; --red: #ff8f66; --green: #6fdd8b; --yellow: #e3b341 }}
    }}
"""
_FORMAT = (
    """<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg"
  role="img" aria-labelledby="{unique_id}-t">
  <title id="{unique_id}-t">What pointsman route prints for one turn</title>
  <style>"""
    + _STYLE
    + """    .{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
      font-size: {char_height}px; line-height: {line_height}px; white-space: pre }}
    {styles}
  </style>
  <defs>{lines}</defs>
  <rect x="0.5" y="0.5" rx="8" width="{width}" height="{height}" fill="var(--paper)"/>
  <g transform="translate({terminal_x}, 14)">
    {backgrounds}
    <g class="{unique_id}-matrix">{matrix}</g>
  </g>
</svg>
"""
)


def decide(root: Path) -> tuple[Decision, Turn, Policy]:
    """Return the decision that is drawn: a "yes" to a refund, by the built-in rubric, without tools."""
    policy = parse_policy(render("rubric"), "built-in rubric")
    turn = read_turn(SAID, str(root / HISTORY), None, "chat", "auto")
    routing = Routing(policy, Catalog.load())
    for _ in range(50):  # the first decisions of a process pay for tables built on first use
        routing.decide(turn)
    return routing.decide(turn), turn, policy


def main() -> int:
    """Write the picture."""
    console = Console(record=True, width=_WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    show(*decide(ROOT), console)
    (ROOT / IMAGE).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / IMAGE).write_text(_draw(console), encoding="utf-8")
    return 0


def _draw(console: Console) -> str:
    ansi = [_HUES.get(name, _INK) for name in ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")]
    theme = TerminalTheme(_PAPER, _INK, ansi, ansi)
    text = console.export_svg(title="", theme=theme, code_format=_FORMAT, unique_id="d")
    names = {_INK: "ink", _PAPER: "paper", **{rgb: name for name, rgb in _HUES.items()}}
    for rgb, name in names.items():
        text = text.replace(_hex(rgb), f"var(--{name})")
    # What is left is rich's blend of ink and paper for dim text.
    return re.sub(r"fill: #[0-9a-f]{6}", "fill: var(--soft)", text)


def _hex(rgb: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def image_problems(root: Path) -> list[str]:
    """Return why the picture no longer shows what ``pointsman route`` would print, or nothing."""
    if not (root / IMAGE).exists():
        return [f"{IMAGE}: missing, run 'PYTHONPATH=tests python -m house.docs_image'"]
    shown = unescape(re.sub(r"<[^>]+>", " ", (root / IMAGE).read_text(encoding="utf-8"))).replace("\xa0", " ")
    decision, _, _ = decide(root)
    expected = [decision.model, *(reason.name for reason in decision.reasons)]
    return [
        f"{IMAGE}: does not show {word!r} any more, run 'PYTHONPATH=tests python -m house.docs_image'"
        for word in expected
        if word not in shown
    ]


if __name__ == "__main__":
    sys.exit(main())
