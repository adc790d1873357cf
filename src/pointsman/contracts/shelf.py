"""Contracts kept ready: a schema that comes with every request is compiled once."""

from __future__ import annotations

import threading
from collections import OrderedDict

import msgspec

from pointsman.contracts.contract import Contract
from pointsman.contracts.tool_contract import ToolContract
from pointsman.domain.message import OutputFormat, Tool

_MOST = 256


class Shelf:
    """The contracts used last, up to ``most`` of requests and as many of tools. Safe to share between threads.

    ``repair`` is for tools' contracts: false where a call is judged as it was written.
    """

    def __init__(self, most: int = _MOST, *, repair: bool = True) -> None:
        self._most = most
        self._repair = repair
        self._lock = threading.Lock()
        self._replies: OrderedDict[bytes, Contract] = OrderedDict()
        self._tools: OrderedDict[bytes, ToolContract] = OrderedDict()

    def of(self, wanted: OutputFormat | None) -> Contract | None:
        """Return the contract a request asks for by its output format; None where it asks for plain text.

        Raises:
            UsageError: its schema is wrong or out of bounds.
        """
        if wanted is None or wanted.kind == "text":
            return None
        key = msgspec.json.encode(wanted)
        with self._lock:
            found = self._replies.get(key)
            if found is not None:
                self._replies.move_to_end(key)
                return found
        made = Contract.from_output_format(wanted)
        if made is not None:
            with self._lock:
                self._replies[key] = made
                if len(self._replies) > self._most:
                    self._replies.popitem(last=False)
        return made

    def of_tool(self, tool: Tool) -> ToolContract:
        """Return the contract of a tool's parameters.

        Raises:
            UsageError: they are no JSON Schema, or one out of bounds.
        """
        key = msgspec.json.encode((tool.name, tool.parameters, tool.strict))
        with self._lock:
            found = self._tools.get(key)
            if found is not None:
                self._tools.move_to_end(key)
                return found
        made = ToolContract(tool, repair=self._repair)
        with self._lock:
            self._tools[key] = made
            if len(self._tools) > self._most:
                self._tools.popitem(last=False)
        return made
