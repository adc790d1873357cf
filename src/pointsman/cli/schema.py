"""``pointsman schema``: print the JSON Schema of a file format, for editors."""

from __future__ import annotations

from typing import Annotated

import typer

from pointsman.cli.console import print_json
from pointsman.errors import UsageError

KNOWN = ("policy",)


def command(what: Annotated[str, typer.Argument(help="Which file: policy.")] = "policy") -> None:
    """Print the JSON Schema of a file that people write.

    In an editor with YAML support, put this on the first line of pointsman.yaml:
    # yaml-language-server: $schema=pointsman.schema.json

    Exit codes: 0 printed; 2 no such file format.
    """
    if what not in KNOWN:
        raise UsageError(f"no schema for {what!r}; there is one for {', '.join(KNOWN)}")
    from pointsman.routing.policy import schema

    print_json(schema())
