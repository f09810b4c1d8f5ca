"""What can be read from `media` alone, on a swapped and on an unswapped cluster."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.db import media, reports
from lomi_ops.db.media import Count, Pending, PhotoFilter
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import sql
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.errors import LomiError
from tests.integration.db.conftest import AT, ZERO, Backend

Plain = psycopg.Connection[dict[str, Any]]
DAY = Window(AT, AT + timedelta(days=1))


@pytest.fixture(params=["swapped", "unswapped"])
def either(request: pytest.FixtureRequest, db: Database, plain: Plain) -> Database:
    """The same database with the schema lomi and without it."""
    if request.param == "unswapped":
        plain.execute("DROP SCHEMA lomi CASCADE")
    return db


def stand(plain: Plain, media_id: UUID, status: str, reason: str | None = None, *, ms: Any = None) -> None:
    scores = None if ms is None else json.dumps({"processing_time_ms": ms})
    plain.execute(
        "UPDATE media SET moderation_status = %s, moderation_reason = %s, moderation_scores = %s WHERE id = %s",
        [status, reason, scores, media_id],
    )


def test_whether_the_schema_is_there_can_be_asked(db: Database, plain: Plain) -> None:
    assert media.has_lomi_schema(db)
    assert media.has_media(db)
    plain.execute("DROP SCHEMA lomi CASCADE")
    assert not media.has_lomi_schema(db)
    assert media.has_media(db)


def test_the_rows_of_some_photos_come_by_id(either: Database, backend: Backend, plain: Plain) -> None:
    batch = uuid.uuid4()
    user = backend.user()
    first, second = backend.photo(user, batch), backend.photo(user, None)
    stand(plain, second, "pending", "needs_review", ms=5)
    found = media.photos_of(either, [second, first, uuid.uuid4()])
    assert set(found) == {first, second}
    assert (found[first].batch_id, found[first].status, found[first].in_review) == (batch, "pending", False)
    assert found[second].in_review
    assert found[second].scores == {"processing_time_ms": 5}
    assert found[first].url == f"users/{user}/photo/{first}.jpg"
    assert media.photos_of(either, []) == {}


def test_what_is_undecided_is_counted_by_who_has_to_act(either: Database, backend: Backend, plain: Plain) -> None:
    assert media.pending(either) == Pending(0, 0, 0, None)
    user, batch = backend.user(), uuid.uuid4()
    early, late = AT - timedelta(hours=3), AT - timedelta(hours=5)
    backend.photo(user, batch, created_at=early)
    backend.photo(user, ZERO)
    backend.photo(user, None)
    stand(plain, backend.photo(user, batch, created_at=late), "pending", "needs_review")
    stand(plain, backend.photo(user, batch, created_at=late), "approved")
    plain.execute("INSERT INTO media (user_id, media_type, url) VALUES (%s, 'video', 'v')", [user])
    assert media.pending(either) == Pending(waiting=3, in_review=1, never_queued=2, oldest_waiting=early)


def test_photos_are_counted_by_status_and_reason_within_a_half_open_window(
    either: Database, backend: Backend, plain: Plain
) -> None:
    user, batch = backend.user(), uuid.uuid4()
    for moment in (DAY.start - timedelta(microseconds=1), DAY.start, DAY.end - timedelta(microseconds=1), DAY.end):
        stand(plain, backend.photo(user, batch, created_at=moment), "rejected", "blurry")
    stand(plain, backend.photo(user, batch), "approved")
    assert media.counts(either, DAY) == (Count("rejected", "blurry", 2), Count("approved", None, 1))
    assert media.counts(either, DAY.previous) == (Count("rejected", "blurry", 1),)


def test_photos_are_listed_by_what_is_asked_for_the_latest_first(
    either: Database, backend: Backend, plain: Plain
) -> None:
    user, other, batch = backend.user(1), backend.user(2), uuid.uuid4()
    photos = [backend.photo(user, batch, created_at=AT + timedelta(minutes=n)) for n in range(4)]
    foreign = backend.photo(other, uuid.uuid4(), created_at=AT + timedelta(days=2))
    stand(plain, photos[0], "rejected", "blurry")
    stand(plain, photos[1], "rejected", "nsfw")
    stand(plain, photos[2], "pending", "needs_review")
    stand(plain, foreign, "rejected", "nsfw")

    def listed(wanted: PhotoFilter, limit: int = 50) -> list[UUID]:
        return [row.media_id for row in media.listed(either, wanted, limit=limit)]

    assert listed(media.REJECTED) == [foreign, photos[1], photos[0]]
    assert listed(media.REJECTED, limit=1) == [foreign]
    assert listed(media.IN_REVIEW) == [photos[2]]
    assert listed(PhotoFilter(reasons=["nsfw"])) == [foreign, photos[1]]
    assert listed(PhotoFilter((MediaStatus.REJECTED,), user_id=user)) == [photos[1], photos[0]]
    assert listed(PhotoFilter(batch_id=batch)) == photos[::-1]
    assert listed(PhotoFilter(uploaded=DAY)) == photos[::-1]
    assert listed(PhotoFilter()) == [foreign, *photos[::-1]]
    assert listed(PhotoFilter(statuses=())) == []


def test_a_summary_holds_counts_reasons_mean_time_and_rejection_rate(
    either: Database, backend: Backend, plain: Plain
) -> None:
    user, batch = backend.user(), uuid.uuid4()
    for status, reason, ms in [
        ("approved", None, 100), ("approved", None, 200), ("approved", None, None), ("rejected", "nsfw", 300),
        ("failed", "truncated", "soon"), ("pending", None, None), ("pending", "needs_review", 400),
    ]:  # fmt: skip
        stand(plain, backend.photo(user, batch), status, reason, ms=ms)
    backend.photo(user, batch, created_at=DAY.end)
    found = reports.summary(either, DAY)
    assert found.uploads == 7
    assert found.statuses == {"pending": 2, "approved": 3, "rejected": 1, "failed": 1}
    assert list(found.reasons.items()) == [("needs_review", 1), ("nsfw", 1), ("truncated", 1)]
    assert found.processing_ms == 250.0
    assert found.rejection_rate == 0.25


def test_a_summary_of_nothing_knows_that_it_knows_nothing(either: Database) -> None:
    found = reports.summary(either, DAY)
    assert found.uploads == 0
    assert found.statuses == {"pending": 0, "approved": 0, "rejected": 0, "failed": 0}
    assert found.processing_ms is None
    assert found.rejection_rate is None


@pytest.mark.parametrize("ask", ["photos_of", "pending", "counts", "listed", "summary"])
def test_a_media_without_the_moderation_columns_names_the_command_that_adds_them(
    db: Database, plain: Plain, ask: str
) -> None:
    plain.execute("DROP SCHEMA lomi CASCADE")
    plain.execute("ALTER TABLE media DROP COLUMN moderation_status, DROP COLUMN moderation_reason")
    calls: dict[str, Callable[[], object]] = {
        "photos_of": lambda: media.photos_of(db, [uuid.uuid4()]),
        "pending": lambda: media.pending(db),
        "counts": lambda: media.counts(db, DAY),
        "listed": lambda: media.listed(db),
        "summary": lambda: reports.summary(db, DAY),
    }
    with pytest.raises(LomiError, match="moderation_") as caught:
        calls[ask]()
    assert caught.value.hint == "lomi migrate apply"


def test_what_is_undecided_is_read_from_the_partial_index(db: Database, backend: Backend, plain: Plain) -> None:
    """The dashboard asks every second: a walk over all photos ever uploaded would not do."""
    user = backend.user()
    plain.execute(
        "INSERT INTO media (user_id, media_type, url, moderation_status, batch_id)"
        " SELECT %s, 'photo', 'k', CASE WHEN n %% 100 = 0 THEN 'pending' ELSE 'approved' END, gen_random_uuid()"
        " FROM generate_series(1, 5000) AS n",
        [user],
    )
    plain.execute("ANALYZE media")
    plan = plain.execute("EXPLAIN " + sql("photos_pending")).fetchall()
    assert "idx_media_moderation_status" in str(plan)
    assert media.pending(db).waiting == 50
