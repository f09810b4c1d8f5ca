"""The life of an incident, on made-up series: what its people hear of it, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.alert_incident import ALL, Notice, Silence
from lomi_ops.domain.alert_rule import Judged, Judgement
from lomi_ops.domain.alert_state import Phase, State, Track, step
from tests.unit.alerts.simulation import BY_SLUG, EVERY_S, START, Cluster, Key, number

pytestmark = pytest.mark.no_cover  # thousands of looks

READY = number("lomi_queue_jobs", state="ready")
BACKLOG = replace(BY_SLUG["queue_backlog"], for_s=120, keep_firing_for_s=120)
FIRED, RESOLVED, REPEAT = Notice.FIRING, Notice.RESOLVED, Notice.REPEAT
BAD, WELL, BETWEEN = 80.0, 0.0, 40.0
FOR_LOOKS = int(BACKLOG.for_s / EVERY_S)


def backlog() -> Cluster:
    return Cluster(rules=(BACKLOG,))


@given(st.lists(st.tuples(st.integers(1, FOR_LOOKS), st.integers(1, 20), st.sampled_from([WELL, BETWEEN]))))
def test_flaps_shorter_than_for_are_never_told(flaps: list[tuple[int, int, float]]) -> None:
    cluster = backlog()
    for bad, well, calm in flaps:
        cluster.series(READY, [BAD] * bad + [calm] * well)
    assert cluster.told == []


looks = st.lists(st.sampled_from([BAD, WELL, BETWEEN, None]), max_size=120)


@given(looks)
def test_each_incident_is_told_once_and_resolved_once(values: list[float | None]) -> None:
    cluster = backlog()
    cluster.series(READY, values)
    kinds = [notice for _, _, notice in cluster.told if notice is not REPEAT]
    assert kinds == [FIRED, RESOLVED] * (len(kinds) // 2) + [FIRED] * (len(kinds) % 2)
    assert (len(kinds) % 2 == 1) == bool(cluster.open)


@given(looks)
def test_missing_numbers_resolve_nothing_and_begin_nothing(values: list[float | None]) -> None:
    cluster = backlog()
    cluster.series(READY, values)
    before = list(cluster.told)
    cluster.series(READY, [None] * 500)
    assert cluster.told == before
    known = any(value is not None for value in values)
    assert cluster.tracks["queue_backlog"].state() is (State.STALE if known else State.UNKNOWN)


def test_a_number_that_was_never_there_is_not_stale_and_one_that_was_is() -> None:
    silent, known = Judgement(Judged.MISSING), Judgement(Judged.CLEAR, WELL)
    track = step(Track(), BACKLOG, silent, START, gap_s=900)
    assert track.state() is State.UNKNOWN
    track = step(track, BACKLOG, known, START + timedelta(seconds=15), gap_s=900)
    assert track.state() is State.OK
    assert step(track, BACKLOG, silent, START + timedelta(seconds=30), gap_s=900).state() is State.STALE


def test_what_is_configured_no_more_is_as_if_it_had_never_been() -> None:
    track = step(Track(), BACKLOG, Judgement(Judged.BREACHED, BAD), START, gap_s=900)
    gone = step(track, BACKLOG, Judgement(Judged.UNSET), START + timedelta(seconds=15), gap_s=900)
    assert (gone.state(acked=True), gone.phase, gone.value) == (State.UNSET, Phase.OK, None)


@given(st.integers(0, 40), st.floats(1, 60))
def test_it_is_told_within_for_and_one_interval(well: int, every_s: float) -> None:
    cluster = backlog()
    cluster.series(READY, [WELL] * well, every_s)
    began = (cluster.at - START).total_seconds() + every_s
    cluster.series(READY, [BAD] * (int(BACKLOG.for_s / every_s) + 2), every_s)
    assert [notice for _, _, notice in cluster.told] == [FIRED]
    assert cluster.told[0][0] <= began + BACKLOG.for_s + every_s


@given(st.lists(st.sampled_from([BAD, BETWEEN, WELL]), max_size=60))
def test_between_the_two_limits_nothing_begins_and_nothing_ends(values: list[float]) -> None:
    cluster = backlog()
    cluster.series(READY, values)
    before, firing = len(cluster.told), bool(cluster.open)
    cluster.series(READY, [BETWEEN] * 100)
    assert (len(cluster.told), bool(cluster.open)) == (before, firing)


def test_it_is_over_only_after_it_has_been_well_for_a_while() -> None:
    cluster = backlog()
    cluster.series(READY, [BAD] * 20)
    for _ in range(10):
        cluster.series(READY, [WELL] * 8 + [BAD])
    assert cluster.heard() == [("queue_backlog", FIRED)]
    cluster.series(READY, [WELL] * 9)
    assert cluster.heard() == [("queue_backlog", FIRED), ("queue_backlog", RESOLVED)]


def test_an_hour_in_which_nobody_looked_proves_nothing() -> None:
    cluster = backlog()
    cluster.series(READY, [BAD, BAD], after_s=3600)
    assert cluster.told == []
    assert cluster.tracks["queue_backlog"].phase is Phase.PENDING


def test_it_is_repeated_until_somebody_acknowledges_it_and_the_end_is_told_all_the_same() -> None:
    cluster = backlog()
    cluster.series(READY, [BAD] * 200, after_s=120)
    assert [notice for _, notice in cluster.heard()] == [FIRED, REPEAT]
    cluster.ack()
    cluster.series(READY, [BAD] * 500, after_s=120)
    assert cluster.tracks["queue_backlog"].state(acked=True) is State.ACKED
    cluster.series(READY, [WELL] * 3, after_s=120)
    assert [notice for _, notice in cluster.heard()] == [FIRED, REPEAT, RESOLVED]
    cluster.series(READY, [BAD] * 3, after_s=120)
    assert cluster.heard()[-1] == ("queue_backlog", FIRED), "the acknowledgement was for the incident that is over"


def test_what_is_silenced_is_told_when_the_silence_ends_and_it_still_holds() -> None:
    cluster = backlog()
    cluster.silences = [Silence(1, ALL, "ada", "load test", START, START + timedelta(hours=1))]
    cluster.series(READY, [BAD] * 239)
    assert cluster.told == []
    cluster.series(READY, [BAD] * 2)
    assert cluster.told == [(3600.0, "queue_backlog", FIRED)]


def test_whoever_heard_of_it_before_the_silence_hears_of_its_end() -> None:
    cluster = backlog()
    cluster.series(READY, [BAD] * 20)
    cluster.silences = [Silence(1, "queue_backlog", "ada", "known", cluster.at, cluster.at + timedelta(hours=9))]
    cluster.series(READY, [WELL] * 20)
    assert [notice for _, notice in cluster.heard()] == [FIRED, RESOLVED]


def test_an_incident_that_nobody_heard_of_ends_without_a_word() -> None:
    cluster = backlog()
    cluster.silences = [Silence(1, "queue_backlog", "ada", "known", START, START + timedelta(hours=9))]
    cluster.series(READY, [BAD] * 20 + [WELL] * 20)
    assert cluster.told == []
    assert cluster.open == []


def test_a_look_that_is_older_than_the_last_changes_nothing() -> None:
    track = step(Track(), BACKLOG, Judgement(Judged.BREACHED, BAD), START, gap_s=900)
    assert step(track, BACKLOG, Judgement(Judged.CLEAR, WELL), START, gap_s=900) == track


# --- one cause, one incident ------------------------------------------------------------------------------------------

REDIS = number("lomi_up", service="redis")
FACES = number("lomi_up", service="compreface")
RUNNING = number("lomi_workers", state="running")
FINE = {REDIS: 1.0, FACES: 1.0, RUNNING: 4.0, READY: 0.0}


def test_redis_down_is_one_incident_whatever_follows_from_it() -> None:
    cluster = Cluster()
    for _ in range(8):
        cluster.look(FINE | {READY: 80, RUNNING: 0, REDIS: 0})
    assert cluster.heard() == [("redis_down", FIRED)]
    for _ in range(100):
        cluster.look({REDIS: 0})
    assert cluster.heard() == [("redis_down", FIRED)]
    for _ in range(20):
        cluster.look(FINE)
    assert cluster.heard() == [("redis_down", FIRED), ("redis_down", RESOLVED)]


numbers = st.fixed_dictionaries(
    {REDIS: st.sampled_from([0.0, 1.0, None]), FACES: st.sampled_from([0.0, 1.0, None]),
     RUNNING: st.sampled_from([0.0, 4.0, None]), READY: st.sampled_from([0.0, 40.0, 80.0, None])}
)  # fmt: skip


@given(st.lists(st.tuples(numbers, st.integers(1, 15)), max_size=12))
def test_whatever_happens_each_incident_of_each_rule_is_told_once_and_resolved_once(
    stages: list[tuple[dict[Key, float | None], int]],
) -> None:
    cluster = Cluster()
    for values, looks_ in stages:
        for _ in range(looks_):
            cluster.look(values)
    for rule in cluster.rules:
        kinds = [notice for slug, notice in cluster.heard() if slug == rule.slug]
        assert kinds == [FIRED, RESOLVED] * (len(kinds) // 2) + [FIRED] * (len(kinds) % 2)
        assert (len(kinds) % 2 == 1) == any(each.rule == rule.slug for each in cluster.open)


def test_what_still_holds_after_its_cause_is_over_gets_an_incident_of_its_own() -> None:
    cluster = Cluster()
    for _ in range(20):
        cluster.look(FINE | {FACES: 0, READY: 80})
    for _ in range(10):
        cluster.look(FINE | {READY: 80})
    assert cluster.heard() == [("compreface_down", FIRED), ("compreface_down", RESOLVED), ("queue_backlog", FIRED)]


def test_a_cause_that_is_only_suspected_holds_back_what_would_fire_before_it() -> None:
    cluster = Cluster()
    dead = number("lomi_queue_jobs", state="dead")
    cluster.look(FINE | {REDIS: 0, dead: 3})
    assert cluster.told == []
    cluster.look(FINE | {dead: 3})
    assert cluster.heard() == [("dead_letters", FIRED)]


def test_a_suspicion_whose_number_went_missing_holds_nothing_back() -> None:
    cluster = Cluster()
    cluster.look(FINE | {FACES: 0})
    for _ in range(20):
        cluster.look(FINE | {FACES: None, READY: 80})
    assert cluster.heard() == [("queue_backlog", FIRED)]


def test_a_rule_that_is_switched_off_ends_its_incident() -> None:
    cluster = backlog()
    cluster.series(READY, [BAD] * 20)
    cluster.rules = ()
    cluster.series(READY, [BAD])
    assert [notice for _, notice in cluster.heard()] == [FIRED, RESOLVED]
