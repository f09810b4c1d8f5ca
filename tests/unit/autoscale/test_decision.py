"""When the rule acts, and everything that holds it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.autoscale import Decision, Held, History, Observation, Rules, stepped
from lomi_ops.domain.autoscale_decision import decide, worth_telling
from lomi_ops.domain.autoscale_words import said
from lomi_ops.domain.traffic import Traffic

RULES = Rules()
NOW = 1_000_000_000
LONG_AGO = NOW - 100_000_000
STEADY = Traffic(in_per_s=1.0, out_per_s=1.0, busy=3.0, job_s=3.0)
SEEN = Observation(
    at_ms=NOW, workers=5, ready=5, slots=5, running=3, traffic=STEADY, sample_age_s=4.0, photo_s=0.4, beat_age_s=1.0
)
"""Five workers, sixty per cent used."""


def history(**changed: Any) -> History:
    """A look 15 s ago, the last change long ago."""
    return History(**{"looked_ms": NOW - 15_000, "workers": 5, "changed_ms": LONG_AGO} | changed)


def pressed(**changed: Any) -> History:
    """More have been due for ten minutes."""
    return history(**{"due_ms": NOW - 600_000} | changed)


def idle(**changed: Any) -> History:
    return history(**{"idle_ms": NOW - 3_600_000} | changed)


def seen(**changed: Any) -> Observation:
    return replace(SEEN, **changed)


def loaded(used: float, workers: int = 5) -> Observation:
    """So many workers, used to this share."""
    traffic = replace(STEADY, in_per_s=used * workers / 3.0, busy=used * workers)
    return seen(workers=workers, ready=workers, slots=workers, traffic=traffic)


def act(now: Observation, past: History | None = None, **changed: Any) -> Decision:
    return decide(now, history() if past is None else past, replace(RULES, **changed))


def test_nothing_is_done_while_all_is_well() -> None:
    found = act(SEEN)
    assert (found.step, found.held) == (0, None)
    assert said(found) == "5 workers, as many as are needed: 60 % of the slots needed"


def test_a_queue_that_stays_long_gets_one_more_worker() -> None:
    found = act(seen(ready_jobs=14), pressed())
    assert found.target == 6
    assert said(found) == (
        "5 to 6 workers: 14 jobs wait (more than 10); then 51 % of them, nothing waits in 14 s instead of 21 s"
    )
    assert found.history.stepping_to == 6


def test_a_queue_of_ten_is_fine() -> None:
    assert act(seen(ready_jobs=10), pressed()).step == 0


def test_jobs_that_yield_to_all_others_add_nobody_and_keep_everybody() -> None:
    assert act(seen(bulk=5000), pressed()).held is None
    assert act(replace(loaded(0.1), bulk=1), idle()).step == 0


@pytest.mark.parametrize(("used", "more"), [(0.849, 0), (0.851, 1), (0.901, 2), (0.951, 5), (3.0, 5)])
def test_the_stages_add_one_two_and_five(used: float, more: int) -> None:
    assert act(loaded(used), pressed()).step == more


def test_more_than_the_most_is_never_there() -> None:
    assert act(loaded(2.0, workers=10), pressed(workers=10)).target == 12
    found = act(loaded(2.0, workers=12), pressed(workers=12))
    assert (found.step, found.held) == (0, Held.AT_MAX)
    assert "200 % of the slots needed" in said(found)


def test_slow_photos_get_one_more_worker_while_others_wait() -> None:
    found = act(seen(photo_s=3.4, ready_jobs=2), pressed())
    assert found.target == 6
    assert found.why == ("3.4 s per photo (more than 3)",)
    assert act(seen(photo_s=3.4), pressed()).step == 0, "nobody waits: a worker more makes no photo quicker"


def test_slowness_that_another_worker_did_not_cure_gets_no_third_one() -> None:
    once = act(seen(photo_s=3.4, ready_jobs=2), pressed())
    past = replace(stepped(once.history, 6), changed_ms=LONG_AGO, due_ms=NOW - 600_000)
    six = seen(workers=6, ready=6, slots=6, ready_jobs=2)
    assert decide(replace(six, photo_s=3.4), past, RULES).held is Held.NO_HELP
    assert decide(replace(six, photo_s=3.1), past, RULES).target == 7
    well = decide(replace(six, photo_s=1.0, ready_jobs=0), past, RULES)
    assert well.history.slow_s is None, "it is over: the next time is another one"


def test_a_backlog_is_worked_off_in_time_also_when_nothing_comes() -> None:
    traffic = replace(STEADY, in_per_s=0.0, out_per_s=1.0, busy=5.0)
    found = act(seen(ready_jobs=2000, traffic=traffic), pressed())
    assert found.step == 5
    assert found.forecast.drain_s == 1200
    assert found.forecast.drain_after_s == 600


def test_a_rising_rate_is_met_before_it_is_there() -> None:
    rising = replace(STEADY, in_per_s=1.3, trend=0.001)
    assert act(seen(traffic=replace(rising, trend=0.0)), pressed()).step == 0
    assert act(seen(traffic=rising), pressed()).step == 1


def test_a_falling_rate_is_not_counted_on() -> None:
    falling = replace(loaded(0.86), traffic=replace(STEADY, in_per_s=0.86 * 5 / 3, trend=-0.01))
    assert act(falling, pressed()).step == 1


def test_what_is_due_must_be_so_for_a_while() -> None:
    first = act(loaded(0.99))
    assert (first.held, first.history.due_ms) == (Held.SOON, NOW)
    later = replace(loaded(0.99), at_ms=NOW + 89_000)
    assert decide(later, replace(first.history, looked_ms=NOW + 74_000), RULES).held is Held.SOON
    last = replace(loaded(0.99), at_ms=NOW + 90_000)
    assert decide(last, replace(first.history, looked_ms=NOW + 74_000), RULES).step == 5


def test_what_was_due_and_is_no_more_begins_anew() -> None:
    assert act(SEEN, pressed()).history.due_ms is None
    assert act(loaded(0.99), idle()).history.idle_ms is None


@pytest.mark.parametrize("apart_ms", [181_000, -1])
def test_looks_that_are_far_apart_make_no_while(apart_ms: int) -> None:
    past = pressed(looked_ms=NOW - apart_ms)
    assert act(loaded(0.99), past).held is Held.SOON


def test_after_a_change_nothing_is_added_for_three_minutes() -> None:
    found = act(loaded(0.99), pressed(changed_ms=NOW - 60_000))
    assert (found.held, found.because) == (Held.COOLDOWN, "changed 60 s ago, 2 min to go")
    assert act(loaded(0.99), pressed(changed_ms=NOW - 180_000)).step == 5


def test_a_clock_that_went_back_does_not_hold_for_ever() -> None:
    found = act(loaded(0.99), pressed(changed_ms=NOW + 10**9))
    assert found.held is Held.COOLDOWN
    assert found.history.changed_ms == NOW


# --- fewer -----------------------------------------------------------------------------------------------------------


def test_idle_workers_go_one_by_one() -> None:
    found = act(loaded(0.1, workers=9), idle(workers=9))
    assert found.target == 8
    assert said(found) == "9 to 8 workers: nothing waits, 11 % of the slots needed with one fewer"


def test_nobody_goes_where_the_others_would_be_busy() -> None:
    assert act(loaded(0.61, workers=8), idle(workers=8)).target == 7
    assert act(loaded(0.62, workers=8), idle(workers=8)).step == 0


def test_fewer_than_the_least_are_never_there() -> None:
    found = act(loaded(0.1, workers=4), idle(workers=4))
    assert (found.step, found.held) == (0, None)
    assert said(found).endswith("13 % of the slots needed with one fewer; fewer there shall not be")


def test_idleness_must_last_and_follow_no_change() -> None:
    assert act(loaded(0.1), idle(idle_ms=NOW - 899_000)).held is Held.SOON
    assert act(loaded(0.1), idle(changed_ms=NOW - 599_000)).held is Held.COOLDOWN
    assert act(loaded(0.1), idle(idle_ms=NOW - 900_000, changed_ms=NOW - 600_000)).step == -1


def test_nobody_goes_while_a_job_has_waited_for_long_or_nobody_knows_for_how_long() -> None:
    calm = replace(loaded(0.1), ready_jobs=2, oldest_s=0.5)
    assert act(calm, idle()).step == -1
    assert act(replace(calm, oldest_s=11.0), idle()).step == 0
    assert act(replace(calm, oldest_s=None), idle()).step == 0


def test_nobody_goes_where_nobody_knows_what_comes() -> None:
    assert act(seen(traffic=None), idle()).step == 0


def test_nobody_goes_while_somebody_is_missing() -> None:
    found = act(replace(loaded(0.1), ready=4), idle())
    assert (found.held, found.next) == (Held.MISSING, "lomi doctor workers")


# --- what holds it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "held", "words"),
    [
        ({"paused": "by ada: deploy"}, Held.PAUSED, "by ada: deploy"),
        ({"outages": ("compreface",)}, Held.OUTAGE, "compreface is out: more workers would wait, too"),
        ({"throttled": ("compreface",)}, Held.THROTTLED, "compreface asked for fewer calls"),
        ({"sample_age_s": 61.0}, Held.STALE, "what comes and goes was last noted 61 s ago"),
        ({"ready": 0, "slots": 0, "beat_age_s": 75.0}, Held.STALE, "no worker was heard of for 75 s"),
    ],
)
def test_what_workers_cannot_cure_holds_both_ways_and_ends_what_was_so_for_a_while(
    changed: dict[str, Any], held: Held, words: str
) -> None:
    for now, past in ((loaded(0.99), pressed()), (loaded(0.1), idle())):
        found = act(replace(now, **changed), past)
        assert (found.step, found.held) == (0, held)
        assert words in found.because
        assert (found.history.due_ms, found.history.idle_ms) == (None, None)


def test_while_somebody_changes_the_workers_their_number_means_nothing() -> None:
    busy = "ada changes the workers: lomi workers restart, on a, for 9 s"
    found = act(replace(loaded(0.99), workers=4, busy=busy), pressed())
    assert (found.held, found.because, found.changed_by_others) == (Held.LOCKED, busy, None)
    after = decide(replace(SEEN, at_ms=NOW + 15_000), found.history, RULES)
    assert after.changed_by_others is None


def test_the_workers_of_the_last_change_are_waited_for() -> None:
    starting = replace(loaded(0.99), ready=4, slots=4)
    found = act(starting, pressed(changed_ms=NOW - 200_000))
    assert (found.held, found.because) == (Held.STARTING, "4 of 5 workers ready, changed 3 min ago")


def test_workers_that_died_are_not_replaced_by_more_below_the_least() -> None:
    dead = replace(loaded(0.99), ready=3, slots=3)
    assert act(dead, pressed()).held is Held.MISSING
    assert act(replace(loaded(0.99), ready=4, slots=4), pressed()).step == 5, (
        "the least are there, and it is not enough"
    )


def test_old_workers_are_added_by_the_queue_alone_and_never_taken() -> None:
    old = seen(old=5, slots=0, traffic=None, sample_age_s=None, beat_age_s=None, photo_s=None, running=0)
    assert act(replace(old, ready_jobs=11), pressed()).step == 1
    found = act(old, idle())
    assert (found.step, found.held) == (0, Held.OLD_WORKERS)
    assert "loses the job in its hand" in found.because


# --- a number that somebody else has set ------------------------------------------------------------------------------


def test_a_number_that_somebody_else_set_within_the_bounds_has_its_time() -> None:
    found = act(loaded(0.99, workers=7), pressed(workers=5))
    assert found.changed_by_others == (5, 7)
    assert found.held is Held.SOON
    assert found.history.changed_ms == NOW
    assert said(found).startswith("somebody else changed 5 to 7 workers; 7 workers, held (soon): ")


@pytest.mark.parametrize("workers", [0, 2, 20])
def test_a_number_outside_of_the_bounds_is_left_unless_it_is_enforced(workers: int) -> None:
    now, past = replace(loaded(0.1), workers=workers, ready=workers), pressed(workers=workers)
    found = decide(now, past, RULES)
    assert (found.step, found.held) == (0, Held.BOUNDS)
    assert found.next.startswith(f"lomi scale {4 if workers < 4 else 12}, or")
    assert decide(now, past, RULES, enforce=True).target == (4 if workers < 4 else 12)


def test_workers_whose_containers_have_stopped_are_no_wish_of_somebodys() -> None:
    found = act(seen(workers=3, ready=3, stopped=2), history(workers=5))
    assert (found.held, found.because) == (Held.MISSING, "2 of their containers have stopped")


def test_enforcing_takes_nobody_while_jobs_wait_and_no_old_worker() -> None:
    many = replace(loaded(0.1), workers=20, ready=20)
    assert decide(replace(many, ready_jobs=300), history(workers=20), RULES, enforce=True).held is Held.SOON
    assert decide(replace(many, old=1), history(workers=20), RULES, enforce=True).held is Held.OLD_WORKERS


@pytest.mark.parametrize("workers", [5, 7, 10])
def test_a_step_that_was_cut_short_is_known_as_our_own(workers: int) -> None:
    found = act(loaded(0.6, workers=workers), history(stepping_to=10, changed_ms=NOW - 30_000))
    assert found.changed_by_others is None
    assert found.history.changed_ms == NOW - 30_000


# --- the journal -----------------------------------------------------------------------------------------------------


def test_the_journal_hears_of_changes_and_of_another_reason_for_none() -> None:
    paused = seen(paused="by ada: x")
    first = act(paused)
    assert worth_telling(first, history())
    assert not worth_telling(decide(paused, first.history, RULES), first.history)
    well = decide(SEEN, first.history, RULES)
    assert not worth_telling(well, first.history)
    assert worth_telling(decide(paused, well.history, RULES), well.history), "a second pause is another one"
    assert not worth_telling(act(loaded(0.99)), history()), "that something is due soon is nothing yet"
    assert worth_telling(act(loaded(0.99), pressed()), pressed())


def test_a_load_that_wavers_during_a_cool_down_is_told_once() -> None:
    past = pressed(changed_ms=NOW - 100_000)
    busy = act(loaded(0.99), past)
    assert worth_telling(busy, past)
    calm = decide(SEEN, busy.history, RULES)
    again = decide(loaded(0.99), replace(calm.history, due_ms=NOW - 600_000), RULES)
    assert again.held is Held.COOLDOWN
    assert not worth_telling(again, calm.history)


# --- whatever is seen ------------------------------------------------------------------------------------------------

ages = st.none() | st.floats(0, 1000)
traffics = st.none() | st.builds(
    Traffic, st.floats(0, 50), st.floats(0, 50), st.floats(0, 64), st.none() | st.floats(0.01, 60), st.floats(-0.1, 0.1)
)
observations = st.builds(
    Observation,
    at_ms=st.just(NOW),
    workers=st.integers(0, 20),
    ready=st.integers(0, 20),
    old=st.integers(0, 2),
    slots=st.integers(0, 40),
    ready_jobs=st.integers(0, 500),
    high=st.integers(0, 5),
    bulk=st.integers(0, 5),
    running=st.integers(0, 40),
    oldest_s=ages,
    traffic=traffics,
    sample_age_s=ages,
    photo_s=st.none() | st.floats(0, 10),
    beat_age_s=ages,
    paused=st.sampled_from(["", "", "", "by ada: x"]),
    outages=st.sampled_from([(), (), ("compreface",)]),
)
moments = st.none() | st.integers(NOW - 4_000_000, NOW)
histories = st.builds(
    History,
    looked_ms=moments,
    workers=st.none() | st.integers(0, 20),
    stepping_to=st.none() | st.integers(0, 20),
    changed_ms=moments,
    due_ms=moments,
    idle_ms=moments,
    slow_s=st.none() | st.floats(0, 10),
    held=st.sampled_from(["", *Held]),
)


@given(now=observations, past=histories, enforce=st.booleans())
def test_a_step_ends_within_the_bounds_and_is_never_made_on_stale_numbers_or_over_waiting_jobs(
    now: Observation, past: History, enforce: bool
) -> None:
    found = decide(now, past, RULES, enforce=enforce)
    assert said(found)
    assert found.history.looked_ms == NOW
    if not found.step:
        return
    assert found.held is None
    assert RULES.min <= found.target <= RULES.max
    assert not now.paused
    assert not now.outages
    if now.ready > now.old:
        assert now.sample_age_s is None or now.sample_age_s <= RULES.stale_s
    if found.step < 0:
        assert not now.ready_jobs or (now.oldest_s is not None and now.oldest_s <= RULES.calm_s)
        assert not now.old
        assert found.step == -1 or enforce


@given(now=observations, past=histories, more=st.floats(0, 20), jobs=st.integers(0, 300))
def test_more_load_never_leads_to_fewer_workers(now: Observation, past: History, more: float, jobs: int) -> None:
    past = replace(past, slow_s=None)
    waiting = now.ready_jobs + jobs
    # Whether a job that waits has waited for long is the same in both.
    busier = replace(now, ready_jobs=waiting)
    if now.traffic is not None:
        busier = replace(
            busier,
            traffic=replace(now.traffic, in_per_s=now.traffic.in_per_s + more, busy=now.traffic.busy + more),
        )
    # A while that has begun for the one has begun for the other.
    past = replace(past, due_ms=past.due_ms, idle_ms=past.idle_ms)
    assert decide(busier, past, RULES).target >= decide(now, past, RULES).target
