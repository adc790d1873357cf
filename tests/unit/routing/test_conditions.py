from __future__ import annotations

import pytest

from pointsman.routing.conditions import BadCondition, Condition, Reader, Vocabulary
from pointsman.routing.policy_names import vocabulary


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return vocabulary()


@pytest.mark.parametrize(
    "source",
    [
        "size.tokens >= 2000",
        "sentiment.negative || history.escalated && !tools.needed",
        "intent.name in ['faq', 'size.tokens', \"tools.needed\"] && intent.risk != 'high'",
        "personal_data.kinds.exists(kind, kind == 'email')",
        "'email' in personal_data.kinds || personal_data.kinds.size() > 1",
        "has(size.tokens) && size.tokens > 5",
        "turn.metadata.exists(key, key == 'plan')",
        "'plan' in turn.metadata && turn.metadata['plan'] == 'pro'",
        "size . tokens > 5 ? sentiment.negative : channel.voice",
        "intent.name.startsWith('re') || language.code == 'en'",
    ],
)
def test_the_fast_form_of_a_condition_says_the_same(words: Vocabulary, source: str) -> None:
    condition = Condition(source)
    words.check(condition)
    reader = Reader([condition])
    for sample in words.samples:
        assert condition.holds(reader.context(sample)) == condition.program.execute(sample)


def test_both_forms_can_stand_in_one_policy(words: Vocabulary) -> None:
    fast, whole = Condition("size.tokens > 5"), Condition("has(size.tokens) && size.tokens > 5")
    assert fast.flat is not None
    assert whole.flat is None
    reader = Reader([fast, whole])
    for sample in words.samples:
        context = reader.context(sample)
        assert fast.holds(context) == whole.holds(context)


@pytest.mark.parametrize("source", ["((((", "size.tokens >", "", "size.tokens = 5", "a" * 5000 + ".b"])
def test_what_is_no_condition_is_refused(words: Vocabulary, source: str) -> None:
    with pytest.raises(BadCondition):
        words.check(Condition(source))
