"""What things took in the last minutes, out of counters that only rise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.domain.measure import Labels, Measured
from lomi_ops.domain.tally import BOUNDS_S
from lomi_ops.ops.live.lately import Lately

AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
P95: Labels = (("engine", "nsfw"), ("quantile", "0.95"))


def look(s: float, *took: float, more: bool = True) -> Measured:
    """Counters after all that has taken so long since they began."""
    values: dict[tuple[str, Labels], float] = {("lomi_up", (("service", "redis"),)): 1}
    if more:
        for bound in (*BOUNDS_S, float("inf")):
            label = "+Inf" if bound == float("inf") else f"{bound:g}"
            labels = (("engine", "nsfw"), ("le", label))
            values["lomi_engine_seconds_bucket", labels] = sum(each <= bound for each in took)
        values["lomi_engine_seconds_sum", (("engine", "nsfw"),)] = sum(took)
        values["lomi_engine_seconds_count", (("engine", "nsfw"),)] = len(took)
    return Measured(AT + timedelta(seconds=s), values)


def p95(measured: Measured) -> float | None:
    return measured.values.get(("lomi_engine_seconds", P95))


def test_only_what_was_timed_since_is_told_and_no_bucket_is_left() -> None:
    lately = Lately()
    slow = [4.0] * 100
    lately.summed_up(look(0, *slow))

    found = lately.summed_up(look(60, *slow, *[0.015] * 20))

    assert p95(found) == pytest.approx(0.0195)
    assert {name for name, _ in found.values} == {"lomi_up", "lomi_engine_seconds"}


def test_where_nothing_was_timed_nothing_is_told() -> None:
    lately = Lately()
    lately.summed_up(look(0, 1.0))

    assert p95(lately.summed_up(look(10, 1.0))) is None
    assert lately.summed_up(look(20, more=False)) == look(20, more=False)


def test_after_five_minutes_the_oldest_is_forgotten() -> None:
    lately = Lately()
    took: list[float] = []
    found = look(0)
    for s in range(0, 700, 10):
        took.append(0.9 if s < 100 else 0.015)
        found = lately.summed_up(look(s, *took))

    value = p95(found)
    assert value is not None
    assert value < 0.02


def test_counters_that_begin_again_are_counted_from_nothing() -> None:
    lately = Lately()
    lately.summed_up(look(0, *[4.0] * 50))

    assert p95(lately.summed_up(look(10, 0.015, 0.015))) == pytest.approx(0.0195)
