"""``pointsman emulate``: stand in for the providers on a port of this machine."""

from __future__ import annotations

import ipaddress
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pointsman.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pointsman.emulator.records import Recorded


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8090,
    script: Annotated[
        Path | None, typer.Option(help="What to answer, and how to fail; default: a support agent.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed words the answers differently.")] = 0,
    any_model: Annotated[bool, typer.Option("--any-model", help="Serve unknown model names instead of 404.")] = False,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Allow a --host that other machines can reach.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Stand in for OpenAI, Anthropic, Gemini and compatible servers: no account, no cost, faults on demand.

    Prints the base URLs to give the SDKs, then one line per request. Stop it with Ctrl-C.

    Exit codes: 0 stopped, 2 wrong input.
    """
    import msgspec

    from pointsman.emulator.app import Emulator
    from pointsman.emulator.script import Script, load_script
    from pointsman.emulator.serving import serve_in_thread

    if not allow_remote and not _is_loopback(host):
        raise UsageError(
            f"--host {host} can be reached from other machines, and the emulator takes any key: "
            "use 127.0.0.1, or add --allow-remote"
        )
    chosen = load_script(script) if script is not None else Script()
    if any_model:
        chosen = msgspec.structs.replace(chosen, any_model=True)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    emulator = Emulator(chosen, seed=seed, on_answer=_printer(as_json=json, stopped=stopped))
    with serve_in_thread(emulator, host, port) as handle:
        _greet(handle.base_url, len(chosen.rules), as_json=json)
        stopped.wait()


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _greet(base: str, rules: int, *, as_json: bool) -> None:
    env = {
        "OPENAI_BASE_URL": f"{base}/v1",
        "ANTHROPIC_BASE_URL": base,
        "GOOGLE_GEMINI_BASE_URL": base,
        "GROQ_BASE_URL": base,
        "TOGETHER_BASE_URL": f"{base}/v1",
    }
    if as_json:
        _line({"base_url": base, "rules": rules, "env": env})
        return
    from pointsman.cli.console import out

    persona = f"{rules} rule{'' if rules == 1 else 's'}, then the support agent" if rules else "the support agent"
    out().print(f"Emulated providers listen on {base} ({persona} answers; any key will do)")
    for name, value in env.items():
        out().print(f"  {name}={value}")


def _printer(*, as_json: bool, stopped: threading.Event) -> Callable[[Recorded], None]:
    """Return what prints a finished request; a reader that left ends the program."""
    from pointsman.cli.console import out, plain

    console = out()

    def show(record: Recorded) -> None:
        try:
            if as_json:
                _line(_summary(record))
            else:
                console.print(plain(_sentence(record)))
        except BrokenPipeError:
            stopped.set()

    return show


def _summary(record: Recorded) -> dict[str, Any]:
    return {
        "n": record.serial,
        "dialect": record.dialect,
        "method": record.method,
        "path": record.path,
        "model": record.model or None,
        "stream": record.stream,
        "status": record.status,
        "outcome": _outcome(record),
        "rule": record.rule or None,
        "fault": record.fault or None,
        "error": record.error or None,
        "prompt_tokens": record.prompt_tokens,
        "cached_tokens": record.cached_tokens,
        "output_tokens": record.output_tokens,
    }


def _outcome(record: Recorded) -> str:
    if record.disconnected:
        return "client left"
    return "answered" if record.finished else "cut"


def _sentence(record: Recorded) -> str:
    head = f"{time.strftime('%H:%M:%S')}  {record.dialect:<9} {record.method} {record.path}"
    model = f"  {record.model}{' (stream)' if record.stream else ''}" if record.model else ""
    status = f"  {record.status or '–'} {_outcome(record)}"
    tokens = ""
    if record.output_tokens or record.prompt_tokens:
        tokens = f"  {record.prompt_tokens} in ({record.cached_tokens} cached), {record.output_tokens} out"
    notes = [
        note
        for note in (record.rule and f"rule {record.rule}", record.fault and f"fault {record.fault}", record.error)
        if note
    ]
    return head + model + status + tokens + (f"  [{'; '.join(notes)}]" if notes else "")


def _line(value: Any) -> None:
    import msgspec

    sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
    sys.stdout.flush()
