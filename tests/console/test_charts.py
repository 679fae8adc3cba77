"""Charts: what is drawn is what was given, nothing in them is inline, and they can be read where pages are narrow."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest

from gateway.console import charts
from gateway.kernel.money import Money
from gateway.locale import show_money

SVG = "{http://www.w3.org/2000/svg}"
HOURS = [f"{hour} h" for hour in range(24)]


def plain(figure: float) -> str:
    return f"{figure:.0f}"


def drawing(made: str) -> ElementTree.Element:
    """The picture alone, as a browser parses it."""
    return ElementTree.fromstring(made[: made.index("</svg>") + len("</svg>")])


def series_of(root: ElementTree.Element) -> list[ElementTree.Element]:
    return [one for one in root.iter(f"{SVG}g") if "series" in one.get("class", "").split()]


def heights(one: ElementTree.Element) -> list[float]:
    return [float(each.get("height", "")) for each in one.iter(f"{SVG}rect")]


def test_each_bar_is_as_high_as_its_figure() -> None:
    figures = [[100, 300, 50], [200, 0, 400]]
    made = charts.bars("Day", ["7 h", "8 h", "9 h"], [("A", figures[0]), ("B", figures[1])], plain)
    drawn = [heights(one) for one in series_of(drawing(made))]
    scale = drawn[0][0] / 100
    assert drawn[0] == pytest.approx([each * scale for each in figures[0]], abs=0.2)
    assert drawn[1] == pytest.approx([200 * scale, 400 * scale], abs=0.2)  # of nothing there is no bar


def test_parts_of_a_whole_lie_on_each_other() -> None:
    made = charts.areas("Year", ["a", "b"], [("A", [100, 200]), ("B", [50, 100])], plain)
    corners = [
        [tuple(map(float, each)) for each in re.findall(r"([\d.]+) ([\d.]+)", path.get("d", ""))]
        for path in (one.find(f".//{SVG}path") for one in series_of(drawing(made)))
        if path is not None
    ]
    floor = max(y for _, y in corners[0])
    a_right, b_right = (floor - min(y for _, y in one) for one in corners)
    assert a_right / b_right == pytest.approx(200 / 300, abs=0.02)


def test_the_axis_says_figures_as_the_page_does() -> None:
    made = charts.bars("Day", ["7 h"], [("A", [1_250_000])], lambda minor: show_money(Money(round(minor), "KES"), "fr"))
    said = [one.text or "" for one in drawing(made).iter(f"{SVG}text")]
    assert any(each.endswith(" KES") and each.replace("\u202f", " ").startswith(("10 000", "12 000")) for each in said)
    assert not any("0000" in each for each in said)


@pytest.mark.parametrize("kind", [charts.bars, charts.areas])
def test_nothing_is_inline_and_names_stay_text(kind: Any) -> None:
    made = kind('<b onclick="x()">Day</b>', ["<i>7</i>"], [("A & <script>", [5])], plain)
    root = drawing(made)
    for each in root.iter():
        assert each.tag.removeprefix(SVG) in {"svg", "g", "path", "rect", "text"}
        assert not {name for name in each.attrib if name == "style" or name.startswith(("on", "{"))}
    assert "<script" not in made
    assert "A &amp; &lt;script&gt;" in made
    assert root.get("aria-label") == '<b onclick="x()">Day</b>'
    assert root.get("role") == "img"
    assert [one.text for one in root.iter(f"{SVG}text")][-1] == "<i>7</i>"


@pytest.mark.parametrize("kind", [charts.bars, charts.areas])
def test_it_takes_whatever_width_there_is(kind: Any) -> None:
    root = drawing(kind("Day", ["1", "2"], [("A", [1, 2])], plain))
    assert root.get("viewBox") == f"0 0 {charts.WIDTH} {charts.HEIGHT}"
    assert root.get("width") is None
    assert charts.WIDTH <= 360  # what is said on it is hardly smaller on the narrowest screen


def labels_on(made: str) -> Sequence[str]:
    axis = next(one for one in drawing(made).iter(f"{SVG}g") if one.get("class") == "axis x")
    return [one.text or "" for one in axis.iter(f"{SVG}text")]


def test_a_long_axis_names_some_of_its_places() -> None:
    made = charts.bars("Day", HOURS, [("A", [1] * 24)], plain)
    assert labels_on(made) == ["0 h", "4 h", "8 h", "12 h", "16 h", "20 h"]
    assert labels_on(charts.bars("Day", HOURS[:4], [("A", [1] * 4)], plain)) == HOURS[:4]


def test_charts_are_small() -> None:
    three = [(name, [1_000 * (1 + place) * (1 + number) for place in range(24)]) for number, name in enumerate("ABC")]
    bars = charts.bars("Day", HOURS, three, lambda minor: show_money(Money(round(minor), "XOF"), "fr"))
    six = [(name, [1_000 * (1 + place % 5) + number for place in range(14)]) for number, name in enumerate("ABCDEF")]
    areas = charts.areas("Year", [f"{month:02}/26" for month in range(14)], six, plain)
    for made, most in ((bars, 6_000), (areas, 6_000)):
        assert len(made) < most
        assert len(gzip.compress(made.encode())) < 2_000


def test_without_figures_there_is_no_error() -> None:
    for made in (
        charts.bars("Nothing", [], [("A", [])], plain),
        charts.areas("Nothing", ["1"], [("A", [0])], plain),
        charts.bars("Nothing", [], [], plain),
    ):
        assert drawing(made).get("role") == "img"
