"""Requests, rates, due times, and where a job is."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.history import PastJob
from lomi_ops.domain.job import Priority
from lomi_ops.domain.submission import (
    MAX_NAMED,
    PhotoCount,
    Place,
    Progress,
    Request,
    due_times,
    job_id_of,
    parse_rate,
    place_of,
    requested,
    split_names,
    time_to_go,
)
from lomi_ops.errors import UsageError


def ask(*names: str, **how: object) -> Request:
    return requested(names, **({"prefix": None, "priority": None, "per_minute": None} | how))  # type: ignore[arg-type]


def test_the_same_request_has_the_same_fingerprint_in_any_order() -> None:
    assert ask("b", "a", " a ", "").fingerprint == ask("a", "b").fingerprint
    others = [
        ask("a"), ask("a", "c"), ask(prefix="a"), ask("a", "b", per_minute=1.0), ask("a", "b", priority=Priority.HIGH),
    ]  # fmt: skip
    assert len({each.fingerprint for each in (*others, ask("a", "b"))}) == len(others) + 1


@pytest.mark.parametrize(
    ("names", "prefix"),
    [((), None), (("",), None), (("a",), "users/"), ((), ""), (map(str, range(MAX_NAMED + 1)), None)],
)
def test_nothing_both_ways_and_too_many_are_refused(names: object, prefix: str | None) -> None:
    with pytest.raises(UsageError):
        requested(names, prefix, None, None)  # type: ignore[arg-type]


def test_what_is_no_uuid_is_a_key() -> None:
    name = uuid.uuid4()
    assert split_names([str(name), name.hex, "users/1/photo/2.jpg"]) == ([name, name], ["users/1/photo/2.jpg"])


@pytest.mark.parametrize(("text", "per_minute"), [("60/min", 60), ("2/s", 120), ("90/h", 1.5), (" 0.5/min ", 0.5)])
def test_a_rate_is_in_photos_a_minute(text: str, per_minute: float) -> None:
    assert parse_rate(text) == pytest.approx(per_minute)


@pytest.mark.parametrize("text", ["", "60", "0/min", "-1/s", "60/day", "many/min", "1e9/s", "60/min/s", "٣/min"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_rate(text)


@given(st.lists(st.integers(1, 9), max_size=40), st.floats(0.01, 1e6), st.integers(0, 2**41))
def test_due_times_never_exceed_the_rate(photos: list[int], per_minute: float, start: int) -> None:
    dues = list(due_times(photos, per_minute, start))
    assert len(dues) == len(photos)
    for at, due in enumerate(dues):
        assert due == start + round(sum(photos[:at]) * 60_000 / per_minute)
    assert dues == sorted(dues)


def test_without_a_rate_everything_is_due_now() -> None:
    assert list(due_times([1, 9, 3], None, 5)) == [0, 0, 0]


def test_a_single_job_is_normal_and_several_are_bulk() -> None:
    assert ask("a").priority_of(1) is Priority.NORMAL
    assert ask("a").priority_of(2) is Priority.BULK
    assert ask("a", priority=Priority.HIGH).priority_of(2) is Priority.HIGH
    assert ask("a", priority=Priority.BULK).priority_of(1) is Priority.BULK


def test_names_of_jobs_follow_from_the_submission() -> None:
    one, two = uuid.uuid4(), uuid.uuid4()
    names = [job_id_of(each, seq) for each in (one, two) for seq in range(3)]
    assert len(set(names)) == 6
    assert names == [job_id_of(each, seq) for each in (one, two) for seq in range(3)]


@pytest.mark.parametrize(
    ("known", "place"),
    [
        ({"settled": True, "queued": "dead"}, Place.DONE),
        ({"undecided": False, "queued": "ready"}, Place.DONE),
        ({"queued": "ready", "ended": "dead"}, Place.READY),
        ({"queued": "delayed"}, Place.DELAYED),
        ({"queued": "running", "cancelled": True}, Place.RUNNING),
        ({"queued": "dead"}, Place.DEAD),
        ({"queued": "cancelled"}, Place.CANCELLED),
        ({"ended": "dead"}, Place.DEAD),
        ({"ended": "purged"}, Place.DEAD),
        ({"ended": "cancelled"}, Place.CANCELLED),
        ({"ended": "requeued"}, Place.MISSING),
        ({"ended": "lost"}, Place.MISSING),
        ({"cancelled": True}, Place.CANCELLED),
        ({}, Place.MISSING),
    ],
)
def test_where_a_job_is(known: dict[str, object], place: Place) -> None:
    everything = {"settled": False, "undecided": True, "queued": None, "ended": None} | known
    assert place_of(**everything) is place  # type: ignore[arg-type]


def progress(**places: int) -> Progress:
    return Progress(sum(places.values()), {Place(name): count for name, count in places.items()})


def test_over_means_that_every_job_has_ended() -> None:
    assert progress(done=2, dead=1, cancelled=1).over
    assert not progress(done=2, missing=1).over
    assert progress().over


def test_bad_is_whatever_was_not_decided() -> None:
    assert progress(dead=1).bad
    assert progress(cancelled=1).bad
    assert not progress(done=1).bad
    assert Progress(1, {Place.DONE: 1}, (PhotoCount("failed", "truncated", 1),)).bad
    assert not Progress(1, {Place.DONE: 1}, (PhotoCount("rejected", "nsfw", 1),)).bad


def test_the_time_to_go() -> None:
    assert time_to_go(progress(done=3), 3, 60) == 0
    assert time_to_go(progress(done=2, ready=4), 2, 60) == 120
    assert time_to_go(progress(ready=4), 0, 60) is None
    waits = Progress(3, {Place.DELAYED: 3}, last_due_s=500.0)
    assert time_to_go(waits, 0, 60) == 500
    assert time_to_go(waits, 3, 60) == 500


def past(**fields: object) -> PastJob:
    plain = dict.fromkeys(PastJob.__dataclass_fields__, 0) | {"note": "", "after": "", "what": "done"}
    return PastJob(**(plain | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("job", "words"),
    [
        (past(approved=2, in_review=1), "2 approved, 1 in review"),
        (past(rejected=1, failed=3), "1 rejected, 3 failed"),
        (past(), "nothing left to decide"),
        (past(what="dead", note="not_json"), "dead: not_json"),
        (past(what="dead", note="hung", after="requeued"), "dead: hung, requeued"),
        (past(what="cancelled"), "cancelled"),
    ],
)
def test_an_outcome_in_words(job: PastJob, words: str) -> None:
    assert job.outcome == words
