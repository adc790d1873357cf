"""``pointsman local-model``: is the small local demo model there, and is it the right file?"""

from __future__ import annotations

from typing import Annotated

import typer

from pointsman.cli.console import err, print_json, program


def command(
    json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Check the local demo model against its published checksum.

    It is a real language model of 135 million parameters: good for seeing every part of the protocol work without an
    account, not good enough to resolve a support turn. Exit codes: 0 it is there, 2 it is not or is damaged.
    """
    from pointsman.providers.local_server import SHA256, find_model, verify

    path = find_model()
    verify(path)
    if json:
        print_json({"path": str(path), "sha256": SHA256, "demo": True})
        return
    console = err()
    console.print(f"The local demo model is at {path} and its checksum is right.")
    console.print(
        "It is too small to answer customers, but everything it sends is real. "
        f"Start it: {program()} serve --local --no-auth"
    )
