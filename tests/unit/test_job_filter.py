"""The language that says which jobs are meant."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.job_filter import FIELDS, JobFacts, by_id, parse
from lomi_ops.domain.job_state import OPEN, JobState
from lomi_ops.domain.terms import Kind
from lomi_ops.errors import UsageError

NOW = 1_800_000_000_000
JOB = JobFacts(
    job_id="b9f0",
    state=JobState.DEAD,
    user="5f0c1111",
    batch="ba",
    photos=("m1", "m2"),
    tries=3,
    crashes=1,
    error_class="transient",
    code="compreface_failed",
    error="the read timed out: Timeout after 10 s",
    worker=("web-3/77", "web-3", "boot-1", "boot-1/0"),
    uploaded_ms=NOW - 3_600_000,
    claimed_ms=NOW - 1_800_000,
    died_ms=NOW - 600_000,
)


def holds(text: str, job: JobFacts = JOB) -> bool:
    return parse([text]).matches(job, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "", "state:dead", "state:delayed,dead", "STATE:Dead", "state=dead", "error:timeout", "error:transient",
        "error:compreface_failed", "error:compreface*", "error:*_failed", "worker:web-3", "worker:web-3/77",
        "worker:boot-*", "worker:boot-1", "user:5f0c*", "user:5f0c1111", "photo:m2", "batch:ba", "job:b9f0",
        "age>59m", "age>=1h", "age<2h", "age<=1h", "age=1h", "held>10m", "died<11m", "tries>=3", "tries:3",
        "crashes>0", "setbacks=0", "photos=2", "priority:normal", "state:dead error:timeout worker:web-3 age>10m",
        "not state:ready", "state:dead -error:hung", "not not state:dead", '"timed out"', "timed b9f0",
    ],
)  # fmt: skip
def test_a_filter_holds_where_each_of_its_terms_does(text: str) -> None:
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "state:ready", "error:hung", "error:fail", "worker:web", "worker:boot", "user:5f0c", "photo:m3", "age<10m",
        "age>1h", "tries>3", "due>0", "priority:bulk", "state:dead error:hung", "-state:dead", "not error:timeout",
        "zebra", "user:[5]f0c1111", "op:x",
    ],
)  # fmt: skip
def test_a_filter_does_not_hold_where_one_term_does_not(text: str) -> None:
    assert not holds(text)


def test_a_comparison_with_something_that_the_job_does_not_have_never_holds_but_its_negation_does() -> None:
    waiting = replace(JOB, state=JobState.READY, died_ms=None)
    assert not holds("died>1s", waiting)
    assert not holds("died<1s", waiting)
    assert holds("not died>1s", waiting)


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("stat:dead", "no field 'stat'", "did you mean state?"),
        ("eror:x", "no field 'eror'", "did you mean error?"),
        ("wroker:w3", "no field 'wroker'", "did you mean worker?"),
        ("xyzzy:1", "no field 'xyzzy'", "fields: state,"),
        ("state:ded", "no state 'ded'", "did you mean dead?"),
        ("state:alive", "no state 'alive'", "states: ready"),
        ("state:,", "state: says nothing", "state:ready"),
        ("age>soon", "no span of time", "age>10m"),
        ("age>10x", "no span of time", "ms, s, m, h, d or w"),
        ("tries>many", "no number", "tries>2"),
        ("tries>1m", "no number", "tries>2"),
        ("user>5", "user has no order", "user:5"),
        ("state:dead not", "stands at the end", "not error:timeout"),
        ('error:"no face', "do not close", 'error:"no face"'),
        ("x:y.1", "no field 'x'", "a job of that id: job:x:y.1"),
        ("state:dead age", "age is compared with nothing", "'age>10m' in quotes"),
        ("not tries", "tries is compared with nothing", "'tries>2' in quotes"),
    ],
)
def test_a_mistake_is_named_with_what_may_have_been_meant(text: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse([text])
    assert said in caught.value.message
    assert hint in caught.value.hint


def test_one_argument_or_many_mean_the_same() -> None:
    assert parse(["state:dead error:hung"]) == parse(["state:dead", "error:hung"])
    assert parse(['error:"timed out"']).matches(JOB, NOW)


@pytest.mark.parametrize(
    ("text", "states"),
    [
        ("", OPEN),
        ("error:x", OPEN),
        ("state:dead", {JobState.DEAD}),
        ("state:d*", {JobState.DELAYED, JobState.DONE, JobState.DEAD}),
        ("not state:dead,done", set(JobState) - {JobState.DEAD, JobState.DONE}),
        ("state:dead state:ready", set()),
    ],
)
def test_only_the_states_that_are_left_are_looked_through(text: str, states: set[JobState]) -> None:
    assert parse([text]).states == states


def test_a_filter_within_states_keeps_to_them() -> None:
    wanted = parse(["error:timeout"]).within({JobState.DEAD, JobState.DELAYED})
    assert wanted.states == {JobState.DEAD, JobState.DELAYED}
    assert parse(["state:ready"]).within({JobState.DEAD}).states == set()
    assert parse([]).within({JobState.DEAD}).by_state_alone
    assert not wanted.by_state_alone


@given(st.lists(st.sampled_from(sorted(FIELDS)), max_size=4), st.booleans())
def test_a_filter_and_its_negation_never_agree(names: list[str], minus: bool) -> None:
    for name in names:
        term = f"{name}>1" if FIELDS[name].kind is not Kind.WORD else f"{name}:dead"
        negated = f"x -{term}".split(" ")[1] if minus else f"not {term}"
        assert parse([term]).matches(JOB, NOW) is not parse([negated]).matches(JOB, NOW)


@given(st.text(max_size=40))
def test_any_text_is_a_filter_or_a_mistake_with_a_hint(text: str) -> None:
    hint = "none is needed"
    try:
        parse([text]).matches(JOB, NOW)
    except UsageError as mistake:
        hint = mistake.hint
    assert hint


def test_jobs_can_be_meant_by_their_ids() -> None:
    assert by_id(["B9F0", "other"]).matches(JOB, NOW)
    assert not by_id(["other"]).matches(JOB, NOW)
