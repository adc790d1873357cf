from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from pointsman.errors import UsageError
from pointsman.store.period import parse_moment

NOW = 1_767_225_600_000_000  # 2026-01-01T00:00:00Z
HOUR = 3_600_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", NOW - HOUR // 2),
        ("12h", NOW - 12 * HOUR),
        ("7d", NOW - 7 * 24 * HOUR),
        ("1w", NOW - 7 * 24 * HOUR),
        ("999999w", 0),
        ("2026-01-01", NOW),
        ("2026-01-01T01:00", NOW + HOUR),
        ("2026-01-01T01:00:00+01:00", NOW),
        ("2026-01-01T00:00:00Z", NOW),
    ],
)
def test_moments(text: str, expected: int) -> None:
    assert parse_moment(text, NOW, zone=UTC) == expected


def test_a_date_means_the_readers_own_day() -> None:
    assert parse_moment("2026-01-01", NOW, zone=timezone(timedelta(hours=2))) == NOW - 2 * HOUR


@pytest.mark.parametrize("text", ["", "yesterday", "7", "d", "7 days", "-1d", "2026-13-01", "1.5h", "٣d" * 9])
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time"):
        parse_moment(text, NOW)
