"""The tools of a tiny shop, on the database of the case: what `pointsman replay --tools shop_tools:call` lets a model act on.

A tool changes the database it is given, and returns what the model is told. A ValueError is told to the model as an error.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any


def get_order(db: sqlite3.Connection, order_id: str) -> dict[str, Any]:
    row = db.execute("SELECT id, customer, item, cents, status FROM orders WHERE id = ?", (order_id,)).fetchone()
    if row is None:
        raise ValueError(f"there is no order {order_id}")
    return dict(zip(("id", "customer", "item", "cents", "status"), row, strict=True))


def refund_order(db: sqlite3.Connection, order_id: str, cents: int) -> str:
    order = get_order(db, order_id)
    if order["status"] == "refunded":
        raise ValueError(f"order {order_id} is refunded already")
    if not 0 < cents <= order["cents"]:
        raise ValueError(f"a refund of {cents} cents is more than was paid")
    db.execute("INSERT INTO refunds (order_id, cents) VALUES (?, ?)", (order_id, cents))
    db.execute("UPDATE orders SET status = 'refunded' WHERE id = ?", (order_id,))
    return f"refunded {cents} cents of order {order_id}"


def cancel_order(db: sqlite3.Connection, order_id: str) -> str:
    if get_order(db, order_id)["status"] != "open":
        raise ValueError("only an open order can be cancelled")
    db.execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", (order_id,))
    return f"order {order_id} is cancelled"


TOOLS: dict[str, Callable[..., Any]] = {
    "get_order": get_order,
    "refund_order": refund_order,
    "cancel_order": cancel_order,
}


def call(db: sqlite3.Connection, name: str, arguments: dict[str, Any]) -> Any:
    return TOOLS[name](db, **arguments)
