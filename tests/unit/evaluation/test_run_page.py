from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from pointsman.evaluation.run_log import GradeRow, RunHead
from pointsman.evaluation.run_page import front_of, page
from pointsman.evaluation.run_summary import summarise

HOSTILE = "<script>alert(1)</script>'\"&"


def rows(model: str, usd: str, right: int) -> list[GradeRow]:
    return [
        GradeRow(
            f"c{n}", "c", f"k{n}", model, 1, "recorded", n < right, None if n < right else "wrong_value",
            usd=Decimal(usd), latency_ms=100.0 + n, tags={HOSTILE: "a" if n % 2 else HOSTILE},
        )
        for n in range(40)
    ]  # fmt: skip


class Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]


def test_the_page_stands_alone_and_obeys_nobody() -> None:
    made = [*rows(HOSTILE, "0.001", 30), *rows("dear", "0.1", 36), *rows("bad", "0.2", 20)]
    head = RunHead(HOSTILE, "v", 40, 40, "fixed", (HOSTILE, "dear"), 1, "strict@1")
    text = page(head, summarise(made))
    seen = Seen()
    seen.feed(text)
    assert "script" not in seen.tags
    assert seen.sources == []
    assert "http" not in text
    assert {"svg", "circle", "table"} <= seen.tags
    assert "dear is right most often: 90.0%" in text
    assert "wrong_value" in text


def test_a_page_of_one_model_without_costs() -> None:
    head = RunHead("c", "v", 1, 1, "free", ("m",), 1, "strict@1")
    text = page(head, summarise([GradeRow("a", "c", "a", "m", 1, "simulated", None)]))
    assert "Nothing was graded" in text
    assert "Simulated" in text


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_nothing_beats_the_front(points: list[tuple[int, int]]) -> None:
    front = {points[place] for place in front_of(points)}
    beaten = {a for a in points for b in points if b != a and b[0] <= a[0] and b[1] >= a[1]}
    assert front == set(points) - beaten
