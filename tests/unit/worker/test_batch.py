from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from uuid import UUID

import pytest

from lomi_ops.config.schema import Settings
from lomi_ops.domain.finding import Engine, EngineReport, Evidence
from lomi_ops.domain.job import PhotoRef
from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import FacesUnavailable, JobError, LeaseLost, ObjectsUnavailable, PhotoError, Throttled
from tests.unit.evidence import POLICY, evidence
from worker.batch import BatchJudge, Outcome
from worker.judging.host import JudgeCrash, JudgeDown
from worker.judging.look import Look

PHOTOS = tuple(PhotoRef(UUID(int=n), f"users/u/photo/{n}.jpg", "lomi-photos") for n in range(1, 4))


def look_at(seen: Evidence) -> Look:
    blur, faces, nsfw = (seen.report(engine) for engine in (Engine.BLUR, Engine.FACES, Engine.NSFW))
    return Look(640, 480, "sha", blur, nsfw, faces)


@dataclass
class Process:
    """Answers by the bytes that it is given; an exception is raised, each time it is listed."""

    answers: dict[bytes, list[Look | Exception]]
    asked: list[bytes] = field(default_factory=list)

    def look(self, data: bytes, *, canonical: bool) -> Look:
        self.asked.append(data)
        answers = self.answers.get(data, [look_at(evidence())])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self) -> None:
        raise AssertionError


@dataclass
class Store:
    faults: dict[str, Exception] = field(default_factory=dict)
    silent: bool = False

    def size(self, bucket: str, key: str) -> int | None:
        if self.silent:
            raise ObjectsUnavailable("no answer")
        return None

    def get(self, bucket: str, key: str, max_bytes: int) -> bytes:
        if key in self.faults:
            raise self.faults[key]
        return key.rsplit("/", 1)[1].encode()


class Faces:
    def __init__(self, answer: EngineReport | Exception) -> None:
        self.answer = answer

    def answers(self, jpeg: bytes, size: tuple[int, int]) -> bool:
        raise AssertionError

    def find(self, jpeg: bytes, scale: float, size: tuple[int, int]) -> EngineReport:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@dataclass
class Book:
    crashes: dict[UUID, int] = field(default_factory=dict)

    def note_crash(self, media_id: UUID) -> int:
        self.crashes[media_id] = self.crashes.get(media_id, 0) + 1
        return self.crashes[media_id]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def judge(
    pool: ThreadPoolExecutor,
    *,
    answers: dict[bytes, list[Look | Exception]] | None = None,
    store: Store | None = None,
    faces: Faces | None = None,
    policy: Policy = POLICY,
    book: Book | None = None,
    alive: object = None,
) -> Outcome:
    judge_ = BatchJudge(Process(answers or {}), store or Store(), faces, Rule(policy), Settings(), pool)  # type: ignore[arg-type]
    return judge_.judge(PHOTOS, book or Book(), alive or (lambda: None))  # type: ignore[arg-type]


def statuses(outcome: Outcome) -> list[MediaStatus]:
    return [decision.status for decision in outcome.decisions]


def test_good_photos_are_all_decided(pool: ThreadPoolExecutor) -> None:
    outcome = judge(pool)

    assert statuses(outcome) == [MediaStatus.APPROVED] * 3
    assert outcome.waiting == ()


def test_a_broken_or_missing_photo_fails_alone(pool: ThreadPoolExecutor) -> None:
    missing = PhotoError("no such object", code="object_missing")
    broken = PhotoError("ends early", code="truncated")

    outcome = judge(pool, answers={b"2.jpg": [broken]}, store=Store({PHOTOS[0].key: missing}))

    assert statuses(outcome) == [MediaStatus.FAILED, MediaStatus.FAILED, MediaStatus.APPROVED]
    assert [decision.reason for decision in outcome.decisions] == ["object_missing", "truncated", None]


def test_a_photo_that_kills_its_judge_twice_goes_to_a_person(pool: ThreadPoolExecutor) -> None:
    book = Book()

    outcome = judge(pool, answers={b"2.jpg": [JudgeCrash("was ended by SIGSEGV")]}, book=book)

    assert statuses(outcome) == [MediaStatus.APPROVED, MediaStatus.PENDING, MediaStatus.APPROVED]
    assert outcome.decisions[1].reason == "needs_review"
    assert outcome.decisions[1].verdict is not None
    assert outcome.decisions[1].verdict.reason is Reason.CRASH
    assert book.crashes == {PHOTOS[1].media_id: 2}


def test_one_death_of_the_judge_may_be_chance(pool: ThreadPoolExecutor) -> None:
    outcome = judge(pool, answers={b"2.jpg": [JudgeCrash("was ended by SIGKILL"), look_at(evidence())]})

    assert statuses(outcome) == [MediaStatus.APPROVED] * 3


def test_an_object_store_that_is_down_leaves_its_photos_waiting(pool: ThreadPoolExecutor) -> None:
    outcome = judge(pool, store=Store({PHOTOS[1].key: ObjectsUnavailable("no answer")}))

    assert statuses(outcome) == [MediaStatus.APPROVED] * 2
    assert [waiting.media_id for waiting in outcome.waiting] == [PHOTOS[1].media_id]


