"""The command line: one file per command, thin, imported only when used."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

from pointsman.cli.registry import COMMANDS
from pointsman.errors import PointsmanError, UsageError

if TYPE_CHECKING:
    import typer

EXIT_USAGE = 2
EXIT_FAILURE = 1


def main() -> None:
    """Run the command line and exit with its code (0 done, 1 the work failed, 2 the input was wrong, 130 stopped)."""
    from pointsman.cli.group import build

    try:
        build()()
    except PointsmanError as error:
        from pointsman.cli.console import fail

        fail(str(error))
        sys.exit(EXIT_USAGE if isinstance(error, UsageError) else EXIT_FAILURE)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of our pipe (head, less) left: not an error, and stderr must stay quiet.
        sys.stderr.close()
        sys.exit(0)


def load(name: str) -> typer.Typer:
    """Import the module of command ``name`` and return its Typer app."""
    import typer

    module: Any = importlib.import_module(COMMANDS[name][0])
    app: typer.Typer | None = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        app.command(name=name)(module.command)
    return app
