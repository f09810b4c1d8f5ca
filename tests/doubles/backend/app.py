"""What the backend does, call by call. Written out from the contract, with nothing of lomi's queue or database code."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import redis
from psycopg.rows import dict_row

from tests.doubles.backend.bucket import Bucket
from tests.doubles.backend.tokens import Claims, Invalid, claims_of, issue, user_of_init_data
from tests.doubles.messages import Request, Response

QUEUE, CHANNEL, BUCKET = "photo_moderation_queue", "moderation_results", "lomi-photos"
DAILY_LIMIT, DAY_S = 30, 24 * 3600
MAX_PHOTOS = 9
API = "/api/v1"
STATUSES = ("all", "pending", "rejected", "approved")
ROW = """SELECT id, user_id, batch_id, url, display_order, moderation_status, moderation_reason, moderation_scores,
                moderated_at, created_at FROM media"""


@dataclass(frozen=True)
class Push:
    """One Telegram message that would have gone to a person."""

    telegram_id: int
    text: str
    batch_id: str


@dataclass
class App:
    """One backend process."""

    database_url: str
    redis_url: str
    bucket: Bucket
    bot_token: str = "123456:double"
    jwt_secret: str = "secret-of-the-double"
    pushes: list[Push] = field(default_factory=list)
    heard: int = 0
    """Messages on the channel."""
    shows_keys: bool = True
    """Whether a user sees the keys of their photos; the contract does not say."""

    # --- what a test asks of it -------------------------------------------------------------------------------------

    def add_user(self, telegram_id: int, name: str = "Hana") -> uuid.UUID:
        with self._sql() as pg:
            row = pg.execute(
                "INSERT INTO users (id, telegram_id, name, is_active) VALUES (uuid_generate_v4(), %s, %s, true)"
                " ON CONFLICT (telegram_id) DO UPDATE SET name = excluded.name RETURNING id",
                (telegram_id, name),
            ).fetchone()
        assert row is not None
        user_id: uuid.UUID = row["id"]
        return user_id

    def token(self, user_id: object, *, admin: bool = False, life_s: float = 3600) -> str:
        return issue(self.jwt_secret, str(user_id), admin=admin, now=time.time(), life_s=life_s)

    # --- HTTP ---------------------------------------------------------------------------------------------------------

    def answer(self, request: Request) -> Response:
        call = _CALLS.get((request.method, request.path))
        if call is not None:
            return call(self, request)
        rest = request.path.removeprefix(f"{API}/admin/moderation/rejected/")
        if rest != request.path:
            if request.method == "DELETE" and "/" not in rest:
                return self._as_admin(request, lambda: self._delete(rest))
            if request.method == "PUT" and rest.endswith("/verify"):
                return self._as_admin(request, lambda: self._verify(rest.removesuffix("/verify")))
        return Response(404, b"404 page not found", "text/plain")

    def health(self, request: Request) -> Response:
        return _json({"status": "ok"})

    def auth(self, request: Request) -> Response:
        scheme, _, init_data = request.headers.get("authorization", "").partition(" ")
        if scheme != "tma":
            return _fault(401, "missing initData")
        try:
            user = user_of_init_data(self.bot_token, init_data, now=time.time())
        except Invalid as fault:
            return _fault(401, str(fault))
        user_id = self.add_user(int(user["id"]), str(user.get("first_name", "")))
        return _json({"access_token": self.token(user_id), "token_type": "Bearer", "user": {"id": str(user_id)}})

    def upload_url(self, request: Request) -> Response:
        def answer(claims: Claims) -> Response:
            if request.query.get("media_type") != "photo":
                return _fault(400, "media_type must be photo")
            key = f"users/{claims.user_id}/photo/{uuid.uuid4()}.jpg"
            return _json({"upload_url": self.bucket.presigned("PUT", BUCKET, key, 900), "file_key": key})

        return self._as_user(request, answer)

    def upload_complete(self, request: Request) -> Response:
        return self._as_user(request, lambda claims: self._complete(claims, request))

    def _complete(self, claims: Claims, request: Request) -> Response:
        try:
            photos = json.loads(request.body)["photos"]
            keys = [str(photo["file_key"]) for photo in photos if photo["media_type"] == "photo"]
        except (ValueError, KeyError, TypeError):
            return _fault(400, "invalid request body")
        if not 1 <= len(photos) <= MAX_PHOTOS or len(keys) != len(photos):
            return _fault(400, f"between 1 and {MAX_PHOTOS} photos are required")
        if not all(key.startswith(f"users/{claims.user_id}/photo/") for key in keys):
            return _fault(400, "file_key does not belong to the user")
        with closing(redis.Redis.from_url(self.redis_url)) as client:
            if not self._within_quota(client, claims.user_id, len(keys)):
                return _fault(429, f"upload limit of {DAILY_LIMIT} photos per 24 hours reached")
            batch_id = uuid.uuid4()
            job = self._insert(claims.user_id, batch_id, keys)
            client.lpush(QUEUE, _go_json(job))
        body = {
            "batch_id": str(batch_id),
            "message": "Photos uploaded. We will notify you when they are checked.",
            "photos_count": len(keys),
        }
        return _json(body)

    def _within_quota(self, client: redis.Redis, user_id: str, photos: int) -> bool:
        name = f"photo_upload_rate:{user_id}"
        used = int(client.get(name) or 0)
        if used + photos > DAILY_LIMIT:
            return False
        with client.pipeline() as pipe:
            pipe.incrby(name, photos)
            if not used:
                pipe.expire(name, DAY_S)
            pipe.execute()
        return True

    def _insert(self, user_id: str, batch_id: uuid.UUID, keys: Sequence[str]) -> dict[str, Any]:
        """The rows of a batch in one transaction, and the job for it."""
        refs = []
        with self._sql() as pg, pg.transaction():
            user = pg.execute("SELECT telegram_id FROM users WHERE id = %s", (user_id,)).fetchone()
            for position, key in enumerate(keys, start=1):
                row = pg.execute(
                    "INSERT INTO media (user_id, media_type, url, display_order, moderation_status, batch_id)"
                    " VALUES (%s, 'photo', %s, %s, 'pending', %s) RETURNING id",
                    (user_id, key, position, batch_id),
                ).fetchone()
                assert row is not None
                address = self.bucket.presigned("GET", BUCKET, key, 3600)
                refs.append({"media_id": str(row["id"]), "r2_url": address, "r2_key": key, "bucket": BUCKET})
        return {
            "job_id": str(uuid.uuid4()), "batch_id": str(batch_id), "user_id": user_id,
            "telegram_id": (user or {}).get("telegram_id") or 0, "photos": refs, "created_at": _go_now(),
            "retry_count": 0, "priority": 1,
        }  # fmt: skip

    def moderation_status(self, request: Request) -> Response:
        def answer(claims: Claims) -> Response:
            with self._sql() as pg:
                rows = pg.execute(f"{ROW} WHERE user_id = %s ORDER BY created_at, id", (claims.user_id,)).fetchall()
            hidden = () if self.shows_keys else ("file_key",)
            photos = [{name: part for name, part in _photo(row).items() if name not in hidden} for row in rows]
            return _json({"photos": photos})

        return self._as_user(request, answer)

    def queue_stats(self, request: Request) -> Response:
        return self._as_admin(request, self._queue_stats)

    def _queue_stats(self) -> Response:
        with closing(redis.Redis.from_url(self.redis_url)) as client:
            length = client.llen(QUEUE)
        with self._sql() as pg:
            pending = pg.execute("SELECT count(*) AS n FROM media WHERE moderation_status = 'pending'").fetchone()
            day = "FROM media WHERE moderated_at > now() - interval '24 hours'"
            statuses = pg.execute(
                f"SELECT moderation_status AS word, count(*) AS n {day} GROUP BY 1".encode()
            ).fetchall()
            reasons = pg.execute(
                f"SELECT moderation_reason AS word, count(*) AS n {day} AND moderation_status = 'rejected'"
                " GROUP BY 1".encode()
            ).fetchall()
        counts = {row["word"]: row["n"] for row in statuses}
        last = {name: counts.get(name, 0) for name in ("approved", "rejected", "failed")}
        why = {row["word"]: row["n"] for row in reasons if row["word"]}
        body = {
            "queue": {"length": length, "pending_media": (pending or {}).get("n", 0)},
            # A map that nobody made is null in Go.
            "last_24h": {"total": sum(last.values()), **last, "rejection_reasons": why or None},
            "timestamp": _go_now(),
        }
        return _json(body)

    def dashboard(self, request: Request) -> Response:
        return self._as_admin(request, lambda: self._dashboard(request.query))

    def _dashboard(self, query: Mapping[str, str]) -> Response:
        status = query.get("status", "all")
        if status not in STATUSES:
            return _fault(400, "unknown status")
        page, limit = max(1, int(query.get("page", "1"))), min(100, max(1, int(query.get("limit", "20"))))
        wanted = None if status == "all" else status
        where = "WHERE media_type = 'photo' AND (%(status)s::text IS NULL OR moderation_status = %(status)s)"
        with self._sql() as pg:
            total = pg.execute(f"SELECT count(*) AS n FROM media {where}".encode(), {"status": wanted}).fetchone()
            rows = pg.execute(
                f"{ROW} {where} ORDER BY created_at DESC, id LIMIT %(limit)s OFFSET %(offset)s".encode(),
                {"status": wanted, "limit": limit, "offset": (page - 1) * limit},
            ).fetchall()
        count = (total or {}).get("n", 0)
        pages = {"page": page, "limit": limit, "total": count, "total_pages": -(-count // limit)}
        return _json(
            {"media": [_media(row) for row in rows] or None, "pagination": pages, "filters": {"status": status}}
        )

    def _verify(self, media_id: str) -> Response:
        with self._sql() as pg:
            done = pg.execute(
                "UPDATE media SET moderation_notes = 'verified' WHERE id = %s AND moderation_status = 'rejected'",
                (media_id,),
            )
        return _json({"message": "verified"}) if done.rowcount else _fault(404, "rejected media not found")

    def _delete(self, media_id: str) -> Response:
        """Row and object."""
        with self._sql() as pg:
            row = pg.execute(
                "DELETE FROM media WHERE id = %s AND moderation_status = 'rejected' RETURNING url", (media_id,)
            ).fetchone()
        if row is None:
            return _fault(404, "rejected media not found")
        self.bucket.remove(BUCKET, row["url"])
        return _json({"message": "deleted"})

    # --- Redis --------------------------------------------------------------------------------------------------------

    def receive(self, payload: bytes) -> None:
        """One message of the channel: the rows, unguarded, and one push to the person."""
        self.heard += 1
        try:
            said = json.loads(payload)
            at = datetime.fromisoformat(said["processed_at"])
            results = [
                (one["media_id"], one["status"], str(one["reason"] or ""), dict(one["scores"]))
                for one in said["results"]
            ]
            summary = said["summary"]
        except (ValueError, KeyError, TypeError):
            return
        with self._sql() as pg:
            for media_id, status, reason, scores in results:
                pg.execute(
                    "UPDATE media SET moderation_status = %s, moderation_reason = %s, moderation_scores = %s,"
                    " moderated_at = %s, is_approved = %s, updated_at = now() WHERE id = %s AND batch_id = %s",
                    (status, reason or None, json.dumps(scores), at, status == "approved", media_id, said["batch_id"]),
                )
        self.pushes.append(Push(int(said["telegram_id"]), _worded(summary), said["batch_id"]))

    def listen(self, ready: threading.Event, closing_: threading.Event) -> None:
        """The subscriber; runs on a thread of its own."""
        with closing(redis.Redis.from_url(self.redis_url)) as client, client.pubsub() as pubsub:  # type: ignore[no-untyped-call]
            pubsub.subscribe(CHANNEL)
            while not closing_.is_set():
                message = pubsub.get_message(timeout=0.05)
                if message is None:
                    continue
                if message["type"] == "subscribe":
                    ready.set()
                elif message["type"] == "message":
                    self.receive(message["data"])

    # --- who asks -----------------------------------------------------------------------------------------------------

    def _as_user(self, request: Request, answer: Callable[[Claims], Response]) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            return _fault(401, "authorization header is required")
        try:
            claims = claims_of(self.jwt_secret, token, now=time.time())
        except Invalid as fault:
            return _fault(401, str(fault))
        return answer(claims)

    def _as_admin(self, request: Request, answer: Callable[[], Response]) -> Response:
        return self._as_user(request, lambda claims: answer() if claims.admin else _fault(403, "admin access required"))

    def _sql(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self.database_url, autocommit=True, row_factory=dict_row)


_CALLS: Mapping[tuple[str, str], Callable[[App, Request], Response]] = {
    ("GET", f"{API}/health"): App.health,
    ("POST", f"{API}/auth/telegram"): App.auth,
    ("GET", f"{API}/users/media/upload-url"): App.upload_url,
    ("POST", f"{API}/users/media/upload-complete"): App.upload_complete,
    ("GET", f"{API}/users/media/moderation-status"): App.moderation_status,
    ("GET", f"{API}/admin/queue-stats"): App.queue_stats,
    ("GET", f"{API}/admin/moderation/dashboard"): App.dashboard,
}


def _json(value: object, status: int = 200) -> Response:
    return Response(status, _go_json(value), "application/json; charset=utf-8")


def _fault(status: int, text: str) -> Response:
    return _json({"error": text}, status)


def _go_json(value: object) -> bytes:
    """As Go's encoder writes it: compact, and without the signs that HTML takes for its own."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    for sign, escape in (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")):
        text = text.replace(sign, escape)
    return text.encode()


def _go_now() -> str:
    """RFC 3339 with nanoseconds and an offset."""
    now = time.time_ns()
    head = datetime.fromtimestamp(now // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{head}.{now % 10**9:09d}Z"


def _photo(row: Mapping[str, Any]) -> dict[str, Any]:
    """A photo as its owner sees it."""
    return {
        "media_id": str(row["id"]), "batch_id": str(row["batch_id"]) if row["batch_id"] else None,
        "file_key": row["url"], "status": row["moderation_status"], "reason": row["moderation_reason"],
        "scores": row["moderation_scores"], "moderated_at": _time(row["moderated_at"]),
    }  # fmt: skip


def _media(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as an admin sees it."""
    return {name: _time(value) if isinstance(value, datetime) else value for name, value in row.items()}


def _time(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def _worded(summary: Mapping[str, Any]) -> str:
    total, approved = int(summary["total"]), int(summary["approved"])
    if approved == total:
        return "All your photos are live!"
    first = next(iter(summary["reasons"]), "")
    return f"Please upload again: {first}" if approved == 0 else f"{approved} of {total} photos are live, {first}"
