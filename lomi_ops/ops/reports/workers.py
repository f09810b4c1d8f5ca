"""What each machine and process did."""

from __future__ import annotations

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Source, Worked
from lomi_ops.domain.report import Column, Report, Table, Unit, Value
from lomi_ops.domain.statistics import ratio
from lomi_ops.ops.reports.asked import Asked


def build(db: Source, asked: Asked) -> Report:
    found = reporting.workers(db, asked.window) if asked.logged else []
    photos, busy = sum(each.photos for each in found), sum(each.busy_s or 0 for each in found)
    figures: dict[str, float | None] = {
        "workers": len(found) if asked.logged else None,
        "hosts": len({each.host for each in found}) if asked.logged else None,
        "jobs": sum(each.jobs for each in found) if asked.logged else None,
        "photos": photos if asked.logged else None,
        "photos_a_minute": photos / (asked.window.length.total_seconds() / 60) if asked.logged else None,
        "photo_ms": ratio(busy * 1000, photos),
    }
    columns = (
        Column("host", "host"),
        Column("worker", "process"),
        Column("jobs", "jobs", Unit.COUNT),
        Column("photos", "photos", Unit.COUNT, bars=True),
        Column("failed", "failed", Unit.COUNT),
        Column("photo_ms", "a photo", Unit.MS),
        Column("busy", "busy", Unit.SECONDS),
        Column("first", "first"),
        Column("last", "last"),
    )
    empty = "no job was settled" if asked.logged else "old workers leave no trace of who judged what"
    return Report(
        "workers",
        "What workers did",
        asked.window,
        asked.zone_name,
        figures,
        (Table("workers", "By process", columns, tuple(_row(each, asked) for each in found), empty),),
        (),
        ("busy: time with a job in hand, summed over the slots of a process",) if found else (),
        asked.gaps,
    )


def _row(each: Worked, asked: Asked) -> tuple[Value, ...]:
    took_ms = ratio((each.busy_s or 0) * 1000, each.photos) if each.busy_s is not None else None
    first, last = (f"{at.astimezone(asked.zone):%m-%d %H:%M}" for at in (each.first_at, each.last_at))
    return each.host, each.worker, each.jobs, each.photos, each.failed, took_ms, each.busy_s, first, last
