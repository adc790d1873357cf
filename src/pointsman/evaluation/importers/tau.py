"""tau-bench: whole runs of a tool-calling agent against a simulated customer.

Rows leave out what the agent had beside the messages: its tools stand in ``tau_<domain>_tools.json``, its policy (the
system prompt) in ``tau_<domain>_policy.md``. The customer simulator ends a run with the mark ``###STOP###``, which is no
customer's word: it is taken off, and a message of nothing else is left out.
Data: sierra-research/tau-bench, MIT.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pointsman.errors import RequestError
from pointsman.evaluation.conversation import Conversation
from pointsman.evaluation.importers.rows import conversation_id, conversation_messages
from pointsman.evaluation.importers.seam import Row, ToolBook

STOP_MARK = "###STOP###"
_DOMAIN = re.compile(r"[A-Za-z0-9_-]{1,40}")


class Tau:
    """Reads rows of tau-bench, with ``messages`` (as in our recorded data) or ``traj`` (as tau-bench writes them)."""

    name = "tau"

    def recognises(self, row: Row) -> bool:
        """Tell by the source, or by a task with a reward."""
        return row.get("source") == "tau-bench" or ("task_id" in row and "reward" in row)

    def companions(self, row: Row) -> Mapping[str, str]:
        """Name the tools and the policy of the row's domain."""
        domain = row.get("domain")
        # The name goes into a path: only plain words may.
        if not isinstance(domain, str) or not _DOMAIN.fullmatch(domain):
            return {}
        return {"tools": f"tau_{domain}_tools.json", "system": f"tau_{domain}_policy.md"}

    def read(self, row: Row, book: ToolBook, system: str | None) -> Conversation:
        """Read one row."""
        data = row.get("messages", row.get("traj"))
        if not isinstance(data, list):
            raise RequestError("messages is missing or not a list", param="messages")
        kept = [clean for clean in map(_without_stop, data) if clean is not None]
        messages = conversation_messages(kept, system)
        return Conversation(
            id=_run_id(row) or conversation_id(row, messages), source=self.name, messages=messages, tools=book.everyone
        )


def _without_stop(message: Any) -> Any:
    """Return ``message`` without the simulator's end mark; None when nothing else was in it."""
    if not isinstance(message, dict) or message.get("role") != "user":
        return message
    content = message.get("content")
    if not isinstance(content, str) or STOP_MARK not in content:
        return message
    said = content.replace(STOP_MARK, "").strip()
    return {**message, "content": said} if said else None


def _run_id(row: Row) -> str | None:
    """Return task and trial as an id for rows that carry no other: a task is run several times."""
    if "id" in row or "task_id" not in row:
        return None
    return f"tau-{row.get('domain', 'task')}-{row['task_id']}-{row.get('trial', 0)}"
