"""A report's values as people read them."""

from __future__ import annotations

from lomi_ops.domain import span
from lomi_ops.domain.report import Unit, Value

_STEP = 1024
_VAGUE = 0.2
"""An interval of a share that is wider: its share has no decimals, which nobody knows."""


def said(value: Value, unit: Unit) -> str:
    """`-` for what is not known."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else _number(value, unit)


def said_within(value: Value, low: Value, high: Value, unit: Unit) -> str:
    """A value of which there is an interval: as exact as that allows."""
    return (
        f"{value:.0%}" if unit is Unit.SHARE and isinstance(value, float) and _vague(low, high) else said(value, unit)
    )


def interval(low: Value, high: Value, unit: Unit) -> str:
    """Both ends in one cell, the unit once."""
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return "-"
    if unit is Unit.POINTS:
        return f"{said(low, unit)} to {said(high, unit)}"
    if unit is not Unit.SHARE:
        return f"{said(low, unit)} - {said(high, unit)}"
    places = 0 if _vague(low, high) else 1
    return f"{100 * low:.{places}f} - {_whole(f'{100 * high:.{places}f}')}%"


def _whole(percent: str) -> str:
    """All is all."""
    return "100" if percent == "100.0" else percent


def _vague(low: Value, high: Value) -> bool:
    return isinstance(low, int | float) and isinstance(high, int | float) and high - low > _VAGUE


def _number(value: float, unit: Unit) -> str:
    match unit:
        case Unit.SHARE:
            return f"{value:.1%}"
        case Unit.CHANGE:
            return _signed(100 * value, 0) + "%"
        case Unit.POINTS:
            return _signed(100 * value, 1)
        case Unit.MS:
            return _milliseconds(value) if value < 1000 else _seconds(value / 1000)
        case Unit.SECONDS:
            return _seconds(value)
        case Unit.BYTES:
            return _bytes(value)
        case _:
            return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _signed(value: float, places: int) -> str:
    """Nothing has no sign: -0.2 is not `-0`."""
    rounded = round(value, places)
    return f"{rounded:+.{places}f}" if rounded else f"{0:.{places}f}"


def _milliseconds(value: float) -> str:
    """A database answers within one of them."""
    return f"{round(value, 1):g} ms" if value < 10 else f"{value:.0f} ms"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else span.said(value)


def _bytes(value: float) -> str:
    size = float(value)
    for name in ("B", "KiB", "MiB", "GiB"):
        if size < _STEP:
            return f"{size:.0f} {name}" if name == "B" else f"{size:.1f} {name}"
        size /= _STEP
    return f"{size:.1f} TiB"
