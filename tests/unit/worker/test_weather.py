from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.clients.compreface.pool import NotAsked
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.domain.attempt import ErrorClass
from lomi_ops.domain.verdict import MediaStatus, Reason
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
from worker.weather import Outlook, PhotoBug, Sorted, Waiting, bad_weather, canary, innocent, sort_out

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


def waits(*causes: LomiError) -> list[Waiting]:
    return [
        Waiting(UUID(int=n), cause, to_person(UUID(int=n), Reason.MISSING_EVIDENCE, cause.message, POLICY))
        for n, cause in enumerate(causes)
    ]


def sorted_out(*causes: LomiError, serves: bool, last_try: bool = False, too_long: bool = False) -> Sorted:
    return sort_out(waits(*causes), lambda _: serves, last_try=last_try, too_long=too_long)


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
    too_long=st.booleans(),
)
def test_every_photo_is_handed_to_a_person_or_waits_and_no_innocent_one_is_handed_over_early(
    causes: list[LomiError], serves: dict[str, bool], last_try: bool, too_long: bool
) -> None:
    from worker.weather import upstream_of

    asked: list[str] = []

    def serving() -> Callable[[LomiError], bool]:
        def answer(cause: LomiError) -> bool:
            asked.append(upstream_of(cause))
            return serves[upstream_of(cause)]

        return answer

    found = sort_out(waits(*causes), serving(), last_try=last_try, too_long=too_long)
    given_up = {decision.media_id.int for decision in found.handed_over}

    assert all(decision.status is MediaStatus.PENDING for decision in found.handed_over)
    assert len(asked) == len(set(asked))
    assert (found.postponed is None) == (given_up == set(range(len(causes))))
    if not too_long:
        assert not any(innocent(causes[n]) for n in given_up)
        assert last_try or not given_up
        costs = found.postponed is not None and not found.postponed.failure.error_class.weather
        assert not (costs and last_try)


def test_a_dead_letter_of_weather_names_the_next_command() -> None:
    assert bad_weather([DatabaseUnavailable("gone")]).hint == "lomi check"
    assert bad_weather([DatabaseMisfit("no rights", hint="lomi migrate apply")]).hint == "lomi migrate apply"
    assert bad_weather([NotAsked("all ejected"), FacesUnavailable("refused")]).message == "refused"


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
