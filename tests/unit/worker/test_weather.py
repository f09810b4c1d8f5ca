from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.clients.compreface.pool import NotAsked
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.domain.attempt import Blame, ErrorClass, blame
from lomi_ops.domain.decision import PhotoDecision, decide, fail
from lomi_ops.domain.finding import Engine, EngineReport, EngineStatus, Evidence
from lomi_ops.domain.policy import judge
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.verdict import FailureCode, MediaStatus, Reason
from lomi_ops.errors import (
    ConfigError,
    DatabaseUnavailable,
    FacesUnavailable,
    JobError,
    LomiError,
    ObjectsUnavailable,
    Throttled,
)
from tests.unit.evidence import POLICY
from worker.judging.judge import to_person
from worker.weather import (
    Outlook,
    PhotoBug,
    Sorted,
    Waiting,
    bad_weather,
    canary,
    innocent,
    shown,
    shown_to_work,
    sort_out,
    upstream_of,
)

CAUSES: tuple[LomiError, ...] = (
    FacesUnavailable("answers 500"),
    NotAsked("all ejected"),
    Throttled("slow down", retry_after_s=7),
    ConfigError("wrong key"),
    ObjectsUnavailable("short read"),
    DatabaseUnavailable("gone"),
    DatabaseMisfit("no rights"),
    PhotoBug("KeyError inside lomi"),
)


def waiting(n: int, cause: LomiError, again: Callable[[], PhotoDecision | Waiting] | None = None) -> Waiting:
    return Waiting(UUID(int=n), cause, for_person(n), again)


def for_person(n: int) -> PhotoDecision:
    return to_person(UUID(int=n), Reason.MISSING_EVIDENCE, "waits", Rule(POLICY))


def waits(*causes: LomiError) -> list[Waiting]:
    """Photos on which the same happens each time."""
    return [waiting(n, cause, lambda n=n, cause=cause: waiting(n, cause)) for n, cause in enumerate(causes)]  # type: ignore[misc]


def sorted_out(*causes: LomiError, serves: bool, last_try: bool = False, overdue: Collection[str] = ()) -> Sorted:
    return sort_out(waits(*causes), lambda _: serves, last_try=last_try, overdue=overdue)


