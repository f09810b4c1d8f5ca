"""From facts to what is wrong, why, and the one command."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from lomi_ops.config.schema import Settings
from lomi_ops.domain.check import Status
from lomi_ops.domain.container import Port
from lomi_ops.domain.container_rules import exposure_troubles, oom_troubles, service_troubles
from lomi_ops.domain.diagnosis import ORDER, Area, Failure, Finding, Gravity, exit_code, ordered
from lomi_ops.domain.diagnosis_faces import Endpoint, FaceFacts, face_findings
from lomi_ops.domain.diagnosis_flow import FlowFacts, Held, QueueFacts, flow_findings
from lomi_ops.domain.diagnosis_rejections import (
    HourOfReasons,
    Rejected,
    RejectionFacts,
    rejection_findings,
    threshold,
)
from lomi_ops.domain.diagnosis_workers import Contained, Registered, WorkerFacts, worker_findings
from lomi_ops.domain.reconcile import Bucket
from lomi_ops.domain.worker_log import WorkerLog, worker_trouble
from tests.unit.containers import NOW, WORKERS, cluster, container, stopped

WELL = QueueFacts(waiting=0, delayed=0, running=0, dead=0, unsent=0, listeners=1)


def by_id(findings: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.id: finding for finding in findings}


def changed(**facts: Any) -> QueueFacts:
    return QueueFacts(**{name: getattr(WELL, name) for name in WELL.__slots__} | facts)


# --- order and exit code ----------------------------------------------------------------------------------------------


def test_causes_stand_before_consequences_and_what_is_wrong_before_what_is_not_known() -> None:
    backlog = Finding("flow.backlog", Gravity.WRONG, "", "")
    unseen = Finding("workers.docker", Gravity.UNKNOWN, "", "")
    redis = Finding("flow.redis", Gravity.WRONG, "", "")

    assert ordered([unseen, backlog, redis]) == (redis, backlog, unseen)


@pytest.mark.parametrize(
    ("gravities", "code"), [((), 0), (("note",), 0), (("note", "unknown"), 3), (("unknown", "wrong"), 1)]
)
def test_a_note_is_fine_and_wrong_beats_unknown(gravities: tuple[str, ...], code: int) -> None:
    assert exit_code([Finding("flow.young", Gravity(each), "", "") for each in gravities]) == code


def test_every_finding_belongs_to_an_area() -> None:
    assert {each.partition(".")[0] for each in ORDER} == {area.value for area in Area}
    assert len(set(ORDER)) == len(ORDER)


# --- flow -------------------------------------------------------------------------------------------------------------


def test_a_flow_that_is_well_has_nothing_to_tell() -> None:
    assert list(flow_findings(FlowFacts(WELL, dict.fromkeys(Bucket, 0)))) == []


@pytest.mark.parametrize(
    ("bucket", "finding", "command"),
    [
        (Bucket.LOST, "flow.lost", "lomi reconcile --dry-run"),
        (Bucket.NEVER_QUEUED, "flow.never_queued", "lomi reconcile --dry-run"),
        (Bucket.UNAPPLIED, "flow.unapplied", "lomi reconcile --dry-run"),
        (Bucket.APPROVED_BEFORE, "flow.approved_before", "lomi migrate apply"),
    ],
)
def test_pending_photos_that_no_job_names_are_told_by_what_became_of_them(
    bucket: Bucket, finding: str, command: str
) -> None:
    (found,) = flow_findings(FlowFacts(WELL, {bucket: 12}))

    assert (found.id, found.next, found.gravity) == (finding, command, Gravity.WRONG)
    assert found.seen.startswith("12 photos ")
    assert found.why


def test_photos_in_review_are_explained_and_not_called_wrong() -> None:
    (found,) = flow_findings(FlowFacts(WELL, {Bucket.IN_REVIEW: 1, Bucket.ON_ITS_WAY: 7}))

    assert (found.gravity, found.seen) == (Gravity.NOTE, "1 photo in review")


def test_what_stops_the_queue_is_told_with_what_lets_it_go_on() -> None:
    stopped_queue = changed(paused_by="Hana", pause_reason="deploy", held=(Held("faces", 300, "no answer"),))

    found = by_id(flow_findings(FlowFacts(stopped_queue)))

    assert found["flow.paused"].seen == "the queue is paused by Hana: deploy"
    assert found["flow.paused"].next == "lomi queue resume"
    assert found["flow.held"].seen == "claims wait for faces since 5 min: no answer"
    assert found["flow.held"].next == "lomi doctor compreface"


def test_dead_letters_are_told_by_their_codes() -> None:
    (found,) = flow_findings(FlowFacts(changed(dead=3), dead_codes={"not_json": 2, "poison_crash": 1}))

    assert found.seen == "3 dead letters: 2 not_json, 1 poison_crash"


def test_unheard_results_and_a_channel_without_listeners_are_one_finding() -> None:
    assert by_id(flow_findings(FlowFacts(changed(listeners=0)))).keys() == {"flow.listeners"}
    assert not list(flow_findings(FlowFacts(changed(listeners=0, unsent=4, has_backend=False)))), "a local stack"
    (found,) = flow_findings(FlowFacts(changed(listeners=0, unsent=4, unheard_s=600)))
    assert found.seen == "4 results were published and not heard, the oldest for 10 min"


def test_what_runs_too_long_or_is_overdue_or_waits_is_told() -> None:
    queue = changed(running_long=(("j1", 7300.0), ("j2", 4000.0)), overdue=2, waiting=9, oldest_s=4000)

    found = by_id(flow_findings(FlowFacts(queue)))

    assert found["flow.running_long"].next == "lomi queue show j1"
    assert found["flow.overdue"].seen == "2 jobs should have been tried again 60 s ago"
    assert found["flow.backlog"].seen == "9 jobs wait, the next one for 67 min"


def test_a_source_that_is_gone_is_wrong_and_a_slow_one_is_not_known() -> None:
    gone, slow = Failure("redis", "Redis does not answer"), Failure("postgres", "no answer in 5 s", slow=True)

    found = by_id(flow_findings(FlowFacts(redis=gone, postgres=slow)))

    assert (found["flow.redis"].gravity, found["flow.postgres"].gravity) == (Gravity.WRONG, Gravity.UNKNOWN)


def test_a_stopped_container_comes_before_the_service_that_does_not_answer() -> None:
    troubles = service_troubles(cluster(stopped("redis", exit_code=0)), "redis")
    facts = FlowFacts(services=troubles, redis=Failure("redis", "Redis does not answer"))

    first, second = ordered(flow_findings(facts))

    assert (first.id, first.next) == ("flow.containers", "docker start app-redis-1")
    assert second.id == "flow.redis"


# --- workers ----------------------------------------------------------------------------------------------------------


def test_a_local_stack_that_is_down_is_started() -> None:
    down = Failure("redis", "Redis does not answer")

    redis, postgres = flow_findings(FlowFacts(redis=down, postgres=down, stack="/srv/my stack"))

    assert redis.next == postgres.next == "lomi up --data '/srv/my stack'"


def test_a_postgres_that_does_not_answer_is_told_once() -> None:
    down = Failure("postgres", "Postgres does not answer")
    rejections = tuple(rejection_findings(RejectionFacts(failure=down)))

    told = ordered((*flow_findings(FlowFacts(postgres=down)), *rejections))

    assert [each.id for each in told] == ["flow.postgres"]
    assert [each.id for each in ordered(rejections)] == ["rejections.unknown"]


def starting(*logs: WorkerLog) -> Contained:
    troubles = [(log, trouble) for log in logs if (trouble := worker_trouble(log, NOW))]
    return Contained(starts=tuple(troubles), up=sum(log.container.up for log in logs))


def test_workers_that_fail_alike_are_one_finding_with_their_last_words() -> None:
    words = ("Traceback", "redis.exceptions.AuthenticationError: WRONGPASS invalid username-password pair")
    logs = [WorkerLog(container(WORKERS, number), tail=words) for number in (1, 2, 3)]

    (found,) = worker_findings(WorkerFacts(contained=starting(*logs), registered=(Registered("h/1"),)))

    assert found.seen.startswith("3 workers (app-moderator-worker-1, app-moderator-worker-2, app-moderator-worker-3)")
    assert "Redis does not let them in: redis.exceptions.AuthenticationError" in found.seen
    assert found.lines == words
    assert found.next == "lomi check --only redis"


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("OSError: We couldn't connect to 'https://huggingface.co'", "lomi workers logs app-moderator-worker-1"),
        ("HTTPConnectionPool(host='compreface', port=8000): Max retries exceeded", "lomi doctor compreface"),
        ("Error 111 connecting to redis:6379. Connection refused.", "lomi check --only redis"),
        ('FATAL:  password authentication failed for user "lomi"', "lomi check --only postgres"),
        ("MemoryError", "docker update --memory 2g --memory-swap 2g app-moderator-worker-1"),
    ],
)
def test_each_cause_has_its_command(line: str, command: str) -> None:
    contained = starting(WorkerLog(container(WORKERS), tail=(line,)))

    (found,) = worker_findings(WorkerFacts(contained=contained))

    assert (found.id, found.next) == ("workers.start", command)


def test_what_a_worker_of_ours_advises_is_the_command() -> None:
    line = '{"action":"worker_cannot_go_on","msg":"model x is not installed","hint":"lomi models add x"}'

    (found,) = worker_findings(WorkerFacts(contained=starting(WorkerLog(stopped(WORKERS), tail=(line,)))))

    assert found.next == "lomi models add x"


def test_a_stopped_worker_whose_log_tells_why_is_told_about_once() -> None:
    dead = stopped(WORKERS)
    contained = Contained(
        services=service_troubles(cluster(dead), WORKERS),
        killed=oom_troubles([dead], NOW),
        starts=starting(WorkerLog(dead, tail=("MemoryError",))).starts,
    )

    found = [each.id for each in worker_findings(WorkerFacts(contained=contained, registered=(Registered("h/1"),)))]

    assert found == ["workers.start"]


def test_no_worker_is_wrong_where_jobs_wait_and_else_not_known() -> None:
    (wrong,) = worker_findings(WorkerFacts(registered=(), waiting=3, oldest_s=7300))
    assert wrong.seen == "no worker is to be seen, and 3 jobs wait, the next one for 2.0 h"
    (unknown,) = worker_findings(WorkerFacts(registered=()))
    assert (unknown.id, unknown.gravity) == ("workers.unseen", Gravity.UNKNOWN)


def test_old_workers_in_containers_are_seen_though_none_is_registered() -> None:
    assert list(worker_findings(WorkerFacts(registered=(), contained=Contained(up=4), waiting=3))) == []


def test_silent_and_quiet_workers_are_told_apart() -> None:
    found = by_id(worker_findings(WorkerFacts((Registered("h/1", 90.0), Registered("h/2", None, "quiet")))))

    assert found["workers.silent"].seen == "worker h/1 is not heard of for 90 s"
    assert found["workers.quiet"].gravity is Gravity.NOTE


def test_an_engine_that_cannot_be_asked_leaves_it_open() -> None:
    facts = WorkerFacts((Registered("h/1"),), docker=Failure("docker", "does not let this user in", "usermod"))

    (found,) = worker_findings(facts)

    assert (found.gravity, found.next) == (Gravity.UNKNOWN, "usermod")


# --- CompreFace -------------------------------------------------------------------------------------------------------


def test_a_compreface_that_is_well_has_nothing_to_tell() -> None:
    assert list(face_findings(FaceFacts(True, (Endpoint("http://c", True),), faces=1))) == []


def test_a_cluster_without_compreface_is_explained() -> None:
    (found,) = face_findings(FaceFacts(False))

    assert found.gravity is Gravity.NOTE


def test_one_that_does_not_answer_is_restarted_where_its_container_is_known() -> None:
    down = (Endpoint("http://c:8000", False, "no connection"),)

    (found,) = face_findings(FaceFacts(True, down, names=("app-compreface-1",), last_words=("java.lang.OutOfMemory",)))

    assert found.next == "docker restart app-compreface-1"
    assert found.lines == ("java.lang.OutOfMemory",)
    (elsewhere,) = face_findings(FaceFacts(True, down))
    assert elsewhere.next == "lomi check --only faces"


def test_one_that_everybody_reaches_is_told_with_the_page_that_closes_it() -> None:
    open_ = exposure_troubles([container("compreface", ports=(Port("0.0.0.0", 8000, 3000),))])

    (found,) = face_findings(FaceFacts(True, (Endpoint("http://c", True),), exposed=open_, faces=1))

    assert (found.id, found.gravity) == ("compreface.exposed", Gravity.NOTE)
    assert found.seen.endswith("is published on every address: 8000")


def test_one_of_two_endpoints_is_counted() -> None:
    both = (Endpoint("http://a", True), Endpoint("http://b", False, "no connection"))

    (found,) = face_findings(FaceFacts(True, both, faces=1))

    assert found.seen == "1 of 2 endpoints are not well: http://b: no connection"


def test_a_slow_one_is_not_known_to_be_down() -> None:
    (found,) = face_findings(FaceFacts(True, (Endpoint("http://c", False, "no answer in 3 s", slow=True),)))

    assert found.gravity is Gravity.UNKNOWN


def test_one_that_is_well_and_answers_about_no_photo_is_wrong() -> None:
    well = (Endpoint("http://c", True),)
    refused = Failure("compreface", "CompreFace refuses the key", "set compreface.api_key")

    (found,) = face_findings(FaceFacts(True, well, photo=refused))
    assert (found.id, found.next) == ("compreface.photo", "set compreface.api_key")
    (blind,) = face_findings(FaceFacts(True, well, faces=0))
    assert blind.seen == "it sees 0 faces in a photo of one person"


# --- rejections -------------------------------------------------------------------------------------------------------

START = datetime(2026, 11, 18, 12, tzinfo=UTC)
RECENT = START + timedelta(days=7)


def series(
    before: dict[str, int], after: dict[str, int], *, jump_at: int = 168, photos: int = 10
) -> list[HourOfReasons]:
    return [
        HourOfReasons(START + timedelta(hours=hour), photos, after if hour >= jump_at else before)
        for hour in range(192)
    ]


def rejected(number: int, user: UUID | None = None, **scores: Any) -> list[Rejected]:
    return [Rejected(user or uuid4(), f"users/u/photo/{each}.jpg", scores) for each in range(number)]


def test_a_steady_rate_is_nothing_to_tell() -> None:
    assert list(rejection_findings(RejectionFacts(series({"blurry": 1}, {"blurry": 1}), RECENT))) == []


def test_a_jump_is_told_by_reason_with_its_hour_its_threshold_and_photos_to_test() -> None:
    photos = {"blurry": rejected(40, blur_variance=110.0)}
    facts = RejectionFacts(series({"blurry": 1}, {"blurry": 5}, jump_at=160), RECENT, photos)

    (found,) = rejection_findings(facts)

    assert found.seen == "blurry: 50% of 240 photos in 24 h, 10% before 2026-11-25 04:00 UTC"
    assert (
        "sharpness below 120 is blurry (app.py of the old workers); 40 of 40 photos lie within 25% of it" in found.why
    )
    assert found.next == "lomi moderate --objects users/u/photo/0.jpg users/u/photo/1.jpg users/u/photo/2.jpg"


def test_a_jump_that_is_over_is_not_told() -> None:
    hours = series({"nsfw": 1}, {"nsfw": 6}, jump_at=100)
    calm = [HourOfReasons(each.start, 10, {"nsfw": 1}) if each.start >= RECENT else each for each in hours]

    assert list(rejection_findings(RejectionFacts(calm, RECENT))) == []


def test_a_rate_that_was_always_high_is_told_too() -> None:
    (found,) = rejection_findings(RejectionFacts(series({"no_face": 7}, {"no_face": 7}), RECENT))

    assert found.seen == "70% of 240 photos in 24 h are rejected, 168 of 168 as no_face"
    assert found.next == "lomi review list --reason no_face"


def test_few_photos_say_nothing() -> None:
    few = [HourOfReasons(RECENT, 5, {"blurry": 5})]

    (found,) = rejection_findings(RejectionFacts(few, RECENT))

    assert (found.id, found.gravity) == ("rejections.few", Gravity.NOTE)


def test_rejections_of_one_user_look_like_a_test() -> None:
    ada = uuid4()
    photos = {"no_face": rejected(18, ada), "blurry": rejected(4)}

    (found,) = rejection_findings(RejectionFacts(series({"no_face": 1}, {"no_face": 1}), RECENT, photos))

    assert found.seen == f"18 of the latest 22 rejected photos are of one user, {ada}"


def test_without_postgres_nobody_can_tell() -> None:
    (found,) = rejection_findings(RejectionFacts(failure=Failure("postgres", "gone")))

    assert found.gravity is Gravity.UNKNOWN


@pytest.mark.parametrize("reason", ["blurry", "no_face", "group_photo", "underage", "nsfw"])
def test_each_reason_names_a_setting_that_exists(reason: str) -> None:
    from lomi_ops.config.keys import leaves

    policy = Settings().active_policy()
    said = threshold(reason, [{"nsfw_scores": {"porn": 0.9}, "blur_variance": 1}], policy)

    named = [word.strip("(),:;") for word in said.split() if word.strip("(),:;").count(".") >= 2]
    assert named
    assert set(named) <= {".".join(key) for key, _ in leaves()}


@pytest.mark.parametrize("scores", [{}, {"blur_variance": None}, {"blur_variance": "x"}, {"nsfw_scores": 3}])
def test_scores_that_another_program_wrote_break_nothing(scores: dict[str, Any]) -> None:
    assert threshold("blurry", [scores], None) == "sharpness below 120 is blurry (app.py of the old workers)"
    assert threshold("nsfw", [scores], None) == "porn from 0.45 on is nsfw (app.py of the old workers)"


def test_the_label_that_most_photos_passed_is_the_threshold_that_is_named() -> None:
    scores = [{"nsfw_scores": {"porn": 0.1, "sexy": 0.72}}] * 3

    assert threshold("nsfw", scores, None).startswith("sexy from 0.7 on is nsfw (app.py of the old workers); 3 of 3")


def test_a_status_of_a_trouble_that_is_not_known_stays_not_known() -> None:
    from lomi_ops.domain.container import Health

    troubles = service_troubles(cluster(container("compreface", health=Health.STARTING)), "compreface")
    assert troubles[0].status is Status.UNKNOWN

    (found, _) = face_findings(FaceFacts(False, container=troubles))

    assert found.gravity is Gravity.UNKNOWN
