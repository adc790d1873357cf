from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

import pytest

from pointsman.catalog.book import Catalog
from pointsman.domain.decision import Decision
from pointsman.domain.message import Message, Part, Text, Tool
from pointsman.domain.turn import Session, Turn
from pointsman.routing.eligibility import Limits
from pointsman.routing.policy import Policy, parse_policy
from pointsman.routing.router import Routing
from pointsman.routing.templates import render

NOW = datetime(2026, 11, 21, tzinfo=UTC)

BASE = """
version: 1
providers:
  anthropic: {host: anthropic}
  openai: {host: openai}
  google: {host: google}
tiers:
  small: [anthropic/claude-haiku-4-5, google/gemini-2.5-flash]
  mid: [anthropic/claude-sonnet-4-6, openai/gpt-5.4]
  flagship: [anthropic/claude-opus-4-8, openai/gpt-5.5]
routes:
  direct: {tiers: [small]}
  tools: {tiers: [mid]}
  plan: {tiers: [flagship]}
  summarize: {tiers: [mid]}
default_route: tools
"""

TOOLS = (
    Tool("lookup_order", "Look an order up by its number."),
    Tool("issue_refund", "Refund an order to the customer's card."),
)


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    return Catalog.load()


# Policies and catalogues are frozen, and reading one takes longer than most tests here: each text is read once.
@pytest.fixture(scope="session")
def read_policy() -> Callable[[str, str], Policy]:
    """Return a reader of policies: (text, name of the file) -> policy."""
    return cache(parse_policy)


@pytest.fixture(scope="session")
def catalog_with(catalog: Catalog, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Catalog]:
    """Return a maker of catalogues: the shipped models and those of a YAML text."""

    @cache
    def read(models: str) -> Catalog:
        if not models:
            return catalog
        path = tmp_path_factory.mktemp("models") / "models.yaml"
        path.write_text(models, encoding="utf-8")
        return Catalog.load(path)

    return read


@pytest.fixture
def build(read_policy: Callable[[str, str], Policy], catalog_with: Callable[[str], Catalog]) -> Callable[..., Routing]:
    """Return a maker of ``Routing``: the base policy with more YAML below it, over the shipped models and ``models``."""

    def make(more: str = "", *, base: str = BASE, models: str = "") -> Routing:
        return Routing(read_policy(base + more, "pointsman.yaml"), catalog_with(models))

    return make


@pytest.fixture
def starter(read_policy: Callable[[str, str], Policy], catalog: Catalog) -> Callable[..., Routing]:
    """Return a maker of ``Routing`` from a template."""

    def make(template: str = "rubric", lineup: str = "mixed") -> Routing:
        return Routing(read_policy(render(template, lineup), f"{template}.yaml"), catalog)

    return make


def user(*parts: str | Part) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def agent(text: str) -> Message:
    return Message("assistant", (Text(text),))


def ask(*texts: str, tools: tuple[Tool, ...] = (), **fields: object) -> Turn:
    """Return a turn of alternating customer and agent texts; the last one is the customer's."""
    messages = tuple(user(text) if (len(texts) - index) % 2 else agent(text) for index, text in enumerate(texts))
    return Turn(messages=messages, tools=tools, **fields)  # type: ignore[arg-type]  # test data


def decide(routing: Routing, turn: Turn, session: Session | None = None, **limits: object) -> Decision:
    limits.setdefault("now", NOW)
    return routing.decide(turn, session or Session(), Limits(**limits))  # type: ignore[arg-type]  # test data


@pytest.fixture(name="ask")
def _ask() -> Callable[..., Turn]:
    return ask


@pytest.fixture(name="decide")
def _decide() -> Callable[..., Decision]:
    return decide


@pytest.fixture
def tools() -> tuple[Tool, ...]:
    return TOOLS
