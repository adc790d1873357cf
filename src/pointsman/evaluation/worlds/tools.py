"""The tools of worlds: one Python function, named by who starts the replay, never by a case file.

The function is ``tool(db, name, arguments)``: it acts on ``db`` (an SQLite connection, the run's own copy) and returns what the
model is told, as anything JSON can hold. An exception is an error that the model is told, and nothing of that call is kept.
"""

from __future__ import annotations

import importlib.util
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pointsman.errors import UsageError

ToolFunction = Callable[[sqlite3.Connection, str, dict[str, Any]], Any]


def tool_function(text: str, folder: Path) -> ToolFunction:
    """Return the function that ``MODULE:FUNCTION`` names: a module beside the case file, or the path of a Python file.

    Raises:
        UsageError: there is no such file or function, or the file cannot be run.
    """
    module, mark, name = text.rpartition(":")
    if not mark or not module or not name:
        raise UsageError(
            f"--tools {text[:80]!r}: write MODULE:FUNCTION, a Python file beside the cases and a function in it"
        )
    path = Path(module) if module.endswith(".py") else folder / f"{module.replace('.', '/')}.py"
    if not path.is_file():
        raise UsageError(f"--tools {text[:80]}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(f"pointsman_tools_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"--tools {text[:80]}: {path} is no Python file")
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    try:
        spec.loader.exec_module(loaded)
    except Exception as error:  # noqa: BLE001 - whatever the user's own file does wrong
        raise UsageError(f"--tools {text[:80]}: {path} fails: {type(error).__name__}: {str(error)[:160]}") from None
    found = getattr(loaded, name, None)
    if not callable(found):
        raise UsageError(f"--tools {text[:80]}: {path} has no function {name!r}")
    function: ToolFunction = found
    return function
