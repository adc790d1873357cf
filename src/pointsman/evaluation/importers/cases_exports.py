"""Exports of other tools as cases: LiteLLM spend logs, Langfuse observations and data set items, promptfoo results."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from pointsman.errors import RequestError
from pointsman.evaluation.cases import Gold
from pointsman.evaluation.importers.case_seam import Found, Wanted
from pointsman.evaluation.importers.cases_requests import AnthropicRequests, OpenAIRequests, json_value
from pointsman.evaluation.importers.recorded_numbers import amount
from pointsman.evaluation.importers.seam import Row

_MENTIONS = ("contains", "icontains")
_FORBIDS = ("not-contains", "not-icontains")


def request_found(source: str, row: Mapping[str, Any], wanted: Wanted, **measured: Any) -> Found:
    """Return the case of a request put together from an export; ``measured`` is what the export knows of the answer."""
    reader = AnthropicRequests() if AnthropicRequests().recognises(row) else OpenAIRequests()
    (one,) = reader.read(row, wanted)
    case = msgspec.structs.replace(one.case, source=source)
    known = {name: value for name, value in measured.items() if value is not None}
    return Found(case, None if one.shipped is None else msgspec.structs.replace(one.shipped, **known))


class LiteLLMLogs:
    """Rows of LiteLLM's spend logs. Where the proxy kept no prompts, the row says so and is left out."""

    name = "litellm"

    def recognises(self, row: Row) -> bool:
        """Tell by the fields of the spend log."""
        return "request_id" in row and ("spend" in row or "call_type" in row)

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - rows bring everything
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read one call."""
        body = json_value(row.get("proxy_server_request"))
        body = dict(body) if isinstance(body, Mapping) else {}
        messages = json_value(row.get("messages"))
        if isinstance(messages, list) and messages:
            body.setdefault("messages", messages)
        if not body.get("messages"):
            raise RequestError(
                "the log holds no messages: the proxy did not keep prompts (store_prompts_in_spend_logs)"
            )
        body.setdefault("model", row.get("model") or "")
        reply = json_value(row.get("response"))
        request = {
            "id": row.get("request_id"),
            "request": body,
            "session_id": row.get("session_id") or row.get("trace_id"),
            "response": reply if isinstance(reply, Mapping) and reply else None,
        }
        return [
            request_found(
                self.name,
                request,
                wanted,
                cost_usd=amount(row.get("spend")),
                latency_ms=time_between(row.get("startTime"), row.get("endTime")),
                ttft_ms=time_between(row.get("startTime"), row.get("completionStartTime")),
            )
        ]


class LangfuseExport:
    """Observations of type generation, traces that hold them, and items of data sets."""

    name = "langfuse"

    def recognises(self, row: Row) -> bool:
        """Tell by the fields of an observation, a trace with observations, or a data set item."""
        return (
            ("traceId" in row and "type" in row)
            or isinstance(row.get("observations"), list)
            or ("expectedOutput" in row and "input" in row)
        )

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - rows bring everything
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read one row; spans and events among its observations are passed over."""
        inner = row.get("observations")
        if isinstance(inner, list):
            session = row.get("sessionId") or row.get("id")
            known = [one for one in inner if isinstance(one, Mapping) and one.get("type") == "GENERATION"]
            return [self._one({"sessionId": session, **one}, wanted) for one in known]
        if "type" in row and row["type"] != "GENERATION" and "expectedOutput" not in row:
            return []
        return [self._one(row, wanted)]

    def _one(self, row: Mapping[str, Any], wanted: Wanted) -> Found:
        body = _chat(json_value(row.get("input")))
        parameters = row.get("modelParameters")
        body |= {
            name: value for name, value in (parameters or {}).items() if name in ("temperature", "max_tokens", "top_p")
        }
        body["model"] = row.get("model") or ""
        output = json_value(row.get("output"))
        request = {
            "id": row.get("id"),
            "request": body,
            "session_id": row.get("sessionId") or row.get("traceId"),
            "response": None if output is None else _reply(output, row),
        }
        found = request_found(
            self.name,
            request,
            wanted,
            cost_usd=amount(row.get("calculatedTotalCost", row.get("totalCost"))),
            latency_ms=time_between(row.get("startTime"), row.get("endTime")),
            ttft_ms=time_between(row.get("startTime"), row.get("completionStartTime")),
        )
        expected = row.get("expectedOutput")
        if not isinstance(expected, str) or found.case.gold is not None:
            return found
        return Found(msgspec.structs.replace(found.case, gold=Gold("reply", reply=expected)), found.shipped)


