"""Numbers beside those of the window before, and what is said to read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.domain.report import Column, Table
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports import beside

START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
RATES = ("rejection_rate", "error_rate")
ENDS = ("points_low", "points", "points_high")


def rated(now: float | None, before: float | None) -> dict[str, float | None]:
    """Of 200 photos, and of 100 before."""
    found: dict[str, float | None] = {}
    for name in RATES:
        mine = {name: now, f"{name}_before": before}
        found |= mine | beside.certainty(name, mine, 200, 100)
    return found


def test_a_change_is_told_in_points_with_an_interval_around_it() -> None:
    low, points, high = (rated(0.3, 0.2)[f"rejection_rate_{end}"] or 0 for end in ENDS)
    assert points == pytest.approx(0.1)
    assert low < 0.1 < high


@pytest.mark.parametrize(("now", "before"), [(None, 0.2), (0.3, None), (None, None)])
def test_a_rate_that_one_of_the_windows_lacks_has_not_changed(now: float | None, before: float | None) -> None:
    found = rated(now, before)
    assert {found[f"error_rate_{end}"] for end in ENDS} == {None}
    assert (found["error_rate_low"] is None) == (now is None)


@pytest.mark.parametrize(("some", "before", "says"), [(30, 10, "hardly"), (11, 10, "maybe"), (0, 0, "maybe")])
def test_a_share_says_whether_it_may_differ_by_chance(some: int, before: int, says: str) -> None:
    assert beside.by_chance(some, 100, before, 100) == says
    assert beside.by_chance(some, 100, 0, 0) is None


def test_only_what_the_tables_show_is_explained() -> None:
    columns = (Column("reason", ""), beside.CHANCE)
    reasons = Table("reasons", "Why", columns, (("blurry", "maybe"), ("nsfw", None)))
    nothing = Table("reasons", "Why", columns, (("blurry", None),))

    def words(*tables: Table) -> list[str]:
        return [note.partition(":")[0] for note in beside.notes(DAY, tables)]

    assert words(beside.rates(rated(0.3, 0.2)), reasons) == ["before", "points", "by chance"]
    assert words(beside.rates(rated(0.3, None)), nothing) == ["before"]
    assert words() == ["before"]
