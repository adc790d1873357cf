from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pointsman.domain.message import Image, Message, Refusal, Text, Tool
from pointsman.domain.record import CheckRecord
from pointsman.errors import UsageError
from pointsman.learning.distill import Exported
from pointsman.learning.distill_card import REASONS, card
from pointsman.learning.distill_files import SPLITS
from support.trained import STRONG, WEAK, Shop, agent, called, lines, returned, user

SECRET = "ada.finch@post.example"


def _fail(word: str, **changes: Any) -> Any:
    return pytest.param(word, changes, id=word)


@pytest.mark.parametrize(
    ("word", "changes"),
    [
        _fail("no_consent", consent=None),
        _fail("no_consent", consent="no"),
        _fail("not_strong", model=WEAK),
        _fail("simulated", simulated=True),
        _fail("not_answered", status="error"),
        _fail("truncated", stop="max_tokens"),
        _fail("refusal", said=(Refusal("I cannot."),)),
        _fail("refusal", stop="refusal"),
        _fail("empty", said=" "),
        _fail("check_failed", checks=(CheckRecord("plan.must_mention", False, STRONG, "released"),)),
        _fail("bad_tool_call", said=(called("x", "{}"),)),
        _fail("bad_tool_call", said=(called("x"),), tools=()),
        _fail("tool_name", tools=(Tool("orders.get"),)),
    ],
)
def test_a_turn_that_is_no_example_is_left_out_and_counted(shop: Shop, tmp_path: Path, word: str, changes: Any) -> None:
    shop.turn()
    shop.turn(**changes)
    done = shop.export(tmp_path / "set")
    assert (done.written, done.left_out) == (1, {word: 1})


def test_a_picture_is_left_out(shop: Shop, tmp_path: Path) -> None:
    shop.turn(Message("user", (Text("What is this?"), Image(url="http://a.example/b.png"))))
    assert shop.export(tmp_path / "set").left_out == {"attachment": 1}


def test_a_check_that_passed_at_last_is_no_fault(shop: Shop, tmp_path: Path) -> None:
    first = CheckRecord("contract ticket@1", False, WEAK, "escalated")
    shop.turn(checks=(first, CheckRecord("contract ticket@1", True, STRONG, "released")))
    assert shop.export(tmp_path / "set").written == 1


@pytest.mark.parametrize("said", [{"thumb": "down"}, {"rating": 2}])
def test_a_turn_that_somebody_disliked_is_left_out(shop: Shop, tmp_path: Path, said: Any) -> None:
    shop.feedback(shop.turn(), **said)
    assert shop.export(tmp_path / "set").left_out == {"negative_feedback": 1}


@pytest.mark.parametrize("said", [{"resolved": False}, {"escalated": True}, {"reopened": True}, {"csat": 1.0}])
def test_a_conversation_that_ended_badly_is_left_out(shop: Shop, tmp_path: Path, said: Any) -> None:
    shop.turn(conversation="c")
    shop.ended("c", **said)
    assert shop.export(tmp_path / "set").left_out == {"negative_outcome": 1}


def test_a_sieve_of_ones_own_has_a_say(shop: Shop, tmp_path: Path) -> None:
    shop.turn(said="Yes, dear.")
    shop.turn(said="Certainly.")
    done = shop.export(tmp_path / "set", sieves=[lambda sample: "scorecard" if "dear" in sample.said.text else None])
    assert (done.written, done.left_out) == (1, {"scorecard": 1})


def test_consent_on_another_ground_asks_no_metadata(shop: Shop, tmp_path: Path) -> None:
    shop.turn(consent=None)
    done = shop.export(tmp_path / "set", consent_ground="Terms of service, 4.2")
    assert done.written == 1
    assert "Consent: Terms of service, 4.2." in card(done, "1")


def test_models_to_learn_from_can_be_named(shop: Shop, tmp_path: Path) -> None:
    shop.turn()
    shop.turn(model=WEAK)
    assert shop.export(tmp_path / "set", strong=frozenset({WEAK})).models == {WEAK: 1}


