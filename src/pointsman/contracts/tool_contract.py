"""The contract of a tool: the arguments of a call must satisfy its parameters' schema."""

from __future__ import annotations

from pointsman.contracts.contract import Contract
from pointsman.contracts.verdict import Verdict
from pointsman.domain.message import Tool, ToolCall


class ToolContract:
    """A tool's parameters, compiled once.

    Raises:
        UsageError: the parameters are no JSON Schema, or one out of bounds.
    """

    def __init__(self, tool: Tool, *, repair: bool = True) -> None:
        schema = tool.parameters or {"type": "object"}
        self.contract = Contract(schema, name=tool.name, strict=tool.strict, repair=repair)

    @property
    def name(self) -> str:
        """The tool's name."""
        return self.contract.name

    @property
    def version(self) -> str:
        """The content hash of the parameters' schema."""
        return self.contract.version

    def check(self, call: ToolCall, *, truncated: bool = False) -> Verdict:
        """Say what becomes of a call's arguments. No text at all is a call without arguments, as dialects write it."""
        return self.contract.check(call.arguments if call.arguments.strip() else "{}", truncated=truncated)
