from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.clients.compreface.breaker import Breaker, State
from lomi_ops.clients.compreface.client import Endpoint
from lomi_ops.clients.compreface.pool import HeldBack, NotAsked, Place, choose
from lomi_ops.config.sections.services import CompreFaceSection
from lomi_ops.errors import FacesUnavailable

FRESH = Breaker(limit=3, reset_s=10.0)


def ejected(at: float = 0.0) -> Breaker:
    breaker = FRESH
    for _ in range(3):
        breaker = breaker.failed(at)
    return breaker


def test_failures_in_a_row_eject() -> None:
    twice = FRESH.failed(0).failed(1)
    assert twice.admits(1)
    assert not twice.failed(2).admits(2)


def test_a_success_in_between_begins_the_row_anew() -> None:
    breaker = FRESH.failed(0).failed(1).succeeded().failed(2).failed(3)
    assert breaker.state is State.CLOSED


def test_an_ejected_one_is_due_after_its_time() -> None:
    breaker = ejected(at=5)
    assert not breaker.due(14.9)
    assert breaker.due(15)
    assert breaker.admits(15)


def test_while_one_caller_tries_it_nobody_else_does() -> None:
    assert not ejected().trying().admits(1e9)


def test_a_tried_one_comes_back_on_success_and_goes_at_once_on_failure() -> None:
    trying = ejected().trying()
    assert trying.succeeded() == FRESH
    assert trying.failed(50) == Breaker(3, 10.0, State.OPEN, 4, 60.0)


def test_an_answer_from_before_the_ejection_does_not_readmit() -> None:
    assert ejected().succeeded() == ejected()


def test_a_failure_from_before_the_ejection_does_not_prolong_it() -> None:
    assert ejected().failed(9).until == 10.0


@pytest.mark.parametrize(("wish", "until"), [(3.0, 103.0), (None, 101.0), (0.0, 100.0), (3600.0, 160.0)])
def test_a_wish_to_wait_is_granted_at_once(wish: float | None, until: float) -> None:
    held = FRESH.held(100, wish)
    assert not held.admits(until - 0.001)
    assert held.admits(until)


def test_one_that_asked_to_wait_comes_back_without_being_tried_first() -> None:
    assert FRESH.failed(90).held(100, 3.0).trying() == FRESH
    assert ejected().held(0, 30.0).trying().state is State.HALF_OPEN


def test_a_short_wish_does_not_shorten_an_ejection() -> None:
    assert ejected().held(0, 1.0).until == 10.0


EVENTS = st.lists(st.tuples(st.sampled_from(["fail", "succeed", "hold", "take"]), st.floats(0, 6)), max_size=60)


@given(EVENTS)
def test_it_is_never_entered_before_its_time_nor_by_two(events: list[tuple[str, float]]) -> None:
    breaker, now = FRESH, 0.0
    for event, gap in events:
        now += gap
        match event:
            case "take" if breaker.admits(now):
                assert breaker.state is not State.HALF_OPEN
                assert breaker.state is State.CLOSED or now >= breaker.until
                breaker = breaker.trying() if breaker.due(now) else breaker
            case "fail":
                breaker = breaker.failed(now)
            case "succeed":
                breaker = breaker.succeeded()
            case "hold":
                breaker = breaker.held(now, None)
    # Whatever happened, it opens again: nothing ejects for ever.
    assert breaker.state is State.HALF_OPEN or breaker.admits(now + 1000)


@dataclass
class Fleet:
    places: list[Place]

    def chosen(self, now: float = 0.0, tried: tuple[int, ...] = (), concurrency: int = 2) -> int | None:
        place = choose(self.places, [self.places[i] for i in tried], now, concurrency)
        return None if place is None else self.places.index(place)


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    section = CompreFaceSection(urls=("http://a", "http://b", "http://c"))
    places = [Place(Endpoint(url, section), FRESH) for url in section.urls]
    yield Fleet(places)
    for place in places:
        place.endpoint.close()


def test_the_least_busy_place_is_next(fleet: Fleet) -> None:
    fleet.places[0].in_flight, fleet.places[1].in_flight, fleet.places[2].in_flight = 2, 1, 0
    assert fleet.chosen() == 2
    fleet.places[2].in_flight = 2
    assert fleet.chosen() == 1


def test_idle_places_take_turns(fleet: Fleet) -> None:
    fleet.places[0].last_turn, fleet.places[1].last_turn, fleet.places[2].last_turn = 8, 7, 9
    assert fleet.chosen() == 1


def test_another_try_goes_elsewhere_even_if_that_means_to_wait(fleet: Fleet) -> None:
    assert fleet.chosen(tried=(0,)) == 1
    fleet.places[1].in_flight = fleet.places[2].in_flight = 2
    assert fleet.chosen(tried=(0,)) is None
    assert fleet.chosen(tried=(0, 1, 2)) == 0


def test_a_full_fleet_makes_callers_wait(fleet: Fleet) -> None:
    for place in fleet.places:
        place.in_flight = 2
    assert fleet.chosen() is None


def test_somebody_looks_at_an_ejected_one_when_it_is_due(fleet: Fleet) -> None:
    fleet.places[1].breaker = ejected()
    fleet.places[1].last_turn = 99
    assert fleet.chosen(now=9) == 0
    assert fleet.chosen(now=10) == 1


def test_with_all_ejected_the_troubles_are_told(fleet: Fleet) -> None:
    for place in fleet.places:
        place.breaker, place.trouble = ejected(), f"{place.endpoint.label} is down"
    with pytest.raises(FacesUnavailable, match=r"http://a is down; http://b is down; http://c is down"):
        fleet.chosen()


def test_who_asked_to_slow_down_is_not_asked_by_others_and_says_how_long(fleet: Fleet) -> None:
    for place, wish in zip(fleet.places, (9.0, 4.0, 7.0), strict=True):
        place.breaker = FRESH.held(0, wish)
    with pytest.raises(HeldBack) as caught:
        fleet.chosen(now=1)
    assert caught.value.retry_after_s == 3


def test_while_the_last_one_is_being_tried_the_others_wait_for_what_comes_of_it(fleet: Fleet) -> None:
    for place in fleet.places:
        place.breaker = ejected()
    fleet.places[1].breaker = ejected().trying()
    assert fleet.chosen(now=5) is None
    fleet.places[1].breaker = fleet.places[1].breaker.failed(5)
    with pytest.raises(NotAsked):
        fleet.chosen(now=5)
