from __future__ import annotations

import pytest

from pointsman.domain.message import Message, Text
from pointsman.domain.reply import Reply
from pointsman.domain.turn import Turn
from pointsman.evaluation.answers import Answer, Origin, Way
from pointsman.evaluation.cases import Case, Gold
from pointsman.evaluation.graders.registry import grader

REPLY = Reply("r", "m", (Text("Done."),), "end_turn")
WHOLE = Way((), 3, whole=True)
LEFT = Way((), 2, whole=False, diverged_at=2, divergence="refund_order({}) is not on the tape")


def case(reward: float | None) -> Case:
    gold = None if reward is None else Gold("reply", oracle={"benchmark": "tau-bench", "recorded_reward": reward})
    return Case("a", "a", "tau", Turn((Message("user", (Text("x"),)),)), gold)


@pytest.mark.parametrize(
    ("reward", "way", "origin", "passed"),
    [
        (1.0, WHOLE, "recorded", True),
        (0.0, WHOLE, "recorded", False),
        (0.5, WHOLE, "recorded", False),
        (1.0, LEFT, "recorded", None),
        (1.0, WHOLE, "live", None),
        (1.0, None, "recorded", None),
        (None, WHOLE, "recorded", None),
    ],
)
def test_a_reward_holds_for_the_recording_alone(
    reward: float | None, way: Way | None, origin: Origin, passed: bool | None
) -> None:
    answer = Answer("a", "m", 1, origin, REPLY, way=way)
    assert grader("outcome").grade(case(reward), answer).passed is passed
