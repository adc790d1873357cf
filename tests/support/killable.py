"""Write tools whose effect is a line in a file, and which may be told to hang before or after they wrote."""

from __future__ import annotations

import os
import time
from pathlib import Path

EFFECTS = Path(os.environ.get("POINTSMAN_TEST_EFFECTS", "effects.txt"))
HANG = EFFECTS.with_name("hang")
"""While this file is there, calls about slow accounts never answer."""


def _hang(account: str) -> None:
    if account.startswith("slow") and HANG.exists():
        time.sleep(30)


def transfer(account: str, idempotency_key: str = "") -> str:
    """Write the transfer down, then answer late."""
    with EFFECTS.open("a") as file:
        file.write(f"{account} {idempotency_key}\n")
        file.flush()
        os.fsync(file.fileno())
    _hang(account)
    return f"transferred to {account}"


def look_up(account: str) -> str:
    """Note the look, then answer late."""
    with EFFECTS.open("a") as file:
        file.write(f"looked {account}\n")
    _hang(account)
    return f"{account} exists"


def pay(account: str) -> str:
    """Write a payment down, somewhere in the middle of a short while."""
    time.sleep(0.01)
    with EFFECTS.open("a") as file:
        file.write(f"{account}\n")
    time.sleep(0.01)
    return f"paid {account}"
