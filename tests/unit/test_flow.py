"""Rates and the time to drain, from a few looks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.cli.queue_flow import flow_rows
from lomi_ops.domain.flow import Flow, Sample, flow
from lomi_ops.queue.replies import Pause, QueueState

NOW = Sample(at_ms=1_000_000, inside=40, finished=500, buried=4, withdrawn=0, dropped=0, requeued=0)


def test_what_came_in_is_what_is_there_and_what_left_less_what_was_there() -> None:
    before = Sample(NOW.at_ms - 60_000, inside=100, finished=400, buried=4, withdrawn=0, dropped=0, requeued=0)
    assert flow([before], NOW) == Flow(span_s=60, in_per_min=40, out_per_min=100)


def test_copies_cancelled_and_requeued_jobs_are_neither_missed_nor_counted_twice() -> None:
    before = Sample(NOW.at_ms - 60_000, inside=40, finished=490, buried=4, withdrawn=0, dropped=0, requeued=0)
    now = replace(NOW, withdrawn=3, dropped=2, requeued=5)
    found = flow([before], now)
    assert found is not None
    assert found.in_per_min == 10


def test_the_oldest_look_of_the_last_ten_minutes_counts() -> None:
    looks = [replace(NOW, at_ms=NOW.at_ms - ago * 1000, finished=500 - ago, inside=40) for ago in (30, 300, 599, 700)]
    found = flow(looks, NOW)
    assert found is not None
    assert found.span_s == 599


@pytest.mark.parametrize(
    "looks",
    [
        [],
        [replace(NOW, at_ms=NOW.at_ms - 1000)],
        [replace(NOW, at_ms=NOW.at_ms - 3_600_000)],
        [replace(NOW, at_ms=NOW.at_ms - 60_000, finished=900)],
    ],
    ids=["none", "too young", "too old", "Redis was wiped since"],
)
def test_without_a_usable_look_no_rate_is_claimed(looks: list[Sample]) -> None:
    assert flow(looks, NOW) is None


@pytest.mark.parametrize(
    ("came", "went", "waiting", "seconds"),
    [(0, 60, 10, 10), (30, 60, 10, 20), (60, 60, 10, None), (90, 60, 10, None), (90, 60, 0, 0)],
)
def test_the_time_to_drain_follows_from_both_rates(came: int, went: int, waiting: int, seconds: float | None) -> None:
    assert Flow(60, came, went).drain_s(waiting) == seconds


@given(st.integers(5, 600), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_rates_are_never_negative(span: int, inside: int, then_inside: int, out: int, more: int) -> None:
    before = Sample(NOW.at_ms - span * 1000, then_inside, out, 0, 0, 0, 0)
    found = flow([before], Sample(NOW.at_ms, inside, out + more, 0, 0, 0, 0))
    assert found is not None
    assert found.in_per_min >= 0
    assert found.out_per_min >= 0


@pytest.mark.parametrize(
    ("ready", "delayed", "paused", "rates", "text"),
    [
        (0, 0, False, (3, 3), "nothing waits"),
        (0, 0, True, (3, 3), "nothing waits"),
        (6, 0, False, (1, 3), "3 min"),
        (0, 6, False, (1, 3), "3 min"),
        (6, 0, True, (1, 3), "never: it is paused"),
        (0, 6, True, (1, 3), "never: it is paused"),
        (6, 0, False, (3, 3), "never at this rate: it does not get less"),
    ],
)
def test_the_time_to_drain_is_never_only_where_something_waits(
    ready: int, delayed: int, paused: bool, rates: tuple[int, int], text: str
) -> None:
    pause = Pause("hana", "deploy", 0, None) if paused else None
    now = QueueState(ready=ready, high=0, bulk=0, delayed=delayed, running=0, dead=0, unsent=0, server_ms=1000,
                     pause=pause, flow=Flow(60, *rates))  # fmt: skip

    assert flow_rows(now)[-1] == ("time to drain", text)
    assert (now.drain_s is None) is text.startswith("never")
