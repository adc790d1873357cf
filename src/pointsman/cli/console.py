"""Where the command line writes: results to stdout, everything else to stderr."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

if TYPE_CHECKING:
    # rich takes a tenth of a second to import; `serve` prints plain lines and need not wait for it.
    from rich.console import Console
    from rich.text import Text

# Cursor movement, colour and other terminal controls in customer or model text could rewrite the screen.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_ERROR_LINES = 3  # what, where, what to do


def out() -> Console:
    """Return the console on stdout (no colour when piped or with NO_COLOR)."""
    from rich.console import Console

    class Out(Console):
        def on_broken_pipe(self) -> None:
            self.quiet = True
            _reader_left()

    return Out(highlight=False, soft_wrap=not sys.stdout.isatty())


def err() -> Console:
    """Return the console on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def safe(text: str) -> str:
    """Return untrusted ``text`` without control characters; line ends stay."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


TIER_STYLE = {"small": "cyan", "mid": "blue", "flagship": "magenta"}
"""Colours of the tiers; the word always stands beside or behind them."""


def plain(text: str, style: str = "") -> Text:
    """Return untrusted ``text`` as rich text: markup in it is shown, not obeyed."""
    from rich.text import Text

    return Text(safe(text), style=style)


def fail(message: str) -> None:
    """Print an error to stderr, in three lines at most: of many faults the first are shown and the rest counted."""
    from rich.text import Text

    lines = safe(message).splitlines()
    if len(lines) > _ERROR_LINES:
        lines = [*lines[: _ERROR_LINES - 1], f"and {len(lines) - _ERROR_LINES + 1} more; mend these first."]
    err().print(Text.assemble(("error: ", "bold"), "\n".join(lines)))


def note(*lines: str) -> None:
    """Print plain lines to stderr, without waiting for rich."""
    sys.stderr.writelines(safe(line) + "\n" for line in lines)
    sys.stderr.flush()


def program() -> str:
    """Return what to type for this program: ``pointsman``, or its path where PATH does not lead to it (``make demo``)."""
    import shutil

    if shutil.which("pointsman") or os.path.basename(sys.argv[0]) != "pointsman":  # noqa: PTH119 - pathlib costs start-up time
        return "pointsman"
    return min(os.path.relpath(sys.argv[0]), sys.argv[0], key=len)


def print_json(value: Any) -> None:
    """Print ``value`` (plain data or msgspec Structs) as indented JSON on stdout, and nothing else."""
    try:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
        sys.stdout.flush()
    except BrokenPipeError:
        _reader_left()


def _reader_left() -> NoReturn:
    """End quietly: the reader of our pipe (head, less) left. rich and typer would exit with 1, but nothing failed."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(0)
