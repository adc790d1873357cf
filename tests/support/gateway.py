"""A whole gateway on a real loopback port, with the emulator behind it: what the integration tests talk to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import uvicorn

from pointsman.app import Router, build_router
from pointsman.domain.record import TurnRecord
from pointsman.emulator.app import Emulator
from pointsman.emulator.script import Script
from pointsman.emulator.serving import Handle, serve_in_thread
from pointsman.routing.policy import Policy, parse_policy
from pointsman.server.gateway.asgi import Gateway
from pointsman.server.http_protocol import BoundedHttpProtocol
from pointsman.server.run import listen
from pointsman.server.services import SERVICES
from pointsman.store.keys import KeyRing

POLICY = """
version: 1
providers:
  anthropic: {host: anthropic}
  openai: {host: openai}
  google: {host: google}
  groq: {host: groq}
tiers:
  small: [anthropic/claude-haiku-4-5, openai/gpt-5-mini]
  mid: [anthropic/claude-sonnet-4-6]
  flagship: [anthropic/claude-opus-4-8]
routes:
  direct: {tiers: [small], choose: listed}
  tools: {tiers: [small], choose: listed}
  plan: {tiers: [flagship]}
default_route: direct
deadlines: {connect_s: 2, first_token_s: 2, idle_s: 2, total_s: 10}
"""


def policy(text: str = POLICY, **replace: str) -> Policy:
    """Return a policy; each keyword replaces one piece of the text, as in ``policy(small="openai/gpt-5-mini")``."""
    for old, new in replace.items():
        text = text.replace(old, new)
    return parse_policy(text, "test.yaml")


def timed(text: str = POLICY, **seconds: float) -> Policy:
    """Return a policy with other deadlines, as in ``timed(idle_s=0.3)``."""
    limits = {"connect_s": 2, "first_token_s": 2, "idle_s": 2, "total_s": 10} | seconds
    line = "deadlines: {" + ", ".join(f"{name}: {value}" for name, value in limits.items()) + "}"
    return parse_policy(text.replace("deadlines: {connect_s: 2, first_token_s: 2, idle_s: 2, total_s: 10}", line), "t")


class _Server(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, config: uvicorn.Config, up: threading.Event) -> None:
        super().__init__(config)
        self._up = up

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._up.set()


class GatewayUnderTest:
    """A running gateway: ``base_url`` for the Anthropic SDK, ``openai_url`` for the OpenAI SDK."""

    def __init__(
        self,
        router: Router,
        handle: Handle | None,
        *,
        keys: bool = False,
        http: Any = BoundedHttpProtocol,
        **options: Any,
    ) -> None:
        self.router = router
        self.emulator = handle
        sock = listen("127.0.0.1", 0)
        self.port = sock.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.openai_url = f"{self.base_url}/v1"
        ring = KeyRing(router.store) if keys else None
        config = uvicorn.Config(
            Gateway(router, ring, **options),
            loop="uvloop",
            http=http,
            ws="none",
            lifespan="on",
            access_log=False,
            log_config=None,
        )
        self._up = threading.Event()
        self._server = _Server(config, self._up)
        self._thread = threading.Thread(target=self._run, args=(sock,), daemon=True)
        self._thread.start()

    def _run(self, sock: Any) -> None:
        config = self._server.config
        try:
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                self._loop = runner.get_loop()
                runner.run(self._server.serve(sockets=[sock]))
        finally:
            self._up.set()  # also when it could not start: nobody waits for it then

    @property
    def busy(self) -> int:
        """How many requests are being served."""
        return len(self._server.server_state.tasks)

    def tasks(self) -> int:
        """How many tasks its event loop has, without the one that counts and the services beside the turns."""

        async def count() -> int:
            return sum(task.get_name() not in SERVICES for task in asyncio.all_tasks()) - 1

        return asyncio.run_coroutine_threadsafe(count(), self._loop).result(5)

    def turn(self, turn_id: str) -> TurnRecord:
        """Return the record of a turn."""
        record = self.router.store.turn(turn_id)
        assert record is not None, f"turn {turn_id} is not in the store"
        return record

    def turns(self) -> list[TurnRecord]:
        """Return all records, oldest first."""
        return [self.turn(row.id) for row in reversed(self.router.store.turns(limit=10_000))]

    def __enter__(self) -> Self:
        self._up.wait(30)  # requests would wait by themselves; tests that look inside would not
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.should_exit = True
        self._thread.join(15)


@contextlib.contextmanager
def gateway(
    store: Path, script: Script | None = None, chosen: Policy | None = None, *, keys: bool = False, **options: Any
) -> Iterator[GatewayUnderTest]:
    """Run a gateway whose providers are all emulated by ``script``; ``options`` go to ``Gateway``."""
    with contextlib.ExitStack() as stack:
        handle = stack.enter_context(serve_in_thread(Emulator(script)))
        router = build_router(chosen or policy(), store=f"sqlite:///{store}", simulate_at=handle.base_url)
        yield stack.enter_context(GatewayUnderTest(router, handle, keys=keys, **options))


@contextlib.contextmanager
def gateway_at(base_url: str, store: Path, chosen: Policy | None = None, **options: Any) -> Iterator[GatewayUnderTest]:
    """Run a gateway whose providers are all one server at ``base_url``."""
    router = build_router(chosen or policy(), store=f"sqlite:///{store}", simulate_at=base_url)
    with GatewayUnderTest(router, None, **options) as running:
        yield running
