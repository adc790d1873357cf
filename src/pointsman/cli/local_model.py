"""``pointsman local-model``: is the small local demo model there, and is it the right file?"""

from __future__ import annotations

from typing import Annotated

import typer

from pointsman.cli.console import note, print_json, program


def command(
    json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Check that the local demo model and what runs it are there, and the model against its published checksum.

    It is a real language model of 135 million parameters: good for seeing every part of the protocol work without an
    account, not good enough to resolve a support turn. Exit codes: 0 ready, 2 something is missing or damaged.
    """
    from pointsman.providers.local_server import CONTEXT, MAX_OUTPUT, SHA256, find_model, runtime, verify

    path = find_model()
    verify(path)
    package = runtime()
    if json:
        sizes = {"context_tokens": CONTEXT, "max_output_tokens": MAX_OUTPUT}
        print_json({"path": str(path), "sha256": SHA256, "runtime": package, **sizes, "demo": True})
        return
    note(
        f"The local demo model is at {path}, its checksum is right, and {package} can run it.",
        "It is too small to answer customers, but everything it sends is real. "
        f"Start it: {program()} serve --local --no-auth",
    )
