"""``pointsman serve``: the gateway."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pointsman.cli.console import note
from pointsman.cli.store_options import StoreUrl
from pointsman.errors import UsageError
from pointsman.store import DEFAULT_URL

if TYPE_CHECKING:
    from pointsman.app import Router
    from pointsman.store.keys import KeyRing

POLICY_FILE = Path("pointsman.yaml")


def command(
    policy: Annotated[
        Path | None, typer.Option(help="Policy file; default ./pointsman.yaml, else the built-in rubric.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    store: StoreUrl = DEFAULT_URL,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="Ask for no client key (loopback only).")] = False,
    local: Annotated[
        bool, typer.Option("--local", help="Answer with the small local demo model (make local).")
    ] = False,
    emulated: Annotated[bool, typer.Option("--emulated", help="Simulated models stand in for every provider.")] = False,
    script: Annotated[Path | None, typer.Option(help="With --emulated: what the simulated models say.")] = None,
) -> None:
    """Start the gateway. Unmodified OpenAI and Anthropic SDKs work by changing the base URL.

    Exit codes: 0 stopped, 1 failed, 2 wrong input.
    """
    from pointsman.server.run import LOOPBACK, listen, run

    if no_auth and host not in LOOPBACK:
        raise UsageError(
            f"--no-auth is for loopback only, and {host} is not: create a key with 'pointsman keys create NAME'"
        )
    if local and emulated:
        raise UsageError("--local and --emulated both replace the providers: choose one")
    if script is not None and not emulated:
        raise UsageError("--script says what simulated models answer: add --emulated")
    if local and policy is not None:
        raise UsageError("--local answers every turn with the demo model and takes no policy: leave --policy out")
    chosen = None if local else policy if policy is not None else POLICY_FILE if POLICY_FILE.exists() else None
    # The port is taken first: a second gateway on it must fail before it opens the first one's store.
    sock = listen(host, port)
    with contextlib.ExitStack() as stack:
        router = _router(chosen, store, stack, local=local, emulated=emulated, script=script)
        _check(router)
        keys = None if no_auth else _keys(router)
        from pointsman.server.gateway.asgi import Gateway

        by = "simulated models" if emulated else "the local demo model, too small for customers" if local else None
        _greet(router, sock.getsockname()[:2], chosen, by)
        run(Gateway(router, keys), sock)


def _router(
    policy: Path | None, store: str, stack: contextlib.ExitStack, *, local: bool, emulated: bool, script: Path | None
) -> Router:
    from pointsman.app import build_router

    if emulated:
        from pointsman.emulator.app import Emulator
        from pointsman.emulator.script import Script, load_script
        from pointsman.emulator.serving import serve_in_thread

        # Without a script every model a user's own catalogue names is served too.
        emulator = Emulator(load_script(script) if script else Script(any_model=True))
        handle = stack.enter_context(serve_in_thread(emulator))
        return build_router(policy, store=store, simulate_at=handle.base_url)
    if local:
        from pointsman.app import build_local_router

        return stack.enter_context(build_local_router(store=store))
    return build_router(policy, store=store)


def _check(router: Router) -> None:
    from pointsman.store.health import damage

    found = damage(router.store.path)
    if found is not None:
        note(f"warning: {found}")


def _keys(router: Router) -> KeyRing:
    from pointsman.store.keys import KeyRing

    ring = KeyRing(router.store)
    if not len(ring):
        note("no client key exists yet, so every request will be refused: pointsman keys create NAME")
    return ring


def _greet(router: Router, address: tuple[str, int], policy: Path | None, by: str | None) -> None:
    host, port = address
    base = f"http://{'[' + host + ']' if ':' in host else host}:{port}"
    name = router.policy.source if policy is None else str(policy)
    note(
        f"Pointsman listens on {base}  (policy: {name} {router.policy.version}; answered by {by or router.providers()})",
        f"  OpenAI SDK     OPENAI_BASE_URL={base}/v1",
        f"  Anthropic SDK  ANTHROPIC_BASE_URL={base}",
        f"  Pages          {base}/",
        *(f"  warning: {sentence}" for sentence in router.warnings(datetime.now(UTC).date())),
    )