def test_no_conversation_is_in_two_files(shop: Shop, tmp_path: Path) -> None:
    for n in range(120):
        shop.turn(user(f"Question {n} about item {n * 7}"), conversation=f"talk-{n % 40}", said=f"Answer {n}.")
    done = shop.export(tmp_path / "set", shares=(60, 20, 20))
    found = {
        split: {json.loads(line)["conversation"] for line in _provenance(tmp_path / "set", split)} for split in SPLITS
    }
    assert all(found.values())
    assert not found["train"] & found["valid"]
    assert not found["train"] & found["test"]
    assert not found["valid"] & found["test"]
    assert sum(done.lines.values()) == 120
    assert {split: len(one) for split, one in found.items()} == done.conversations


def _provenance(folder: Path, split: str) -> list[str]:
    return (folder / f"{split}.provenance.jsonl").read_text().splitlines()


def test_personal_data_is_in_no_file(shop: Shop, tmp_path: Path) -> None:
    call = called("call-of-ada", json.dumps({"id": SECRET}))
    shop.turn(
        Message("system", (Text(f"Escalate to {SECRET}."),)),
        user(f"I am {SECRET}, card 4111 1111 1111 1111."),
        Message("assistant", (call,)),
        returned("call-of-ada", json.dumps({"mail": SECRET, "iban": "DE89 3704 0044 0532 0130 00"})),
        said=f"Dear {SECRET}, done.",
        conversation=SECRET,
    )
    for target in ("chat", "sharegpt", "router"):
        done = shop.export(tmp_path / target, target)
        assert done.written == 1
        written = b"".join(path.read_bytes() for path in (tmp_path / target).iterdir()).decode()
        assert SECRET not in written
        assert "4111" not in written
        assert "3704 0044" not in written
        assert "[EMAIL_" in written


def test_what_cannot_be_redacted_is_left_out(shop: Shop, tmp_path: Path) -> None:
    nested: Any = "x"
    for _ in range(300):
        nested = [nested]
    shop.turn(user("look"), Message("assistant", (called("c", json.dumps({"id": nested})),)), returned("c", "no"))
    assert shop.export(tmp_path / "set").left_out == {"redaction_failed": 1}


