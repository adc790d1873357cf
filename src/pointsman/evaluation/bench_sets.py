"""The bundled sets of the benches, written for this project: texts and a schema, requests and a toolset."""

from __future__ import annotations

from importlib.resources import files

import msgspec

from pointsman.domain.message import JsonObject, Message, Text
from pointsman.domain.turn import Turn
from pointsman.evaluation.cases import Case

SOURCE = "pointsman bench"


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    kind: str
    text: str


def bundled_texts() -> tuple[Case, ...]:
    """Return messages of customers, plain ones and such as lead a model astray; the tag ``kind`` says how."""
    lines = msgspec.json.Decoder(_Line).decode_lines(_read("bench_texts.jsonl"))
    return tuple(
        Case(one.id, one.id, SOURCE, Turn((Message("user", (Text(one.text),)),)), tags={"kind": one.kind})
        for one in lines
    )


def bundled_schema() -> JsonObject:
    """Return the schema of a support ticket: eight fields, two of them enums, one a nested object."""
    schema: JsonObject = msgspec.json.decode(_read("bench_schema.json"))
    return schema


def _read(name: str) -> bytes:
    return files("pointsman.evaluation").joinpath(f"data/{name}").read_bytes()
