"""A report's values as people read them."""

from __future__ import annotations

from lomi_ops.domain import span
from lomi_ops.domain.report import Table, Unit, Value

_STEP = 1024


def said(value: Value, unit: Unit) -> str:
    """`-` for what is not known."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else _number(value, unit)


def kept(table: Table, spared: frozenset[str] = frozenset()) -> list[int]:
    """The columns that say something here. An example stands in its command already."""
    if any(column.name == "command" for column in table.columns):
        spared |= {"example"}
    return [
        index for index, column in enumerate(table.columns)
        if column.name not in spared and (index == 0 or any(row[index] not in (None, "") for row in table.rows))
    ]  # fmt: skip


def _number(value: float, unit: Unit) -> str:
    match unit:
        case Unit.SHARE:
            return f"{value:.1%}"
        case Unit.CHANGE:
            return f"{value:+.0%}"
        case Unit.MS:
            return f"{value:.0f} ms" if value < 1000 else _seconds(value / 1000)
        case Unit.SECONDS:
            return _seconds(value)
        case Unit.BYTES:
            return _bytes(value)
        case _:
            return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value < 120 else span.said(value)


def _bytes(value: float) -> str:
    size = float(value)
    for name in ("B", "KiB", "MiB", "GiB"):
        if size < _STEP:
            return f"{size:.0f} {name}" if name == "B" else f"{size:.1f} {name}"
        size /= _STEP
    return f"{size:.1f} TiB"
