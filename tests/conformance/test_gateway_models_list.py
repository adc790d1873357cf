from __future__ import annotations

import json

import pytest
from anthropic.types import ModelInfo
from openai.types import Model as OpenAIModel

from pointsman.catalog.models import Model
from pointsman.errors import NotFound
from pointsman.server.gateway.models_list import anthropic_models, openai_models

MODELS = [
    Model("acme/big", "acme", "big", "flagship", context_window=1000, max_output=100, retires="2027-01-31"),
    Model("acme/small/v2", "acme", "small/v2", "small"),
]


def test_openai_clients_get_ids_they_can_send_back() -> None:
    page = json.loads(openai_models(MODELS))
    assert page["object"] == "list"
    models = [OpenAIModel.model_validate(entry) for entry in page["data"]]
    assert [model.id for model in models] == ["auto", "acme/big", "acme/small/v2"]
    assert models[1].shutdown_date == "2027-01-31"


def test_anthropic_clients_get_sizes_or_null() -> None:
    page = json.loads(anthropic_models(MODELS))
    models = [ModelInfo.model_validate(entry) for entry in page["data"]]
    assert (page["has_more"], page["first_id"], page["last_id"]) == (False, "auto", "acme/small/v2")
    assert (models[1].max_input_tokens, models[1].max_tokens, models[1].lifecycle) == (1000, 100, "deprecated")
    assert (models[2].max_input_tokens, models[2].max_tokens, models[2].lifecycle) == (None, None, "active")


def test_one_model_by_its_id() -> None:
    assert json.loads(openai_models(MODELS, "acme/small/v2"))["id"] == "acme/small/v2"
    assert ModelInfo.model_validate_json(anthropic_models(MODELS, "auto")).id == "auto"
    with pytest.raises(NotFound, match="acme/none"):
        openai_models(MODELS, "acme/none")