def test_no_answer_about_faces_never_approves(pool: ThreadPoolExecutor) -> None:
    seen = look_at(evidence(faces=None))

    outcome = judge(
        pool, answers={b"1.jpg": [seen], b"2.jpg": [seen], b"3.jpg": [seen]}, faces=Faces(FacesUnavailable("timeout"))
    )

    assert outcome.decisions == ()
    assert len(outcome.waiting) == 3


def test_the_local_detector_answers_for_a_service_that_is_out_but_knows_no_ages(pool: ThreadPoolExecutor) -> None:
    from tests.unit.evidence import face

    seen = look_at(evidence(faces=(face(age=None),)))

    outcome = judge(
        pool, answers={b"1.jpg": [seen], b"2.jpg": [seen], b"3.jpg": [seen]}, faces=Faces(FacesUnavailable("timeout"))
    )

    assert outcome.decisions == ()
    assert "age" in outcome.waiting[0].for_person.detail


def test_an_outage_rejects_nobody_for_a_face_that_only_the_fallback_did_not_find(pool: ThreadPoolExecutor) -> None:
    seen = look_at(evidence(faces=()))
    answers: dict[bytes, list[Look | Exception]] = {b"1.jpg": [seen], b"2.jpg": [seen], b"3.jpg": [seen]}
    ageless = replace(POLICY, requires=POLICY.requires - {Requirement.AGE})

    waiting = judge(pool, answers=answers, faces=Faces(FacesUnavailable("timeout")))
    decided = judge(pool, answers=answers, faces=Faces(FacesUnavailable("timeout")), policy=ageless)

    assert len(waiting.waiting) == 3
    assert [decision.reason for decision in decided.decisions] == ["no_face"] * 3


def test_what_waits_says_for_what_and_what_a_person_would_get(pool: ThreadPoolExecutor) -> None:
    slow_down = Throttled("asks to slow down", retry_after_s=7)

    outcome = judge(
        pool,
        answers={b"1.jpg": [look_at(evidence(faces=None))], b"3.jpg": [look_at(evidence(faces=None))]},
        store=Store({PHOTOS[1].key: ObjectsUnavailable("no answer")}),
        faces=Faces(slow_down),
    )

    assert {type(waiting.cause) for waiting in outcome.waiting} == {Throttled, ObjectsUnavailable}
    assert {waiting.for_person.reason for waiting in outcome.waiting} == {"needs_review"}
    assert {waiting.for_person.status for waiting in outcome.waiting} == {MediaStatus.PENDING}


def test_a_bug_over_one_photo_is_not_its_batchs(pool: ThreadPoolExecutor) -> None:
    outcome = judge(pool, answers={b"1.jpg": [KeyError("x")]}, store=Store({PHOTOS[1].key: ValueError("secret")}))

    assert statuses(outcome) == [MediaStatus.APPROVED]
    assert [str(waiting.cause) for waiting in outcome.waiting] == ["KeyError inside lomi", "ValueError inside lomi"]


def test_a_bug_in_a_face_call_is_not_its_batchs(pool: ThreadPoolExecutor) -> None:
    outcome = judge(pool, faces=Faces(ZeroDivisionError()))

    assert {str(waiting.cause) for waiting in outcome.waiting} == {"ZeroDivisionError inside lomi"}


def test_a_process_killed_while_it_loads_is_no_broken_machine_when_the_job_is_gone(pool: ThreadPoolExecutor) -> None:
    calls: list[int] = []

    def alive() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        judge(pool, answers={b"1.jpg": [JudgeDown("was ended by SIGKILL")]}, alive=alive)
    with pytest.raises(JudgeDown):
        judge(pool, answers={b"1.jpg": [JudgeDown("no memory")]})


def test_a_download_that_hangs_does_not_keep_a_job_that_is_lost(pool: ThreadPoolExecutor) -> None:
    release = threading.Event()
    calls: list[int] = []

    class Hangs(Store):
        def get(self, bucket: str, key: str, max_bytes: int) -> bytes:
            release.wait(60)
            return b""

    def alive() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        judge(pool, store=Hangs(), alive=alive)
    release.set()


def test_a_lost_lease_stops_the_batch_between_photos(pool: ThreadPoolExecutor) -> None:
    calls: list[int] = []

    def alive() -> None:
        calls.append(1)
        if len(calls) == 2:
            raise LeaseLost("gone")

    with pytest.raises(LeaseLost):
        judge(pool, alive=alive)


def test_a_job_that_names_a_foreign_bucket_is_at_fault_itself(pool: ThreadPoolExecutor) -> None:
    with pytest.raises(JobError):
        judge(pool, store=Store({PHOTOS[2].key: JobError("not ours", code="bucket_not_allowed")}))


def test_a_model_of_ours_that_fails_on_a_photo_leaves_it_to_a_person_at_once(pool: ThreadPoolExecutor) -> None:
    outcome = judge(pool, answers={b"2.jpg": [look_at(evidence(nsfw=None))]})

    assert statuses(outcome) == [MediaStatus.APPROVED, MediaStatus.PENDING, MediaStatus.APPROVED]
    assert outcome.waiting == ()
