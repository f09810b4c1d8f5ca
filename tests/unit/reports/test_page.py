"""The HTML of a report: whole, harmless, the same twice, and with real charts."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from lomi_ops.cli.report_formats import ReportFormat, charts, writer
from lomi_ops.domain.report import Chart, Column, Line, Shape, Table, Unit
from lomi_ops.errors import MissingExtra
from tests import browser
from tests.conftest import need
from tests.unit.reports.test_formats import EMPTY, ODD, REPORT, written

HARD = ("$\\frac{", "_hidden", *ODD)
LABELS = tuple(f"{hour:02}:00" for hour in range(12))


@cache
def page() -> str:
    return written(ReportFormat.HTML)


def chart(shape: Shape, names: tuple[str, ...] = HARD) -> Chart:
    """Odd words as names, with gaps in the values."""
    lines = tuple(Line(name, tuple(None if hour % 5 == 0 else hour + number for hour in range(12)))
                  for number, name in enumerate(names))  # fmt: skip
    return Chart("odd", "odd", Unit.COUNT, LABELS, lines, shape)


def drawn(what: Chart) -> Axes:
    figure = Figure()
    charts._draw(what, figure, axes := figure.add_subplot())
    return axes


class Words(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "span"):
            self.cells.append(data)


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("names", [HARD[:6], HARD[5:]])
def test_a_chart_of_any_shape_is_sound_svg_whatever_its_words_are(shape: Shape, names: tuple[str, ...]) -> None:
    text = charts.svg(chart(shape, names), "c1")
    root = ET.fromstring(text)
    words = "".join(root.itertext())

    assert "<script>" not in text
    if names[0] == HARD[0]:
        assert "$\\frac{" in words
        assert "hidden" in words, "a legend leaves out what begins with _"
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert all(each.startswith("c1-") for each in ids)
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    assert set(re.findall(r'xlink:href="#([^"]+)"', text)) <= set(ids)


@pytest.mark.parametrize("shape", Shape)
@pytest.mark.parametrize("values", [(None,), (0,)])
def test_a_chart_of_one_value_or_of_none_can_be_drawn(shape: Shape, values: tuple[float | None, ...]) -> None:
    ET.fromstring(charts.svg(Chart("one", "one", Unit.MS, ("00:00",), (Line("a", values),), shape), "c"))


@pytest.mark.parametrize("shape", [Shape.LINE, Shape.STACK])
def test_what_is_highest_lies_below_the_edge_and_every_part_is_as_wide(shape: Shape) -> None:
    lines = (Line("a", (0.2, 0.2, 0.2)), Line("b", (0.1, 0.1, None)))
    axes = drawn(Chart("c", "c", Unit.SHARE, ("x", "y", "z"), lines, shape))

    assert axes.get_ylim()[1] > (0.31 if shape is Shape.STACK else 0.205)
    assert axes.get_ylim()[1] < 0.4
    if shape is Shape.STACK:
        edges = axes.collections[0].get_datalim(axes.transData)
        assert (edges.x0, edges.x1) == (-0.5, 2.5)


def test_labels_stand_askew_where_a_legend_takes_their_room() -> None:
    days = tuple(f"11-{day} 00:00" for day in range(16, 24))
    values = tuple(range(8))
    alone = drawn(Chart("c", "c", Unit.COUNT, days[:7], (Line("a", values[:7]),)))
    beside = drawn(Chart("c", "c", Unit.COUNT, days[:7], (Line("a", values[:7]), Line("b", values[:7])), Shape.STACK))

    assert {each.get_rotation() for each in alone.get_xticklabels()} == {0}
    assert {each.get_rotation() for each in beside.get_xticklabels()} == {30}


@pytest.mark.parametrize(
    ("days", "told"),
    [(("2026-11-16", "2026-11-17 (23 h)"), ["11-16", "11-17 (23 h)"]), (("2026-12-31", "2027-01-01"), None)],
)
def test_days_of_one_year_are_told_without_it(days: tuple[str, ...], told: list[str] | None) -> None:
    axes = drawn(Chart("c", "c", Unit.COUNT, days, (Line("a", (1, 2)),)))

    assert [each.get_text() for each in axes.get_xticklabels()] == (told or list(days))


def test_more_reasons_than_colours_are_one_part_of_the_stack_and_a_long_one_leaves_room_for_it(tmp_path: Path) -> None:
    lines = tuple(Line(f"reason {number} " + "that goes on and on " * 9, (number, 1)) for number in range(30))
    text = charts.svg(Chart("c", "c", Unit.COUNT, ("x", "y"), lines, Shape.STACK), "c1")
    words = [each.strip() for each in ET.fromstring(text).itertext() if each.strip()]

    assert "23 others" in words
    assert "reason 29 that goes on…" in words
    assert max(map(len, words)) < 100


def test_a_column_that_says_nothing_is_left_out_of_the_page() -> None:
    columns = (Column("what", "what"), Column("example", "the latest"), Column("command", "look further"),
               Column("text", "in words"))  # fmt: skip
    table = Table("t", "t", columns, (("photo failed", "an-id", "lomi review show an-id", ""),))
    text = writer(ReportFormat.HTML)(replace(REPORT, tables=(table,), charts=()))

    assert "look further" in text
    assert "the latest" not in text
    assert "in words" not in text


@pytest.fixture
def with_browser() -> None:
    need(browser.chromium(), "chromium-headless-shell")


def test_a_browser_draws_the_page_with_its_bars_and_charts(tmp_path: Path, with_browser: None) -> None:
    picture = tmp_path / "report.png"
    browser.photographed(page(), picture, 900, 2400)
    with Image.open(picture) as image:
        found = {colour for _, colour in image.convert("RGB").getcolors(900 * 2400) or ()}

    assert {(0x25, 0x63, 0xA8), (0xD9, 0x82, 0x2B)} <= found, "the style of bars and the second line of a stack"
    assert (0x08, 0x30, 0x6B) in found, "the darkest cell of the heat map"


def test_a_browser_shows_all_of_it_on_a_phone_and_on_a_desk_and_asks_nobody(with_browser: None) -> None:
    seen = browser.opened((page(), 400), (page(), 1200), (written(ReportFormat.HTML, EMPTY), 400))

    assert [look.seen for look in seen.looks] == [400, 1200, 400]
    assert [look.wide for look in seen.looks] == [400, 1200, 400], "nothing scrolls sideways"
    for look in seen.looks[:2]:
        assert len(look.charts) == len(REPORT.charts)
        assert all(width > 200 and height > 80 for width, height in look.charts)
        assert "1,000" in look.words
    assert seen.complaints == []
    assert {address for look in seen.looks for address in look.asked} == set()
    assert sorted(seen.paths) == ["/", "/page0", "/page1", "/page2"]


def test_a_browser_would_tell_of_what_is_wrong(with_browser: None) -> None:
    wide = "<!doctype html><div style='width:900px'>x</div><img src='/gone.png'><script>console.error('oh')</script>"
    seen = browser.opened((wide, 400))

    assert seen.looks[0].wide > 400
    assert [address.rpartition("/")[2] for address in seen.looks[0].asked] == ["gone.png"]
    assert any("oh" in line for line in seen.complaints)


def test_a_page_is_the_same_twice_and_asks_nobody_for_anything() -> None:
    text = page()

    assert text == page.__wrapped__()
    assert "<script" not in text
    links = set(re.findall(r'(?:src|href)="([^"#][^"]*)"', text))
    assert links == set()
    assert "default-src 'none'" in text
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids)), "two charts do not share an id"


def test_every_word_and_number_of_the_tables_is_in_the_page() -> None:
    words = Words(page())

    assert "1,000" in words.cells
    assert "<script>x</script>" in words.cells
    assert "script" not in words.tags
    assert words.tags.count("svg") == len(REPORT.charts)
    assert "Nothing here" in page()
    assert "<code>lomi worker</code>" in page()


def test_a_report_of_nothing_is_a_page() -> None:
    assert "Photos uploaded" in writer(ReportFormat.HTML)(EMPTY)
    assert "svg" not in Words(writer(ReportFormat.HTML)(replace(REPORT, charts=()))).tags


def test_without_the_extra_one_sentence_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(MissingExtra) as said:
        page.__wrapped__()
    assert said.value.hint == "pip install 'lomi-ops[charts]'"
