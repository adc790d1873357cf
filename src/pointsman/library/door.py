"""``Pointsman``: route and run turns from Python, without a server in between.

::

    async with Pointsman.from_policy("pointsman.yaml") as pm:
        result = await pm.turn("Where is my order 48213?")
        print(result.text, result.decision.route, result.cost_usd)
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar, Unpack, overload

import msgspec

from pointsman.app import Router, build_router
from pointsman.domain.decision import Decision
from pointsman.domain.message import ToolCall
from pointsman.domain.reply import Event
from pointsman.domain.turn import Turn
from pointsman.errors import PointsmanError, UsageError
from pointsman.execution.agents.agents import PREFIX as AGENT
from pointsman.execution.agents.managed import ManagedRun
from pointsman.execution.batches.desk import BatchDesk, PollPlan
from pointsman.execution.engine import Running
from pointsman.execution.python_tools import BadArguments, PythonTool, python_tool
from pointsman.library.asks import Asked, Said, WishArgs, Wishes, ask_of
from pointsman.library.desk import open_desk
from pointsman.library.outputs import Output, Outputs, plan_fields
from pointsman.library.result import TurnResult
from pointsman.routing.own_signals import Measure, OwnSignals
from pointsman.routing.policy import Policy, load_policy, parse_policy
from pointsman.routing.templates import render
from pointsman.store import DEFAULT_URL

if TYPE_CHECKING:
    from pydantic import BaseModel

    from pointsman.emulator.script import Script
    from pointsman.library.sync import SyncPointsman

_F = TypeVar("_F", bound=Callable[..., Any])


class Pointsman:
    """The Python door. Build it with ``from_policy``, register tools and signals, then ``async with`` it."""

    def __init__(
        self,
        policy: Policy,
        *,
        store: str = DEFAULT_URL,
        emulated: bool = False,
        script: Path | str | Script | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        if script is not None and not emulated:
            raise UsageError("script says what simulated models answer: add emulated=True")
        self.policy = policy
        self._store = store
        self._emulated = emulated
        self._script: Path | str | Script | None = script
        self._environ = environ
        self._tools: dict[str, PythonTool] = {}
        self._signals = OwnSignals(policy.signals)
        self._outputs = Outputs()
        self._router: Router | None = None
        self._closing = contextlib.ExitStack()
        self._streaming: set[Running | ManagedRun] = set()

    @classmethod
    def from_policy(
        cls,
        policy: Policy | Path | str | None = None,
        *,
        store: str = DEFAULT_URL,
        emulated: bool = False,
        script: Path | str | Script | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Build from a policy file (None: the built-in rubric); turns are kept in ``store``.

        ``emulated`` lets simulated models answer, so that no account is needed; ``script`` (a file, or a ``Script``) is
        what they say. ``environ`` is where provider keys are read from (None: the process's own environment).

        Raises:
            PolicyError: what is wrong, where, and what to do.
        """
        if not isinstance(policy, Policy):
            policy = parse_policy(render("rubric"), "built-in rubric") if policy is None else load_policy(Path(policy))
        return cls(policy, store=store, emulated=emulated, script=script, environ=environ)

    # -- registering, before the start ----------------------------------------------------------------------------------

    @overload
    def tool(self, function: _F) -> _F: ...

    @overload
    def tool(
        self, *, name: str | None = None, description: str | None = None, write: bool = False
    ) -> Callable[[_F], _F]: ...

    def tool(
        self,
        function: _F | None = None,
        *,
        name: str | None = None,
        description: str | None = None,
        write: bool = False,
    ) -> _F | Callable[[_F], _F]:
        """Register a function as a tool; use it as a decorator, with or without arguments. The function stays as it is.

        Its types become the JSON Schema, its docstring the description. ``write`` marks a tool that changes something.

        Raises:
            UsageError: it cannot be a tool, its name is taken, or turns are running already.
        """

        def register(function: _F) -> _F:
            self._still_closed("tool")
            made = python_tool(function, name=name, description=description, writes=write)
            if made.name in self._tools:
                raise UsageError(f"a tool called {made.name!r} is registered already")
            self._tools[made.name] = made
            return function

        return register if function is None else register(function)

    @overload
    def signal(self, name: str, measure: Measure) -> Measure: ...

    @overload
    def signal(self, name: str) -> Callable[[Measure], Measure]: ...

    def signal(self, name: str, measure: Measure | None = None) -> Measure | Callable[[Measure], Measure]:
        """Register the function that measures the policy's signal ``name``: ``(turn, session) -> fields``, pure and fast.

        Raises:
            UsageError: the policy declares no such signal, it has a function already, or turns are running already.
        """

        def register(measure: Measure) -> Measure:
            self._still_closed("signal")
            self._signals.register(name, measure)
            return measure

        return register if measure is None else register(measure)

    def plan_schema(self, fields: type[BaseModel] | Mapping[str, Any], *, agent: str | None = None) -> None:
        """Add fields to the plans of an agent's turns (``agent`` None: of every route that plans), in place of the policy's.

        ``fields`` is a Pydantic model, of which the JSON Schema counts, or the JSON Schema of an object.

        Raises:
            UsageError: they cannot be added, there is no such agent, nothing plans, or turns are running already.
        """
        self._still_closed("plan schema")
        self.policy = self.policy.with_plan_schema(plan_fields(fields), agent)

    def contract(self, output: type[BaseModel] | Mapping[str, Any], *, agent: str) -> None:
        """Hold every final reply of an agent to a Pydantic model, or a JSON Schema, in place of the policy's ``contract``.

        A turn's own ``output`` (or response format) goes before it.

        Raises:
            UsageError: it is neither, the policy has no such agent, or turns are running already.
        """
        self._still_closed("contract")
        if agent not in self.policy.agents:
            known = ", ".join(sorted(self.policy.agents)) or "none"
            raise UsageError(f"the policy has no agent {agent!r}; there are: {known}")
        self._outputs.of_agents[agent] = self._outputs.of(output)

    def _still_closed(self, what: str) -> None:
        if self._router is not None:
            raise UsageError(f"register every {what} before the first turn: turns are running already")

    def batch_desk(self, plan: PollPlan | None = None) -> BatchDesk:
        """Return the desk that takes work that can wait to the providers' batch APIs; only while this is open."""
        return open_desk(self.router, plan)

    @property
    def tools(self) -> Mapping[str, PythonTool]:
        """The registered tools by name."""
        return self._tools

    # -- opening and closing --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Open connections and the store; inside the event loop that will run the turns.

        Raises:
            UsageError: it is open already.
            PolicyError, CatalogError, StoreError: what is wrong, where, and what to do.
        """
        if self._router is not None:
            raise UsageError("this Pointsman is open already")
        with contextlib.ExitStack() as stack:
            base_url = self._emulator(stack) if self._emulated else None
            router = build_router(self.policy, store=self._store, environ=self._environ, simulate_at=base_url)
            stack.callback(router.store.close)
            router.routing.own_signals = self._signals
            router.tools.update(self._tools)
            await router.start()
            self._closing = stack.pop_all()
        self._router = router

    def _emulator(self, stack: contextlib.ExitStack) -> str:
        from pointsman.emulator.app import Emulator
        from pointsman.emulator.script import Script, load_script
        from pointsman.emulator.serving import serve_in_thread

        given = self._script
        script = given if isinstance(given, Script) else load_script(Path(given)) if given else Script(any_model=True)
        return stack.enter_context(serve_in_thread(Emulator(script))).base_url

    async def aclose(self) -> None:
        """Cancel streams left in the middle and close everything; every record is durable afterwards. Twice does nothing."""
        router, self._router = self._router, None
        try:
            if router is not None:
                await asyncio.gather(*(running.cancel() for running in self._streaming))
                await router.aclose()
        finally:
            await asyncio.to_thread(self._closing.close)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    @property
    def router(self) -> Router:
        """What runs the turns; only while this is open."""
        if self._router is None:
            raise UsageError("this Pointsman is not open: use 'async with pm:', or 'with pm.sync() as pm:'")
        return self._router

    def sync(self) -> SyncPointsman:
        """Return the same door without ``await``: it runs an event loop in a thread of its own."""
        from pointsman.library.sync import SyncPointsman

        return SyncPointsman(self)

    # -- turns ----------------------------------------------------------------------------------------------------------

    def decide(self, said: Said, **wishes: Unpack[WishArgs]) -> Decision:
        """Return how a turn would be routed, without running it. Takes what ``turn`` takes.

        Raises:
            UsageError, RequestError: what is written cannot be a turn.
            NoEligibleModel: every model is excluded.
        """
        router, ask = self.router, self._ask(said, wishes, stream=False).ask
        return router.decide(ask.turn, router.engine.sessions.get(ask))

    async def turn(self, said: Said, **wishes: Unpack[WishArgs]) -> TurnResult:
        """Route and run one turn; return when its record is durable.

        ``said`` is the customer's words, a list of messages (as the OpenAI Chat Completions API writes them, or
        ``Message``), or a ``Turn``. With it may go: ``history`` (messages before), ``system``, ``tools`` (functions, names
        of registered ones, or descriptions), ``user``, ``conversation_id``, ``model`` (a catalogue id pins it;
        ``agent/NAME`` lets an agent of the policy answer, with its tools), ``channel``, ``metadata``, ``options``: any
        other field of a Chat Completions request, and ``output``: a Pydantic model or a JSON Schema that the reply is held
        to, the model's own validators included; ``TurnResult.value`` is then its instance, or the decoded JSON.

        Raises:
            PointsmanError: see ``pointsman.errors``; a turn that failed is recorded, and the error's ``turn_id`` names it.
        """
        asked = self._ask(said, wishes, stream=False)
        running = await self.router.answer(asked.ask)
        with _named(running):
            await running.open()
            record = await running.commit()
        reply = running.reply
        value = None if asked.output is None else asked.output.value(reply)
        return TurnResult(reply, record, asked.with_reply(reply), value)

    async def stream(self, said: Said, **wishes: Unpack[WishArgs]) -> AsyncGenerator[Event]:
        """Run one turn and yield the events of its reply; the last one (``ReplyEnd``) comes after the record is durable.

        Leaving the loop early cancels the turn. Takes what ``turn`` takes, and raises what it raises.
        """
        running = await self.router.answer(self._ask(said, wishes, stream=True).ask)
        self._streaming.add(running)
        with _named(running):
            held: list[Event] = []
            try:
                await running.open()
                async for piece in running.stream():
                    events = [*held, *(piece if isinstance(piece, list) else ())]
                    held = events[-1:]
                    for event in events[:-1]:
                        yield event
                await running.commit()
            except BaseException:
                await running.cancel()
                raise
            finally:
                self._streaming.discard(running)
            for event in held:
                yield event

    async def run_tool(self, call: ToolCall) -> dict[str, Any]:
        """Run the registered tool that the model calls; return its result as the message that goes back to the model.

        What goes wrong (no such tool, arguments that do not fit, an error of the function) is told to the model, so that
        it can call again; nothing is raised.
        """
        tool = self._tools.get(call.name)
        try:
            if tool is None:
                raise BadArguments(f"no tool {call.name!r}; there are: {', '.join(sorted(self._tools)) or 'none'}")
            text = await tool.call(_arguments(call), idempotency_key=call.id)
        except BadArguments as error:
            text = f"error: {error}"
        except Exception as error:  # noqa: BLE001 - whatever a tool raises is the model's to hear
            text = f"error: {type(error).__name__}: {error}"
        return {"role": "tool", "tool_call_id": call.id, "content": text}

    def _ask(self, said: Said, wishes: WishArgs, *, stream: bool) -> Asked:
        read = _read(wishes)
        return ask_of(said, read, self._tools, stream=stream, output=self._output(said, read))

    def _output(self, said: Said, wishes: Wishes) -> Output | None:
        """Return what the reply is held to: what the turn asks for, else what its agent was given."""
        if wishes.output is not None:
            return self._outputs.of(wishes.output)
        shaped = (
            said.output_format is not None if isinstance(said, Turn) else "response_format" in (wishes.options or {})
        )
        model = str(said.model if isinstance(said, Turn) else wishes.model)
        if shaped or not model.startswith(AGENT):
            return None
        return self._outputs.of_agents.get(model.removeprefix(AGENT))


def _arguments(call: ToolCall) -> Any:
    try:
        return msgspec.json.decode(call.arguments or "{}")
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadArguments(f"the arguments are not JSON: {error}") from None


def _read(wishes: WishArgs) -> Wishes:
    unknown = wishes.keys() - set(Wishes.__struct_fields__)
    if unknown:
        known = ", ".join(Wishes.__struct_fields__)
        raise UsageError(
            f"{min(unknown)!r} is nothing a turn takes; known: {known}. Other request fields go into options"
        )
    return Wishes(**wishes)


@contextlib.contextmanager
def _named(running: Running | ManagedRun) -> Iterator[None]:
    """Let an error that ends the turn name it, so that its record can be found."""
    try:
        yield
    except PointsmanError as error:
        error.turn_id = running.decision.id
        raise
