"""tau2-bench: one JSON file of simulations, turned into rows as tau-bench has them.

The customer has tools of their own there: their calls and results are no part of what the agent saw, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pointsman.errors import RequestError
from pointsman.evaluation.importers.seam import Row


def is_tau2(row: Row) -> bool:
    """Tell by the list of simulations."""
    return isinstance(row.get("simulations"), list)


def tau_rows(row: Row) -> Iterator[tuple[dict[str, Any], str | None]]:
    """Yield each simulation as a tau-bench row, with the domain's policy as the system prompt (None: not in the file)."""
    info = row.get("info")
    environment = info.get("environment_info") if isinstance(info, Mapping) else None
    environment = environment if isinstance(environment, Mapping) else {}
    domain, policy = environment.get("domain_name"), environment.get("policy")
    for one in row["simulations"]:
        if not isinstance(one, Mapping) or not isinstance(one.get("messages"), list):
            raise RequestError("the simulation has no list of messages", param="messages")
        judged = one.get("reward_info")
        yield (
            {
                "domain": domain if isinstance(domain, str) else "task",
                "task_id": one.get("task_id"),
                "trial": one.get("trial", 0),
                "reward": judged.get("reward") if isinstance(judged, Mapping) else None,
                "messages": [kept for message in one["messages"] if (kept := _message(message)) is not None],
            },
            policy if isinstance(policy, str) else None,
        )


def _message(message: Any) -> Any:
    if not isinstance(message, Mapping):
        return message
    role = message.get("role")
    if role == "tool":
        if message.get("requestor") == "user":
            return None
        return {"role": "tool", "tool_call_id": message.get("id"), "content": message.get("content") or ""}
    if role == "user":
        return {"role": "user", "content": message["content"]} if message.get("content") else None
    calls = [
        {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": call.get("arguments") or {}}}
        for call in message.get("tool_calls") or ()
        if isinstance(call, Mapping)
    ]
    return {"role": role, "content": message.get("content")} | ({"tool_calls": calls} if calls else {})
