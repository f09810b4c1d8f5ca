"""A cluster as people who review find it: photos that were judged, on every pile, their objects, and an app that looks
at them. Used by the tests of `lomi review`, its benchmark, and the pictures in the documents."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.config.sections.judging import ImagesSection
from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.db import ledger
from lomi_ops.db.pool import Database
from lomi_ops.domain import macro
from lomi_ops.domain.decision import PhotoDecision, decide, fail
from lomi_ops.domain.finding import AgeRange, Box, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.policy import BlurRule, FaceRule, Policy, Requirement, Zones, judge
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.imaging.golden import portrait
from lomi_ops.ops.reviews.desk import Desk
from lomi_ops.tui.review.app import ReviewApp
from lomi_ops.tui.review.background import Background
from lomi_ops.tui.review.desk_work import DeskWork
from lomi_ops.tui.review.developing import Developer
from lomi_ops.tui.review.fetching import Fetching
from lomi_ops.tui.review.options import Options
from lomi_ops.tui.review.photos import Photos
from lomi_ops.tui.review.reviewing import Reviewing
from lomi_ops.tui.review.terminal import Images, Screen

BUCKET = "lomi-photos"
POLICY = Policy(
    name="default",
    version=3,
    requires=frozenset({Requirement.BLUR, Requirement.FACES, Requirement.NSFW}),
    blur=BlurRule(25.0, 50.0, 60.0),
    faces=FaceRule(0.47, 0.25),
    nsfw={Label.PORN: Zones(0.3, 0.6), Label.SEXY: Zones(0.6, None)},
)
_ANSWERED = EngineStatus.ANSWERED


@cache
def picture() -> bytes:
    return portrait()


def evidence(
    *, sharpness: float = 300.0, faces: int = 1, porn: float = 0.0, sexy: float = 0.1, age: tuple[int, int] = (25, 32)
) -> Evidence:
    """A photo with these properties, as three engines would report it."""
    people = tuple(
        Finding(Label.FACE, 0.91 - n / 50, Box(178 + 90 * n, 62, 92, 124), "FACE_FEMALE", age=AgeRange(*age))
        for n in range(faces)
    )
    bodies = (Finding(Label.PORN, porn, Box(110, 300, 120, 90), "FEMALE_BREAST_EXPOSED"),) if porn else ()
    covered = (Finding(Label.SEXY, sexy, Box(110, 300, 120, 90), "FEMALE_BREAST_COVERED"),) if sexy else ()
    sharp = (Finding(Label.SHARPNESS, 1.0, value=sharpness),)
    return Evidence(
        512, 512,
        (
            EngineReport(Engine.BLUR, "laplacian-512", "1", _ANSWERED, sharp, elapsed_ms=1.5),
            EngineReport(Engine.FACES, "compreface/agegender.AgeDetector", "1.2.0", _ANSWERED, people, elapsed_ms=160),
            EngineReport(Engine.NSFW, "nudenet-320n/rgb", "sha256:ab", _ANSWERED, bodies + covered, elapsed_ms=11),
        ),
    )  # fmt: skip


@dataclass
class Room:
    """A prepared database and an object store in a folder."""

    url: str
    objects: Path
    actor: str = "Hana"
    at: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=3))

    def __post_init__(self) -> None:
        self.objects.mkdir(parents=True, exist_ok=True)
        self.db = Database(self.url, application="review room", size=4)
        self.plain: psycopg.Connection[dict[str, Any]] = psycopg.connect(
            self.url, autocommit=True, row_factory=dict_row
        )
        self.store = DirectoryStore(self.objects, Buckets(frozenset({BUCKET})))
        self._telegram = 1000

    def close(self) -> None:
        self.plain.close()
        self.db.close()

    def user(self, name: str = "Selam") -> UUID:
        user_id, self._telegram = uuid.uuid4(), self._telegram + 1
        self.plain.execute(
            "INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, %s)", [user_id, self._telegram, name]
        )
        return user_id

    def batch(self, seen: Sequence[Evidence | FailureCode], *, user: UUID | None = None, data: bytes | None = None,
              policy: Policy = POLICY) -> list[UUID]:  # fmt: skip
        """Photos of one upload, judged by what was seen in each."""
        user_id, batch_id = user or self.user(), uuid.uuid4()
        ids = [self._photo(user_id, batch_id, place, data) for place in range(len(seen))]
        refs = tuple(PhotoRef(media_id, self.key(user_id, media_id), BUCKET) for media_id in ids)
        job = Job(str(uuid.uuid4()), batch_id, user_id, 77, refs, self.at)
        made = [self._made(media_id, each, policy) for media_id, each in zip(ids, seen, strict=True)]
        ledger.settle(self.db, job, made, attempt=1, token="t", worker="w1", at=self.at, policy=policy)
        return ids

    def _photo(self, user_id: UUID, batch_id: UUID, place: int, data: bytes | None) -> UUID:
        media_id, self.at = uuid.uuid4(), self.at + timedelta(seconds=1)
        key = self.key(user_id, media_id)
        self.plain.execute(
            "INSERT INTO media (id, user_id, media_type, url, batch_id, display_order, created_at)"
            " VALUES (%s, %s, 'photo', %s, %s, %s, %s)",
            [media_id, user_id, key, batch_id, place, self.at],
        )
        self.store.put(BUCKET, key, picture() if data is None else data)
        return media_id

    @staticmethod
    def key(user_id: UUID, media_id: UUID) -> str:
        return f"users/{user_id}/photo/{media_id}.jpg"

    @staticmethod
    def _made(media_id: UUID, seen: Evidence | FailureCode, policy: Policy) -> PhotoDecision:
        if isinstance(seen, FailureCode):
            return fail(media_id, seen, "the file ends too early", ms=3.0)
        return decide(media_id, seen, judge(seen, policy), policy, ms=61.0, sha256="ab" * 32)

    def row(self, media_id: UUID) -> dict[str, Any]:
        found = self.plain.execute("SELECT * FROM media WHERE id = %s", [media_id]).fetchone()
        assert found is not None
        return found

    def count(self, table: str, condition: str = "true") -> int:
        found = self.plain.execute(f"SELECT count(*) AS n FROM {table} WHERE {condition}").fetchone()
        assert found is not None
        return int(found["n"])

    def desk(self, actor: str = "", **section: float) -> Desk:
        return Desk(self.db, None, actor or self.actor, ReviewSection(**section))

    def work(self, actor: str = "", **section: float) -> DeskWork:
        return DeskWork(self.desk(actor, **section))

    def app(
        self, actor: str = "", pile: Pile = Pile.REJECTED, images: Images = Images.BLOCKS, *, wanted: str = "",
        beat_s: float | None = None, ahead: timedelta = timedelta(), because: str = "fine", **section: float,
    ) -> ReviewApp:  # fmt: skip
        """A session that has begun, on a clock that is so far ahead; `because` is what approvals are for."""
        desk = self.desk(actor, **section)
        work, background = DeskWork(desk), Background()
        work.narrow(wanted)
        session = Reviewing(work, background.ask, pile, wanted)
        if because:
            session.state.approvals = dict.fromkeys(Pile, macro.named(macro.SHIPPED, because))
        session.start()
        photos = Photos(Fetching(self.store, BUCKET, self.limits.max_bytes).get, Developer(self.limits))
        options = Options(desk.actor, desk.beat_s if beat_s is None else beat_s)
        return ReviewApp(
            session, background, photos, Screen(images, (10, 20)), options, lambda: datetime.now(UTC) + ahead
        )

    @property
    def limits(self) -> ImagesSection:
        return ImagesSection()
