"""Pointsman: sets the track for every turn of a customer-experience agent.

Public names are imported when first used, so that ``import pointsman`` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pointsman.app import Router, build_router
    from pointsman.catalog.book import Catalog
    from pointsman.domain.decision import Decision
    from pointsman.domain.message import Message, Tool, ToolCall
    from pointsman.domain.record import TurnRecord
    from pointsman.domain.reply import Reply, TextDelta
    from pointsman.domain.turn import Session, Turn
    from pointsman.domain.usage import Usage
    from pointsman.errors import PointsmanError
    from pointsman.execution.python_tools import IdempotencyKey
    from pointsman.library.door import Pointsman
    from pointsman.library.result import TurnResult
    from pointsman.library.sync import SyncPointsman

_PUBLIC = {
    "Catalog": "pointsman.catalog.book",
    "Decision": "pointsman.domain.decision",
    "IdempotencyKey": "pointsman.execution.python_tools",
    "Message": "pointsman.domain.message",
    "Pointsman": "pointsman.library.door",
    "PointsmanError": "pointsman.errors",
    "Reply": "pointsman.domain.reply",
    "Router": "pointsman.app",
    "Session": "pointsman.domain.turn",
    "SyncPointsman": "pointsman.library.sync",
    "TextDelta": "pointsman.domain.reply",
    "Tool": "pointsman.domain.message",
    "ToolCall": "pointsman.domain.message",
    "Turn": "pointsman.domain.turn",
    "TurnRecord": "pointsman.domain.record",
    "TurnResult": "pointsman.library.result",
    "Usage": "pointsman.domain.usage",
    "build_router": "pointsman.app",
}

__all__ = [
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


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'pointsman' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
