"""One real model and one gateway before it, for every test of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from pointsman.app import build_local_router
from pointsman.errors import UsageError
from pointsman.providers.local_server import find_model, runtime
from support.gateway import GatewayUnderTest

PATIENCE_S = 50


@pytest.fixture(scope="session")
def demo_model() -> Path:
    """The weights; the tests are skipped, never passed, where they or llama.cpp are not installed."""
    try:
        runtime()
        return find_model()
    except UsageError as error:
        pytest.skip(f"THE REAL MODEL IS NOT TESTED: {error}")


@pytest.fixture(scope="session")
def local(demo_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayUnderTest]:
    store = tmp_path_factory.mktemp("local") / "turns.db"
    with (
        build_local_router(store=f"sqlite:///{store}") as router,
        GatewayUnderTest(router, None, keys=False) as running,
    ):
        yield running


@pytest.fixture
def openai_client(local: GatewayUnderTest) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="k", base_url=local.openai_url, max_retries=0, timeout=PATIENCE_S) as client:
        yield client


@pytest.fixture
def anthropic_client(local: GatewayUnderTest) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(api_key="k", base_url=local.base_url, max_retries=0, timeout=PATIENCE_S) as client:
        yield client
