"""The dashboard as a file that Grafana imports."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lomi_ops import templating
from lomi_ops.domain.alert_rule import Rule, Side
from lomi_ops.domain.dashboard import ROWS, Panel

WIDTH = 24
"""Columns of Grafana's grid."""
LEAST = 0.001
_STAT_WIDTH, _STAT_HEIGHT, _WIDTH, _HEIGHT = 4, 4, 12, 8


@dataclass(frozen=True, slots=True)
class Placed:
    """A panel, or the heading of a row, and where it is."""

    id: int
    x: int
    y: int
    width: int
    height: int
    title: str
    panel: Panel | None = None
    limit: float | None = None
    """What the alert rule says is too much."""


def rendered(rules: Sequence[Rule]) -> str:
    """JSON. The limits of these rules are drawn in, so that the picture and the pager agree."""
    template = templating.for_text("metrics", json=_json).get_template("grafana.json.j2")
    return template.render(placed=list(placed(rules)))


def placed(rules: Sequence[Rule]) -> Iterator[Placed]:
    """Everything with its place, from the top."""
    # A rule begins above its limit, Grafana colours from a limit on: nothing at all must stay green.
    limits = {rule.slug: rule.threshold or LEAST for rule in rules if rule.side is Side.ABOVE}
    number, y = 0, 0
    for row in ROWS:
        number += 1
        yield Placed(number, 0, y, WIDTH, 1, row.title)
        x, y, height = 0, y + 1, 0
        for panel in row.panels:
            width = _STAT_WIDTH if panel.stat else _WIDTH
            if x + width > WIDTH:
                x, y = 0, y + height
            height, number = _STAT_HEIGHT if panel.stat else _HEIGHT, number + 1
            yield Placed(number, x, y, width, height, panel.title, panel, limits.get(panel.rule))
            x += width
        y += height


def _json(value: object) -> str:
    """Plain: jinja's own filter writes signs of HTML as escapes, which people who read the file need not see."""
    return json.dumps(value, ensure_ascii=False)
