"""A frame of the live view and its line; what changed between two; the last minutes of a number."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.frame import AlertLine, Event, Frame, WorkerLine, key_of, packed, series, unpacked
from lomi_ops.domain.happening import happenings
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.domain.traces import MINUTES, Traces

AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
READY = ("lomi_queue_jobs", (("state", "ready"),))
DEAD = ("lomi_queue_jobs", (("state", "dead"),))
CLAIMS = ("lomi_claims_total", ())
HELD = ("lomi_upstream_held", (("upstream", "compreface"),))

TEXTS = st.text(max_size=20)
MOMENTS = st.integers(0, 4_000_000_000_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))
KEYS = st.tuples(
    st.from_regex(r"[a-z_]+", fullmatch=True),
    st.dictionaries(st.from_regex(r"[a-z_]+", fullmatch=True), TEXTS, max_size=2).map(
        lambda labels: tuple(sorted(labels.items()))
    ),
)
WORKERS = st.builds(
    WorkerLine, TEXTS, TEXTS, st.floats(0, 1e6), st.integers(0, 99), st.lists(TEXTS, max_size=2).map(tuple),
    st.none() | st.integers(0), st.none() | st.integers(0), st.lists(TEXTS, max_size=2).map(tuple), TEXTS, TEXTS,
)  # fmt: skip
FRAMES = st.builds(
    Frame,
    st.builds(
        Measured, MOMENTS, st.dictionaries(KEYS, st.floats(-1e9, 1e9), max_size=5),
        st.dictionaries(st.sampled_from(Source), TEXTS, max_size=2),
    ),
    st.none() | st.lists(WORKERS, max_size=2).map(tuple),
    st.lists(
        st.builds(
            AlertLine, TEXTS, TEXTS, TEXTS, st.none() | MOMENTS, st.none() | st.floats(0, 9), TEXTS, TEXTS, TEXTS,
            TEXTS, TEXTS,
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.builds(Event, MOMENTS, TEXTS, TEXTS, st.booleans()), max_size=2).map(tuple),
)  # fmt: skip


def frame(values: dict[tuple[str, tuple[tuple[str, str], ...]], float], s: float = 0, **more: object) -> Frame:
    silent: dict[Source, str] = more.pop("silent", {})  # type: ignore[assignment]
    return Frame(Measured(AT + timedelta(seconds=s), values, silent), **more)  # type: ignore[arg-type]


def worker(name: str, state: str = "running") -> WorkerLine:
    return WorkerLine(name, state, 0.4, 2, (), 9, 0, ("320n",), "default@1", "0.1.0")


def alert(state: str, by: str = "") -> AlertLine:
    return AlertLine("queue_backlog", state, "warning", AT, 90, "90 jobs wait", "lomi autoscale", by=by)


@given(st.lists(FRAMES, max_size=4))
def test_frames_come_back_as_they_were(some: list[Frame]) -> None:
    assert unpacked(packed(some)) == some


def test_what_did_not_change_is_written_once() -> None:
    same = [frame({READY: 7}, s, workers=(worker("a/1"),), alerts=(alert("firing"),)) for s in range(60)]

    assert len(packed(same)) < len(packed(same[:1])) + 60 * 25
    assert unpacked(packed(same)) == same


@given(KEYS)
def test_a_series_is_spelled_so_that_it_can_be_read_again(key: tuple[str, tuple[tuple[str, str], ...]]) -> None:
    assert key_of(series(key)) == key


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"v":2}', '{"v":1,"at":"x"}', '{"v":1,"at":[1],"values":3}', "null"])
def test_what_is_no_frame_is_refused(line: str) -> None:
    with pytest.raises(ValueError):
        unpacked(line)


def test_every_change_is_told_once_and_the_grave_ones_are_marked() -> None:
    before = frame({DEAD: 1, HELD: 0, ("lomi_queue_paused", ()): 0}, workers=(worker("a/1"), worker("b/2"),
                   worker("c/3", "draining")), alerts=(alert("pending"),))  # fmt: skip
    now = frame({DEAD: 3, HELD: 1, ("lomi_queue_paused", ()): 1}, 1, workers=(worker("a/1", "failing"), worker("d/4")),
                alerts=(alert("firing"),), silent={Source.OBJECTS: "timeout"})  # fmt: skip

    told = happenings(before, now)

    assert [(each.kind, each.text, each.grave) for each in told] == [
        ("alert", "queue_backlog fires: 90 jobs wait", True),
        ("source", "objects is silent: timeout", True),
        ("queue", "the queue is paused", True),
        ("queue", "2 more dead letters, 3 in all", True),
        ("upstream", "compreface is out: nothing is claimed until it answers", True),
        ("worker", "d/4 has come", False),
        ("worker", "b/2 has gone", True),
        ("worker", "c/3 has gone", False),
        ("worker", "a/1 is failing", True),
    ]
    assert happenings(now, now) == happenings(None, now) == ()
    assert [each.text for each in happenings(now, before)][:2] == ["objects answers again", "the queue goes on"]


def test_an_alert_is_followed_to_its_end() -> None:
    frames = [
        frame({}, s, alerts=(alert(state, by),))
        for s, (state, by) in enumerate((
            ("firing", ""), ("firing", "silenced by abel"), ("acked", "acknowledged by hana"),
            ("stale", "acknowledged by hana"), ("acked", "acknowledged by hana"), ("ok", ""),
        ))
    ]  # fmt: skip

    told = [each.text for old, new in itertools.pairwise(frames) for each in happenings(old, new)]

    assert told == [f"queue_backlog is {said}" for said in ("silenced by abel", "acknowledged by hana", "over")]


def test_what_a_silent_source_no_longer_says_is_no_event() -> None:
    known, unknown = frame({DEAD: 4, HELD: 1}, workers=(worker("a"),)), frame({}, 1, silent={Source.REDIS: "down"})

    assert [each.text for each in happenings(known, unknown)] == ["redis is silent: down"]
    assert [each.text for each in happenings(unknown, known)] == ["redis answers again"]


def test_numbers_are_kept_look_by_look_and_by_their_peak_in_each_minute() -> None:
    traces = Traces()
    for s in range(0, 180, 20):
        traces.add(Measured(AT + timedelta(seconds=s), {READY: s / 20}))
    traces.add(Measured(AT + timedelta(seconds=240), {}))

    assert traces.recent(READY, 3) == [7.0, 8.0, None]
    assert traces.minutes(READY, minutes=6) == [None, 2.0, 5.0, 8.0, None, None]
    assert traces.minutes(READY, AT, 2) == [None, 2.0]


def test_a_counter_is_shown_by_its_rate_and_a_new_beginning_is_a_gap() -> None:
    traces = Traces()
    for s, value in enumerate((10, 12, 12, 3, 5)):
        traces.add(Measured(AT + timedelta(seconds=2 * s), {CLAIMS: value}))

    assert traces.rate(CLAIMS) == [1.0, 0.0, None, 1.0]


def test_no_more_is_kept_than_an_hour() -> None:
    traces = Traces()
    for minute in range(200):
        traces.add_peaks(minute, {READY: minute})

    assert traces.minutes(READY) == [float(minute) for minute in range(200 - MINUTES, 200)]
