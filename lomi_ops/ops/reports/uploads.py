"""When photos come, from how many users, and how many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Source
from lomi_ops.domain.report import Chart, Column, Line, Report, Table, Unit
from lomi_ops.domain.statistics import change, grouped, ratio
from lomi_ops.ops.reports.asked import Asked, batch_parts, parts_note, sizes_table, week_chart

LIMIT = 30
"""Photos that the backend takes of a user within 24 hours."""
_USERS = (1, 2, 3, 5, 10, 20, 30)


def build(db: Source, asked: Asked) -> Report:
    told = reporting.soon(db, reporting.hours_and_users, asked.window, asked.stride_minutes)
    parts_of_batches = reporting.soon(db, batch_parts, asked.window)()
    sizes = [reporting.soon(db, reporting.batch_sizes, part, asked.window) for part in parts_of_batches]
    before = reporting.soon(db, reporting.uploads, asked.window.previous)()
    parts, users, batches = (found := told()).hours, found.users, _together(sizes)
    grid = asked.grid
    uploads = sum(photos for _, photos in parts)
    people, many = sum(each for _, each in users), sum(each for _, each in batches)
    figures: dict[str, float | None] = {
        "uploads": uploads,
        "uploads_before": before,
        "uploads_change": change(uploads, before),
        "users": people,
        "photos_a_user": ratio(uploads, people),
        "batches": many,
        "photos_a_batch": ratio(sum(size * each for size, each in batches), many),
        "users_at_limit": _at_limit(db, asked, users),
    }
    return Report(
        "uploads",
        "Photos uploaded",
        asked.window,
        asked.zone_name,
        figures,
        (
            _main(figures),
            sizes_table("users", "Users, by how many photos they uploaded", "users", grouped(users, _USERS)),
            sizes_table("batches", "Batches, by how many photos they have", "batches",
                        [(str(size), each) for size, each in batches]),
        ),
        (
            Chart("uploads", f"uploads by {grid.named}", Unit.COUNT, grid.labels,
                  (Line("uploads", grid.summed(parts)),)),
            week_chart("uploads, by weekday and hour", parts, asked.zone),
        ),
        (
            f"at the limit: {LIMIT} photos within 24 hours that lie in the window",
            *parts_note(parts_of_batches),
        ),
    )  # fmt: skip


def _together(parts: Iterable[Callable[[], list[tuple[int, int]]]]) -> list[tuple[int, int]]:
    """(photos, batches) of all."""
    found: Counter[int] = Counter()
    for part in parts:
        found.update(dict(part()))
    return sorted(found.items())


def _at_limit(db: Source, asked: Asked, users: Sequence[tuple[int, int]]) -> int:
    """Asked only where somebody has so many in all."""
    many = any(size >= LIMIT for size, _ in users)
    return reporting.users_at_limit(db, asked.window, LIMIT) if many else 0


def _main(figures: dict[str, float | None]) -> Table:
    columns = (Column("what", ""), Column("number", "this window", Unit.NUMBER))
    names = {
        "uploads": "photos",
        "users": "users",
        "photos_a_user": "photos a user",
        "batches": "batches",
        "photos_a_batch": "photos a batch",
        "users_at_limit": "users at the limit",
    }
    return Table("uploads", "Uploads", columns, tuple((title, figures[name]) for name, title in names.items()))
