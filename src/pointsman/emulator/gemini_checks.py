"""What generateContent refuses: fields, configuration, tools. ``gemini_turns`` checks the contents. Keys are in camelCase."""

from __future__ import annotations

import re
from typing import Any, NoReturn

from pointsman.emulator.counting import block, count
from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.gemini_request import declarations
from pointsman.emulator.gemini_turns import check_contents
from pointsman.emulator.models import ModelFacts

Json = dict[str, Any]

_FIELDS = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent"}
    | {"serviceTier", "store", "continuationToken", "model", "generateContentRequest"}
)
_CONFIG = frozenset(
    {"temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "seed", "candidateCount", "responseMimeType"}
    | {"responseSchema", "responseJsonSchema", "thinkingConfig", "presencePenalty", "frequencyPenalty", "logprobs"}
    | {"responseLogprobs", "responseModalities", "mediaResolution", "speechConfig", "enableEnhancedCivicAnswers"}
)
_TOOL = frozenset({"functionDeclarations", "googleSearch", "codeExecution", "urlContext", "googleSearchRetrieval"})
_FUNCTION = frozenset(
    {"name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"}
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}")
_RANGES = {"temperature": (0, 2), "topP": (0, 1), "candidateCount": (1, 8)}
_MODES = ("AUTO", "ANY", "NONE", "VALIDATED")
_MOST_BYTES = 20_971_520
_MOST_STOPS = 5


def refuse(message: str, status: int = 400) -> NoReturn:
    """Raise the refusal of a request."""
    raise RejectedError(message, status=status)


def check_generate(body: Json, facts: ModelFacts | None, model: str, *, size: int) -> ModelFacts:
    """Check a request and return the facts of its model.

    Raises:
        RejectedError: the real server would refuse it.
    """
    if facts is None:
        refuse(
            f"models/{model} is not found for API version v1beta, or is not supported for generateContent. "
            "Call ListModels to see the list of available models and their supported methods.",
            404,
        )
    if size > _MOST_BYTES:
        refuse(f"Request payload size exceeds the limit: {_MOST_BYTES} bytes.")
    _known(body, _FIELDS, "")
    _check_config(body.get("generationConfig") or {}, facts)
    _check_tools(body)
    _check_calling(body)
    if body.get("cachedContent"):
        if any(body.get(key) for key in ("systemInstruction", "tools", "toolConfig")):
            refuse(
                "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config."
            )
        refuse("CachedContent not found (or permission denied)", 403)
    _check_structure(body, facts)
    check_contents(body, facts)
    used = count(b"".join(block(item) for item in body["contents"]))
    if used > facts.context:
        refuse(f"The input token count ({used}) exceeds the maximum number of tokens allowed ({facts.context}).")
    return facts


def _known(value: Any, fields: frozenset[str], place: str) -> None:
    where = f" at '{place}'" if place else ""
    if not isinstance(value, dict):
        refuse(f"Invalid JSON payload received. Expected an object{where}.")
    for name in value:
        if name not in fields:
            refuse(f'Invalid JSON payload received. Unknown name "{name}"{where}: Cannot find field.')


def _check_config(config: Json, facts: ModelFacts) -> None:
    _known(config, _CONFIG, "generation_config")
    for name, (low, high) in _RANGES.items():
        value = config.get(name)
        if value is not None and not low <= value <= high:
            refuse(f"* GenerateContentRequest.generation_config.{name}: {name} must be in the range [{low}, {high}].")
    if len(config.get("stopSequences") or ()) > _MOST_STOPS:
        refuse(
            f"* GenerateContentRequest.generation_config.stop_sequences: at most {_MOST_STOPS} stop sequences are allowed."
        )
    most = config.get("maxOutputTokens")
    if most is not None and not 1 <= most <= facts.max_output:
        refuse(
            f"Unable to submit request because it has a maxOutputTokens value of {most} but the supported range is from 1 "
            f"(inclusive) to {facts.max_output + 1} (exclusive). Update the value and try again."
        )
    _check_thinking(config.get("thinkingConfig") or {}, facts)


def _check_thinking(thinking: Json, facts: ModelFacts) -> None:
    _known(
        thinking, frozenset({"thinkingBudget", "thinkingLevel", "includeThoughts"}), "generation_config.thinking_config"
    )
    budget, level = thinking.get("thinkingBudget"), thinking.get("thinkingLevel")
    if budget is not None and level is not None:
        refuse("You can only set one of thinking budget and thinking level.")
    if level is not None and "level" not in facts.thinking:
        refuse("Thinking level is not supported for this model.")
    if level is not None and str(level).lower() not in facts.efforts:
        refuse(f"Thinking level {level} is not supported for this model.")
    if budget == 0 and not facts.budget_zero:
        refuse("Budget 0 is invalid. This model only works in thinking mode.")
    if thinking.get("includeThoughts") and budget == 0:
        refuse("Include thoughts is only enabled when thinking is enabled.")


def _check_tools(body: Json) -> None:
    for index, tool in enumerate(body.get("tools") or ()):
        _known(tool, _TOOL, f"tools[{index}]")
    seen: set[str] = set()
    for index, item in enumerate(declarations(body)):
        place = f"tools[0].function_declarations[{index}]"
        _known(item, _FUNCTION, place)
        name = item.get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            refuse(
                f"* GenerateContentRequest.{place}.name: Invalid function name. Must start with a letter or an underscore. "
                "Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or dashes (-), with a maximum "
                "length of 128."
            )
        if name in seen:
            refuse(f"Duplicate function declaration found: {name}")
        if item.get("parameters") and item.get("parametersJsonSchema"):
            refuse(f"* GenerateContentRequest.{place}: parameters and parameters_json_schema can not both be set.")
        seen.add(name)


def _check_calling(body: Json) -> None:
    config = body.get("toolConfig") or {}
    _known(
        config,
        frozenset({"functionCallingConfig", "retrievalConfig", "includeServerSideToolInvocations"}),
        "tool_config",
    )
    calling = config.get("functionCallingConfig") or {}
    _known(calling, frozenset({"mode", "allowedFunctionNames"}), "tool_config.function_calling_config")
    mode, allowed = calling.get("mode", "AUTO"), calling.get("allowedFunctionNames") or ()
    if mode not in _MODES:
        refuse(f"Invalid value at 'tool_config.function_calling_config.mode', \"{mode}\"")
    names = {item["name"] for item in declarations(body)}
    if mode == "ANY" and not names:
        refuse("Function calling config is set without function_declarations.")
    if allowed and mode not in {"ANY", "VALIDATED"}:
        refuse("Allowed function names should only be set when mode is ANY or VALIDATED.")
    unknown = next((name for name in allowed if name not in names), None)
    if unknown is not None:
        refuse(f"Allowed function name {unknown} is not in function_declarations.")


def _check_structure(body: Json, facts: ModelFacts) -> None:
    config = body.get("generationConfig") or {}
    schemas = [name for name in ("responseSchema", "responseJsonSchema") if config.get(name)]
    mime = config.get("responseMimeType")
    if len(schemas) > 1:
        refuse("response_schema and response_json_schema can not both be set.")
    if schemas and mime not in {"application/json", "text/x.enum"}:
        refuse("Response schema is only supported with response_mime_type 'application/json' or 'text/x.enum'.")
    if mime not in {None, "text/plain", "application/json", "text/x.enum"}:
        refuse(
            "* GenerateContentRequest.generation_config.response_mime_type: allowed mimetypes are text/plain, "
            f"application/json, text/x.enum, not {mime}"
        )
    if mime == "application/json" and declarations(body) and not facts.signatures:
        refuse("Function calling with a response mime type: 'application/json' is unsupported")
