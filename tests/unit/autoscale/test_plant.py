"""The rule in front of a queue with workers that need a while to start."""

from __future__ import annotations

import random

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lomi_ops.domain.autoscale import Rules
from lomi_ops.domain.autoscale_forecast import utilisation
from tests.unit.autoscale.plant import Plant, numbers

pytestmark = pytest.mark.no_cover  # hours of a plant, second by second

RULES = Rules()
NO_SHRINKING = (Phase.explicit, Phase.generate)
"""Hours of a plant take a while, and a smaller counterexample tells no more."""


@settings(max_examples=25, phases=NO_SHRINKING)
@given(load=st.floats(0, 14), job_s=st.floats(0.5, 20), start_s=st.floats(5, 200), workers=st.integers(4, 12))
def test_a_constant_load_turns_the_number_once_at_most(load: float, job_s: float, start_s: float, workers: int) -> None:
    plant = Plant(RULES, job_s, workers, start_s)
    plant.run(5, lambda _: load / job_s)
    settled = plant.counts[-1][0]
    plant.run(3, lambda _: load / job_s)
    assert plant.counts[-1][0] == settled, plant.counts
    assert plant.turns() <= 1, plant.counts


@settings(max_examples=25, phases=NO_SHRINKING)
@given(load=st.floats(0, 11.4), job_s=st.floats(0.5, 20), start_s=st.floats(5, 200))
def test_a_load_that_fits_is_served_with_room_and_without_waste(load: float, job_s: float, start_s: float) -> None:
    plant = Plant(RULES, job_s, RULES.min, start_s)
    plant.run(5, lambda _: load / job_s)
    assert plant.waiting <= RULES.queue
    assert load / plant.workers < RULES.five_more_at + 0.01
    if plant.workers > RULES.min:
        assert load / (plant.workers - 1) > RULES.fewer_below - 0.05, plant.counts


@pytest.mark.parametrize("seed", range(6))
def test_arrivals_by_chance_do_not_make_it_flap(seed: int) -> None:
    chance = random.Random(seed)
    load = chance.uniform(3, 10)
    plant = Plant(RULES, 4.0, 5, chance=chance)
    plant.run(6, lambda _: load / 4.0)
    assert plant.turns(since_s=3600) <= 1, plant.counts


def test_an_evening_peak_is_met_before_anybody_waits_for_long_and_is_let_go_slowly() -> None:
    def rate(now_s: float) -> float:
        """From 1 to 3.2 jobs a second within an hour, there for an hour, and back."""
        hours = now_s / 3600
        return 1 + 2.2 * max(0.0, min(1.0, hours - 1, 4 - hours))

    plant = Plant(RULES, 3.0, 4)
    longest = 0.0
    for _ in range(6 * 60):
        plant.run(1 / 60, rate)
        longest = max(longest, plant.waiting / (plant.ready / plant.job_s))
    assert longest < 60
    assert max(numbers(plant.counts)) in range(10, 13)
    assert plant.workers <= 6
    assert all(
        later >= earlier - 1 for earlier, later in zip(numbers(plant.counts), numbers(plant.counts)[1:], strict=False)
    )


def test_a_jump_is_answered_by_five_more() -> None:
    plant = Plant(RULES, 2.0, 4)
    plant.run(1, lambda now_s: 0.5 if now_s < 1800 else 5.0)
    assert 9 in numbers(plant.counts)
    assert plant.workers == 12
    assert plant.waiting <= RULES.queue


def test_workers_that_never_get_ready_are_not_followed_by_more() -> None:
    plant = Plant(RULES, 2.0, 4, start_s=1e9)
    plant.run(3, lambda _: 4.0)
    assert len(plant.counts) <= 3, plant.counts
    used = utilisation(plant.seen(), plant.ready, RULES)
    assert used is not None
    assert used > 1
