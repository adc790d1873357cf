"""What fills the review queue: pairs that a judge compared, some of them labelled, and a turn to pass or fail."""

from __future__ import annotations

import time

from browser.hostile import EVIL
from pointsman.domain.message import Message, Text, ToolCall
from pointsman.domain.reply import Reply
from pointsman.evaluation.labels_shown import Shown, encode_shown
from pointsman.store import Store
from pointsman.store.labels import PREFERENCE, Item, Judgement, Label, Labels, item_id

JUDGE = "anthropic/claude-opus-4-8"


def seed(store: Store) -> None:
    """Put 130 judged pairs into the queue, 110 labelled by one person, some by two."""
    _fill(store, [f"Where is my order {n}?" for n in range(130)], 110)


def seed_hostile(store: Store) -> None:
    """Put pairs into the queue of which every text tries to break out, and turns of the store."""
    _fill(store, [*EVIL], 3)
    turns = [row.id for row in store.turns(limit=5)]
    items = [
        Item(
            item_id("turn", turn),
            "reply",
            "turn",
            f"scorecard:{EVIL[0]}",
            EVIL[1][:40],
            EVIL[2],
            1,
            turn,
            EVIL[3],
            None,
            0.5,
        )
        for turn in turns
    ]
    Labels(store).add(items)


def _fill(store: Store, texts: list[str], labelled: int) -> None:
    now = time.time_ns() // 1000
    labels = Labels(store)
    items, judged = [], []
    for number, text in enumerate(texts):
        call = ToolCall("c1", text[:100], f'{{"order": "{number}"}}')
        shown = Shown(
            (Message("system", (Text(text),)), Message("user", (Text(text),))),
            Reply("", "a", (Text(f"{text} I do not know."),), "end_turn"),
            Reply("", "b", (Text("I look it up."), call), "tool_use"),
            ("openai/gpt-5-mini", text[:80]),
        )
        name = item_id("pair", text[:500])
        items.append(
            Item(name, "pair", "run", PREFERENCE, "", "Which reply serves this customer better?", now, None, f"k{number}",
                 encode_shown(shown), float(number))
        )  # fmt: skip
        flipped = number % 7 == 0
        verdict = "tie" if flipped else "b" if number % 3 else "a"
        judged.append(Judgement(name, JUDGE, "5ab18cb83724", PREFERENCE, verdict, now, flipped, text[:200]))
    labels.add(items, judged)
    for number, item in enumerate(items[:labelled]):
        labels.say(Label(item.id, "ada", "b" if number % 3 or number % 5 == 0 else "a", now, note=texts[number][:100]))
        if number % 4 == 0:
            labels.say(Label(item.id, texts[number][:60] if labelled < 10 else "bob", "b", now))
