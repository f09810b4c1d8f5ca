"""How good decisions are, as far as samples can tell."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.db.reporting import Source
from lomi_ops.domain.quality import Overrides, Part, Quality
from lomi_ops.domain.report import Column, Gap, Report, Table, Unit, Value
from lomi_ops.domain.review import REASONS
from lomi_ops.domain.statistics import ratio
from lomi_ops.ops.quality import assessing
from lomi_ops.ops.reports.asked import INTERVAL, NO_REASON, Asked

_NO_PLACE = Gap("no place for samples here", "lomi migrate apply")
_NONE_DRAWN = Gap("none were drawn", "lomi review sample draw --approved 1% --rejected 5%")


def build(db: Source, asked: Asked) -> Report:
    """The window is that of the draws."""
    found = assessing.assessed(db, asked.window)
    parts = _parts(found.quality)
    drawn = any(part.drawn for _, _, part in parts)
    gaps = (_NO_PLACE,) if not found.recorded else () if drawn else (_NONE_DRAWN,)
    tables = (_samples(parts),) if drawn else ()
    return Report(
        "quality",
        "Samples drawn",
        asked.window,
        asked.zone_name,
        _figures(parts),
        (*tables, *((_chosen(found.chosen),) if found.chosen else ())),
        unknown=gaps,
    )


def _parts(quality: Quality) -> list[tuple[str, str, Part]]:
    """(name for programs, name for people, part)"""
    return [
        ("rejections", "rejections that were right", quality.rejections),
        *((f"rejections.{part.name}", f"  {part.name or NO_REASON}", part) for part in quality.by_reason),
        ("approvals_missed", "approvals that were wrong", quality.approvals),
        ("golden", "golden photos judged right", quality.golden),
    ]


def _figures(parts: Sequence[tuple[str, str, Part]]) -> dict[str, float | None]:
    found: dict[str, float | None] = {
        f"rejections.{reason}_{end}": None for reason in REASONS for end in ("share", "low", "high")
    }
    for name, _, part in parts:
        judged = part.estimate.share is not None
        found[f"{name}_share"] = part.estimate.share
        found[f"{name}_low"] = part.estimate.low if judged else None
        found[f"{name}_high"] = part.estimate.high if judged else None
    return found


def _samples(parts: Sequence[tuple[str, str, Part]]) -> Table:
    columns = (
        Column("part", ""),
        Column("drawn", "drawn", Unit.COUNT),
        Column("judged", "judged", Unit.COUNT),
        Column("share", "share", Unit.SHARE),
        *INTERVAL,
        Column("other_reason", "for another reason", Unit.COUNT),
        Column("note", "note"),
    )
    return Table("samples", "Judged again", columns, tuple(_row(title, part) for _, title, part in parts))


def _row(title: str, part: Part) -> tuple[Value, ...]:
    found = part.estimate
    if found.share is None:
        return title, part.drawn, 0, None, None, None, 0, "nobody has judged any" if part.drawn else ""
    note = "" if found.tells else "too few to tell"
    return title, part.drawn, found.judged, found.share, found.low, found.high, part.other_reason, note


def _chosen(chosen: Sequence[Overrides]) -> Table:
    columns = (
        Column("status", "stood as"),
        Column("reason", "reason"),
        Column("looked_at", "looked at", Unit.COUNT, bars=True),
        Column("changed", "changed", Unit.COUNT),
        Column("share", "share", Unit.SHARE),
    )
    rows = tuple(
        (each.status, each.reason or "", each.looked_at, each.changed, ratio(each.changed, each.looked_at))
        for each in chosen
    )
    title = "Decided anew by people's own choice (biased: they look where something seems wrong)"
    return Table("chosen_biased", title, columns, rows)
