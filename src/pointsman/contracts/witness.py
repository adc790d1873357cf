"""A second, independent reading of text that is nearly JSON: a repair counts only where both readings agree.

Our own reader refuses what is uncertain by its rules; ``json-repair`` reads by other ones, made from years of broken replies.
Where the two see different keys, values or types, the meaning is not certain.
"""

from __future__ import annotations

from typing import Any

from pointsman.contracts.strict_json import same

MAX_CHARS = 65_536
"""The longest text that is mended: the second reading takes milliseconds per kilobyte."""


def confirmed(source: str, value: Any) -> bool:
    """Return whether ``json-repair`` reads ``source`` as exactly ``value``."""
    import json_repair

    if len(source) > MAX_CHARS:
        return False
    try:
        other = json_repair.repair_json(source, return_objects=True, skip_json_loads=True)
    except (ValueError, RecursionError):
        return False
    return same(value, other)
