"""Structured output held to a schema: validated, repaired where the meaning is certain, rejected with its kinds otherwise."""

from __future__ import annotations

from pointsman.contracts.contract import Contract
from pointsman.contracts.shelf import Shelf
from pointsman.contracts.tool_contract import ToolContract
from pointsman.contracts.verdict import KINDS, Failure, Kind, Repair, Verdict, retry_message

__all__ = ["KINDS", "Contract", "Failure", "Kind", "Repair", "Shelf", "ToolContract", "Verdict", "retry_message"]
