"""The landing store: every finished turn, on disk before its last byte is released."""

from __future__ import annotations

from pointsman.store.location import DEFAULT_URL
from pointsman.store.reading import TurnFilter, TurnRow
from pointsman.store.reports import ReportRow
from pointsman.store.store import Store, open_store

__all__ = ["DEFAULT_URL", "ReportRow", "Store", "TurnFilter", "TurnRow", "open_store"]
