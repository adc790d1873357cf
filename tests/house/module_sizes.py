"""Fails when a module is longer than 500 lines or a function longer than 60: run by `make lint`."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

LIMIT_MODULE = 500
LIMIT_FUNCTION = 60


def findings(path: Path) -> list[str]:
    """Return one line for each limit that ``path`` breaks."""
    text = path.read_text(encoding="utf-8")
    found = []
    if (lines := text.count("\n")) > LIMIT_MODULE:
        found.append(f"{path}: {lines} lines, at most {LIMIT_MODULE}: split it by concern")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > LIMIT_FUNCTION:
                found.append(f"{path}:{node.lineno} {node.name}: {length} lines, at most {LIMIT_FUNCTION}")
    return found


def main() -> int:
    """Check every module of the package; return the exit code."""
    found = [line for path in sorted(Path("src").rglob("*.py")) for line in findings(path)]
    sys.stdout.writelines(line + "\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
