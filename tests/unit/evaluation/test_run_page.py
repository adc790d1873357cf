from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from pointsman.domain.message import Message, Text, ToolCall, ToolResult
from pointsman.domain.reply import Reply
from pointsman.evaluation.answers import Answer, Way
from pointsman.evaluation.case_file import HEAD, encode_case
from pointsman.evaluation.flip_html import flip_html
from pointsman.evaluation.flip_views import FlipView, FlipViews, Side, flip_views
from pointsman.evaluation.gate import Flip, Gate, judge
from pointsman.evaluation.gate_arms import Arm, pairs_of, read_arm
from pointsman.evaluation.gate_policy import GatePolicy
from pointsman.evaluation.run_extent import extents
from pointsman.evaluation.run_log import GradeRow, RunHead
from pointsman.evaluation.run_page import Comparison, page
from pointsman.evaluation.run_summary import summarise
from support.replay_runs import CASES, HOSTILE, hostile_case, write_runs


def rows(model: str, usd: str, right: int) -> list[GradeRow]:
    return [
        GradeRow(
            f"c{n}", "c", f"k{n}", model, 1, "recorded", n < right, None if n < right else "wrong_value",
            usd=Decimal(usd), latency_ms=100.0 + n, ttft_ms=50.0 + n, input_tokens=100, output_tokens=20,
            tags={HOSTILE: "a" if n % 2 else HOSTILE},
        )
        for n in range(CASES)
    ]  # fmt: skip