def test_the_same_store_and_seed_give_the_same_bytes(shop: Shop, tmp_path: Path) -> None:
    for n in range(30):
        shop.turn(user(f"Item {n}, mail a{n}@b.example"), said=f"Answer {n}.")
    for target in ("chat", "sharegpt", "router", "dpo"):
        first, again = tmp_path / f"{target}-1", tmp_path / f"{target}-2"
        one, two = shop.export(first, target), shop.export(again, target)
        assert card(one, "1") == card(two, "1")
        names = sorted(path.name for path in first.iterdir())
        assert names == sorted(path.name for path in again.iterdir())
        assert all((first / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_another_seed_splits_otherwise(shop: Shop, tmp_path: Path) -> None:
    for n in range(40):
        shop.turn(user(f"Item {n}"), said=f"Answer {n}.")
    shop.export(tmp_path / "a", shares=(50, 25, 25))
    shop.export(tmp_path / "b", shares=(50, 25, 25), seed=1)
    assert lines(tmp_path / "a", "test") != lines(tmp_path / "b", "test")


def test_copies_are_left_out(shop: Shop, tmp_path: Path) -> None:
    long = "My kettle from the autumn sale leaks at the handle whenever it boils, what can I do about that, please?"
    shop.turn(user(long))
    shop.turn(user(long))
    shop.turn(user(long.replace("please?", "please!!")))
    shop.turn(user(long + " Thanks."))
    shop.turn(user("The pan from the spring sale has a scratch in its coating after one week, is that covered?"))
    done = shop.export(tmp_path / "set")
    assert (done.written, done.left_out) == (2, {"near_duplicate": 2, "duplicate": 1})


def test_short_answers_of_different_talks_are_no_copies(shop: Shop, tmp_path: Path) -> None:
    for n in range(3):
        shop.turn(user(f"Question {n}"), agent(f"Answer {n}. Is that all?"), user("Thanks"), said="You are welcome.")
    assert shop.export(tmp_path / "set").written == 3


@pytest.mark.parametrize(
    "asked",
    [
        "Where is my blue order?",
        "where is MY blue order",
        "Hello there! I wrote that the parcel with the two red lamps came on Monday without the bulbs, see?",
    ],
)
def test_what_an_evaluation_set_holds_is_kept_out(shop: Shop, tmp_path: Path, asked: str) -> None:
    shop.turn(user(asked))
    shop.turn(user("Something else altogether"))
    done = shop.export(tmp_path / "set", exclude=[_cases(tmp_path)])
    assert (done.written, done.left_out) == (1, {"in_evaluation_set": 1})
    assert done.excluded[0].cases == 2


def _cases(tmp_path: Path) -> Path:
    path = tmp_path / "eval.jsonl"
    rows = [
        {
            "messages": [
                {"role": "system", "content": "You help."},
                {"role": "user", "content": "Where is my blue order?"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "The parcel with the two red lamps came on Monday without the bulbs, help!"}
            ]
        },
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def test_an_answer_that_stands_in_an_evaluation_set_is_kept_out(shop: Shop, tmp_path: Path) -> None:
    said = "You can send it back within thirty days, and the label for that is already in your account."
    path = tmp_path / "eval.jsonl"
    path.write_text(json.dumps({"messages": [{"role": "user", "content": "Hm"}], "gold": {"reply": said}}))
    shop.turn(said=said)
    assert shop.export(tmp_path / "set", exclude=[path]).left_out == {"in_evaluation_set": 1}


def test_a_conversation_that_became_a_case_is_kept_out_as_a_whole(shop: Shop, tmp_path: Path) -> None:
    shop.turn(conversation="c")
    shop.turn(conversation="c")
    path = tmp_path / "eval.jsonl"
    path.write_text(json.dumps({"conversation": "c", "messages": [{"role": "user", "content": "anything"}]}))
    assert shop.export(tmp_path / "set", exclude=[path]).left_out == {"in_evaluation_set": 2}


def test_the_same_system_prompt_is_no_overlap(shop: Shop, tmp_path: Path) -> None:
    prompt = "You are the agent of a shop and answer in at most four short sentences, always friendly and to the point."
    path = tmp_path / "eval.jsonl"
    row = [{"role": "system", "content": prompt}, {"role": "user", "content": "Do you ship to Norway?"}]
    path.write_text(json.dumps({"messages": row}))
    shop.turn(Message("system", (Text(prompt),)), user("How much is delivery?"))
    assert shop.export(tmp_path / "set", exclude=[path]).written == 1


def test_an_evaluation_set_with_a_broken_line_is_refused(shop: Shop, tmp_path: Path) -> None:
    path = _cases(tmp_path)
    path.write_text(path.read_text() + "\nbroken")
    with pytest.raises(UsageError, match="line 3 cannot be read"):
        shop.export(tmp_path / "set", exclude=[path])


def test_lines_say_where_they_come_from(shop: Shop, tmp_path: Path) -> None:
    turn = shop.turn(conversation="c-17")
    shop.export(tmp_path / "set", licence="internal only", shares=(1, 0, 0))
    (line,) = _provenance(tmp_path / "set", "train")
    found = json.loads(line)
    assert found | {"conversation": ""} == {
        "turn": turn,
        "conversation": "",
        "model": STRONG,
        "route": "direct",
        "policy": "pol1",
        "prompts": ["worker@abc123"],
        "at": "2026-11-18",
        "licence": "internal only",
        "consent": "metadata training_consent",
    }
    assert "c-17" not in line


def test_an_export_leaves_nothing_of_an_earlier_one(shop: Shop, tmp_path: Path) -> None:
    shop.turn()
    shop.export(tmp_path / "set")
    shop.export(tmp_path / "set", "sharegpt")
    assert sorted(path.name for path in (tmp_path / "set").iterdir()) == ["test.jsonl", "train.jsonl", "valid.jsonl"]


def test_the_card_tells_what_was_left_out_and_what_to_mind(shop: Shop, tmp_path: Path) -> None:
    shop.turn()
    shop.turn(consent=None)
    done: Exported = shop.export(tmp_path / "set", exclude=[_cases(tmp_path)])
    text = card(done, "9.9")
    assert "1 lines of 2 recorded turns, written by Pointsman 9.9." in text
    assert "| 1 | no_consent: no consent to train on it |" in text
    assert f"* eval.jsonl, version {done.excluded[0].version}, 2 cases" in text
    assert "A provider's terms may restrict training" in text
    assert set(done.left_out) <= set(REASONS)


@pytest.mark.parametrize("shares", [(0, 0, 0), (-1, 2, 2)])
def test_shares_that_are_none_are_refused(shop: Shop, tmp_path: Path, shares: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="shares"):
        shop.export(tmp_path / "set", shares=shares)
