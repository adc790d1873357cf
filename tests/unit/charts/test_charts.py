"""Plots from any figures at all: well-formed, finite, coloured by class only, and saying what is unknown."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pointsman.charts.bars import Bar, Bin, bars, bars_table, histogram, waterfall
from pointsman.charts.calibration import Bucket, reliability
from pointsman.charts.distributions import Spread, ecdf, ecdf_table
from pointsman.charts.figure import figure, table_behind, verdict_mark
from pointsman.charts.forest import Interval, forest, forest_table
from pointsman.charts.lines import Event, Level, Line, Point, time_lines, time_table
from pointsman.charts.scatter import Spot, front_of, scatter, scatter_table
from pointsman.charts.style import CHARTS_CSS, PALETTE_CSS

_ZONE = ZoneInfo("Europe/Berlin")
_HOSTILE = "</svg><script>alert(1)</script>\" onload='x' \x00\u202e\ud800"
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?$")

figures = st.one_of(
    st.none(), st.floats(), st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324, math.inf, math.nan, 1.0, 1e15])
)
names = st.one_of(st.just(_HOSTILE), st.text(max_size=60))
lists = st.lists(st.tuples(figures, figures, figures, names), max_size=12)
widths = st.sampled_from([358, 720])


def _sound(svg: str) -> ET.Element:
    """Fail unless the picture is well-formed, with finite places, no style, no script and no colour of its own."""
    assert "style=" not in svg
    assert "nan" not in re.sub(r"<(title|text|desc)[^>]*>[^<]*|aria-label=\"[^\"]*\"", "", svg)
    assert "#" not in re.sub(r"&#x27;|href=\"#", "", re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "><", svg))
    svg.encode()
    root = ET.fromstring(svg)  # noqa: S314 - our own text
    assert not list(root.iter("script"))
    for one in root.iter():
        assert not [name for name in one.attrib if name.startswith("on")]
        for key in ("x", "y", "cx", "cy", "r", "width", "height", "viewBox"):
            for value in one.get(key, "0").split():
                assert _NUMBER.match(value), (one.tag, key, value)
        for value in re.findall(r"[a-z]+|inf|nan", one.get("d", "")):
            assert value == "h"
    assert root.get("aria-label")
    assert root.get("role") in ("img", "group")
    return root


@settings(max_examples=40)
@given(lists, widths)
def test_lines_stand_up_to_any_figures(
    rows: list[tuple[float | None, float | None, float | None, str]], width: int
) -> None:
    points = [Point(at or 0.0, value, low=other, high=other, n=3, href=name) for at, value, other, name in rows]
    lines = [Line(_HOSTILE, points), Line("b", points[:1], "small")]
    levels = [Level("goal", 0.9, limit=True)]
    _sound(
        time_lines(lines, title="t", unit="ms", zone=_ZONE, levels=levels, events=[Event(1.0, _HOSTILE)], width=width)
    )
    assert "<script" not in time_table(lines, unit="ms", zone=_ZONE)


@settings(max_examples=40)
@given(lists, widths)
def test_bars_stand_up_to_any_figures(
    rows: list[tuple[float | None, float | None, float | None, str]], width: int
) -> None:
    items = [Bar(name, value, href="javascript:alert(1)", note=name) for _, value, _, name in rows]
    for svg in (
        bars(items, title=_HOSTILE, unit="usd", width=width),
        waterfall(items, title="w", unit="usd", width=width),
        histogram([Bin(row[0] or 0.0, row[1] or 0.0, 3) for row in rows], title="h", unit="ms", log=True, width=width),
    ):
        _sound(svg)
        assert "javascript" not in re.sub(r">[^<]*<|aria-label=\"[^\"]*\"", "><", svg)
    assert "<script" not in bars_table(items, unit="usd")


@settings(max_examples=40)
@given(lists, widths)
def test_points_and_intervals_stand_up_to_any_figures(
    rows: list[tuple[float | None, float | None, float | None, str]], width: int
) -> None:
    intervals = [Interval(name, value, low, high, n=1, margin=low, verdict="hold") for value, low, high, name in rows]
    spots = [Spot(name, x, y, y_low=low, y_high=y) for x, y, low, name in rows]
    spread = [Spread(name, [one for one in (a, b, c) if one is not None]) for a, b, c, name in rows]
    buckets = [Bucket(x or 0.0, y, 4, low=low, high=y) for x, y, low, _ in rows]
    words = {"x_unit": "usd", "y_unit": "share", "x_name": "x", "y_name": "y"}
    for svg in (
        forest(intervals, title="f", unit="points", middle=0, width=width),
        scatter(spots, title="s", log_x=True, width=width, **words),  # type: ignore[arg-type]  # literal words
        scatter(spots, title="s", width=width, **words),  # type: ignore[arg-type]  # literal words
        ecdf(spread, title="e", unit="ms", name="wait", width=width),
        reliability(buckets, title="r", threshold=0.5, width=width),
    ):
        _sound(svg)
    for table in (forest_table(intervals, unit="ms"), ecdf_table(spread, unit="ms")):
        assert "<script" not in table
    assert "<script" not in scatter_table(spots, **words)  # type: ignore[arg-type]  # literal words


def test_the_unknown_is_a_gap_and_a_dash() -> None:
    line = Line(
        "a", [Point(0, 1.0), Point(60, 2.0), Point(120, None), Point(180, 2.0), Point(240, math.nan), Point(300, 1.0)]
    )
    svg = time_lines([line], title="t", unit="ms", zone=_ZONE)
    assert len(re.findall(r'class="dot"', svg)) == 4
    assert len(re.findall(r'class="line"', svg)) == 1, "only two neighbours are joined"
    assert ">–<" in bars([Bar("reasoning", None)], title="b", unit="usd")
    assert "nothing to show yet" in time_lines([], title="t", unit="ms", zone=_ZONE)


def test_marks_lead_to_turns_of_this_site_and_nowhere_else() -> None:
    def hrefs(href: str) -> list[str]:
        svg = bars([Bar("a", 1.0, href=href)], title="b", unit="usd")
        return re.findall(r'href="([^"]*)"', svg)

    assert hrefs("/turns?tier=small&x=1") == ["/turns?tier=small&amp;x=1"]
    for bad in ("javascript:alert(1)", "https://evil.example/", "//evil.example", "/\\evil.example", ""):
        assert hrefs(bad) == []


def test_a_waterfall_ends_where_its_parts_lead() -> None:
    parts = [Bar("in", 6.0), Bar("out", 3.0), Bar("saved", -1.0), Bar("all", 8.0, total=True)]
    svg = waterfall(parts, title="w", unit="usd")
    boxes = [
        (float(left), float(left) + float(width))
        for left, width in re.findall(r'<rect class="bar" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    ]
    (in_, out, saved, whole) = boxes
    assert out[0] == pytest.approx(in_[1], abs=0.2)
    assert saved[1] == pytest.approx(out[1], abs=0.2)
    assert whole[0] == pytest.approx(in_[0], abs=0.2)
    assert whole[1] == pytest.approx(saved[0], abs=0.2)


def test_the_front_is_what_none_beats_in_both() -> None:
    points = [(1.0, 0.5), (2.0, 0.4), (2.0, 0.7), (3.0, 0.7), (0.5, 0.2)]
    assert front_of(points) == [4, 0, 2]


def test_names_in_a_scatter_do_not_overlap() -> None:
    spots = [Spot(f"model-{n}", 1 + n * 0.01, 0.8 + n * 0.001) for n in range(14)]
    svg = scatter(spots, title="s", x_unit="usd", y_unit="share", x_name="x", y_name="y")
    boxes = []
    for x, y, anchor, text in re.findall(
        r'<text x="([\d.]+)" y="([\d.]+)" text-anchor="(\w+)" class="halo">([^<]*)', svg
    ):
        size = len(text) * 6.4
        left = float(x) - {"start": 0.0, "middle": size / 2, "end": size}[anchor]
        boxes.append((left, float(y) - 10, left + size, float(y) + 3))
    assert len(boxes) > 3
    for place, a in enumerate(boxes):
        for b in boxes[place + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_a_picture_fits_a_small_screen_with_text_of_twelve() -> None:
    html = figure("c", lambda width: bars([Bar("a" * 80, 1.0)], title="b", unit="usd", width=width))
    assert re.findall(r'viewBox="0 0 (\d+)', html) == ["880", "358"]
    assert "font:12px" in CHARTS_CSS


def test_tables_are_bounded_and_say_so() -> None:
    table = table_behind(["a"], [[str(n)] for n in range(900)])
    assert table.count("<tr>") == 501
    assert "The first 500 of 900 rows." in table


@pytest.mark.parametrize("verdict", ["pass", "fail", "hold"])
def test_a_verdict_has_an_icon_and_a_word(verdict: str) -> None:
    mark = verdict_mark(verdict)  # type: ignore[arg-type]  # one of the three
    assert f'class="verdict {verdict}"' in mark
    assert "<svg" in mark
    assert mark.endswith(f"{verdict}</span>")


def _luminance(colour: str) -> float:
    whole = colour if len(colour) == 6 else "".join(c * 2 for c in colour)
    parts = [int(whole[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear: Callable[[float], float] = lambda c: c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4  # noqa: E731
    r, g, b = map(linear, parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def test_every_colour_of_text_is_readable_on_paper_and_on_a_card() -> None:
    for block in re.findall(r":root\{color-scheme:light dark;([^}]*)|dark\)\{:root\{([^}]*)", PALETTE_CSS):
        colours = dict(re.findall(r"--([a-z]+):#([0-9a-f]+)", "".join(block)))
        for ground in ("paper", "card"):
            for name in ("ink", "dim", "small", "mid", "flagship", "pass", "fail", "hold"):
                light, dark = sorted((_luminance(colours[name]), _luminance(colours[ground])), reverse=True)
                assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)
