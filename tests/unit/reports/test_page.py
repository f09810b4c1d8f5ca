"""The HTML of a report: whole, harmless, the same twice, and with real charts."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser

import pytest

from lomi_ops.cli.report_formats import ReportFormat, charts, writer
from lomi_ops.domain.report import Chart, Line, Shape, Unit
from lomi_ops.errors import MissingExtra
from tests.unit.reports.test_formats import EMPTY, ODD, REPORT, written

HARD = ("$\\frac{", "_hidden", *ODD)
LABELS = tuple(f"{hour:02}:00" for hour in range(12))


@cache
def page() -> str:
    return written(ReportFormat.HTML)


def chart(shape: Shape) -> Chart:
    """Every odd word as a name, with gaps in the values."""
    lines = tuple(Line(name, tuple(None if hour % 5 == 0 else hour + number for hour in range(12)))
                  for number, name in enumerate(HARD))  # fmt: skip
    return Chart("odd", "odd", Unit.COUNT, LABELS, lines, shape)


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
def test_a_chart_of_any_shape_is_sound_svg_whatever_its_words_are(shape: Shape) -> None:
    text = charts.svg(chart(shape), "c1")
    root = ET.fromstring(text)
    words = "".join(root.itertext())

    assert "<script>" not in text
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