class PromptfooResults:
    """The JSON that promptfoo writes: every result is a case, its assertions on the text become gold."""

    name = "promptfoo"

    def recognises(self, row: Row) -> bool:
        """Tell by the results inside the results, or one of them."""
        outer = row.get("results")
        inner = outer.get("results") if isinstance(outer, Mapping) else None
        return isinstance(inner, list) or ("prompt" in row and "testCase" in row) or ("prompt" in row and "vars" in row)

    def companions(self, row: Row) -> Mapping[str, str]:  # noqa: ARG002 - rows bring everything
        """Name no other file."""
        return {}

    def read(self, row: Row, wanted: Wanted) -> list[Found]:
        """Read a whole file, or one result."""
        outer = row.get("results")
        several: Any = outer.get("results") if isinstance(outer, Mapping) else [row]
        return [self._one(one, wanted) for one in several or () if isinstance(one, Mapping)]

    def _one(self, row: Mapping[str, Any], wanted: Wanted) -> Found:
        prompt = row.get("prompt")
        raw = prompt.get("raw") if isinstance(prompt, Mapping) else prompt
        body = _chat(json_value(raw))
        response = row.get("response")
        output = json_value(response.get("output")) if isinstance(response, Mapping) else None
        provider = row.get("provider")
        body["model"] = str(provider.get("id") if isinstance(provider, Mapping) else provider or "")
        request = {"request": body, "response": None if output is None else _reply(output, {"model": body["model"]})}
        found = request_found(
            self.name, request, wanted, cost_usd=amount(row.get("cost")), latency_ms=_number(row.get("latencyMs"))
        )
        gold = _asserted(row.get("testCase"))
        return found if gold is None else Found(msgspec.structs.replace(found.case, gold=gold), found.shipped)


def _asserted(test: Any) -> Gold | None:
    """Return gold from assertions on the text; those that run code or a judge are not taken over."""
    checks = test.get("assert") if isinstance(test, Mapping) else None
    known = [one for one in checks or () if isinstance(one, Mapping) and isinstance(one.get("value"), str)]
    reply = next((one["value"] for one in known if one.get("type") == "equals"), "")
    mention = tuple(one["value"] for one in known if one.get("type") in _MENTIONS)
    forbidden = tuple(one["value"] for one in known if one.get("type") in _FORBIDS)
    return (
        Gold("reply", reply=reply, must_mention=mention, forbidden=forbidden) if reply or mention or forbidden else None
    )


def _chat(data: Any) -> dict[str, Any]:
    """Return a request body from what tools log as input: messages, a body with messages, or bare text."""
    if isinstance(data, list):
        return {"messages": data}
    if isinstance(data, Mapping) and isinstance(data.get("messages"), list):
        return {
            name: data[name]
            for name in ("messages", "tools", "system", "response_format", "tool_choice")
            if data.get(name)
        }
    if isinstance(data, Mapping) and isinstance(data.get("role"), str):
        return {"messages": [data]}
    if isinstance(data, str) and data:
        return {"messages": [{"role": "user", "content": data}]}
    raise RequestError("the input is neither messages nor text", param="input")


def _reply(output: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    usage = row.get("usage") or row.get("usageDetails")
    reply: dict[str, Any] = {"model": row.get("model"), "usage": _usage(usage)}
    if isinstance(output, Mapping) and ("choices" in output or output.get("type") == "message"):
        return reply | dict(output)
    if isinstance(output, list) and all(isinstance(one, Mapping) and "function" in one for one in output):
        output = {"role": "assistant", "content": None, "tool_calls": output}
    if not isinstance(output, Mapping):
        text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
        output = {"role": "assistant", "content": text}
    return reply | {"choices": [{"message": output}]}


def _usage(data: Any) -> dict[str, Any] | None:
    if not isinstance(data, Mapping):
        return None
    prompt = data.get("input", data.get("promptTokens", data.get("prompt_tokens")))
    output = data.get("output", data.get("completionTokens", data.get("completion_tokens")))
    return {"prompt_tokens": prompt, "completion_tokens": output}


def time_between(start: Any, end: Any) -> float | None:
    """Return the milliseconds between two ISO times; None where either is none, or they run backwards."""
    try:
        passed = (datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))).total_seconds() * 1000
    except (ValueError, TypeError):
        return None
    return passed if passed >= 0 else None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None
