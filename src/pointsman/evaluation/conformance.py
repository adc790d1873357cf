"""Does a reply satisfy the schemas it was given: of the tools it calls, and of its own form?"""

from __future__ import annotations

import json

from pointsman.contracts.shelf import Shelf
from pointsman.contracts.tool_contract import ToolContract
from pointsman.domain.message import Tool, ToolCall
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_calls import WrittenCall, calls_of

_MOST = 512
"""Compiled schemas that are kept; a set of cases has few tools, each many times."""


class Conformance:
    """Checks answers. Compiled schemas are kept from case to case."""

    def __init__(self) -> None:
        self._shelf = Shelf(_MOST, repair=False)

    def conforms(self, case: Case, answer: Answer) -> bool | None:
        """Return whether every call names a tool of the case with arguments that satisfy it, and the text its own schema.

        None where there is nothing to check: no answer, or neither calls nor a form that was asked for.
        """
        if answer.reply is None and answer.text_calls is None:
            return None
        verdicts: list[bool] = []
        contract = self._shelf.of(case.turn.output_format)
        if contract is not None and answer.reply is not None and not answer.reply.tool_calls:
            verdicts.append(contract.check(answer.reply.text).outcome == "ok")
        written = calls_of(answer)
        if written is not None and case.turn.tools:
            verdicts += [self._fits(case.turn.tools, call) for call in written.calls]
        return all(verdicts) if verdicts else None

    def _fits(self, tools: tuple[Tool, ...], call: WrittenCall) -> bool:
        # Most providers' APIs take no dots in a name: recorded calls write "_" for them.
        tool = next((one for one in tools if call.name in (one.name, one.name.replace(".", "_"))), None)
        if tool is None or call.problem is not None or not isinstance(call.arguments, dict):
            return False
        contract = self._contract(tool)
        if contract is None:
            return True
        try:
            arguments = json.dumps(call.arguments)
        except (TypeError, ValueError, RecursionError):
            return False
        return contract.check(ToolCall("", tool.name, arguments)).outcome == "ok"

    def _contract(self, tool: Tool) -> ToolContract | None:
        try:
            return self._shelf.of_tool(tool)
        except UsageError:
            return None  # a schema that is none binds nobody
