"""As the backend would: bytes into the store, rows, and the contract's element onto the list.

Nobody may be disturbed by that on a live cluster, so (docs/e2e.md has the reasons):

* the user has a marked id, no chat, and is not active: the app shows them, and their photos, to nobody;
* the job says `telegram_id` 0, which no chat has: the push that the backend sends for the result reaches nobody;
* all of it goes away at the end, and is found by its ids when the run was killed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath
from uuid import UUID

from lomi_ops.clients.objects import ObjectStore
from lomi_ops.db import audit
from lomi_ops.db import marked as rows
from lomi_ops.db.media import has_lomi_schema
from lomi_ops.db.pool import Database
from lomi_ops.domain import marked
from lomi_ops.domain.audit import Action, AuditEntry
from lomi_ops.domain.job import Job, PhotoRef
from lomi_ops.domain.way import Sees
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.ops.e2e.clean import Cleaner
from lomi_ops.ops.e2e.handles import Handles, Left, Sent, Shown, Uploaded
from lomi_ops.ops.e2e.plan import KINDS, content_type
from lomi_ops.queue import tracing
from lomi_ops.queue.wire import dump_job


@dataclass(slots=True)
class Direct:
    """Implements WayIn."""

    at: Handles
    database: Database
    store: ObjectStore
    bucket: str
    link: Callable[[str], str]
    """`r2_url` by key."""
    actor: str
    now: Callable[[], datetime]
    """By the clock of Postgres."""
    say: Callable[[str], None] = lambda text: None
    chance: random.Random = field(default_factory=random.SystemRandom)
    user_id: UUID | None = None
    _position: int = 1
    _jobs: list[tuple[str, bytes]] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)
    _held: ExitStack = field(default_factory=ExitStack)

    @property
    def name(self) -> str:
        return "direct"

    def sees(self, at: Handles) -> Sees:
        return Sees(database=True, channel=True, app=False)

    def start(self) -> None:
        """What killed runs have left goes first. Then the user is made: after a kill the rest is found by them."""
        earlier = self._cleaner().clean_all().users
        if earlier:
            self.say(f"removed what {earlier} earlier {'run' if earlier == 1 else 'runs'} had left")
        user_id = marked.user_id(self.now(), self.chance.getrandbits(30))
        self._held.enter_context(rows.at_work(self.database, user_id))
        self.user_id = user_id
        rows.add_user(self.database, user_id)
        if has_lomi_schema(self.database):
            entry = AuditEntry(
                self.actor, Action.E2E, f"user:{user_id}", self.now(), "photos of a test, sent and removed"
            )
            audit.record(self.database, entry)

    def upload(self, sample: Sample) -> Uploaded:
        assert self.user_id is not None
        media_id = marked.any_id(self.chance.getrandbits(62))
        suffix = PurePath(sample.filename).suffix.lower()
        key = f"users/{self.user_id}/photo/{media_id}{suffix if suffix in KINDS else '.jpg'}"
        self._keys.append(key)
        self.store.put(self.bucket, key, sample.data, content_type(sample))
        return Uploaded(key, media_id)

    def send(self, photos: Sequence[Uploaded]) -> Sent:
        assert self.user_id is not None
        assert self.at.redis is not None
        assert self.at.queue is not None
        batch_id = marked.any_id(self.chance.getrandbits(62))
        began, now = self.at.clock(), self.now()
        refs = tuple(
            PhotoRef(photo.media_id, photo.key, self.bucket, self.link(photo.key))
            for photo in photos
            if photo.media_id is not None
        )
        job = Job(marked.job_id(batch_id), batch_id, self.user_id, marked.NO_CHAT, refs, now)
        rows.add_photos(self.database, job, now, first=self._position)
        self._position += len(refs)
        raw = dump_job(job)
        # Noted before it is pushed: where the answer is lost, the element may be there.
        self._jobs.append((job.job_id, raw))
        at = self.at.clock()
        pushed = tracing.push(self.at.redis, self.at.queue.keys, raw)
        return Sent(batch_id, tuple(photos), self.at.clock() - began, at, pushed.server_ms, job.job_id, raw)

    def shown(self) -> Mapping[str, Shown]:
        return {}

    def clean(self) -> tuple[Left, ...]:
        if self.user_id is None:
            return ()
        return self._cleaner().clean(self.user_id, self._jobs, self._keys)

    def end(self) -> None:
        self._held.close()

    def _cleaner(self) -> Cleaner:
        return Cleaner(self.at, self.database, self.store, self.bucket)
