"""What shadow checks need of a router, so that this room need not know the one that builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from pointsman.catalog.book import Catalog
from pointsman.execution.hop import Dispatch
from pointsman.execution.privacy.redaction import Redactor
from pointsman.routing.policy import Policy
from pointsman.routing.router import Routing
from pointsman.store.store import Store


class Runs(Protocol):
    """An engine."""

    @property
    def dispatch(self) -> Dispatch:
        """What calls are made with."""
        ...


class House(Protocol):
    """A router that has been started (``pointsman.app.Router``)."""

    @property
    def policy(self) -> Policy:
        """Its policy."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Its catalogue."""
        ...

    @property
    def store(self) -> Store:
        """Where its turns are."""
        ...

    @property
    def routing(self) -> Routing:
        """How it decides."""
        ...

    @property
    def redactor(self) -> Redactor | None:
        """What takes personal data out of what is written; None: nothing does."""
        ...

    @property
    def missing(self) -> Mapping[str, str]:
        """Why a provider cannot be called, by provider."""
        ...

    @property
    def engine(self) -> Runs:
        """Its engine."""
        ...