class Seen(HTMLParser):
    """What a browser would make of the page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []
        self.attributes: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data


def seen(text: str) -> Seen:
    found = Seen()
    found.feed(text)
    assert not found.tags & {"script", "img", "link", "iframe"}
    assert all(source.startswith("#") for source in found.sources)
    assert "style" not in found.attributes
    assert not {name for name in found.attributes if name.startswith("on")}
    assert "http" not in found.words
    return found


def test_the_page_stands_alone_and_obeys_nobody() -> None:
    made = [*rows(HOSTILE, "0.001", 30), *rows("dear", "0.1", 36), *rows("bad", "0.2", 20)]
    head = RunHead(HOSTILE, "v", CASES, CASES, "fixed", (HOSTILE, "dear"), 1, "strict@1")
    text = page(head, summarise(made), extents(made))
    found = seen(text)
    assert {"svg", "circle", "table", "details"} <= found.tags
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    words = found.words.replace("\u202f", " ")
    assert "dear is right most often: 90.0 % (76.9 to 96.0), n = 40" in words
    assert "Right answers against cost" in words
    assert "How the time to first token is spread" in words
    assert "wrong value" in words


def test_a_page_of_one_model_without_costs() -> None:
    head = RunHead("c", "v", 1, 1, "free", ("m",), 1, "strict@1")
    text = page(head, summarise([GradeRow("a", "c", "a", "m", 1, "simulated", None)]))
    assert "Nothing was graded" in text
    assert "Simulated models answered" in text
    assert "nan" not in text.lower().replace("nancy", "")


def test_a_run_of_nothing_is_a_page_too() -> None:
    seen(page(RunHead("c", "v", 0, 0, "fixed", (), 1, "strict@1"), ()))


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> tuple[Arm, Arm, Gate]:
    folder = tmp_path_factory.mktemp("runs")
    old, new = (read_arm(str(run)) for run in write_runs(folder))
    return old, new, judge(old, new, pairs_of(old, new), GatePolicy())


def test_flips_are_read_with_what_both_arms_said(arms: tuple[Arm, Arm, Gate]) -> None:
    old, new, gate = arms
    found = flip_views(gate, old, new, 50)
    assert found.missing == ""
    assert [(view.flip.case, view.lost) for view in found.views] == [
        ("c1", True),
        ("c2", True),
        ("c3", True),
        ("c7", False),
    ]
    first = found.views[0]
    assert first.case is not None
    assert first.case.turn.messages[1].text.startswith("1:")
    assert [
        side.answer.reply.tool_calls[0].arguments
        for side in (first.old, first.new)
        if side.answer and side.answer.reply
    ] == [
        '{"amount":5,"id":"K1"}',
        '{"amount":6,"id":"K1"}',
    ]


def test_the_flips_page_marks_what_differs_and_obeys_nobody(arms: tuple[Arm, Arm, Gate]) -> None:
    old, new, gate = arms
    views = flip_views(gate, old, new, 2)
    head = new.head
    text = page(head, (), {}, Comparison("old", "new", gate, views, "pointsman gate --flips 4"))
    found = seen(text)
    words = found.words.replace("\u202f", " ")
    assert "3 lost, 1 gained" in words
    assert "The first 2 are below, and 2 more are listed by pointsman gate --flips 4" in words
    assert "<mark>6</mark>" in text
    assert "<mark>5</mark>" in text
    assert "Customer" in words
    assert "look_up" in words
    assert "error" in words
    assert '5 or "5"' in words


def test_flips_without_their_case_file_say_so(arms: tuple[Arm, Arm, Gate], tmp_path: Path) -> None:
    old, new, gate = arms
    gone = flip_views(gate, old, new, 5, tmp_path / "gone.jsonl")
    assert "gone.jsonl is not there" in gone.missing
    assert gone.views[0].case is None
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(HEAD + encode_case(hostile_case(1, "other words")))
    assert "changed" in flip_views(gate, old, new, 5, changed).missing


def test_replies_of_any_shape_are_shown(arms: tuple[Arm, Arm, Gate]) -> None:
    raw = Answer("c", "m", 1, "recorded", text_calls=f"[refund({HOSTILE})]")
    broken = Reply(
        "", "m", (ToolCall("1", "a", "{not json"), ToolCall("2", "b", "[1]"), ToolCall("3", "c", "")), "tool_use"
    )
    shapes = (None, raw, Answer("c", "m", 1, "live", error=HOSTILE), Answer("c", "m", 1, "live", broken))
    for answer in (*shapes, Answer("c", "m", 1, "live", Reply("", "m", (Text("x" * 9000),), "end_turn"))):
        flip = Flip("c", "k", 0.5, 0.25, HOSTILE, {"tag": HOSTILE})
        text = flip_html(FlipView(flip, True, None, Side("m", 0.5, answer), Side("n", 0.25, raw)), 1)
        seen(text)
        assert len(text) < 20_000


def test_conversations_that_ran_on_freely_mark_where_they_part(arms: tuple[Arm, Arm, Gate]) -> None:
    def ran(amount: str) -> Answer:
        said = (
            Message("assistant", (Text("Same start."), ToolCall("1", "refund", amount))),
            Message("tool", (ToolResult("1", (Text("done"),)),)),
        )
        return Answer(
            "c", "m", 1, "recorded", Reply("", "m", (), "end_turn"), way=Way(said, 1, whole=False, divergence=HOSTILE)
        )

    flip = Flip("c", "k", 1.0, 0.0, "", {})
    text = flip_html(FlipView(flip, True, None, Side("m", 1, ran('{"a": 5}')), Side("n", 0, ran('{"a": 6}'))), 1)
    seen(text)
    assert text.count("Same start.") == 2
    assert text.count('class="flip-alone"') == 2
    assert "right before, wrong now" in text


def test_two_thousand_flips_are_bounded(arms: tuple[Arm, Arm, Gate]) -> None:
    old, new, gate = arms
    many = tuple(Flip(f"x{n}", "k", 1.0, 0.0, "why", {}) for n in range(2000))
    huge = msgspec.structs.replace(gate, lost=many, gained=())
    shown = FlipViews(tuple(FlipView(one, True, None, Side("a", 1, None), Side("b", 0, None)) for one in many[:50]))
    text = page(new.head, (), {}, Comparison(old.model, new.model, huge, shown, "pointsman gate"))
    assert text.count('<article class="flip"') == 50
    assert "and 1\u202f950 more" in text
