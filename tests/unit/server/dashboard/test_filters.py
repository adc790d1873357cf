from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from pointsman.errors import RequestError
from pointsman.server.dashboard.filters import FIELDS, read_filter

UTC = ZoneInfo("UTC")
NOW = 1_760_000_000_000_000


def test_without_a_time_it_is_the_last_seven_days() -> None:
    found = read_filter({}, NOW, UTC)
    assert (found.since_us, found.until_us) == (NOW - 7 * 86_400_000_000, NOW)
    assert found.parameters() == {}


def test_a_chosen_time_is_in_the_viewers_zone() -> None:
    berlin = read_filter({"from": "2026-11-22T01:00"}, NOW, ZoneInfo("Europe/Berlin"))
    assert berlin.since_us == 1_795_305_600_000_000
    assert berlin.until_us is None


def test_all_fields_become_a_slice() -> None:
    words = {"simulated": "yes", "captured": "no"}
    query = dict.fromkeys(FIELDS, "x") | words | {"range": "all"}
    chosen = read_filter(query, NOW, UTC).slice()
    assert chosen.since_us is None
    assert all(getattr(chosen, name) == words.get(name, ("x",)) for name in FIELDS)


def test_the_period_before_is_as_long() -> None:
    before = read_filter({"range": "24h"}, NOW, UTC).before()
    assert before is not None
    assert (before.since_us, before.until_us) == (NOW - 2 * 86_400_000_000, NOW - 86_400_000_000)
    assert read_filter({"range": "all"}, NOW, UTC).before() is None


@pytest.mark.parametrize(
    "query",
    [
        {"range": "1y"},
        {"from": "soon"},
        {"from": "2026-11-22", "to": "2026-11-21"},
        {"since_us": "x"},
        {"to": "99999-01-01"},
    ],
)
def test_what_is_no_time_is_told(query: dict[str, str]) -> None:
    with pytest.raises(RequestError):
        read_filter(query, NOW, UTC)
