"""Postgres goes away in the middle of a step: what was done holds, what was not is named, and it goes on later."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.domain.pile import Pile
from lomi_ops.errors import DatabaseUnavailable
from lomi_ops.ops.reviews.desk import Desk
from tests.commands import Lomi, lomi
from tests.integration.db.conftest import Backend
from tests.integration.reviews.conftest import APPROVE
from tests.services import PostgresServer, postgres_server

__all__ = ["lomi"]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        prepare(found.url)
        yield found


def rejected(server: PostgresServer, number: int) -> list[UUID]:
    with psycopg.connect(server.url, autocommit=True, row_factory=dict_row) as plain:
        photos = [photo.media_id for photo in Backend(plain).job(number).photos]
        plain.execute("UPDATE media SET moderation_status = 'rejected', moderation_reason = 'blurry'"
                      " WHERE moderation_status = 'pending'")  # fmt: skip
    return photos


def standing(server: PostgresServer, photos: list[UUID]) -> list[tuple[str, int, int]]:
    with psycopg.connect(server.url) as plain:
        return [
            plain.execute(
                "SELECT moderation_status, (SELECT count(*) FROM lomi.decisions WHERE media_id = m.id),"
                " (SELECT count(*) FROM lomi.outbox WHERE payload LIKE '%%' || m.id || '%%')"
                " FROM media AS m WHERE id = %s",
                [photo],
            ).fetchone()  # type: ignore[misc]
            for photo in photos
        ]


def test_nothing_is_lost_when_the_database_goes_away_in_the_middle(server: PostgresServer) -> None:
    photos = rejected(server, 4)
    ids = iter(range(1000))

    def fresh_id() -> UUID:
        if next(ids) == 4:  # the claim and the step take one each: before the third photo
            server.stop()
        return uuid.uuid4()

    with Database(server.url, connect_timeout_s=2) as db:
        desk = Desk(db, None, "hana", ReviewSection(), fresh_id=fresh_id)
        held = desk.claim_next(4, Pile.REJECTED)
        try:
            step = desk.decide(held.seen, APPROVE)
            with pytest.raises(DatabaseUnavailable):
                desk.beat(held.token)
        finally:
            server.start()

        assert [each.media_id for each in step.done] == [each.media_id for each in held.seen[:2]]
        assert {type(each.failure) for each in step.refused} == {DatabaseUnavailable}
        assert "was not tried: the database is away" in step.refused[-1].failure.message
        order = [each.media_id for each in held.seen]
        assert standing(server, order) == [("approved", 1, 1)] * 2 + [("rejected", 0, 0)] * 2
        again = desk.decide(held.seen[2:], APPROVE)
        assert len(again.done) == 2, "the claims are still held"
    assert standing(server, photos) == [("approved", 1, 1)] * 4


def test_a_command_without_a_database_says_so_and_changes_nothing(
    server: PostgresServer, redis_url: str, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photo,) = rejected(server, 1)
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)
    monkeypatch.setenv("LOMI_DATABASE_URL", server.url)
    server.stop()
    try:
        for words in (("approve", photo, "--reason", "fine"), ("undo", photo), ("list",), ("show", photo),
                      ("note", "x", "--photo", photo), ("notes",), ("release", photo)):  # fmt: skip
            said = lomi("review", *words)
            assert (said.code, said.out) == (3, ""), words
            assert said.err.startswith("error: Postgres at ")
    finally:
        server.start()
    said = lomi("review", "approve", photo, "--reason", "fine", "-o", "json")
    assert len(json.loads(said.out)["done"]) == 1
