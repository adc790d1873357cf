"""What a status word means for an order, a payment or an account, so that "delivered" can be held against "in transit"."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_STATES: Final[Mapping[str, Mapping[str, str]]] = {
    "progress": {
        "waiting": r"pending|processing|preparing|being (?:prepared|processed|packed)|unshipped|not yet shipped|awaiting shipment"
        r"|placed|received by us",
        "under way": r"shipped|dispatched|in[ _-]transit|on (?:its|the) way|out for delivery|en route",
        "delivered": r"delivered|dropped off|arrived at your (?:door|address)",
        "cancelled": r"cancell?ed",
        "returned": r"returned|return received",
        "lost": r"lost|missing in transit",
    },
    "money": {
        "paid": r"paid(?: in full)?|payment (?:received|went through|succeeded)|succeeded|settled",
        "unpaid": r"unpaid|overdue|outstanding|payment due|past due",
        "declined": r"declined|payment failed|rejected by (?:your|the) bank",
        "refunded": r"refunded|reimbursed",
    },
    "stock": {
        "there": r"in[ _-]stock|available",
        "gone": r"out[ _-]of[ _-]stock|sold[ _-]out|unavailable|not available|backordered",
    },
    "account": {
        "open": r"active|enabled|unlocked",
        "closed": r"inactive|disabled|deactivated|suspended|locked|blocked|expired|closed",
    },
    "time": {
        "on time": r"on[ _-]time|as scheduled",
        "late": r"delayed|running late|behind schedule",
        "off": r"cancell?ed",
    },
    "verdict": {"yes": r"approved|accepted|granted", "no": r"denied|rejected|refused|not approved"},
}
_PATTERNS: Final = tuple(
    (matter, state, re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE))
    for matter, states in _STATES.items()
    for state, words in states.items()
)
_FIELD: Final = re.compile(r"(?:^|_)(?:status|state|availability|stock|result|decision)$", re.IGNORECASE)
_PARTS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s.-]+")


def is_status_field(key: str) -> bool:
    """Tell whether a field of a result holds a status, by its name."""
    return _FIELD.search(_PARTS.sub("_", key)) is not None


def states_in(text: str) -> list[tuple[str, str, int, int]]:
    """Return the states a text names: matter, state, and where it stands. Longer words win over those inside them."""
    found = [
        (matter, state, hit.start(), hit.end()) for matter, state, words in _PATTERNS for hit in words.finditer(text)
    ]
    return [
        one
        for one in found
        if not any(other[2] <= one[2] and one[3] <= other[3] and other[2:] != one[2:] for other in found)
    ]
