from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.attempt import (
    ATTEMPT_BACKOFF,
    MAX_RETRY_AFTER_S,
    WEATHER_BACKOFF,
    Bury,
    ErrorClass,
    Failure,
    Retry,
    classify,
    next_step,
)
from lomi_ops.errors import (
    BackendUnavailable,
    ConfigError,
    DatabaseUnavailable,
    FacesUnavailable,
    JobError,
    LeaseLost,
    ModelError,
    ObjectsUnavailable,
    PhotoError,
    RedisUnavailable,
    Throttled,
    Transient,
)

chances = st.floats(0, 1, exclude_max=True)
weather = st.sampled_from([ErrorClass.THROTTLED, ErrorClass.OUTAGE])


def failure(error_class: ErrorClass, retry_after_s: float | None = None) -> Failure:
    return Failure(error_class, "code", "what happened", retry_after_s)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Throttled("slow down"), ErrorClass.THROTTLED),
        (FacesUnavailable("down"), ErrorClass.OUTAGE),
        (ObjectsUnavailable("down"), ErrorClass.OUTAGE),
        (DatabaseUnavailable("down"), ErrorClass.OUTAGE),
        (RedisUnavailable("down"), ErrorClass.OUTAGE),
        (BackendUnavailable("down"), ErrorClass.OUTAGE),
        (JobError("no", code="not_json"), ErrorClass.POISON),
        (PhotoError("no", code="truncated"), ErrorClass.PERMANENT),
        (ModelError("altered"), ErrorClass.PERMANENT),
        (ConfigError("wrong"), ErrorClass.PERMANENT),
        (Transient("later"), ErrorClass.TRANSIENT),
        (LeaseLost("gone"), ErrorClass.TRANSIENT),
        (KeyError("a bug"), ErrorClass.TRANSIENT),
        (MemoryError(), ErrorClass.TRANSIENT),
    ],
)
def test_the_class_of_an_error_is_its_type(error: BaseException, expected: ErrorClass) -> None:
    assert classify(error) is expected


def test_only_weather_is_refunded() -> None:
    assert {member for member in ErrorClass if member.weather} == {ErrorClass.THROTTLED, ErrorClass.OUTAGE}


def test_a_failure_keeps_what_our_own_errors_say() -> None:
    said = Failure.of(Throttled("CompreFace asks to wait", retry_after_s=7, hint="lomi check"))
    assert (said.code, said.message, said.retry_after_s, said.hint) == (
        "Throttled",
        "CompreFace asks to wait",
        7,
        "lomi check",
    )
    assert Failure.of(JobError("no photos", code="no_photos")).code == "no_photos"


def test_the_text_of_a_foreign_error_is_not_quoted() -> None:
    said = Failure.of(RuntimeError("postgresql://lomi:secret@db/lomi"))
    assert "secret" not in repr(said)
    assert said.code == "RuntimeError"


def test_the_waits_of_attempts_follow_the_schedule() -> None:
    assert [ATTEMPT_BACKOFF.ceiling(tries) for tries in (1, 2, 3, 4, 5, 6)] == [2, 8, 32, 128, 300, 300]
    assert [WEATHER_BACKOFF.ceiling(tries) for tries in (1, 2, 5, 6, 100)] == [2, 4, 32, 60, 60]


@given(st.integers(-5, 10**6), chances)
def test_a_wait_lies_between_its_floor_and_its_ceiling(tries: int, chance: float) -> None:
    for backoff in (ATTEMPT_BACKOFF, WEATHER_BACKOFF):
        assert backoff.floor <= backoff.wait(tries, chance) <= max(backoff.floor, backoff.ceiling(tries))


@given(st.integers(1, 20), chances)
def test_waits_are_spread_over_the_whole_range(tries: int, chance: float) -> None:
    assert ATTEMPT_BACKOFF.wait(tries, chance) == pytest.approx(chance * ATTEMPT_BACKOFF.ceiling(tries))


@given(st.integers(1, 9), st.integers(0, 50), st.integers(1, 10), chances)
def test_a_transient_failure_is_retried_while_attempts_are_left(
    attempt: int, setbacks: int, limit: int, chance: float
) -> None:
    step = next_step(failure(ErrorClass.TRANSIENT), attempt=attempt, setbacks=setbacks, limit=limit, chance=chance)
    if attempt < limit:
        assert step == Retry(ATTEMPT_BACKOFF.wait(attempt, chance), refund=False)
    else:
        assert step == Bury(exhausted=True)


@given(weather, st.integers(1, 20), st.integers(0, 10**5), st.integers(1, 10), chances)
def test_weather_never_buries_and_never_costs_an_attempt(
    error_class: ErrorClass, attempt: int, setbacks: int, limit: int, chance: float
) -> None:
    step = next_step(failure(error_class), attempt=attempt, setbacks=setbacks, limit=limit, chance=chance)
    assert isinstance(step, Retry)
    assert step.refund
    assert 1 <= step.delay_s <= 60


@given(st.sampled_from([ErrorClass.PERMANENT, ErrorClass.POISON]), st.integers(1, 20), chances)
def test_what_cannot_work_is_buried_at_once(error_class: ErrorClass, attempt: int, chance: float) -> None:
    assert next_step(failure(error_class), attempt=attempt, setbacks=0, limit=99, chance=chance) == Bury(
        exhausted=False
    )


@given(weather | st.just(ErrorClass.TRANSIENT), st.floats(-10, 10**6), chances)
def test_the_other_side_is_given_the_time_it_asked_for_within_reason(
    error_class: ErrorClass, wish: float, chance: float
) -> None:
    step = next_step(failure(error_class, wish), attempt=1, setbacks=0, limit=3, chance=chance)
    assert isinstance(step, Retry)
    assert min(max(wish, 0), MAX_RETRY_AFTER_S) <= step.delay_s <= MAX_RETRY_AFTER_S
