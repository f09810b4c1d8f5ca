"""The calls of the contract, one method each. Every call ends within its deadline, whatever the other side does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr

from lomi_ops.clients.backend import answers
from lomi_ops.clients.backend.answers import (
    BatchAccepted,
    Dashboard,
    PhotoStatus,
    QueueStats,
    Unreadable,
    UploadTarget,
)
from lomi_ops.clients.backend.outcome import BackendRejected, is_web_page, refusal
from lomi_ops.clients.http import Peer, Reply, Transport, within
from lomi_ops.config.sections.services import BackendSection
from lomi_ops.errors import BackendUnavailable, ConfigError, ObjectsUnavailable

PUT_TIMEOUT_S = 30.0
"""For the bytes of one photo, which may be 25 MB."""
CONNECT_TIMEOUT_S = 3.0
_CONNECTIONS = 8
_API = "/api/v1"
_BACKEND = Peer(
    "the backend", BackendUnavailable, "backend.url", "https://api.example.org",
    "check backend.url, and whether the backend runs",
)  # fmt: skip
_BUCKET = Peer(
    "the object store", ObjectsUnavailable, "upload_url", "https://account.r2.cloudflarestorage.com",
    "the backend named this host for uploads: check its S3_ENDPOINT, and the way from here to there",
)  # fmt: skip

T = TypeVar("T")


class DashboardStatus(StrEnum):
    """What `dashboard` lists."""

    ALL = "all"
    PENDING = "pending"
    REJECTED = "rejected"
    APPROVED = "approved"


@dataclass(frozen=True, slots=True)
class Health:
    """The backend is well."""

    status: int
    elapsed_ms: float


class Backend:
    """One backend. Connections are kept and shared by threads; nothing is connected before the first call.

    Every method raises BackendUnavailable for weather (no connection, too slow, 5xx, a web page, half an answer),
    BackendDenied for 401 and 403, BackendMissing for 404, QuotaUsedUp for 429 and BackendRejected for another no.
    """

    def __init__(self, section: BackendSection) -> None:
        """Raises ConfigError where no usable URL is configured."""
        if not section.url:
            raise ConfigError("no backend is configured", hint="set backend.url (LOMI_BACKEND__URL)")
        self._section = section
        self._transport = Transport(
            section.url,
            _BACKEND,
            connect_timeout_s=min(CONNECT_TIMEOUT_S, section.timeout_s),
            connections=_CONNECTIONS,
        )
        self._buckets: dict[str, Transport] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        for transport in (self._transport, *self._buckets.values()):
            transport.close()

    @property
    def label(self) -> str:
        """The URL without user and password."""
        return self._transport.label

    # --- without a token, and with an admin's ------------------------------------------------------------------------

    def health(self) -> Health:
        """Raises for everything but a 200."""
        started = time.perf_counter()
        reply = self._call("GET", "/health")
        if reply.status != 200:
            raise BackendUnavailable(f"{self._transport.where} answers {reply.status} to GET {_API}/health")
        return Health(reply.status, (time.perf_counter() - started) * 1000)

    def queue_stats(self, token: SecretStr | None = None) -> QueueStats:
        """With `backend.token`, unless another one is given."""
        return self._read("GET", "/admin/queue-stats", answers.queue_stats, token=token or self.admin_token())

    def dashboard(
        self,
        status: DashboardStatus = DashboardStatus.ALL,
        page: int = 1,
        limit: int = 20,
        token: SecretStr | None = None,
    ) -> Dashboard:
        """One page, counted from 1, with `backend.token`, unless another one is given."""
        params = {"status": status.value, "page": str(page), "limit": str(limit)}
        return self._read(
            "GET", "/admin/moderation/dashboard", answers.dashboard, token=token or self.admin_token(), params=params
        )

    def delete_rejected(self, media_id: UUID, token: SecretStr | None = None) -> None:
        """Deletes row and object of a rejected photo; of no other one."""
        self._call("DELETE", f"/admin/moderation/rejected/{media_id}", token=token or self.admin_token())

    def admin_token(self) -> SecretStr:
        """Raises ConfigError where there is none."""
        if self._section.token is None:
            raise ConfigError(
                "backend.token is not set",
                hint="set LOMI_BACKEND__TOKEN to an admin's JWT",
            )
        return self._section.token

    # --- as a user's app ---------------------------------------------------------------------------------------------

    def login(self, init_data: SecretStr) -> SecretStr:
        """The user's JWT for what Telegram signed."""
        said = self._read(
            "POST", "/auth/telegram", answers.login, headers=_authorization("tma", init_data, "backend.init_data"),
            secrets=[init_data.get_secret_value()],
        )  # fmt: skip
        return SecretStr(said.access_token)

    def upload_url(self, token: SecretStr) -> UploadTarget:
        return self._read(
            "GET", "/users/media/upload-url", answers.upload_target, token=token, params={"media_type": "photo"}
        )

    def put_photo(self, target: UploadTarget, data: bytes, content_type: str = "image/jpeg") -> None:
        """The bytes, to the host that the backend named and nowhere else: no redirects, and no token of ours.

        Raises ObjectsUnavailable for whatever that host says but a 2xx; BackendUnavailable where it is no web address.
        """
        bucket = self._bucket(target.upload_url)
        reply = within(
            PUT_TIMEOUT_S,
            lambda: bucket.send(
                "PUT", target.upload_url, timeout_s=PUT_TIMEOUT_S, content=data, headers={"content-type": content_type}
            ),
            lambda: bucket.too_slow(PUT_TIMEOUT_S),
        )
        if not 200 <= reply.status < 300:
            hint = "the presigned address may have expired, or its bucket's rights have changed"
            raise ObjectsUnavailable(f"{bucket.where} answers {reply.status} to the PUT of a photo", hint=hint)

    def upload_complete(self, token: SecretStr, keys: Sequence[str]) -> BatchAccepted:
        """1-9 keys become one batch. Raises QuotaUsedUp beyond 30 photos of a user in 24 hours."""
        photos = [{"file_key": key, "media_type": "photo"} for key in keys]
        return self._read(
            "POST", "/users/media/upload-complete", answers.accepted, token=token, body={"photos": photos}
        )

    def moderation_status(self, token: SecretStr) -> tuple[PhotoStatus, ...]:
        """The user's photos."""
        return self._read("GET", "/users/media/moderation-status", answers.photos, token=token)

    # --- how ----------------------------------------------------------------------------------------------------------

    def _read(
        self,
        method: str,
        path: str,
        read: Callable[[bytes], T],
        *,
        token: SecretStr | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        secrets: Collection[str] = (),
    ) -> T:
        reply = self._call(method, path, token=token, params=params, headers=headers, body=body, secrets=secrets)
        asked, where = f"{method} {_API}{path}", self._transport.where
        if is_web_page(reply):
            hint = "check backend.url, which is the address without /api/v1"
            raise BackendUnavailable(f"{where} answers {asked} with a web page instead of JSON", hint=hint)
        try:
            return read(reply.body)
        except Unreadable as fault:
            raise BackendUnavailable(f"{where} {fault} ({asked})") from None

    def _call(
        self,
        method: str,
        path: str,
        *,
        token: SecretStr | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        secrets: Collection[str] = (),
    ) -> Reply:
        """A 2xx, or an error."""
        sent = dict(headers or {})
        if token is not None:
            sent |= _authorization("Bearer", token, "backend.token")
        if body is not None:
            sent["content-type"] = "application/json"
        content = None if body is None else json.dumps(body).encode()
        limit = self._section.timeout_s
        reply = within(
            limit,
            lambda: self._transport.send(
                method, f"{_API}{path}", timeout_s=limit, params=params, headers=sent, content=content
            ),
            lambda: self._transport.too_slow(limit),
        )
        known = [*secrets, *([token.get_secret_value()] if token else [])]
        error = refusal(reply, f"{method} {_API}{path}", self._transport.where, known)
        if error is not None:
            raise error
        return reply

    def _bucket(self, url: str) -> Transport:
        """The transport to a presigned URL's host; its path and signature are in no text."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise BackendUnavailable(f"{self._transport.where} named an upload_url that is no http(s) address")
        if parts.username or parts.password:
            raise BackendRejected(
                f"{self._transport.where} named an upload_url with a user or a password in it", status=200
            )
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._buckets:
            self._buckets[origin] = Transport(
                origin, _BUCKET, connect_timeout_s=CONNECT_TIMEOUT_S, connections=_CONNECTIONS
            )
        return self._buckets[origin]


def _authorization(scheme: str, secret: SecretStr, setting: str) -> dict[str, str]:
    """Raises ConfigError for what no HTTP header can hold; its text does not repeat it."""
    value = secret.get_secret_value().strip()
    if not value or not value.isascii() or not value.isprintable():
        raise ConfigError(f"{setting} is empty, or holds characters that no token has", hint=f"set {setting} anew")
    return {"authorization": f"{scheme} {value}"}
