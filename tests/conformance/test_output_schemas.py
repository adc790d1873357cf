"""Each dialect sends a schema its provider takes; what was left out on the way is still checked on the reply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pointsman.catalog.models import Model
from pointsman.contracts import Contract
from pointsman.domain.message import OutputFormat
from pointsman.domain.turn import Turn
from pointsman.emulator.anthropic_schemas import check_output_schema
from pointsman.emulator.openai_schemas import check_strict
from pointsman.errors import RequestError
from pointsman.providers.hosts import HOSTS, endpoint
from pointsman.providers.registry import dialect
from support.providers import FLASH, GPT, HAIKU, LLAMA, user

FOLDER = Path(__file__).parents[1] / "data" / "contract_cases"
SCHEMAS: dict[str, dict[str, Any]] = json.loads((FOLDER / "schemas.json").read_text("utf-8"))
BOUNDED = {
    "type": "object",
    "properties": {
        "stars": {"type": "integer", "minimum": 1, "maximum": 5},
        "code": {"type": "string", "pattern": "^A"},
    },
    "required": ["stars", "code"],
    "additionalProperties": False,
}
RECURSIVE = {"tree"}


def sent(host: str, model: Model, schema: dict[str, Any], *, strict: bool | None = None) -> Any:
    where = endpoint(model.provider, host, base_url="http://127.0.0.1:9", api_key="k")
    wanted = Contract(schema, name="reply", strict=strict).output_format()
    turn = Turn((user("as json"),), output_format=wanted)
    return json.loads(dialect(where.dialect).encode(turn, model, where).body)


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_anthropic_takes_what_is_sent(name: str) -> None:
    if name in RECURSIVE:
        with pytest.raises(RequestError, match="recursive"):
            sent("anthropic", HAIKU, SCHEMAS[name])
        return
    shape = sent("anthropic", HAIKU, SCHEMAS[name])["output_config"]["format"]
    assert shape["type"] == "json_schema"
    assert check_output_schema(shape["schema"]) is None


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_openai_is_asked_to_be_strict_only_where_it_can_be(name: str) -> None:
    shape = sent("openai", GPT, SCHEMAS[name], strict=True)["response_format"]["json_schema"]
    assert not shape["strict"] or check_strict(shape["schema"]) is None
    assert "x-expected" not in json.dumps(shape["schema"])


@pytest.mark.parametrize("host", sorted(name for name, profile in HOSTS.items() if profile.dialect == "openai_chat"))
def test_every_compatible_host_gets_the_whole_schema(host: str) -> None:
    model = msgspec.structs.replace(LLAMA, id=f"{host}/m", provider=host, structured_output="json_schema")
    shape = sent(host, model, BOUNDED)["response_format"]
    assert shape["type"] == "json_schema"
    assert shape["json_schema"]["schema"] == BOUNDED


def test_gemini_gets_the_whole_schema() -> None:
    config = sent("google", FLASH, BOUNDED)["generationConfig"]
    assert (config["responseMimeType"], config["responseJsonSchema"]) == ("application/json", BOUNDED)


def test_what_a_provider_cannot_express_is_still_checked() -> None:
    """Anthropic knows no ranges and no patterns: the reply it would allow is rejected here."""
    shape = sent("anthropic", HAIKU, BOUNDED)["output_config"]["format"]["schema"]
    reply = '{"stars": 9, "code": "B"}'
    assert Contract(shape).check(reply).outcome == "ok"
    contract = Contract.from_output_format(OutputFormat("json_schema", BOUNDED))
    assert contract is not None
    verdict = contract.check(reply)
    assert [(one.kind, one.pointer) for one in verdict.failures] == [("wrong_type", "/code"), ("wrong_type", "/stars")]
