"""Keeps the documents true: writes the generated pages, then checks links, names and command lines.

``make docs`` writes and checks; with ``--check`` nothing is written and a stale page is a problem. Run it as
``PYTHONPATH=tests python -m house.docs_check``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from house.docs_commands import command_problems, make_targets
from house.docs_image import image_problems
from house.docs_links import (
    documents,
    fragment_problems,
    header_problems,
    link_problems,
    orphan_problems,
    reference_problems,
)
from house.docs_pages import flags, pages
from pointsman.cli.registry import COMMANDS

ROOT = Path(__file__).parents[2]


def write(root: Path) -> list[str]:
    """Write each generated page that is not up to date; return their paths."""
    stale = stale_pages(root)
    made = pages()
    for name in stale:
        (root / name).write_text(made[name], encoding="utf-8")
    return stale


def stale_pages(root: Path) -> list[str]:
    """Return the generated pages that differ from what the code says now."""
    return [name for name, text in pages().items() if not _same(root / name, text)]


def problems(root: Path = ROOT) -> list[str]:
    """Return one line for everything that is wrong with the documents, stale pages included."""
    found = [f"{name}: out of date, run 'make docs'" for name in stale_pages(root)]
    known, targets = flags(), make_targets(root)
    found += [
        f"cli/registry.py: {name!r} is not a command that can be documented" for name in COMMANDS if name not in known
    ]
    for path in documents(root):
        found += link_problems(root, path)
        found += reference_problems(root, path)
        found += command_problems(root, path, known, targets)
    found += [*orphan_problems(root), *header_problems(root), *fragment_problems(root), *image_problems(root)]
    return found


def _same(path: Path, text: str) -> bool:
    return path.exists() and path.read_text(encoding="utf-8") == text


def main(arguments: list[str]) -> int:
    """Write (unless ``--check``) and check; return the exit code."""
    if "--check" not in arguments:
        for name in write(ROOT):
            sys.stdout.write(f"wrote {name}\n")
    found = problems()
    sys.stdout.writelines(line + "\n" for line in found)
    sys.stdout.write(f"{len(documents(ROOT))} documents, {len(found)} problems\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
