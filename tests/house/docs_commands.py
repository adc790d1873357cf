"""Checks that each command line shown to a reader could be typed: the command, its flags and the make target exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path

from pointsman.cli.registry import COMMANDS

_BLOCK = re.compile(r"^[ ]*```(\w*)[^\n]*\n(.*?)^[ ]*```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_SHELL = {"", "console", "sh", "bash", "shell"}
_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)


def command_lines(text: str) -> Iterator[str]:
    """Yield what a document shows as typed: lines of shell blocks and inline code that begins with a command of ours."""
    for language, body in _BLOCK.findall(text):
        if language not in _SHELL:
            continue
        lines = body.replace("\\\n", " ").splitlines()
        prompted = [line.strip().removeprefix("$ ") for line in lines if line.strip().startswith("$ ")]
        yield from prompted or [line.strip() for line in lines]
    yield from _SPAN.findall(_BLOCK.sub("", text))


def command_problems(root: Path, path: Path, flags: Mapping[str, set[str]], targets: set[str]) -> Iterator[str]:
    """Yield one line for each shown command line that would be refused."""
    where = path.relative_to(root)
    for line in command_lines(path.read_text(encoding="utf-8")):
        words = _words(line)
        if not words:
            continue
        if words[0] == "make":
            yield from (f"{where}: {line!r}: there is no 'make {w}'" for w in _goals(words) if w not in targets)
        elif words[0] == "pointsman":
            yield from (f"{where}: {line!r}: {problem}" for problem in _wrong(words[1:], flags))
        elif words[0].startswith("python") and _is_missing_script(root, words[1:2]):
            yield f"{where}: {line!r}: there is no {words[1]}"


def make_targets(root: Path) -> set[str]:
    """Return the targets of the Makefile."""
    return set(_TARGET.findall((root / "Makefile").read_text(encoding="utf-8")))


def _words(line: str) -> list[str]:
    """Return the words of a command line up to a pipe, without settings before it and the brackets of a synopsis."""
    try:
        words = shlex.split(line.replace("[", "").replace("]", ""), comments=True)
    except ValueError:
        return []
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words.pop(0)
    ends = [at for at, word in enumerate(words) if word in {"|", ">", ">>", "<", "&&", ";", "&"}]
    words = words[: ends[0]] if ends else words
    if words and words[0].startswith(".venv/bin/"):
        words[0] = words[0].removeprefix(".venv/bin/")
    return words


def _is_missing_script(root: Path, script: list[str]) -> bool:
    return any(name.endswith(".py") and not (root / name).exists() for name in script)


def _goals(words: list[str]) -> list[str]:
    return [word for word in words[1:] if "=" not in word and not word.startswith("-")]


def _wrong(words: list[str], flags: Mapping[str, set[str]]) -> Iterator[str]:
    if not words or words[0] in {"--help", "--version"}:
        return
    name = words[0]
    if name not in COMMANDS:
        # A word in capitals stands for any command.
        if not name.isupper():
            yield f"there is no command {name!r}"
        return
    pair = " ".join(words[:2])
    known = flags.get(pair) or flags[name]
    for word in words[1:]:
        flag = word.split("=", 1)[0]
        if flag.startswith("--") and flag not in known:
            yield f"'pointsman {pair if pair in flags else name}' has no {flag}"
