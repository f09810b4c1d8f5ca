from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from lomi_ops.domain.job import Job, PhotoRef
from worker.triage import NIL, triage

BATCH, USER, OTHER = UUID(int=7), UUID(int=8), UUID(int=9)
IDS = [UUID(int=100 + n) for n in range(4)]
JOB = Job("j", BATCH, USER, 1, tuple(PhotoRef(i, f"k/{i}", "b") for i in IDS))


@dataclass(frozen=True)
class Row:
    batch_id: UUID | None = BATCH
    user_id: UUID = USER
    status: str | None = "pending"
    in_review: bool = False


def test_pending_photos_of_the_batch_are_judged_in_order() -> None:
    sorted_out = triage(JOB, {i: Row() for i in IDS})

    assert [photo.media_id for photo in sorted_out.todo] == IDS
    assert not sorted_out.skipped
    assert not sorted_out.foreign
    assert not sorted_out.unknown


def test_each_other_photo_is_skipped_with_its_reason() -> None:
    rows = {IDS[0]: Row(), IDS[1]: Row(status="approved"), IDS[2]: Row(batch_id=OTHER)}

    sorted_out = triage(JOB, rows)

    assert [photo.media_id for photo in sorted_out.todo] == [IDS[0]]
    assert sorted_out.skipped == ((IDS[1], "decided"), (IDS[2], "other_batch"), (IDS[3], "missing"))


def test_what_waits_for_a_person_is_left_to_the_person() -> None:
    sorted_out = triage(JOB, {IDS[0]: Row(in_review=True), IDS[1]: Row()})

    assert [photo.media_id for photo in sorted_out.todo] == [IDS[1]]
    assert (IDS[0], "in_review") in sorted_out.skipped


def test_rows_that_were_never_queued_are_adopted_by_a_job_of_their_user() -> None:
    rows = {IDS[0]: Row(batch_id=NIL), IDS[1]: Row(batch_id=None), IDS[2]: Row(batch_id=NIL, user_id=OTHER)}

    sorted_out = triage(JOB, rows)

    assert [photo.media_id for photo in sorted_out.todo] == IDS[:2]
    assert (IDS[2], "other_user") in sorted_out.skipped


def test_a_job_whose_photos_all_belong_to_others_is_foreign() -> None:
    assert triage(JOB, {i: Row(batch_id=OTHER) for i in IDS}).foreign
    assert not triage(JOB, {i: Row(status="approved") for i in IDS}).foreign


def test_a_job_whose_rows_do_not_exist_yet_is_unknown() -> None:
    assert triage(JOB, {}).unknown
    assert not triage(JOB, {i: Row(status="rejected") for i in IDS}).unknown
    assert not triage(JOB, {IDS[0]: Row()}).unknown
