"""Whether structured output satisfies its schema, by the kinds of the contracts room (``pointsman.contracts``).

A reply is held to the output format that the turn asks for, the arguments of calls to their tools' schemas. A reply that a
contract could repair is a failure of the model, of half weight: the customer would not have seen it.
"""

from __future__ import annotations

from typing import Final

from pointsman.contracts import Shelf, Verdict
from pointsman.domain.message import Refusal
from pointsman.domain.reply import Reply
from pointsman.errors import UsageError
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_seam import Marks, version_of

_REVISION: Final = 1
_REPAIRED: Final = 0.5


class SchemaConformance:
    """Kinds are those of a contract's failures: invalid_json, missing_field, bad_enum, ... No say where no schema is wanted."""

    name = "schema_conformance"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)
        self._shelf = Shelf()

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade an answer's text, or the arguments of its calls."""
        if answer.reply is None:
            return self._marks.none()
        try:
            verdicts = self._verdicts(case, answer.reply)
        except UsageError as wrong:
            return self._marks.none(f"the case's schema cannot be used: {wrong}"[:200])
        for where, verdict in verdicts:
            if verdict.outcome != "ok":
                first = verdict.failures[0]
                told = "; ".join(
                    f"{one.kind} at {where}{one.pointer or '/'}: {one.message}" for one in verdict.failures[:5]
                )
                return self._marks.failed(first.kind, told[:500], _REPAIRED if verdict.ok else 0.0)
        return self._marks.passed() if verdicts else self._marks.none()

    def _verdicts(self, case: Case, reply: Reply) -> list[tuple[str, Verdict]]:
        truncated = reply.stop_reason == "max_tokens"
        if reply.tool_calls:
            tools = {tool.name: tool for tool in case.turn.tools}
            return [
                (f"calls[{place}]", self._shelf.of_tool(tools[call.name]).check(call, truncated=truncated))
                for place, call in enumerate(reply.tool_calls)
                if call.name in tools
            ]
        contract = self._shelf.of(case.turn.output_format)
        if contract is None:
            return []
        refused = reply.stop_reason == "refusal" or any(type(part) is Refusal for part in reply.parts)
        return [("", contract.check(reply.text, truncated=truncated, refusal=refused))]
