"""``GET /v1/models`` in both dialects: the catalogue's models under their ``provider/name`` ids, ``auto``, and agents.

An agent that Pointsman runs is listed as ``agent/NAME``. Both shapes require a creation date, which the catalogue does not
keep. The epoch stands for "unknown", as Anthropic's own reference says of it; sizes nobody stated are null.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from pointsman.catalog.models import Model
from pointsman.errors import NotFound

AUTO = "auto"
_EPOCH = "1970-01-01T00:00:00Z"


def openai_models(models: Iterable[Model], model_id: str | None = None, agents: Iterable[str] = ()) -> bytes:
    """Return the list, or the one model that ``model_id`` names.

    Raises:
        NotFound: no model has this id.
    """
    entries = [_openai(AUTO, "pointsman", None)]
    entries += [_openai(f"agent/{name}", "pointsman", None) for name in agents]
    entries += [_openai(model.id, model.provider, model.retires) for model in models]
    if model_id is not None:
        return msgspec.json.encode(_named(entries, model_id))
    return msgspec.json.encode({"object": "list", "data": entries})


def anthropic_models(models: Iterable[Model], model_id: str | None = None, agents: Iterable[str] = ()) -> bytes:
    """Return the list, on one page whatever its length, or the one model that ``model_id`` names.

    Raises:
        NotFound: no model has this id.
    """
    entries = [_anthropic(AUTO, "Routed by Pointsman", None)]
    entries += [_anthropic(f"agent/{name}", f"The agent {name}", None) for name in agents]
    entries += [_anthropic(model.id, model.name, model) for model in models]
    if model_id is not None:
        return msgspec.json.encode(_named(entries, model_id))
    page = {"data": entries, "has_more": False, "first_id": entries[0]["id"], "last_id": entries[-1]["id"]}
    return msgspec.json.encode(page)


def _named(entries: list[dict[str, Any]], model_id: str) -> dict[str, Any]:
    for entry in entries:
        if entry["id"] == model_id:
            return entry
    raise NotFound(f"there is no model {model_id[:200]!r} here; GET /v1/models lists them", param="model")


def _openai(model_id: str, owner: str, retires: str | None) -> dict[str, Any]:
    return {"id": model_id, "object": "model", "created": 0, "owned_by": owner, "shutdown_date": retires}


def _anthropic(model_id: str, shown: str, model: Model | None) -> dict[str, Any]:
    retires = model.retires if model else None
    return {
        "id": model_id,
        "type": "model",
        "display_name": shown,
        "created_at": _EPOCH,
        "max_input_tokens": model.context_window if model else None,
        "max_tokens": model.max_output if model else None,
        "lifecycle": "deprecated" if retires else "active",
        "deprecated_at": None,
        "retires_at": f"{retires}T00:00:00Z" if retires else None,
        "line": None,
        "capabilities": None,
    }
