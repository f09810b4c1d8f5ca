"""When a target is met, what a run's exit code is, and which figure is nearest to its limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain import bench
from lomi_ops.domain.bench import Advice, Area, Figure, Outcome, Sense, Target, Unit, nearest
from lomi_ops.errors import ExitCode

VALUES = st.floats(0, 1e9, allow_nan=False)
SENSES = st.sampled_from(list(Sense))
ALL = [value for value in vars(bench).values() if isinstance(value, Target)]


def figure(value: float | None, target: Target | None = bench.WRITES, name: str = "f") -> Figure:
    return Figure(name, name, value, Unit.SECONDS, target)


def outcome(*figures: Figure) -> Outcome:
    return Outcome(Area.QUEUE, figures, Advice(""), 1.0, "")


@given(SENSES, VALUES, st.floats(1e-6, 1e6))
def test_a_target_is_missed_only_by_what_uses_up_its_room(sense: Sense, value: float, limit: float) -> None:
    target = Target(sense, limit, "")
    used = target.used(value)
    assert used >= 0
    if used < 1 - 1e-12:
        assert target.met(value)
    if used > 1 + 1e-12:
        assert not target.met(value)


@pytest.mark.parametrize(
    ("sense", "at_the_limit"),
    [(Sense.BELOW, False), (Sense.AT_MOST, True), (Sense.ABOVE, False), (Sense.AT_LEAST, True)],
)
def test_the_limit_itself_is_good_only_where_the_promise_says_so(sense: Sense, at_the_limit: bool) -> None:
    assert Target(sense, 0.1, "").met(0.1) is at_the_limit


def test_one_lost_photo_is_one_too_many_and_none_is_fine() -> None:
    assert bench.LOSS.met(0)
    assert bench.LOSS.used(0) == 0
    assert not bench.LOSS.met(1)
    assert bench.LOSS.used(1) == float("inf")


def test_the_room_of_a_share_ends_at_all_of_them() -> None:
    assert bench.SUCCESS.used(1.0) == 0
    assert bench.SUCCESS.used(0.9975) == pytest.approx(0.5)
    assert bench.SUCCESS.used(0.995) == 1
    assert not bench.SUCCESS.met(0.995)
    assert bench.SUCCESS.used(0.99) == pytest.approx(2)


def test_every_target_says_who_promised_it() -> None:
    assert len(ALL) > 10
    assert all(target.source for target in ALL)


@given(st.lists(st.tuples(st.one_of(st.none(), VALUES), st.booleans()), max_size=8))
def test_the_exit_code_says_missed_before_unknown_before_fine(made: list[tuple[float | None, bool]]) -> None:
    figures = [figure(value, bench.WRITES if judged else None) for value, judged in made]
    judged = [f for f in figures if f.target is not None and f.value is not None]
    code = outcome(*figures).exit_code
    if any(not bench.WRITES.met(f.value) for f in judged if f.value is not None):
        assert code is ExitCode.BAD
    else:
        assert code is (ExitCode.OK if judged else ExitCode.UNKNOWN)


def test_the_nearest_figure_is_the_one_that_uses_up_most_of_its_room() -> None:
    slow, rate = figure(0.09, name="slow"), figure(600.0, bench.PHOTOS, "rate")
    assert nearest([slow, rate, figure(99.0, None)]) is slow
    assert nearest([figure(0.01), rate]) is rate
    assert nearest([figure(None), figure(1.0, None)]) is None
    assert nearest([]) is None
