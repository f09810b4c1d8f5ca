"""Users as they come, and what the looks at the cluster say of a run."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.cli.bench_load import _rate
from lomi_ops.domain.bench import LOSS, Figure, Unit
from lomi_ops.domain.bench_advice import LoadFacts, for_load
from lomi_ops.domain.bench_load import (
    BURST_S,
    IN_A_BURST,
    Again,
    Sample,
    memory_growth,
    plan,
    queue_growth,
    sustained,
    warm,
)
from lomi_ops.errors import UsageError

FACTS = LoadFacts(workers=2, offered=500.0, decided=250.0, grew=False, cpu=0.2, late_s=0.0)


@given(st.floats(1, 2000), st.floats(0.05, 5), st.integers(1, 200), st.integers())
def test_a_plan_has_the_photos_of_its_rate_in_batches_that_the_backend_takes(
    per_minute: float, minutes: float, users: int, seed: int
) -> None:
    visits = plan(per_minute, minutes, users, random.Random(seed))
    assert sum(visit.photos for visit in visits) == max(1, round(per_minute * minutes))
    assert all(1 <= visit.photos <= 9 and 0 <= visit.user < users for visit in visits)
    assert all(0 <= visit.at_s <= minutes * 60 for visit in visits)
    assert [visit.at_s for visit in visits] == sorted(visit.at_s for visit in visits)
    assert all((visit.again is Again.RETRY) == (visit.again_s > 0) for visit in visits)


def test_the_same_seed_makes_the_same_visits() -> None:
    assert plan(500, 1, 10, random.Random(7)) == plan(500, 1, 10, random.Random(7))
    assert plan(500, 1, 10, random.Random(7)) != plan(500, 1, 10, random.Random(8))


def test_users_come_in_bursts_over_slow_networks_and_some_are_pushed_twice() -> None:
    visits = plan(2000, 30, 100, random.Random(1))
    number = len(visits)
    assert sum(visit.slow_s > 0 for visit in visits) / number == pytest.approx(0.1, abs=0.02)
    assert sum(visit.again is Again.DUPLICATE for visit in visits) / number == pytest.approx(0.05, abs=0.015)
    assert sum(visit.again is Again.RETRY for visit in visits) / number == pytest.approx(0.05, abs=0.015)


def test_bursts_crowd_users_as_chance_alone_would_not() -> None:
    visits, calm = plan(100, 300, 100, random.Random(1)), random.Random(2)
    times = [visit.at_s for visit in visits]
    alone = sorted(calm.uniform(0, 300 * 60) for _ in times)
    assert _crowded(times) > len(times) * 0.03
    assert _crowded(alone) < len(times) * 0.01


def _crowded(times: list[float]) -> int:
    """How often as many batches as a burst has come within its time."""
    ends = zip(times, times[IN_A_BURST - 1 :], strict=False)
    return sum(last - first <= BURST_S for first, last in ends)


def samples(*waiting: int, memory: tuple[int, ...] = (), decided: int = 200) -> list[Sample]:
    pairs = itertools.zip_longest(waiting, memory)
    return [Sample(10.0 * at, w or 0, decided * at, m) for at, (w, m) in enumerate(pairs)]


def test_a_queue_that_grows_is_told_by_the_minute() -> None:
    assert queue_growth(samples(0, 1, 2, 3)) == pytest.approx(6.0)
    assert queue_growth(samples(3, 3, 3)) == pytest.approx(0.0)
    assert queue_growth(samples(3)) is None


def test_what_was_offered_is_sustained_only_where_the_queue_does_not_grow() -> None:
    steady, growing = samples(1, 0, 1, 0, 1, 0, 1), samples(0, 20, 40, 60, 80, 100, 120)
    assert sustained(steady, 700.0, queue_growth(steady)) == (700.0, False)
    rate, grew = sustained(growing, 1800.0, queue_growth(growing))
    assert rate == pytest.approx(1200.0)
    assert grew
    assert sustained([], 900.0, None) == (None, False)


def test_memory_grows_by_the_thousand_photos() -> None:
    flat, leak = (100_000_000,) * 12, tuple(100_000_000 + 1_000_000 * at for at in range(12))
    assert memory_growth(samples(*(0,) * 12, memory=flat)) == 0
    assert memory_growth(samples(*(0,) * 12, memory=leak)) == pytest.approx(0.0481, abs=0.0005)
    assert memory_growth(samples(*(0,) * 9, memory=flat, decided=10)) is None, "too few photos"
    assert memory_growth(samples(*(0,) * 9)) is None, "no worker is seen"


def test_what_a_worker_takes_for_its_first_photos_is_no_growth() -> None:
    settles = (100_000_000, 200_000_000, 280_000_000, *(284_000_000,) * 9)
    assert memory_growth(samples(*(0,) * 12, memory=settles)) == 0
    assert memory_growth(samples(*(0,) * 5, memory=settles[:5])) is None, "too few photos after the first"


def test_the_first_quarter_and_what_comes_after_the_last_user_say_nothing() -> None:
    assert [each.at_s for each in warm(samples(*(0,) * 9), 40.0)] == [10.0, 20.0, 30.0, 40.0]


def test_workers_are_counted_by_what_was_decided() -> None:
    found = for_load(LoadFacts(2, 500.0, 250.0, grew=True, cpu=None, late_s=0.0))
    assert found.command == "lomi scale 4"
    assert for_load(FACTS).command == ""


@pytest.mark.parametrize(
    ("names", "command"),
    [
        (("lost", "write_p95"), "lomi doctor flow"),
        (("write_p95", "start_p95"), "lomi bench database"),
        (("start_p95", "memory_growth"), "lomi scale 3"),
        (("batch_p95", "memory_growth"), "lomi bench worker"),
        (("memory_growth",), "lomi workers list"),
    ],
)
def test_what_is_missed_is_mended_in_the_order_of_its_weight(names: tuple[str, ...], command: str) -> None:
    missed = [Figure(name, name, 1e9, Unit.SECONDS, LOSS) for name in names]
    assert for_load(FACTS, missed).command == command


@pytest.mark.parametrize(
    ("text", "per_minute"), [("500/min", 500), ("10/s", 600), ("6000/h", 100), ("40", 40), ("1.5/s", 90)]
)
def test_a_rate_is_read_as_people_write_it(text: str, per_minute: float) -> None:
    assert _rate(text) == pytest.approx(per_minute)


@pytest.mark.parametrize("text", ["", "fast", "0/min", "-5/min", "100/s", "5/day"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        _rate(text)
