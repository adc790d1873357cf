"""``/v1/agents`` and ``/v1/agent-runs``: define agents, look at their runs, decide what waits for an approval."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from pydantic import ValidationError

from pointsman.errors import Forbidden, NotFound, PointsmanError, RequestError
from pointsman.execution.agents.managed import ManagedRun
from pointsman.routing.policy_errors import from_validation, spell
from pointsman.routing.sections_agents import Agent
from pointsman.server.admin.routes import AdminAnswer, AdminCall
from pointsman.server.gateway.body import fields
from pointsman.store.agent_runs import CallRow, RunRow

_NAME_LIMIT: Final = 64
_WORDS_LIMIT: Final = 2000


async def register_agent(call: AdminCall, /) -> AdminAnswer:
    """Define an agent, or define it anew: the fields of the policy's section, and its ``name``."""
    _operators_only(call)
    fields(call.body)
    data = msgspec.json.decode(call.body)
    name = data.pop("name", None)
    if not isinstance(name, str) or not name.replace("-", "").replace("_", "").isalnum() or len(name) > _NAME_LIMIT:
        raise RequestError(f"name: letters, digits, - and _, at most {_NAME_LIMIT}", param="name")
    try:
        agent = Agent.model_validate(data)
    except ValidationError as error:
        problem = from_validation(error, Agent)[0]
        if not problem.path:
            raise RequestError(f"an agent {problem.text}") from None
        raise RequestError(spell(problem.path) + problem.text, param=".".join(map(str, problem.path))) from None
    if call.key is None:
        _starts_nothing(agent)
    known = name in call.router.agents.definitions()
    await call.router.agents.register(name, agent)
    return AdminAnswer(msgspec.json.encode(_agent(name, agent)), status=200 if known else 201)


async def list_agents(call: AdminCall, /) -> AdminAnswer:
    """Return every agent by name."""
    agents = call.router.agents.definitions()
    data = [_agent(name, agent, full=_is_operator(call)) for name, agent in sorted(agents.items())]
    return AdminAnswer(msgspec.json.encode({"object": "list", "data": data}))


async def show_agent(call: AdminCall, /) -> AdminAnswer:
    """Return one agent."""
    name = call.args["agent"]
    return AdminAnswer(msgspec.json.encode(_agent(name, call.router.agents.definition(name), full=_is_operator(call))))


async def show_run(call: AdminCall, /) -> AdminAnswer:
    """Return a run with its steps, calls and costs; a client sees those of its own key."""
    return _run_answer(call, _run(call))


async def approve_run(call: AdminCall, /) -> AdminAnswer:
    """Approve what a run waits for, and let it go on to its reply."""
    return await _decided(call, approved=True)


async def decline_run(call: AdminCall, /) -> AdminAnswer:
    """Decline what a run waits for, and let it go on to its reply."""
    return await _decided(call, approved=False)


async def resume_run(call: AdminCall, /) -> AdminAnswer:
    """Take up a run that was cut short, to its reply."""
    _operators_only(call)
    return await _finished(call, await call.router.agents.resume(_run(call).id))


async def _decided(call: AdminCall, *, approved: bool) -> AdminAnswer:
    _operators_only(call)
    run = _run(call)
    words = f"An operator {'approved' if approved else 'declined'} this."
    if call.body.strip():
        given: Any = fields(call.body).get("comment")
        comment = msgspec.json.decode(given) if given is not None else ""
        if not isinstance(comment, str) or len(comment) > _WORDS_LIMIT:
            raise RequestError(f"comment: text of at most {_WORDS_LIMIT} characters", param="comment")
        words += f" {comment}" if comment else ""
    return await _finished(call, await call.router.agents.decide(run.id, approved=approved, words=words))


async def _finished(call: AdminCall, managed: ManagedRun) -> AdminAnswer:
    try:
        await managed.open()
    except PointsmanError as error:
        error.turn_id = managed.decision.id
        raise
    return _run_answer(call, call.router.agents.found(managed.run_id))


def _is_operator(call: AdminCall) -> bool:
    return call.key is None or call.key.operator


def _operators_only(call: AdminCall) -> None:
    if not _is_operator(call):
        raise Forbidden("this needs an operator's key: pointsman keys create NAME --operator")


def _starts_nothing(agent: Agent) -> None:
    """Without keys anybody who reaches the port is an operator: such a one must not start programs on this machine."""
    if any(server.stdio is not None for server in agent.mcp.values()) or any(
        tool.python is not None for tool in agent.tools.values()
    ):
        raise Forbidden(
            "python: and stdio: start code on this machine, and this gateway asks for no key: "
            "put the agent into the policy file, or serve with keys and send an operator's"
        )


def _run(call: AdminCall) -> RunRow:
    run = call.router.agents.found(call.args["run"])
    if not _is_operator(call) and run.key_id != call.key_id:
        raise NotFound(f"there is no run {run.id!r}", param="run")
    return run


def _agent(name: str, agent: Agent, *, full: bool = True) -> dict[str, Any]:
    definition = agent.model_dump(mode="json", exclude_unset=True) if full else {}
    return {**definition, "object": "agent", "name": name, "model": f"agent/{name}"}


def _run_answer(call: AdminCall, run: RunRow) -> AdminAnswer:
    runs = call.router.agents.runs
    names = ("id", "agent", "state", "ended_by", "error_code", "error_text", "conversation_id")
    body = {
        "object": "agent_run",
        **{name: getattr(run, name) for name in (*names, "started_at_us", "updated_at_us", "expires_at_us")},
        "reply": None if run.reply is None else run.reply.text,
        "steps": [msgspec.to_builtins(cost) for cost in runs.costs(run.id)],
        "calls": [_call(row) for row in runs.calls(run.id)],
    }
    return AdminAnswer(msgspec.json.encode(body))


def _call(row: CallRow) -> dict[str, Any]:
    names = ("key", "step", "tool", "arguments", "writes", "state", "attempts", "started_at_us", "ended_at_us")
    told = None if row.result is None else row.result
    return {
        **{name: getattr(row, name) for name in names},
        "is_error": None if told is None else told.is_error,
        "result": None if told is None else "\n".join(getattr(part, "text", "[not text]") for part in told.content),
    }
