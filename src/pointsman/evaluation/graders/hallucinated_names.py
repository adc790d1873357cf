"""Calls a tool that was not offered, or gives one an argument that its schema does not have.

A call written into the text instead of being made (``get_order(id=...)``) is named too: the customer reads it, nobody runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from pointsman.domain.message import JsonObject, Tool
from pointsman.evaluation.answers import Answer, Grade
from pointsman.evaluation.cases import Case
from pointsman.evaluation.grading_calls import WrittenCall, calls_of
from pointsman.evaluation.grading_seam import Marks, version_of
from pointsman.evaluation.grading_values import properties_of, resolve

_REVISION: Final = 1
_LONGEST: Final = 20_000
_IN_TEXT: Final = re.compile(
    r"(?<![\w./])(?P<name>(?:functions\.)?[a-z]+(?:_[a-z0-9]+)+|[a-z]+(?:[A-Z][a-z0-9]+)+)\((?=[^)\n]{0,200}[\"'=])[^()\n]{0,300}\)?"
    r"|[{,]\s*[\"'](?:name|tool|function|tool_name)[\"']\s*:\s*[\"'](?P<json>\w+)[\"']\s*,\s*[\"'](?:arguments|parameters|args|input)[\"']"
    r"|<(?:tool_call|function_call|invoke|function=)\b(?P<tag>[^>\n]{0,60})"
)
"""How a call looks in prose: a name of several parts with brackets, the JSON of a call, or a tag around one."""


class HallucinatedNames:
    """Kinds: invented_tool, invented_argument, call_in_text. No say where nothing is called and no tool was offered."""

    name = "hallucinated_names"

    def __init__(self) -> None:
        self.version = version_of(_REVISION)
        self._marks = Marks(self.name, self.version)

    def grade(self, case: Case, answer: Answer) -> Grade:
        """Grade the names in an answer's calls."""
        written = calls_of(answer)
        if written is None:
            return self._marks.none()
        tools = {tool.name: tool for tool in case.turn.tools}
        for place, call in enumerate(written.calls):
            tool = _meant(call.name, tools)
            if tool is None:
                return self._marks.failed("invented_tool", f"calls[{place}]: {call.name[:80]}")
            strange = _strange(call, tool)
            if strange:
                return self._marks.failed(
                    "invented_argument", f"calls[{place}]/{strange[0][:80]}: {tool.name} has no such argument"
                )
        text = answer.reply.text[:_LONGEST] if answer.reply is not None and answer.text_calls is None else ""
        found = _IN_TEXT.search(text)
        if found is not None and (tools or found["name"] is None):
            return self._marks.failed("call_in_text", found.group()[:120])
        return self._marks.passed() if written.calls or tools else self._marks.none()


def _meant(name: str, tools: dict[str, Tool]) -> Tool | None:
    """Return the tool of a name; APIs that take no dots make them underscores."""
    if name in tools:
        return tools[name]
    meant = [tool for tool in tools.values() if "." in tool.name and tool.name.replace(".", "_") == name]
    return meant[0] if len(meant) == 1 else None


def _strange(call: WrittenCall, tool: Tool) -> list[str]:
    if not isinstance(call.arguments, dict):
        return []
    root = tool.parameters
    known = properties_of(root, root)
    if not known or root.get("additionalProperties") not in (None, False) or "patternProperties" in root:
        # A schema that declares nothing, or lets anything through, knows no strangers.
        return [] if "additionalProperties" not in root or known else _unknown(call.arguments, known, root)
    return _unknown(call.arguments, known | _branches(root), root)


def _unknown(arguments: dict[Any, Any], known: JsonObject, root: JsonObject) -> list[str]:
    if not known and root.get("additionalProperties") is not False:
        return []
    return [str(name) for name in arguments if name not in known]


def _branches(root: JsonObject) -> JsonObject:
    """Return the properties that the branches of a schema declare."""
    found: JsonObject = {}
    for word in ("anyOf", "oneOf", "allOf"):
        branches = root.get(word)
        for branch in branches if isinstance(branches, list) else ():
            found |= properties_of(resolve(branch, root), root)
    return found | _named(root.get(word) for word in ("then", "else"))


def _named(schemas: Iterable[Any]) -> JsonObject:
    found: JsonObject = {}
    for schema in schemas:
        found |= properties_of(schema, {}) if isinstance(schema, dict) else {}
    return found
