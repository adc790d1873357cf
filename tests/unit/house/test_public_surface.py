"""House rules that a user would notice: what is exported, and that importing it stays cheap."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest
from inline_snapshot import snapshot

import pointsman
from pointsman import errors
from pointsman.cli.registry import COMMANDS

HEAVY = ["aiohttp", "genai_prices", "pydantic", "typer", "rich", "uvicorn", "msgspec", "yaml", "cel"]


def test_exported_names() -> None:
    assert pointsman.__all__ == snapshot(
        [
            "Catalog",
            "Decision",
            "IdempotencyKey",
            "Message",
            "Pointsman",
            "PointsmanError",
            "Reply",
            "Router",
            "Session",
            "SyncPointsman",
            "TextDelta",
            "Tool",
            "ToolCall",
            "Turn",
            "TurnRecord",
            "TurnResult",
            "Usage",
            "build_router",
        ]
    )


@pytest.mark.parametrize("name", pointsman.__all__)
def test_every_exported_name_can_be_had(name: str) -> None:
    assert getattr(pointsman, name) is not None


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = pointsman.nonsense


def test_import_brings_nothing_heavy() -> None:
    code = f"import sys, pointsman; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_help_imports_no_command() -> None:
    code = "import sys, pointsman.cli.group as g; g.build(); print(sorted(m for m in sys.modules if m.startswith('pointsman.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == snapshot(
        "['pointsman.cli', 'pointsman.cli.group', 'pointsman.cli.registry', 'pointsman.errors']"
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_registered_command_can_be_loaded(name: str) -> None:
    module = importlib.import_module(COMMANDS[name][0])
    assert hasattr(module, "command") or hasattr(module, "app")


def test_error_codes_are_unique_and_stable() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.PointsmanError)]
    assert {c.__name__: (c.code, c.status) for c in classes} == snapshot(
        {
            "PointsmanError": ("internal_error", 500),
            "UsageError": ("usage_error", 400),
            "PolicyError": ("policy_error", 400),
            "CatalogError": ("catalog_error", 404),
            "StoreError": ("store_error", 503),
            "RequestError": ("invalid_request", 400),
            "UnsupportedParameter": ("unsupported_parameter", 400),
            "RequestTooLarge": ("request_too_large", 413),
            "Unauthorized": ("unauthorized", 401),
            "Forbidden": ("forbidden", 403),
            "NotFound": ("not_found", 404),
            "MethodNotAllowed": ("method_not_allowed", 405),
            "AgentStopped": ("agent_stopped", 504),
            "NoEligibleModel": ("no_eligible_model", 400),
            "ContractViolated": ("contract_violated", 502),
            "TooManyHandoffs": ("too_many_handoffs", 502),
            "BudgetExceeded": ("budget_exceeded", 429),
            "RateLimited": ("rate_limited", 429),
            "ProviderError": ("provider_error", 502),
            "ProviderTimeout": ("provider_timeout", 504),
            "ProviderUnreachable": ("provider_unreachable", 502),
            "StreamBroken": ("stream_broken", 502),
        }
    )
