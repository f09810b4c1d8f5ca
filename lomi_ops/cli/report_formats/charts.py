"""Charts as static SVG by matplotlib: an extra, imported when a chart is drawn. The same chart gives the same bytes."""

from __future__ import annotations

import io
import logging
import re
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lomi_ops.cli.report_formats.cells import said
from lomi_ops.cli.report_formats.lines import clipped, few, named
from lomi_ops.domain.report import Chart, Shape
from lomi_ops.domain.shown import shown
from lomi_ops.errors import MissingExtra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSTALL = "pip install 'lomi-ops[charts]'"
_SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "lomi",
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.size": 9,
}
"""Text stays text; no word of a reason is a formula; ids do not depend on chance."""
_WIDTH, _HEIGHT = 7.2, 2.6
_TICKS = 12
_LABEL = 32
_SIGNS, _BESIDE_LEGEND = 80, 60
"""Of labels that stand side by side."""
_SHADES = 9
_COLOURS = (
    "#2563a8",
    "#d9822b",
    "#3a8f5c",
    "#b23a48",
    "#7b5ea7",
    "#7a6a53",
    "#c06c9d",
    "#5f6b76",
    "#a8a13c",
    "#3aa0a8",
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_ID = re.compile(r'(\bid="|url\(#|xlink:href="#)')


def svg(chart: Chart, prefix: str) -> str:
    """An element for a page; `prefix` keeps its ids apart from those of other charts. Raises MissingExtra."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtra("HTML reports need matplotlib, which is not installed", hint=INSTALL) from None
    # It talks of caches and fonts, which is nobody's business here.
    logging.getLogger("matplotlib").setLevel(logging.CRITICAL)
    with matplotlib.rc_context(_SETTINGS), warnings.catch_warnings():
        # Letters that its own font lacks are drawn by the reader's fonts.
        warnings.simplefilter("ignore")
        figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
        _draw(replace(chart, lines=few(chart)), figure, figure.add_subplot())
        file = io.StringIO()
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    text = file.getvalue()
    return _ID.sub(rf"\g<1>{prefix}-", text[text.index("<svg") :])


def _draw(chart: Chart, figure: Figure, axes: Axes) -> None:
    axes.set_prop_cycle(color=_COLOURS)
    match chart.shape:
        case Shape.HEAT:
            _heat(chart, figure, axes)
            return
        case Shape.BARS:
            _bars(chart, axes)
        case Shape.STACK:
            # Each value as wide as its part, the first and the last one, too.
            places = [place - 0.5 for place in range(len(chart.labels) + 1)]
            values = [[value or 0 for value in (*line.values, line.values[-1])] for line in chart.lines]
            axes.stackplot(places, values, labels=_names(chart), step="post")
        case Shape.LINE:
            for line, name in zip(chart.lines, _names(chart), strict=True):
                axes.plot(_known(line.values), label=name, marker="o" if len(chart.labels) == 1 else "")
    _label(chart, axes)


def _heat(chart: Chart, figure: Figure, axes: Axes) -> None:
    from matplotlib import colormaps

    # Cells as shapes, in few colours: as an image they would be a data URI, which mail programs do not show.
    cells = [_known(line.values) for line in chart.lines]
    mesh = axes.pcolormesh(cells, cmap=colormaps["Blues"].resampled(_SHADES), vmin=0)
    axes.invert_yaxis()
    axes.set_yticks([place + 0.5 for place in range(len(chart.lines))], _names(chart))
    axes.set_xticks([place + 0.5 for place in range(len(chart.labels))], _labels(chart))
    figure.colorbar(mesh, ax=axes, format=_said(chart))


def _bars(chart: Chart, axes: Axes) -> None:
    wide = 0.8 / max(1, len(chart.lines))
    for number, (line, name) in enumerate(zip(chart.lines, _names(chart), strict=True)):
        places = [place + (number - (len(chart.lines) - 1) / 2) * wide for place in range(len(chart.labels))]
        axes.bar(places, _known(line.values), wide, label=name)


def _label(chart: Chart, axes: Axes) -> None:
    step = max(1, -(-len(chart.labels) // _TICKS))
    places = range(0, len(chart.labels), step)
    legend = len(chart.lines) > 1
    labels = [_labels(chart)[place] for place in places]
    crowded = sum(map(len, labels)) > (_BESIDE_LEGEND if legend else _SIGNS)
    axes.set_xticks(list(places), labels, rotation=30 if crowded else 0, ha="right" if crowded else "center")
    if chart.shape is Shape.BARS and any(value for line in chart.lines for value in line.values):
        axes.set_yscale("log")  # a blur of 2 ms stands beside a wait of minutes
    else:
        axes.set_ylim(bottom=0, top=_top(chart))
    axes.yaxis.set_major_formatter(_said(chart))
    if legend:
        axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))


def _top(chart: Chart) -> float | None:
    """A little above what is highest: its line must not lie on the edge. None leaves it to matplotlib."""
    columns = zip(*(line.values for line in chart.lines), strict=True)
    heights = [[value or 0 for value in column] for column in columns]
    highest = max((sum(each) if chart.shape is Shape.STACK else max(each) for each in heights), default=0)
    return highest * 1.05 or None


def _labels(chart: Chart) -> list[str]:
    """Days of one year without it: the headline says which."""
    labels = [clipped(shown(label), _LABEL) for label in chart.labels]
    years = {label[:5] if _DAY.match(label) else "" for label in labels}
    return [label[5:] for label in labels] if len(years) == 1 and "" not in years else labels


def _names(chart: Chart) -> list[str]:
    """A name that begins with _ would be left out of the legend."""
    return [f"\u200b{named(line)}" if line.name.startswith("_") else named(line) for line in chart.lines]


def _known(values: tuple[float | None, ...]) -> list[float]:
    return [float("nan") if value is None else float(value) for value in values]


def _said(chart: Chart) -> Any:
    return lambda value, _=None: said(value, chart.unit)
