"""What the samples of ten minutes tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lomi_ops.domain.flow import Sample
from lomi_ops.domain.traffic import Traffic, traffic

NOW = 2_000_000


def samples(per_s: list[float], running: int = 3, every_s: float = 10.0) -> list[Sample]:
    """Everything that came has left, the last sample is now."""
    found, finished = [], 0.0
    for number, rate in enumerate(per_s):
        at_ms = NOW - int((len(per_s) - 1 - number) * every_s * 1000)
        finished += rate * every_s if number else 0.0
        found.append(Sample(at_ms, running, int(finished), 0, 0, 0, 0, running=running))
    return found


def test_a_job_keeps_a_slot_for_as_long_as_slots_are_busy_for_each_that_ends() -> None:
    assert traffic(samples([1.5] * 61), NOW) == Traffic(1.5, 1.5, 3.0, 2.0, 0.0)


def test_a_rate_that_differs_by_chance_is_no_trend() -> None:
    found = traffic(samples([1.0] * 31 + [1.1] * 30), NOW)
    assert found is not None
    assert found.trend == 0
    assert found.in_per_s == pytest.approx(1.05)


def test_a_rise_goes_on_and_at_most_doubles() -> None:
    found = traffic(samples([1.0] * 31 + [2.0] * 30), NOW)
    assert found is not None
    assert found.trend == pytest.approx(1 / 300, rel=0.01)
    assert found.in_per_s == pytest.approx(2.5, rel=0.01)
    assert found.expected_per_s(180) == pytest.approx(3.1, rel=0.01)
    assert found.expected_per_s(10**6) == 2 * found.in_per_s


def test_a_fall_is_seen_and_not_continued() -> None:
    found = traffic(samples([2.0] * 31 + [1.0] * 30), NOW)
    assert found is not None
    assert found.trend < 0
    assert found.expected_per_s(180) == found.in_per_s


@pytest.mark.parametrize("looks", [[], samples([1.0]), samples([1.0] * 5), samples([1.0] * 3, every_s=400.0)[:1]])
def test_too_little_tells_nothing(looks: list[Sample]) -> None:
    assert traffic(looks, NOW) is None


def test_what_an_older_worker_noted_tells_nothing_of_slots() -> None:
    looks = samples([1.0] * 61)
    assert traffic([replace(each, running=None) for each in looks], NOW) is None
    mixed = [replace(each, running=None) for each in looks[:40]] + looks[40:]
    assert traffic(mixed, NOW) == traffic(looks[40:], NOW)


def test_counters_that_fell_hide_what_was_before() -> None:
    looks = samples([1.0] * 61)
    wiped = [replace(each, finished=each.finished + 10**6) for each in looks[:30]] + looks[30:]
    assert traffic(wiped, NOW) == traffic(looks[30:], NOW)


def test_few_jobs_do_not_say_how_long_one_takes_and_their_slots_are_the_load() -> None:
    found = traffic(samples([0.01] * 61, running=0), NOW)
    assert found is not None
    assert found.job_s is None
    assert found.load(180) == found.busy == 0
