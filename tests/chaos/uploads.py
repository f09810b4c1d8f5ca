"""What is uploaded, and how each photo and each element of the list must end. Drawn from a seed."""

from __future__ import annotations

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import psycopg

from tests.chaos.stub_worker import photo as stub_photo

BUCKET = "lomi-photos"
SIGHTS = {
    "good": ("approved", None),
    "blurred": ("rejected", "blurry"),
    "porn": ("rejected", "nsfw"),
    "doubtful": ("pending", "needs_review"),
    "broken": ("failed", "unreadable"),
    "deadly": ("pending", "needs_review"),
    "missing": ("failed", "object_missing"),
    "by a person": ("approved", None),
}
"""What a photo shows, and how its row must end. `missing` has no object; a person was first with the last one."""
_ODDS = {"good": 78, "blurred": 5, "porn": 4, "doubtful": 3, "broken": 3, "missing": 3, "by a person": 3, "deadly": 1}
_LOOK_MS = (1, 25)


class Fate(StrEnum):
    """How an element must end, unless its workers die with it three times."""

    DONE = "done"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Photo:
    media_id: UUID
    sight: str
    has_row: bool = True

    @property
    def end(self) -> tuple[str, str | None]:
        return SIGHTS[self.sight]

    @property
    def ours(self) -> bool:
        """Whether a worker decides it."""
        return self.has_row and self.sight != "by a person"


@dataclass(frozen=True, slots=True)
class Element:
    """One element of the list."""

    raw: bytes
    name: str
    """What the queue must call it."""
    fate: Fate
    photos: tuple[Photo, ...] = ()
    high: bool = False
    copies: int = 1
    kind: str = "plain"


@dataclass(slots=True)
class Uploads:
    """All that a run uploads."""

    elements: list[Element] = field(default_factory=list)
    rows: list[tuple[UUID, UUID, UUID, str]] = field(default_factory=list)
    """media, user, batch, key"""
    users: list[tuple[UUID, int]] = field(default_factory=list)
    bytes_of: dict[str, bytes] = field(default_factory=dict)
    """By key."""
    photos: dict[UUID, Photo] = field(default_factory=dict)

    def jobs_of(self) -> dict[UUID, list[Element]]:
        found: dict[UUID, list[Element]] = defaultdict(list)
        for element in self.elements:
            for photo in element.photos:
                found[photo.media_id].append(element)
        return found

    def insert(self, database_url: str) -> None:
        """As the backend does, and one moderator who was faster."""
        with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
            with cursor.copy("COPY users (id, telegram_id, name) FROM STDIN") as copy:
                for user, telegram in self.users:
                    copy.write_row((user, telegram, "Abebe"))
            with cursor.copy("COPY media (id, user_id, batch_id, url, media_type) FROM STDIN") as copy:
                for media, user, batch, key in self.rows:
                    copy.write_row((media, user, batch, key, "photo"))
            decided = [photo.media_id for photo in self.photos.values() if photo.sight == "by a person"]
            cursor.execute(
                "UPDATE media SET moderation_status = 'approved', is_approved = true WHERE id = ANY(%s)", [decided]
            )

    def store(self, folder: Path) -> None:
        for key, data in self.bytes_of.items():
            target = folder / BUCKET / key
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        (folder / BUCKET).mkdir(parents=True, exist_ok=True)


