"""``pointsman init``: write a commented starter policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pointsman.cli.console import err, out, plain
from pointsman.errors import UsageError

STDOUT = Path("-")


def command(
    template: Annotated[
        str,
        typer.Option(help="rubric, intent, two-tier, baseline-premium, tool-steps-small, on-prem or voice."),
    ] = "rubric",
    provider: Annotated[str, typer.Option(help="Whose models: mixed, anthropic, openai or google.")] = "mixed",
    output: Annotated[Path, typer.Option(help="File to write; - prints it.")] = Path("pointsman.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it is there.")] = False,
) -> None:
    """Write a commented starter policy.

    \b
    rubric            five signals: size, tool need, ambiguity, history, sentiment
    intent            frequent questions fast, tools on the best caller, high stakes or unsure to the flagship
    two-tier          simple turns small, complex ones flagship
    baseline-premium  a cheap baseline; premium for agents and extraction
    tool-steps-small  small model for tool steps, flagship for the final answer
    on-prem           sensitive data stays on your own machines
    voice             first-token time first; short replies

    Exit codes: 0 written; 2 wrong input, or the file is there already.
    """  # noqa: D301 - click wants the real control character to keep the lines apart
    from pointsman.routing.policy import parse_policy
    from pointsman.routing.templates import render

    text = render(template, provider)
    if output == STDOUT:
        typer.echo(text, nl=False)
        return
    if output.exists() and not force:
        raise UsageError(f"{output} is there already; --force overwrites it, --output FILE writes elsewhere")
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{output}: cannot be written: {error.strerror or error}") from None
    policy = parse_policy(text, str(output))
    out().print(
        plain(f"{output}: template {template}, models {provider}, {len(policy.rules)} rules ({policy.version})")
    )
    keys = sorted({name for spec in policy.providers.values() for name in spec.api_key_env or ()})
    if keys:
        err().print(plain(f"Set {', '.join(keys)} in the environment; keys never stand in the file."))
    err().print('Next: pointsman check, then pointsman route "Where is my order 1182?"')
