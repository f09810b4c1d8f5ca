"""As a user's app: a JWT or initData, presigned PUTs, `upload-complete`, and `moderation-status` for the decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from pydantic import SecretStr

from lomi_ops.clients.backend import Backend, BackendMissing, QuotaUsedUp, UploadTarget
from lomi_ops.clients.objects import ObjectStore
from lomi_ops.config.sections.services import BackendSection
from lomi_ops.db.media import PhotoFilter, listed
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.way import Sees
from lomi_ops.errors import ConfigError, LomiError
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.ops.e2e.handles import Handles, Left, Sent, Shown, Uploaded
from lomi_ops.ops.e2e.plan import content_type
from lomi_ops.queue import tracing

LIMIT = 30
"""Photos of a user in 24 hours, by the backend's own limit."""


@dataclass(slots=True)
class ThroughBackend:
    """Implements WayIn."""

    at: Handles
    backend: Backend
    section: BackendSection
    store: ObjectStore | None = None
    """Where its bucket lies, if that is configured."""
    bucket: str = ""
    user_id: UUID | None = None
    _token: SecretStr | None = None
    _uploaded: list[str] = field(default_factory=list)
    """Keys of objects that are in no batch yet."""
    _sent: list[Sent] = field(default_factory=list)

    @property
    def name(self) -> str:
        return "backend"

    def sees(self, at: Handles) -> Sees:
        return Sees(database=at.database is not None, channel=at.redis is not None, app=True)

    def start(self) -> None:
        """Raises ConfigError where nobody says as whom, BackendDenied where the backend does not take it."""
        if self.section.init_data is not None:
            self._token = self.backend.login(self.section.init_data)
        elif self.section.token is not None:
            self._token = self.section.token
        else:
            raise ConfigError(
                "nothing says as whom the photos are uploaded",
                hint="set LOMI_BACKEND__INIT_DATA (a test account's) or LOMI_BACKEND__TOKEN (a JWT)",
            )

    def upload(self, sample: Sample) -> Uploaded:
        target: UploadTarget = self.backend.upload_url(self._bearer)
        self.backend.put_photo(target, sample.data, content_type(sample))
        self._uploaded.append(target.file_key)
        return Uploaded(target.file_key)

    def send(self, photos: Sequence[Uploaded]) -> Sent:
        """Raises QuotaUsedUp, in plain words, where the user has no photos left today."""
        keys = [photo.key for photo in photos]
        server_ms = self.at.queue.now_ms() if self.at.queue is not None else None
        began = self.at.clock()
        try:
            accepted = self.backend.upload_complete(self._bearer, keys)
        except QuotaUsedUp as full:
            raise QuotaUsedUp(
                f"this account has no photos left: the backend takes {LIMIT} in 24 hours, and answered 429 to "
                f"{len(keys)} more",
                retry_after_s=full.retry_after_s,
                hint="wait, log in as another test account (backend.init_data), or: lomi e2e N --via direct",
            ) from full
        ended = self.at.clock()
        for key in keys:
            self._uploaded.remove(key)
        sent = Sent(accepted.batch_id, tuple(photos), ended - began, began, server_ms)
        self._sent.append(sent)  # whatever happens while it is looked for
        self._sent[-1] = self._traced(sent)
        return self._sent[-1]

    def _traced(self, sent: Sent) -> Sent:
        """With the job's id and the photos' ids, where Redis and Postgres tell."""
        if self.at.database is not None:
            rows = {row.url: row for row in listed(self.at.database, PhotoFilter(batch_id=sent.batch_id))}
            known = tuple(Uploaded(p.key, rows[p.key].media_id if p.key in rows else None) for p in sent.photos)
            self.user_id = next((row.user_id for row in rows.values()), self.user_id)
        else:
            known = sent.photos
        found = None
        if self.at.redis is not None and self.at.queue is not None:
            found = tracing.find(self.at.redis, self.at.queue.keys, sent.batch_id)
        job_id, raw = found or (None, b"")
        return Sent(sent.batch_id, known, sent.accepted_s, sent.at, sent.server_ms, job_id, raw)

    def shown(self) -> Mapping[str, Shown]:
        """By key. Where the backend shows none, its ids lead to them; without those its order in a batch is ours."""
        ours = [photo for sent in self._sent for photo in sent.photos]
        keys = {photo.key for photo in ours}
        by_id = {photo.media_id: photo.key for photo in ours if photo.media_id is not None}
        nameless = {sent.batch_id: [photo.key for photo in sent.photos] for sent in self._sent}
        found: dict[str, Shown] = {}
        for photo in self.backend.moderation_status(self._bearer):
            rest = nameless.get(photo.batch_id) if photo.batch_id is not None else None
            key = photo.key if photo.key in keys else by_id.get(photo.media_id) or (rest.pop(0) if rest else None)
            if key is not None:
                found[key] = Shown(photo.media_id, photo.batch_id, key, photo.status, photo.reason)
        return found

    def clean(self) -> tuple[Left, ...]:
        """The backend deletes rejected photos for an admin, and has no way to delete others: those are named.

        What is in no batch is nobody's but ours, and is removed where the store is configured.
        """
        left = [Left("object", key, why) for key in self._uploaded if (why := self._removed(key))]
        if not self._sent:
            return tuple(left)
        try:
            photos = self.shown()
        except LomiError as failure:
            return (*left, *(Left("photo", p.key, failure.message) for sent in self._sent for p in sent.photos))
        for key, photo in photos.items():
            why = self._deleted(photo)
            if why:
                left.append(Left("photo", f"{photo.media_id} ({key})", why))
        return tuple(left)

    def _removed(self, key: str) -> str:
        """Why it was not; empty where it was."""
        if self.store is None:
            return "it is in no batch, the backend has no call to delete it, and the object store is not configured"
        try:
            self.store.delete(self.bucket, key)
        except LomiError as failure:
            return failure.message
        return ""

    def _deleted(self, photo: Shown) -> str:
        """Why it was not; empty where it was."""
        if photo.status != MediaStatus.REJECTED:
            return f"it is {photo.status}, and the backend deletes only rejected ones: delete it in the app"
        try:
            self.backend.delete_rejected(photo.media_id)
        except BackendMissing:
            return "it is rejected, and the backend did not find it to delete"
        except LomiError as failure:
            return failure.message
        return ""

    def end(self) -> None:
        """Nothing is held."""

    @property
    def _bearer(self) -> SecretStr:
        assert self._token is not None
        return self._token
