"""What generateContent refuses in the contents: roles, parts, function responses and thought signatures."""

from __future__ import annotations

from typing import Any, NoReturn

from pointsman.emulator.exchange import RejectedError
from pointsman.emulator.gemini_request import role_of
from pointsman.emulator.gemini_wire import thought_signature
from pointsman.emulator.models import ModelFacts

Json = dict[str, Any]

SKIP_SIGNATURE = "skip_thought_signature_validator"
_DATA = ("text", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult")
_EXTRAS = {"thought", "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata"}


def _refuse(message: str) -> NoReturn:
    raise RejectedError(message)


def check_contents(body: Json, facts: ModelFacts) -> None:
    """Check contents and system instruction (keys in camelCase).

    Raises:
        RejectedError: the real server would refuse them.
    """
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        _refuse("* GenerateContentRequest.contents: contents is not specified\n")
    system = body.get("systemInstruction")
    if system is not None:
        _check_parts(system, "system_instruction")
    for index, content in enumerate(contents):
        if role_of(content) not in {"user", "model"}:
            _refuse("Please use a valid role: user, model.")
        _check_parts(content, f"contents[{index}]")
    _check_pairs(contents)
    _check_signatures(contents, facts)


def _check_parts(content: Json, place: str) -> None:
    for name in content:
        if name not in {"role", "parts"}:
            _refuse(f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field.")
    parts = content.get("parts")
    if not parts:
        _refuse(f"* GenerateContentRequest.{place}.parts: contents.parts must not be empty.\n")
    for index, part in enumerate(parts):
        _check_part(part, f"{place}.parts[{index}]")


def _check_part(part: Json, place: str) -> None:
    for name in part:
        if name not in _DATA and name not in _EXTRAS:
            _refuse(f"Invalid JSON payload received. Unknown name \"{name}\" at '{place}': Cannot find field.")
    kinds = [name for name in _DATA if name in part]
    if not kinds and "thoughtSignature" not in part:
        _refuse(f"* GenerateContentRequest.{place}.data: required oneof field 'data' must have one initialized field\n")
    if len(kinds) > 1:
        _refuse(f"Invalid value at '{place}' (oneof), oneof field 'data' is already set. Cannot set '{kinds[1]}'")
    if "functionCall" in part:
        _check_call(part["functionCall"], place)
    if "functionResponse" in part:
        _check_response(part["functionResponse"], place)
    if "inlineData" in part and not part["inlineData"].get("mimeType"):
        _refuse(f"* GenerateContentRequest.{place}.inline_data.mime_type: [REQUIRED]")
    uri = (part.get("fileData") or {}).get("fileUri", "")
    if "fileData" in part and not uri.startswith("https://generativelanguage.googleapis.com/"):
        _refuse(f"Cannot fetch content from the provided URL: {uri}")


def _check_call(call: Json, place: str) -> None:
    if not call.get("name"):
        _refuse(f"* GenerateContentRequest.{place}.function_call.name: [FIELD_INVALID] Name cannot be empty.")
    if "args" in call and not isinstance(call["args"], dict):
        _refuse(f"Invalid value at '{place}.function_call.args' (type.googleapis.com/google.protobuf.Struct)")


def _check_response(response: Json, place: str) -> None:
    if not response.get("name"):
        _refuse(f"* GenerateContentRequest.{place}.function_response.name: [FIELD_INVALID] Name cannot be empty.")
    if not isinstance(response.get("response"), dict):
        _refuse(f"Invalid value at '{place}.function_response.response' (type.googleapis.com/google.protobuf.Struct)")


def _check_pairs(contents: list[Json]) -> None:
    """Check that each turn with function calls is followed by exactly its responses, in one user turn."""
    for index, content in enumerate(contents):
        calls = _names(content, "functionCall")
        responses = _names(content, "functionResponse")
        before = _names(contents[index - 1], "functionCall") if index else []
        if calls and (index == 0 or role_of(contents[index - 1]) != "user"):
            _refuse(
                "Please ensure that function call turn comes immediately after a user turn or after a function response turn."
            )
        if responses and not before:
            _refuse("Please ensure that function response turn comes immediately after a function call turn.")
        if len(responses) != len(before) or (calls and index == len(contents) - 1):
            _refuse(
                "Please ensure that the number of function response parts is equal to the number of function call parts "
                "of the function call turn."
            )
        if sorted(responses) != sorted(before):
            _refuse(
                "Please ensure that the function response names match the function call names of the function call turn."
            )


def _names(content: Json, kind: str) -> list[str]:
    return [part[kind]["name"] for part in content["parts"] if kind in part]


def _check_signatures(contents: list[Json], facts: ModelFacts) -> None:
    """Check thought signatures: none may be forged, and the steps of the current turn must bring theirs back."""
    current = max((index for index, content in enumerate(contents) if _opens_turn(content)), default=0)
    for index, content in enumerate(contents):
        first = True
        for number, part in enumerate(content["parts"]):
            name = part.get("functionCall", {}).get("name", "")
            given = part.get("thoughtSignature")
            if given is not None and not _genuine(given, facts, name):
                _refuse("Corrupted thought signature.")
            if "functionCall" not in part:
                continue
            if facts.signatures and index > current and first and given is None:
                _refuse(
                    "Function call is missing a thought_signature in functionCall parts. This is required for tools to work "
                    "correctly, and missing thought_signature may lead to degraded model performance. Additional data, "
                    f"function call `default_api:{name}` , position {number}."
                )
            first = False


def _genuine(given: str, facts: ModelFacts, name: str) -> bool:
    """Tell whether a signature is this model's own; clients send base64 in either alphabet."""
    return given == SKIP_SIGNATURE or given.replace("-", "+").replace("_", "/") == thought_signature(facts, name)


def _opens_turn(content: Json) -> bool:
    """Tell whether a content is a user's own words rather than function responses."""
    return role_of(content) == "user" and any("functionResponse" not in part for part in content["parts"])
