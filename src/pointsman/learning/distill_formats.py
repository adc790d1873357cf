"""Writes cleaned turns as lines of a training set, and says what about a line is not valid.

``chat``: OpenAI's fine-tuning format. Only the last answer is trained on (``weight``): earlier ones may be a weaker model's.
``sharegpt``: roles human, gpt, function_call and observation in strict turns, as LLaMA-Factory reads it. ``dpo``: prompt, chosen
and rejected as messages, as TRL reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from pointsman.domain.message import Message, Text, Tool, ToolCall, ToolResult
from pointsman.learning.distill_clean import Content, words_of

Line = dict[str, Any]

_SIDES: Final = {"user": "human", "tool": "observation", "assistant": "gpt"}


def chat_line(content: Content) -> Line:
    """Return a line for OpenAI's fine-tuning."""
    messages = openai_messages(content.messages)
    for message in messages:
        if message["role"] == "assistant":
            message["weight"] = 0
    (answer,) = openai_messages(content.answers[:1])
    return {"messages": [*messages, {**answer, "weight": 1}]} | _tools(content.tools)


def dpo_line(content: Content) -> Line:
    """Return a pair: the first answer is the chosen one, the second the rejected one."""
    chosen, rejected = (openai_messages([answer]) for answer in content.answers)
    return {"prompt": openai_messages(content.messages), "chosen": chosen, "rejected": rejected} | _tools(content.tools)


def sharegpt_line(content: Content) -> Line:
    """Return a line of alternating sides. Where the agent says something beside its calls, the calls are kept."""
    system = "\n\n".join(words_of(message) for message in content.messages if message.role == "system")
    turns: list[Line] = []
    for message in (*content.messages, content.answers[0]):
        if message.role == "system":
            continue
        said = _sharegpt(message)
        if turns and _mine(turns[-1]) == _mine(said):
            turns[-1] = {"from": said["from"], "value": f"{turns[-1]['value']}\n\n{said['value']}"}
        else:
            turns.append(said)
    line: Line = {"conversations": turns}
    if system:
        line["system"] = system
    if content.tools:
        line["tools"] = _dumps([_function(tool) for tool in content.tools])
    return line


def openai_messages(messages: Sequence[Message]) -> list[Line]:
    """Return messages in OpenAI's roles, one message for each tool result."""
    found: list[Line] = []
    for message in messages:
        if message.role == "tool":
            found += [
                {"role": "tool", "tool_call_id": part.call_id, "content": _result(part)}
                for part in message.parts
                if isinstance(part, ToolResult)
            ]
            continue
        line: Line = {"role": message.role, "content": message.text}
        calls = [part for part in message.parts if isinstance(part, ToolCall)]
        if calls:
            line["content"] = message.text or None
            line["tool_calls"] = [_openai_call(call) for call in calls]
        found.append(line)
    return found


def _openai_call(call: ToolCall) -> Line:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments if call.arguments.strip() else "{}"},
    }


def _tools(tools: Sequence[Tool]) -> Line:
    return {"tools": [{"type": "function", "function": _function(tool)} for tool in tools]} if tools else {}


def _function(tool: Tool) -> Line:
    line = {"name": tool.name, "description": tool.description, "parameters": tool.parameters or _NOTHING}
    return line | ({"strict": tool.strict} if tool.strict is not None else {})


_NOTHING: Final = {"type": "object", "properties": {}}


def _sharegpt(message: Message) -> Line:
    if message.role == "tool":
        results = [_result(part) for part in message.parts if isinstance(part, ToolResult)]
        return {"from": "observation", "value": results[0] if len(results) == 1 else _dumps(results)}
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    if calls:
        made = [{"name": call.name, "arguments": _loads(call.arguments)} for call in calls]
        return {"from": "function_call", "value": _dumps(made[0] if len(made) == 1 else made)}
    return {"from": _SIDES[message.role], "value": message.text}


def _mine(turn: Line) -> bool:
    return turn["from"] in ("gpt", "function_call")


def _result(part: ToolResult) -> str:
    return "\n".join(item.text for item in part.content if isinstance(item, Text))


def _dumps(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _loads(text: str) -> Any:
    try:
        return msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return text


# -- what is not valid --------------------------------------------------------------------------------------------------


def chat_problem(line: Mapping[str, Any]) -> str | None:
    """Return why OpenAI's fine-tuning would refuse a line, or a model could not learn from it; None where it is valid."""
    messages = line["messages"]
    if messages[-1]["role"] != "assistant" or all(one["role"] == "assistant" for one in messages):
        return "no answer to something said"
    return _talk_problem(messages)


def dpo_problem(line: Mapping[str, Any]) -> str | None:
    """Return why a pair teaches nothing; None where it is valid."""
    if line["chosen"] == line["rejected"]:
        return "both answers are the same"
    if not line["prompt"] or line["prompt"][-1]["role"] not in ("user", "tool"):
        return "nothing was asked"
    return _talk_problem(line["prompt"])


def sharegpt_problem(line: Mapping[str, Any]) -> str | None:
    """Return why a trainer could not read a line; None where it is valid."""
    turns = line["conversations"]
    if len(turns) < 2 or len(turns) % 2 or any(_mine(turn) != bool(n % 2) for n, turn in enumerate(turns)):  # noqa: PLR2004 - a pair
        return "the sides do not take turns"
    return "a turn is empty" if any(not turn["value"].strip() for turn in turns) else None


def _talk_problem(messages: Sequence[Mapping[str, Any]]) -> str | None:
    """Every call is answered right after it, and no result comes without its call."""
    open_calls: set[str] = set()
    for place, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                return "a tool result without its call"
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            return "a tool call without its result"
        if message["role"] == "assistant":
            open_calls = {call["id"] for call in message.get("tool_calls", ())}
            if not open_calls and not message["content"]:
                return "an empty message"
            if place == len(messages) - 1:
                return None
    return "a tool call without its result" if open_calls else None


RENDER: Final[Mapping[str, tuple[Callable[[Content], Line], Callable[[Mapping[str, Any]], str | None]]]] = {
    "chat": (chat_line, chat_problem),
    "sharegpt": (sharegpt_line, sharegpt_problem),
    "dpo": (dpo_line, dpo_problem),
}
"""By target: how a line is written, and what is wrong with one."""