class Sky:
    """An upstream that serves or not, in turn; then as the last time."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _: LomiError) -> bool:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("failed", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_a_photo_is_to_blame_only_between_two_answers_about_others(before: bool, failed: bool, after: bool) -> None:
    found = blame(served_before=before, failed_again=failed, served_after=after)

    assert (found is Blame.PHOTO) == (before and failed and after)


@pytest.mark.parametrize("sky", [Sky(False), Sky(True, False)])
def test_weather_before_or_behind_the_second_try_costs_no_attempt(sky: Sky) -> None:
    found = sort_out(waits(FacesUnavailable("answers 500")), sky, last_try=True)

    assert found.handed_over == ()
    assert found.postponed is not None
    assert found.postponed.failure.error_class is ErrorClass.OUTAGE
    assert found.postponed.everywhere
    assert found.serving == frozenset()


def test_a_photo_that_is_answered_when_it_is_tried_once_more_is_decided() -> None:
    sky, decision = Sky(True), for_person(0)

    for cause in (FacesUnavailable("answers 500"), NotAsked("all ejected")):
        found = sort_out([waiting(0, cause, lambda: decision)], sky, last_try=True)
        assert (found.decided, found.handed_over, found.postponed) == ((decision,), (), None)
        assert found.serving == {"compreface"}


def test_a_photo_that_is_throttled_when_it_is_tried_once_more_is_weather() -> None:
    throttled = waiting(0, Throttled("slow down", retry_after_s=3))

    found = sort_out([waiting(0, FacesUnavailable("answers 500"), lambda: throttled)], Sky(True), last_try=True)

    assert found.postponed is not None
    assert found.postponed.failure.retry_after_s == 3


def test_each_suspect_stands_between_two_answers_of_its_own_and_bad_weather_is_asked_no_further() -> None:
    calm, gust = Sky(True), Sky(True, True, False)

    found = sort_out(waits(*[FacesUnavailable("answers 500")] * 3), calm, last_try=True)
    assert (len(found.handed_over), calm.asked) == (3, 4)

    found = sort_out(waits(*[FacesUnavailable("answers 500")] * 9), gust, last_try=True)
    assert (len(found.handed_over), gust.asked) == (1, 3)
    assert found.postponed is not None
    assert found.postponed.failure.error_class is ErrorClass.OUTAGE


def test_what_is_out_for_too_long_is_handed_over_and_the_rest_waits_on() -> None:
    found = sorted_out(
        FacesUnavailable("refused"), ObjectsUnavailable("no answer"), serves=False, overdue=["compreface", "postgres"]
    )

    assert [decision.media_id.int for decision in found.handed_over] == [0]
    assert found.given_up_on is not None
    assert found.given_up_on.code == "compreface"
    assert found.postponed is not None
    assert found.postponed.failure.code == "objects"


def test_an_upstream_that_is_out_costs_no_attempt_not_even_the_last() -> None:
    found = sorted_out(FacesUnavailable("refused"), serves=False, last_try=True)

    assert found.handed_over == ()
    assert found.postponed is not None
    assert found.postponed.failure.error_class is ErrorClass.OUTAGE
    assert found.postponed.failure.code == "compreface"
    assert found.postponed.everywhere


def test_a_photo_that_a_serving_upstream_fails_on_costs_an_attempt_and_holds_up_nobody() -> None:
    found = sorted_out(FacesUnavailable("answers 500"), serves=True)

    assert found.postponed is not None
    assert found.postponed.failure.error_class is ErrorClass.TRANSIENT
    assert found.postponed.failure.code == "compreface_failed"
    assert not found.postponed.everywhere
    assert found.serving == {"compreface"}


def test_at_the_last_attempt_a_person_gets_it_and_nobody_else_waits_for_it() -> None:
    found = sorted_out(FacesUnavailable("answers 500"), PhotoBug("KeyError inside lomi"), serves=True, last_try=True)

    assert [decision.media_id for decision in found.handed_over] == [UUID(int=0), UUID(int=1)]
    assert found.postponed is None


def test_at_the_last_attempt_the_photos_in_bad_weather_wait_on() -> None:
    found = sorted_out(PhotoBug("KeyError inside lomi"), DatabaseUnavailable("gone"), serves=True, last_try=True)

    assert [decision.media_id for decision in found.handed_over] == [UUID(int=0)]
    assert found.postponed is not None
    assert found.postponed.failure.error_class is ErrorClass.OUTAGE


def test_who_asks_to_slow_down_is_left_alone_for_as_long_as_wished() -> None:
    found = sorted_out(Throttled("slow", retry_after_s=3), Throttled("slower", retry_after_s=9), serves=False)

    assert found.postponed is not None
    assert found.postponed.failure.error_class is ErrorClass.THROTTLED
    assert found.postponed.failure.retry_after_s == 9
    assert found.postponed.everywhere


def test_a_photo_that_nobody_looked_at_is_not_to_blame_and_only_we_wait_where_the_service_serves_others() -> None:
    for serves in (True, False):
        found = sorted_out(NotAsked("all ejected"), serves=serves, last_try=True)

        assert found.handed_over == ()
        assert found.postponed is not None
        assert found.postponed.failure.error_class is ErrorClass.OUTAGE
        assert found.postponed.everywhere is not serves


@given(
    causes=st.lists(st.sampled_from(CAUSES), min_size=1, max_size=9),
    serves=st.fixed_dictionaries({name: st.booleans() for name in ("compreface", "objects", "postgres", "lomi")}),
    last_try=st.booleans(),
    overdue=st.sets(st.sampled_from(["compreface", "objects", "postgres", "lomi"])),
)
def test_every_photo_is_handed_to_a_person_or_waits_and_no_innocent_one_is_handed_over_early(
    causes: list[LomiError], serves: dict[str, bool], last_try: bool, overdue: set[str]
) -> None:
    found = sort_out(waits(*causes), lambda cause: serves[upstream_of(cause)], last_try=last_try, overdue=overdue)
    given_up = {decision.media_id.int for decision in found.handed_over}

    assert all(decision.status is MediaStatus.PENDING for decision in found.handed_over)
    late = {n for n, cause in enumerate(causes) if upstream_of(cause) in overdue}
    assert late <= given_up
    assert (found.postponed is None) == (given_up == set(range(len(causes))))
    assert not any(innocent(causes[n]) for n in given_up - late)
    assert last_try or given_up == late
    costs = found.postponed is not None and not found.postponed.failure.error_class.weather
    assert not (costs and last_try)


def test_a_dead_letter_of_weather_names_the_next_command() -> None:
    assert bad_weather([DatabaseUnavailable("gone")]).hint == "lomi check"
    assert bad_weather([DatabaseMisfit("no rights", hint="lomi migrate apply")]).hint == "lomi migrate apply"
    assert bad_weather([NotAsked("all ejected"), FacesUnavailable("refused")]).message == "refused"


def seen_by(model: str) -> PhotoDecision:
    evidence = Evidence(640, 480, (EngineReport(Engine.FACES, model, status=EngineStatus.ANSWERED),))
    return decide(UUID(int=1), evidence, judge(evidence, POLICY), POLICY)


def test_a_decision_shows_which_upstreams_answered_for_it() -> None:
    broken = fail(UUID(int=1), FailureCode.UNREADABLE, "is no image")

    assert shown([]) == frozenset()
    assert shown([broken]) == {"objects", "lomi"}
    assert shown([seen_by("nudenet-320n/rgb"), for_person(1)]) == {"objects", "lomi"}
    assert shown([broken, seen_by("compreface/agegender.AgeDetector")]) == {"objects", "lomi", "compreface"}


def test_a_breaker_closes_on_an_answer_or_on_a_finished_job_that_never_asks_it() -> None:
    outages = ["compreface", "postgres", "elsewhere"]

    def closed(*shown: str, finished: bool = True, has_faces: bool = True) -> list[str]:
        return shown_to_work(outages, shown, finished=finished, has_faces=has_faces)

    assert closed() == ["elsewhere"]
    assert closed(finished=False) == []
    assert closed("compreface", finished=False) == ["compreface"]
    assert closed("postgres", has_faces=False) == ["compreface", "postgres", "elsewhere"]


class Store:
    def __init__(self, answer: Exception | None) -> None:
        self.answer = answer

    def size(self, bucket: str, key: str) -> int | None:
        if self.answer is not None:
            raise self.answer
        return None


class Faces:
    def __init__(self, well: bool) -> None:
        self.well = well
        self.shown: list[bytes] = []

    def answers(self, jpeg: bytes, size: tuple[int, int]) -> bool:
        self.shown.append(jpeg)
        return self.well


def outlook(store: Exception | None = None, faces: Faces | None = None) -> Outlook:
    return Outlook(Store(store), "lomi-photos", faces)  # type: ignore[arg-type]


def test_an_upstream_is_asked_about_something_that_is_no_trouble() -> None:
    for well in (True, False):
        faces = Faces(well)

        assert outlook(faces=faces).serves(ConfigError("wrong key")) is well
        assert faces.shown == [canary()]
    assert not outlook().serves(FacesUnavailable("no service at all"))


def test_a_store_that_answers_for_another_key_serves() -> None:
    assert outlook().serves(ObjectsUnavailable("short read"))
    assert not outlook(ObjectsUnavailable("no answer")).serves(ObjectsUnavailable("no answer"))
    assert not outlook(JobError("no such bucket", code="bucket_not_allowed")).serves(ObjectsUnavailable("no answer"))


def test_a_database_never_serves_others_and_our_bugs_always_do() -> None:
    assert not outlook().serves(DatabaseUnavailable("gone"))
    assert outlook().serves(PhotoBug("KeyError inside lomi"))
