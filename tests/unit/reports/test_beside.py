"""Numbers beside those of the window before, and what is said to read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.db.reporting import Bin, Standing
from lomi_ops.domain.report import Column, Table
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports import beside

START = datetime(2026, 11, 20, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
ALIKE = "rejection_rate_photos_for_one"
RATES = ("rejection_rate", "error_rate")
ENDS = ("points_low", "points", "points_high")


def rated(now: float | None, before: float | None, for_one: float = 1) -> dict[str, float | None]:
    """Of 200 photos, and of 100 before."""
    found: dict[str, float | None] = {}
    for name in RATES:
        mine = {name: now, f"{name}_before": before}
        found |= mine | beside.certainty(name, mine, 200, 100, for_one)
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
    assert beside.by_chance(some, 100, before, 100, 1) == says
    assert beside.by_chance(some, 100, 0, 0, 1) is None


def test_photos_that_are_alike_are_less_sure() -> None:
    assert beside.by_chance(30, 100, 10, 100, 1) == "hardly"
    assert beside.by_chance(30, 100, 10, 100, 6) == "maybe"
    one, six = rated(0.3, 0.2), rated(0.3, 0.2, 6)
    for name in ("rejection_rate_low", "rejection_rate_points_low"):
        assert (six[name] or 0) < (one[name] or 0)


def test_how_alike_photos_are_is_told_by_the_hours_of_their_window() -> None:
    def bins(batches: int) -> list[Bin]:
        """Each hour 18 photos, 9 in all of them rejected or, in one hour of two, 18 or none."""
        found = []
        for hour in range(24):
            rejected = 9 * (batches - 1) * (hour % 2) if batches > 1 else 9
            at = DAY.start + timedelta(hours=hour)
            found += [Bin(at, "rejected", "nsfw", rejected), Bin(at, "approved", None, 18 - rejected)]
        return found

    def for_one(rows: list[Bin]) -> float:
        return beside.Parts(rows, "approved", "rejected").of_status("rejected")

    assert for_one(bins(1)) == 1, "each hour is like the other"
    assert for_one(bins(3)) > 18, "whole hours are alike"
    assert beside.Parts(bins(3), "rejected").of_reason("nsfw", 5, "rejected") == 5, "all of them are"
    assert beside.Parts([Standing("rejected", "nsfw", 9)]).of_status("rejected", 4) == 4, "no time, no telling"


def test_only_what_the_tables_show_is_explained() -> None:
    columns = (Column("reason", ""), beside.CHANCE)
    reasons = Table("reasons", "Why", columns, (("blurry", "maybe"), ("nsfw", None)))
    nothing = Table("reasons", "Why", columns, (("blurry", None),))

    def words(*tables: Table) -> list[str]:
        return [note.partition(":")[0] for note in beside.notes(DAY, tables, {ALIKE: None})]

    assert words(beside.rates(rated(0.3, 0.2)), reasons) == ["before", "points", "by chance"]
    assert words(beside.rates(rated(0.3, None)), nothing) == ["before"]
    assert words() == ["before"]


@pytest.mark.parametrize(
    ("for_one", "said"),
    [
        (3.14, "3.1 rejected or approved ones tell as much as 1 independent one, by how neighbouring hours differ"),
        (1.0, "1.0 rejected or approved ones tell as much as 1 independent one, neighbouring hours show nothing of it"),
        (9, "how alike does not show in so few, so 9 count as one"),
    ],
)
def test_it_says_how_alike_photos_are(for_one: float, said: str) -> None:
    assert beside.notes(DAY, (), {ALIKE: for_one})[1].endswith(said)
