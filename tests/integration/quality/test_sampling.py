"""Draws: random, repeatable, and with the probability that they say."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.db import samples
from lomi_ops.db.pool import Database
from lomi_ops.domain.sampling import Kind
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.domain.window import Window
from lomi_ops.errors import LomiError, NotFound, Refused
from lomi_ops.ops.quality import assessing, sampling
from tests.integration.db.conftest import AT, Backend

Plain = psycopg.Connection[dict[str, Any]]
DAY = Window(AT - timedelta(days=1), AT)


def decided(
    backend: Backend, number: int, status: str, reason: str | None = None, at: datetime = AT - timedelta(hours=3)
) -> list[UUID]:
    """Photos that a worker has decided, in one statement each: draws want many."""
    user, ids = backend.user(uuid.uuid4().int >> 66), [uuid.uuid4() for _ in range(number)]
    backend.connection.execute(
        "INSERT INTO media"
        " (id, user_id, media_type, url, moderation_status, moderation_reason, moderated_at, created_at)"
        " SELECT id, %s, 'photo', 'k', %s, %s, %s, %s FROM unnest(%s::uuid[]) AS id",
        [user, status, reason, at, at, ids],
    )
    backend.connection.execute(
        "INSERT INTO lomi.decisions"
        " (at, media_id, user_id, job_id, actor, status_before, status, reason, policy, detail)"
        " SELECT %s, id, %s, 'j', 'worker', 'pending', %s, %s, 'local@1', '' FROM unnest(%s::uuid[]) AS id",
        [at, user, status, reason, ids],
    )
    return ids


def drawn(db: Database, share: float, window: Window = DAY, kind: Kind = Kind.APPROVED) -> int:
    return sampling.draw(db, {kind: share}, window, actor="cron", at=AT)[0].drawn


def kept(db: Database) -> list[Any]:
    return list(samples.drawn(db, Window(AT, AT + timedelta(seconds=1))))


def test_a_draw_takes_about_its_share_and_stores_the_probability(db: Database, backend: Backend) -> None:
    decided(backend, 4000, "approved")
    decided(backend, 1000, "rejected", "nsfw")
    found = sampling.draw(db, {Kind.APPROVED: 0.1, Kind.REJECTED: 0.3}, DAY, actor="cron", at=AT)
    assert [each.of.population for each in found] == [4000, 1000]
    assert 310 <= found[0].drawn <= 490, "five standard deviations around 400"
    assert 228 <= found[1].drawn <= 372, "and around 300"
    assert {(each.kind, each.probability, each.status, each.reason) for each in kept(db)} == {
        (Kind.APPROVED, 0.1, "approved", None),
        (Kind.REJECTED, 0.3, "rejected", "nsfw"),
    }


def test_the_same_draw_twice_takes_the_same_photos_and_a_larger_one_some_more(db: Database, backend: Backend) -> None:
    decided(backend, 2000, "approved")
    first = drawn(db, 0.05)
    taken = {each.media_id for each in kept(db)}
    assert (len(taken), drawn(db, 0.05)) == (first, 0)
    more = drawn(db, 0.2)
    assert more > 0
    after = kept(db)
    assert taken < {each.media_id for each in after}
    assert {each.probability for each in after} == {0.2}, "each of them would have been taken by the larger draw"
    assert drawn(db, 0.05) == 0
    assert {each.probability for each in kept(db)} == {0.2}


def test_a_larger_draw_of_another_time_leaves_the_probability_of_an_earlier_one(db: Database, backend: Backend) -> None:
    decided(backend, 500, "approved", at=AT - timedelta(hours=30))
    decided(backend, 500, "approved")
    drawn(db, 0.1, Window(AT - timedelta(hours=48), AT - timedelta(hours=24)))
    drawn(db, 0.5)
    assert {each.probability for each in kept(db)} == {0.1, 0.5}


def test_a_dry_run_draws_what_the_draw_will_draw_and_writes_nothing(
    db: Database, backend: Backend, plain: Plain
) -> None:
    decided(backend, 1000, "approved")
    said = sampling.draw(db, {Kind.APPROVED: 0.1}, DAY, actor="cron", at=AT, dry_run=True)[0]
    assert (said.drawn, kept(db)) == (0, [])
    assert plain.execute("SELECT count(*) AS n FROM lomi.audit").fetchone() == {"n": 0}
    assert drawn(db, 0.1) == said.of.fresh
    entry = plain.execute("SELECT actor, action, after FROM lomi.audit").fetchone()
    assert entry is not None
    assert (entry["actor"], entry["action"]) == ("cron", "samples.draw")
    assert entry["after"]["approved"] == {"probability": 0.1, "drawn": said.of.fresh}


def test_what_a_person_decided_or_what_changed_since_is_not_drawn(db: Database, backend: Backend, plain: Plain) -> None:
    ids = decided(backend, 4, "rejected", "blurry")
    plain.execute(
        "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status, detail)"
        " VALUES (%s, %s, %s, 'j', 'hana', 'rejected', 'approved', '')",
        [AT, ids[0], uuid.uuid4()],
    )
    plain.execute("UPDATE media SET moderation_status = 'approved', moderation_reason = NULL WHERE id = %s", [ids[1]])
    plain.execute("DELETE FROM media WHERE id = %s", [ids[2]])
    assert drawn(db, 1.0, kind=Kind.REJECTED) == 1
    assert [each.media_id for each in kept(db)] == [ids[3]]


def test_a_golden_photo_is_one_once_and_only_where_it_is_decided(db: Database, backend: Backend, plain: Plain) -> None:
    photo = decided(backend, 1, "approved")[0]
    waits = backend.photo(backend.user(7), uuid.uuid4())

    def make(media_id: UUID) -> None:
        sampling.golden(db, media_id, MediaStatus.REJECTED, Reason.NSFW, actor="abel", at=AT, note="a known one")

    make(photo)
    with pytest.raises(Refused, match="waits as a sample already"):
        make(photo)
    with pytest.raises(Refused, match="is pending"):
        make(waits)
    with pytest.raises(NotFound):
        make(uuid.uuid4())
    assert [(each.kind, each.status, each.reason) for each in kept(db)] == [(Kind.GOLDEN, "rejected", "nsfw")]
    assert plain.execute("SELECT action, subject FROM lomi.audit").fetchall() == [
        {"action": "samples.golden", "subject": f"media:{photo}"}
    ]


def test_a_schema_of_before_has_no_place_for_samples_and_a_report_that_says_so(
    db: Database, backend: Backend, plain: Plain
) -> None:
    plain.execute("DROP TABLE lomi.samples")
    with pytest.raises(LomiError, match="no place for samples") as refused:
        drawn(db, 0.1)
    assert refused.value.hint == "lomi migrate apply"
    found = assessing.assessed(db, DAY)
    assert (found.recorded, found.quality.rejections.drawn) == (False, 0)


def test_what_people_chose_themselves_stands_beside_the_samples(db: Database, backend: Backend, plain: Plain) -> None:
    ids = decided(backend, 3, "rejected", "nsfw")
    for media_id, status in zip(ids, ("approved", "approved", "rejected"), strict=True):
        plain.execute(
            "INSERT INTO lomi.decisions"
            " (at, media_id, user_id, job_id, actor, status_before, reason_before, status, detail)"
            " VALUES (%s, %s, %s, 'j', 'hana', 'rejected', 'nsfw', %s, '')",
            [AT - timedelta(hours=1), media_id, uuid.uuid4(), status],
        )
    chosen = assessing.assessed(db, DAY).chosen
    assert [(each.status, each.reason, each.looked_at, each.changed) for each in chosen] == [("rejected", "nsfw", 3, 2)]
