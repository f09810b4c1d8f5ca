"""A handle on a database of the local stack, and rows as the backend writes them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from lomi_ops.db import media, reviewing
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision, contract_scores, decide
from lomi_ops.domain.finding import Box, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.policy import BlurRule, FaceRule, Policy, Requirement, Zones, judge
from lomi_ops.domain.review import Ruling, Seen
from lomi_ops.domain.verdict import MediaStatus
from tests.integration.db.old_media import OLD_MEDIA

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ZERO = UUID(int=0)
POLICY = Policy(
    name="local",
    version=1,
    requires=frozenset({Requirement.BLUR, Requirement.FACES, Requirement.NSFW}),
    blur=BlurRule(25.0, 50.0, 60.0),
    faces=FaceRule(0.47, 0.25),
    nsfw={Label.PORN: Zones(0.3, 0.6)},
)


@contextmanager
def role_of_its_own(url: str, *grants: str) -> Iterator[tuple[str, str]]:
    """The name of a role that may connect and what the grants say, `{role}` and `{database}` filled in; and its URL."""
    with psycopg.connect(url, autocommit=True) as admin:
        database = admin.info.dbname
        role = f"r_{database}"
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'p'")
        try:
            for grant in grants:
                admin.execute(grant.format(role=role, database=database).encode())
            yield role, psycopg.conninfo.make_conninfo(url, user=role, password="p")
        finally:
            admin.execute(f"DROP OWNED BY {role}")
            admin.execute(f"DROP ROLE {role}")


@contextmanager
def onlooker(url: str) -> Iterator[tuple[str, str]]:
    """A role that may look at the backend's tables and at what is applied, and its URL."""
    with role_of_its_own(
        url,
        "GRANT SELECT ON media, lomi.schema_migrations, lomi.backfills TO {role}",
        "GRANT USAGE ON SCHEMA lomi TO {role}",
    ) as found:
        yield found


@pytest.fixture
def old(database_url: str) -> str:
    """The backend's database before its moderation migration: three photos approved, two not."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(OLD_MEDIA)
    return database_url


@pytest.fixture
def db(prepared_url: str) -> Iterator[Database]:
    with Database(prepared_url, application="test", size=4) as handle:
        yield handle


@pytest.fixture
def plain(prepared_url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """The connection of another program: the backend, or an operator at psql."""
    with psycopg.connect(prepared_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@dataclass
class Backend:
    """Writes what the Go backend writes."""

    connection: psycopg.Connection[dict[str, Any]]

    def user(self, telegram_id: int | None = 123456789) -> UUID:
        user_id = uuid.uuid4()
        self.connection.execute(
            "INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'A')", [user_id, telegram_id]
        )
        return user_id

    def photo(self, user_id: UUID, batch_id: UUID | None, *, created_at: datetime = AT) -> UUID:
        media_id = uuid.uuid4()
        self.connection.execute(
            "INSERT INTO media (id, user_id, media_type, url, batch_id, created_at)"
            " VALUES (%s, %s, 'photo', %s, %s, %s)",
            [media_id, user_id, f"users/{user_id}/photo/{media_id}.jpg", batch_id, created_at],
        )
        return media_id

    def job(self, photos: int = 2, *, row_batch: UUID | str | None = "same") -> Job:
        """A batch with rows for all its photos; `row_batch` replaces the batch that the rows carry."""
        user_id, batch_id = self.user(telegram_id=uuid.uuid4().int >> 66), uuid.uuid4()
        in_rows = batch_id if isinstance(row_batch, str) else row_batch
        ids = [self.photo(user_id, in_rows) for _ in range(photos)]
        refs = tuple(PhotoRef(media_id, f"users/{user_id}/photo/{media_id}.jpg", "lomi-photos") for media_id in ids)
        return Job(str(uuid.uuid4()), batch_id, user_id, 77, refs, AT)

    def row(self, media_id: UUID) -> dict[str, Any]:
        found = self.connection.execute("SELECT * FROM media WHERE id = %s", [media_id]).fetchone()
        assert found is not None
        return found


@pytest.fixture
def backend(plain: psycopg.Connection[dict[str, Any]]) -> Backend:
    return Backend(plain)


def evidence(*, sharpness: float = 300.0, faces: int = 1, porn: float = 0.0) -> Evidence:
    """A photo with these properties, as three engines would report it."""
    found = tuple(Finding(Label.FACE, 0.9, Box(100 * n, 10, 80, 80), "FACE_FEMALE") for n in range(faces))
    return Evidence(
        1600,
        1200,
        (
            EngineReport(
                Engine.BLUR,
                "laplacian",
                "1",
                EngineStatus.ANSWERED,
                (Finding(Label.SHARPNESS, 1.0, value=sharpness),),
                elapsed_ms=1.5,
            ),
            EngineReport(Engine.FACES, "nudenet-320n/rgb", "sha256:ab", EngineStatus.ANSWERED, found, elapsed_ms=20.25),
            EngineReport(
                Engine.NSFW,
                "nudenet-320n/rgb",
                "sha256:ab",
                EngineStatus.ANSWERED,
                (Finding(Label.PORN, porn, Box(1, 2, 3, 4), "FEMALE_GENITALIA_EXPOSED"),) if porn else (),
                elapsed_ms=40.0,
            ),
        ),
    )


def judged(media_id: UUID, **properties: Any) -> PhotoDecision:
    """The decision of the policy on a photo with these properties."""
    seen = evidence(**properties)
    return decide(media_id, seen, judge(seen, POLICY), POLICY, ms=61.75, sha256="ab" * 32)


def plainly(media_id: UUID, status: MediaStatus, reason: str | None = None) -> PhotoDecision:
    """A decision with nothing behind it."""
    return PhotoDecision(media_id, status, reason, contract_scores(None, None, 5.0))


def seen(db: Database, media_id: UUID) -> Seen:
    """A photo as it stands now."""
    row = media.photos_of(db, [media_id])[media_id]
    return Seen(media_id, row.status, row.reason, reviewing.known(db, [media_id], AT)[media_id].decision)


def approval(actor: str, at: datetime, **changes: Any) -> Ruling:
    return Ruling(MediaStatus.APPROVED, None, actor, at, **changes)
