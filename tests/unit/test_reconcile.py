from __future__ import annotations

import json
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.domain.job import MAX_PHOTOS
from lomi_ops.domain.reconcile import (
    APPLY_AFTER_S,
    MAX_KEY,
    NO_BATCH,
    Bucket,
    NameState,
    PendingPhoto,
    Trace,
    bucket_of,
    group,
    job_id_of,
    name_state,
)
from lomi_ops.ops.reconcile.links import signer
from lomi_ops.ops.reconcile.outcome import Outcome, QueuedJob
from lomi_ops.ops.reconcile.whereabouts import media_ids

USERS = [UUID(int=n) for n in (1, 2, 3)]
BATCHES = [NO_BATCH, *(UUID(int=n) for n in (11, 12, 13))]


def photo(**changes: object) -> PendingPhoto:
    usual = {
        "media_id": uuid4(), "user_id": USERS[0], "batch_id": BATCHES[1], "telegram_id": 7, "key": "users/1/a.jpg",
        "place": 1.0, "in_review": False, "old": True, "approved_before": False,
    }  # fmt: skip
    return PendingPhoto(**(usual | changes))  # type: ignore[arg-type]


photos = st.builds(
    PendingPhoto,
    media_id=st.uuids(version=4),
    user_id=st.sampled_from(USERS),
    batch_id=st.sampled_from(BATCHES),
    telegram_id=st.integers(0, 2**63 - 1),
    key=st.sampled_from(["", "users/1/a.jpg", "k" * MAX_KEY, "k" * (MAX_KEY + 1)]),
    place=st.floats(allow_nan=False),
    in_review=st.booleans(),
    old=st.booleans(),
    approved_before=st.booleans(),
)
traces = st.builds(
    Trace,
    live=st.booleans(),
    dead=st.booleans(),
    open=st.booleans(),
    decided_s=st.none() | st.floats(-10, 1000),
)


@given(st.lists(st.tuples(photos, traces), max_size=60, unique_by=lambda pair: pair[0].media_id), st.booleans())
def test_every_pending_photo_ends_in_one_bucket_and_only_forgotten_ones_in_a_job(
    pending: list[tuple[PendingPhoto, Trace]], include_dead: bool
) -> None:
    buckets = {each.media_id: bucket_of(each, trace, include_dead=include_dead) for each, trace in pending}
    forgotten = [each for each, _ in pending if buckets[each.media_id] in (Bucket.LOST, Bucket.NEVER_QUEUED)]

    jobs = group(forgotten)

    assert sorted(id_ for job in jobs for id_ in job.media_ids) == sorted(each.media_id for each in forgotten)
    for each, trace in pending:
        bucket = buckets[each.media_id]
        if bucket.repairable:
            assert not each.in_review
            assert not trace.live
        if bucket in (Bucket.LOST, Bucket.NEVER_QUEUED):
            assert trace.decided_s is None
            assert not trace.open
            assert include_dead or not trace.dead
            assert each.old
            assert not each.approved_before
            assert 0 < len(each.key) <= MAX_KEY
            assert (each.batch_id == NO_BATCH) == (bucket is Bucket.NEVER_QUEUED)
        assert not (bucket.repairable and bucket.stuck)


@given(st.lists(photos, max_size=80, unique_by=lambda each: each.media_id))
def test_a_job_has_nine_photos_at_most_of_one_user_and_one_batch_the_oldest_first(
    forgotten: list[PendingPhoto],
) -> None:
    jobs = group(forgotten)

    for job in jobs:
        assert 1 <= len(job.photos) <= MAX_PHOTOS
        assert {(each.user_id, each.batch_id) for each in job.photos} == {(job.user_id, job.batch_id)}
        assert [each.place for each in job.photos] == sorted(each.place for each in job.photos)
    firsts = [job.photos[0].place for job in jobs]
    assert firsts == sorted(firsts)
    short = [(job.user_id, job.batch_id) for job in jobs if len(job.photos) < MAX_PHOTOS]
    assert len(short) == len(set(short)), "one job of a batch or user at most is not full"


@given(st.lists(photos, max_size=20, unique_by=lambda each: each.media_id), st.randoms())
def test_jobs_do_not_depend_on_the_order_in_which_photos_are_found(
    forgotten: list[PendingPhoto], random: object
) -> None:
    shuffled = list(forgotten)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert group(shuffled) == group(forgotten)


@given(st.uuids(), st.lists(st.uuids(), min_size=2, max_size=9, unique=True), st.integers(0, 50))
def test_a_jobs_name_follows_from_its_photos_and_changes_with_each_round(
    batch_id: UUID, ids: list[UUID], number: int
) -> None:
    name = job_id_of(batch_id, ids, number)

    assert name == job_id_of(batch_id, reversed(ids), number)
    assert UUID(name).version == 5
    others = {
        job_id_of(batch_id, ids, number + 1),
        job_id_of(batch_id, ids[1:], number),
        job_id_of(uuid4(), ids, number),
    }
    assert name not in others
    assert len(others) == 3