class _Maker:
    def __init__(self, seed: int, look: Callable[[str, random.Random], bytes], sights: dict[str, int], most: int):
        self.chance = random.Random(f"uploads/{seed}")
        self.made = Uploads()
        self._look = look
        self._sights = sights
        self._most = most

    def uuid(self) -> UUID:
        return UUID(int=self.chance.getrandbits(128), version=4)

    def batch(self, *, sights: Sequence[str] | None = None, rows: bool = True, **changes: object) -> Element:
        user, batch = self.uuid(), self.uuid()
        if rows:
            self.made.users.append((user, self.chance.getrandbits(60)))
        count = min(self._most, self.chance.choice((1, 1, 1, 2, 2, 3, 4, 9)))
        names = sights or self.chance.choices(list(self._sights), list(self._sights.values()), k=count)
        photos, refs = [], []
        for sight in names:
            photo = Photo(self.uuid(), sight, rows)
            key = f"users/{user}/photo/{photo.media_id}.jpg"
            if sight != "missing":
                data = self._look(sight, self.chance)
                # Equal bytes lie there once: thousands of files and folders take longer than the run.
                key = f"users/everybody/photo/{_sha1(data)}.jpg"
                self.made.bytes_of[key] = data
            if rows:
                self.made.rows.append((photo.media_id, user, batch, key))
                self.made.photos[photo.media_id] = photo
            photos.append(photo)
            refs.append(
                {"media_id": str(photo.media_id), "r2_url": f"https://x.example/{key}?X-Amz-Date=1&b=2", "r2_key": key,
                 "bucket": BUCKET}
            )  # fmt: skip
        body = {
            "job_id": str(self.uuid()), "batch_id": str(batch), "user_id": str(user), "telegram_id": 123456789,
            "photos": refs, "created_at": "2025-11-24T10:00:00.123456789+03:00", "retry_count": 0, "priority": 1,
        } | changes  # fmt: skip
        return Element(go_json(body), str(body["job_id"]), Fate.DONE, tuple(photos))

    def add(self, element: Element, kind: str = "plain", fate: Fate | None = None, copies: int = 1) -> Element:
        high = kind == "plain" and self.chance.random() < 0.1
        made = Element(
            element.raw, element.name, fate or element.fate, element.photos, high, 1 if high else copies, kind
        )
        self.made.elements.append(made)
        return made

    # --- what is odd --------------------------------------------------------------------------------------------------

    def plain(self) -> None:
        self.add(self.batch())

    def pushed_twice(self) -> None:
        self.add(self.batch(), "pushed twice", copies=self.chance.choice((2, 2, 3)))

    def queued_again(self) -> None:
        """The same photos under a new job_id, both on their way at once."""
        first = self.add(self.batch(sights=["good", "blurred"]))
        body = json.loads(first.raw) | {"job_id": str(self.uuid())}
        self.add(Element(go_json(body), body["job_id"], Fate.DONE, first.photos), "queued again")

    def id_reused(self) -> None:
        """Another content under a known job_id."""
        first = self.add(self.batch(), "plain before a clash")
        raw = first.raw.replace(b'"retry_count":0', b'"retry_count":1')
        self.add(Element(raw, f"{first.name}~{_sha1(raw)}", Fate.DEAD), "id reused")

    def garbage(self) -> None:
        raw = f"no JSON at all {self.chance.getrandbits(64):x}".encode() + bytes([0xFF, 0x00, 0xC3])
        self.add(Element(raw, _sha1(raw), Fate.DEAD), "not JSON")

    def too_large(self) -> None:
        raw = go_json({"job_id": str(self.uuid()), "padding": "x" * (257 * 1024)})
        self.add(Element(raw, _sha1(raw), Fate.DEAD), "too large")

    def ten_photos(self) -> None:
        made = self.batch(sights=["missing"] * 10, rows=False)
        self.add(Element(made.raw, made.name, Fate.DEAD), "ten photos")

    def stranger(self) -> None:
        """Photos of another batch."""
        made = self.batch(sights=["good"])
        body = json.loads(made.raw) | {"job_id": str(self.uuid()), "batch_id": str(self.uuid())}
        self.add(made, "plain")
        self.add(Element(go_json(body), body["job_id"], Fate.DEAD), "photos of another batch")

    def ghost(self) -> None:
        """No row exists."""
        self.add(self.batch(sights=["missing"], rows=False), "no rows", Fate.DEAD)


def make(seed: int, jobs: int) -> Uploads:
    """Elements for the stub's eyes: about `jobs` of them, shuffled but for what must come second."""

    def look(sight: str, chance: random.Random) -> bytes:
        shown = "good" if sight == "by a person" else sight
        return stub_photo(shown, chance.randint(*_LOOK_MS))

    maker = _Maker(seed, look, _ODDS, most=9)
    odd = [
        *([maker.pushed_twice] * (jobs * 3 // 100)),
        *([maker.queued_again] * (jobs * 3 // 100)),
        *([maker.id_reused] * max(1, jobs // 400)),
        *([maker.garbage] * max(1, jobs // 200)),
        *([maker.too_large] * max(1, jobs // 400)),
        *([maker.ten_photos] * max(1, jobs // 400)),
        *([maker.stranger] * max(1, jobs // 400)),
        *([maker.ghost] * max(1, jobs // 500)),
    ]
    steps = odd + [maker.plain] * max(0, jobs - len(odd))
    maker.chance.shuffle(steps)
    for step in steps:
        if len(maker.made.elements) < jobs:
            step()
    return maker.made


def make_slow(seed: int, jobs: int, ms: tuple[int, int]) -> Uploads:
    """Plain elements of one to four photos, each looked at for that long."""
    maker = _Maker(
        seed,
        lambda sight, chance: stub_photo(sight, chance.randint(*ms)),
        {"good": 7, "blurred": 1, "porn": 1, "doubtful": 1},
        most=4,
    )
    for _ in range(jobs):
        maker.plain()
    return maker.made


def make_real(seed: int, jobs: int, shown: dict[str, bytes]) -> Uploads:
    """Elements for the real eyes; `shown` has bytes for `good` and `blurred`."""
    maker = _Maker(
        seed,
        lambda sight, _: b"no image" if sight == "broken" else shown[sight],
        {"good": 6, "blurred": 2, "broken": 1, "missing": 1},
        most=4,
    )
    for number in range(jobs):
        (maker.pushed_twice if number % 10 == 3 else maker.garbage if number % 20 == 7 else maker.plain)()
    return maker.made


def go_json(body: dict[str, object]) -> bytes:
    """As Go's encoder writes it."""
    return json.dumps(body, separators=(",", ":")).replace("&", "\\u0026").encode()


def _sha1(raw: bytes) -> str:
    return hashlib.sha1(raw).hexdigest()
