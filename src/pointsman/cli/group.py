"""The root command group: shows every command's help line without importing any of them."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from pointsman.cli import load
from pointsman.cli.registry import COMMANDS
from pointsman.errors import UsageError

_WRONG_FLAG: Any = typer.BadParameter.__base__  # what every mistake in the arguments is; typer does not export it
_HELP = """Pointsman sets the track for every turn of a customer-experience agent.

Exit codes: 0 done, 1 the work failed, 2 the input was wrong, 130 stopped.
"""


class _LazyGroup(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Run the command; a mistake in its arguments is told as every other error is, in two lines.

        Raises:
            UsageError: an option, a value or a command is wrong or missing.
        """
        try:
            return super().invoke(ctx)
        except _WRONG_FLAG as error:
            if type(error).show is not _WRONG_FLAG.show:  # shows the help, where nothing was said at all
                raise
            where = (error.ctx or ctx).command_path
            said = error.format_message().replace("Value error, ", "")
            raise UsageError(f"{said}\n`{where} --help` lists what there is.") from None

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is click's
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Return a stub that carries the help line: enough for listing, and cheap."""
        if cmd_name not in COMMANDS:
            return None
        return typer.core.TyperCommand(cmd_name, callback=lambda: None, help=COMMANDS[cmd_name][1])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Import the real command at the moment it is to run."""
        name, _, rest = super().resolve_command(ctx, args)
        if name is None:
            return name, None, rest
        return name, typer.main.get_command(load(name)), rest


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(version("pointsman"))
        raise typer.Exit


def build() -> Any:
    """Return the click command of the whole program."""
    app = typer.Typer(
        cls=_LazyGroup,
        help=_HELP,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )

    @app.callback()
    def root(
        version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    ) -> None:
        pass

    return typer.main.get_command(app)
