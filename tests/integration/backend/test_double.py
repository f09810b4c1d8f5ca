"""The double itself: does it do what the contract says of the backend?"""

from __future__ import annotations

import json
import re
import time
from typing import Any, cast
from uuid import UUID

import httpx
import psycopg
import pytest
import redis
from pydantic import SecretStr

from lomi_ops.clients.backend import Backend
from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.domain.job import Priority
from lomi_ops.queue.wire import parse_job
from tests.doubles.backend import BackendDouble
from tests.doubles.backend.app import BUCKET, CHANNEL, QUEUE
from tests.doubles.backend.tokens import Invalid, claims_of, issue, sign_init_data, user_of_init_data
from tests.integration.backend.conftest import HANA, uploaded

NOW = 1_763_964_000.0


def until(condition: Any, what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_a_batch_is_rows_and_one_element_in_the_producers_shape(
    backend: Backend, token: SecretStr, client: redis.Redis, pg: psycopg.Connection[dict[str, Any]], hana: UUID
) -> None:
    keys = uploaded(backend, token, 3)
    accepted = backend.upload_complete(token, keys)

    (raw,) = cast("list[bytes]", client.lrange(QUEUE, 0, -1))
    body = json.loads(raw)
    rows = pg.execute("SELECT * FROM media ORDER BY display_order").fetchall()
    assert list(body) == [
        "job_id", "batch_id", "user_id", "telegram_id", "photos", "created_at", "retry_count", "priority",
    ]  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", body["created_at"])
    assert body["telegram_id"] == HANA
    assert (body["retry_count"], body["priority"]) == (0, 1)
    assert b"\\u0026" in raw, "Go escapes the ampersand of a presigned address"
    job = parse_job(raw)
    assert (job.user_id, job.batch_id, job.priority) == (hana, accepted.batch_id, Priority.NORMAL)
    assert [photo.key for photo in job.photos] == keys == [row["url"] for row in rows]
    assert {row["batch_id"] for row in rows} == {accepted.batch_id}
    assert {row["moderation_status"] for row in rows} == {"pending"}
    assert httpx.get(job.photos[1].url, trust_env=False).content == b"photo 1"


@pytest.mark.parametrize("photos", [0, 10])
def test_only_one_to_nine_photos_are_a_batch(double: BackendDouble, token: SecretStr, hana: UUID, photos: int) -> None:
    body = {"photos": [{"file_key": f"users/{hana}/photo/{n}.jpg", "media_type": "photo"} for n in range(photos)]}
    said = httpx.post(
        f"{double.url}/api/v1/users/media/upload-complete", json=body, trust_env=False,
        headers={"authorization": f"Bearer {token.get_secret_value()}"},
    )  # fmt: skip
    assert said.status_code == 400


def test_thirty_photos_a_day_are_the_limit_and_the_key_has_its_day(
    backend: Backend, double: BackendDouble, token: SecretStr, client: redis.Redis, hana: UUID
) -> None:
    name = f"photo_upload_rate:{hana}"
    for _ in range(3):
        backend.upload_complete(token, uploaded(backend, token, 9))
    assert client.get(name) == b"27"
    assert 0 < client.ttl(name) <= 24 * 3600

    keys = [f"users/{hana}/photo/{n}.jpg" for n in range(4)]
    bearer = {"authorization": f"Bearer {token.get_secret_value()}"}
    body = {"photos": [{"file_key": key, "media_type": "photo"} for key in keys]}
    address = f"{double.url}/api/v1/users/media/upload-complete"
    assert httpx.post(address, json=body, headers=bearer, trust_env=False).status_code == 429
    assert client.llen(QUEUE) == 3
    body["photos"].pop()
    assert httpx.post(address, json=body, headers=bearer, trust_env=False).status_code == 200
    assert client.get(name) == b"30"


def test_a_result_updates_the_rows_of_its_batch_unguarded_and_is_one_push_each_time(
    backend: Backend,
    double: BackendDouble,
    token: SecretStr,
    client: redis.Redis,
    pg: psycopg.Connection[dict[str, Any]],
) -> None:
    first = backend.upload_complete(token, uploaded(backend, token, 1))
    (photo,) = backend.moderation_status(token)

    def told(status: str, batch: object) -> bytes:
        approved = int(status == "approved")
        return json.dumps(
            {
                "job_id": "j", "batch_id": str(batch), "user_id": "u", "telegram_id": HANA,
                "results": [
                    {"media_id": str(photo.media_id), "status": status, "reason": None, "scores": {"face_count": 1}}
                ],
                "summary": {"total": 1, "approved": approved, "rejected": 1 - approved, "reasons": {}},
                "processed_at": "2025-11-24T10:00:01Z",
            }
        ).encode()  # fmt: skip

    client.publish(CHANNEL, told("rejected", first.batch_id))
    client.publish(CHANNEL, told("approved", first.batch_id))
    client.publish(CHANNEL, told("failed", "6f1c9f1e-0f0a-4a4e-9d1d-0a52d0a3a111"))
    client.publish(CHANNEL, b"no message at all")
    until(lambda: double.app.heard == 4, "four messages")

    row = pg.execute("SELECT moderation_status, is_approved, moderation_reason FROM media").fetchone()
    assert row == {"moderation_status": "approved", "is_approved": True, "moderation_reason": None}
    assert [push.telegram_id for push in double.app.pushes] == [HANA] * 3
    assert double.app.pushes[1].text == "All your photos are live!"
    stats = backend.queue_stats()
    assert (stats.last_24h.total, stats.last_24h.approved) == (0, 0), "the message is a year old"


def test_a_presigned_address_is_good_for_its_method_and_key_alone(
    backend: Backend, token: SecretStr, store: DirectoryStore
) -> None:
    target = backend.upload_url(token)
    send = {"trust_env": False}

    assert httpx.get(target.upload_url, **send).status_code == 403  # type: ignore[arg-type]
    other = target.upload_url.replace("/photo/", "/photo/x")
    assert httpx.put(other, content=b"x", **send).status_code == 403  # type: ignore[arg-type]
    twice = httpx.put(target.upload_url, content=b"x", headers={"authorization": "Bearer x"}, **send)  # type: ignore[arg-type]
    assert (twice.status_code, "Only one auth mechanism" in twice.text) == (400, True)
    assert list(store.list(BUCKET)) == []
    assert httpx.put(target.upload_url, content=b"x", **send).status_code == 200  # type: ignore[arg-type]
    assert [item.key for item in store.list(BUCKET)] == [target.file_key]


def test_a_jwt_is_ours_whole_and_in_time() -> None:
    token = issue("secret", "u", admin=True, now=NOW)
    assert claims_of("secret", token, now=NOW + 10).admin
    head, body, mark = token.split(".")
    for wrong, at in (
        (token, NOW + 4000), (f"{head}.{body}.{mark[::-1]}", NOW), (f"{head}.{body[:-2]}AA.{mark}", NOW),
        (f"eyJhbGciOiJub25lIn0.{body}.", NOW), ("a.b", NOW), ("", NOW),
    ):  # fmt: skip
        with pytest.raises(Invalid):
            claims_of("secret", wrong, now=at)
    with pytest.raises(Invalid):
        claims_of("other", token, now=NOW)


def test_initdata_is_telegrams_whole_and_of_today() -> None:
    data = sign_init_data("1:bot", {"id": HANA, "first_name": "ሃና"}, now=NOW)
    assert user_of_init_data("1:bot", data, now=NOW)["id"] == HANA
    for wrong, bot, at in ((data, "2:bot", NOW), (data + "&a=b", "1:bot", NOW), (data, "1:bot", NOW + 90_000)):
        with pytest.raises(Invalid):
            user_of_init_data(bot, wrong, now=at)


def test_an_unknown_path_is_no_json(double: BackendDouble) -> None:
    said = httpx.get(f"{double.url}/api/v1/nothing", trust_env=False)
    assert (said.status_code, said.text) == (404, "404 page not found")
