from __future__ import annotations

from pointsman.execution.limits.spread import Spread
from pointsman.providers.seam import Endpoint

MODEL = "openai/gpt-5-mini"
KEYS = tuple(Endpoint("openai", "openai", "openai_chat", "http://x", api_key=f"secret-{n}") for n in range(3))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def spread(*keys: Endpoint) -> tuple[Spread, Clock]:
    clock = Clock()
    return Spread({"openai": keys or KEYS}, clock), clock


def number(endpoint: Endpoint) -> int:
    return KEYS.index(endpoint)


def test_calls_go_round() -> None:
    keys, _ = spread()
    taken = [keys.take("openai", MODEL) for _ in range(6)]
    assert [number(lease.endpoint) for lease in taken] == [0, 1, 2, 0, 1, 2]


def test_the_key_with_the_least_in_flight_is_taken() -> None:
    keys, _ = spread()
    taken = [keys.take("openai", MODEL) for _ in range(3)]
    taken[1].give_back(None, None)
    assert number(keys.take("openai", MODEL).endpoint) == 1


def test_a_limited_key_rests_for_its_model_alone() -> None:
    keys, clock = spread()
    keys.take("openai", MODEL).give_back("rate_limit", 20)
    assert 0 not in [number(keys.take("openai", MODEL).endpoint) for _ in range(4)]
    assert 0 in [number(keys.take("openai", "openai/gpt-5.5").endpoint) for _ in range(3)]
    clock.now = 20
    assert 0 in [number(keys.take("openai", MODEL).endpoint) for _ in range(3)]


def test_when_all_rest_routing_is_told_and_a_call_gets_the_one_due_first() -> None:
    keys, _ = spread()
    for wait in (30, 10, 20):
        keys.take("openai", MODEL).give_back("rate_limit", wait)
    assert keys.resting() == {MODEL: "the provider asked to wait; it is asked again in 10 s"}
    assert not keys.has_another("openai", MODEL)
    assert number(keys.take("openai", MODEL).endpoint) == 1


def test_a_refused_key_rests_for_all_models() -> None:
    keys, clock = spread(KEYS[0])
    keys.take("openai", MODEL).give_back("authentication", None)
    assert keys.refused() == {"openai": "provider openai refused its key; it is asked again in 60 s"}
    assert keys.take("openai", "openai/gpt-5.5").endpoint is KEYS[0], "there is no other"
    clock.now = 61
    assert keys.refused() == {}


def test_a_lease_is_given_back_once() -> None:
    keys, _ = spread()
    lease = keys.take("openai", MODEL)
    lease.give_back(None, None)
    lease.give_back(None, None)
    assert [number(keys.take("openai", MODEL).endpoint) for _ in range(3)] == [1, 2, 0]


def test_no_key_shows_in_words() -> None:
    keys, _ = spread(KEYS[0])
    keys.take("openai", MODEL).give_back("authentication", None)
    keys.take("openai", MODEL).give_back("rate_limit", 3)
    assert "secret" not in repr(keys.resting()) + repr(keys.refused()) + repr(KEYS[0])