@pytest.mark.parametrize(
    ("waits", "seen_s", "settled", "state"),
    [
        (False, None, False, NameState.FREE),
        (True, 5.0, False, NameState.BUSY),
        (True, 601.0, False, NameState.USED),
        (False, 5.0, False, NameState.USED),
        (False, None, True, NameState.USED),
        (True, 5.0, True, NameState.USED),
    ],
)
def test_a_name_is_free_while_nobody_has_seen_it_and_busy_while_its_job_is_new(
    waits: bool, seen_s: float | None, settled: bool, state: NameState
) -> None:
    assert name_state(waits, seen_s, settled=settled, older_than_s=600) is state


@pytest.mark.parametrize(
    ("changes", "trace", "bucket"),
    [
        ({}, Trace(), Bucket.LOST),
        ({"batch_id": NO_BATCH}, Trace(), Bucket.NEVER_QUEUED),
        ({"old": False}, Trace(), Bucket.YOUNG),
        ({"in_review": True}, Trace(dead=True, decided_s=900.0), Bucket.IN_REVIEW),
        ({}, Trace(live=True, dead=True, decided_s=900.0), Bucket.ON_ITS_WAY),
        ({}, Trace(decided_s=APPLY_AFTER_S), Bucket.UNAPPLIED),
        ({}, Trace(decided_s=APPLY_AFTER_S - 1), Bucket.ON_ITS_WAY),
        ({}, Trace(dead=True, open=True), Bucket.OPEN),
        ({}, Trace(dead=True), Bucket.DEAD),
        ({"batch_id": NO_BATCH, "approved_before": True}, Trace(), Bucket.APPROVED_BEFORE),
        ({"key": ""}, Trace(), Bucket.NO_KEY),
    ],
)
def test_what_became_of_a_photo(changes: dict[str, object], trace: Trace, bucket: Bucket) -> None:
    assert bucket_of(photo(**changes), trace) is bucket


def test_only_the_rows_that_took_the_batch_go_into_its_job() -> None:
    first, second = photo(batch_id=NO_BATCH), photo(batch_id=NO_BATCH)
    both = group([first, second])[0]

    joined = both.joined(BATCHES[1], [second.media_id])

    assert joined is not None
    assert (joined.batch_id, joined.media_ids) == (BATCHES[1], (second.media_id,))
    assert both.joined(BATCHES[1], []) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\xff", b"[]", b"{}", b'{"photos":null}', b'{"photos":{"media_id":1}}', b'{"photos":["x",{},null]}',
        b'{"photos":[{"media_id":5},{"media_id":"x"}]}', b"[" * 5000, b'"photos"',
    ],
)  # fmt: skip
def test_an_element_that_is_no_job_names_nobody(raw: bytes) -> None:
    assert list(media_ids(raw)) == []


@given(st.lists(st.uuids(), max_size=9))
def test_a_job_that_cannot_run_still_shows_whom_it_is_about(ids: list[UUID]) -> None:
    raw = json.dumps({"photos": [None, *({"media_id": str(each).upper()} for each in ids)]}).encode()

    assert list(media_ids(raw)) == ids


def test_what_stays_wrong_is_wrong_and_what_was_repaired_is_not() -> None:
    def found(dry_run: bool = False, **buckets: int) -> Outcome:
        return Outcome(dry_run, {Bucket(name): count for name, count in buckets.items()})

    assert not found(lost=3, never_queued=1, unapplied=2, in_review=5, on_its_way=9, young=1).wrong
    assert found(dry_run=True, lost=1).wrong
    assert not found(dry_run=True, in_review=1).wrong
    assert all(Outcome(False, {Bucket(name): 1}).wrong for name in ("dead", "open", "approved_before", "no_key"))
    for name, value in (("missing", (uuid4(),)), ("refused", ["why"]), ("left", 1)):
        outcome = found(lost=1)
        setattr(outcome, name, value)
        assert outcome.wrong
    outcome = found(lost=2)
    outcome.jobs = [QueuedJob("a", uuid4(), (uuid4(), uuid4()))]
    assert (outcome.queued, outcome.pending) == (2, 2)


def test_links_are_signed_for_the_bucket_and_empty_for_a_directory(tmp_path: object) -> None:
    section = ObjectsSection.model_validate(
        {"endpoint": "https://r2.example", "access_key": "AKIDEXAMPLE", "secret_key": "hush", "bucket_photos": "photos"}
    )

    address = signer(section)("users/1/photo/a b.jpg")

    assert address.startswith("https://r2.example/photos/users/1/photo/a%20b.jpg?")
    assert "X-Amz-Expires=86400" in address
    assert "X-Amz-Signature=" in address
    assert "hush" not in address
    assert signer(ObjectsSection.model_validate({"directory": str(tmp_path)}))("a.jpg") == ""
