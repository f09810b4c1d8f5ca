"""Large files in a bucket, against the server that refuses what R2 refuses."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lomi_ops.clients.objects import ObjectMissing, s3_files
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.clients.objects.opening import endpoint_url, open_files
from lomi_ops.clients.objects.s3 import make_client
from lomi_ops.clients.objects.s3_files import S3Files
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.errors import ConfigError, JobError, ObjectsUnavailable
from tests.integration.objects.conftest import BUCKET, S3Server

SMALLEST_PART = 5 * 1024 * 1024
"""S3 takes no smaller one, but for the last."""


@pytest.fixture
def files(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Files]:
    monkeypatch.setattr(s3_files, "PART_BYTES", SMALLEST_PART)
    section = s3.section()
    made = S3Files(section, endpoint_url(section), Buckets(frozenset({BUCKET})), retries=0)
    yield made
    made.close()


@pytest.fixture
def client(s3: S3Server) -> Iterator[Any]:
    made = make_client(s3.section(), s3.url)
    yield made
    made.close()


def keys(client: Any) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def uploads(client: Any) -> list[str]:
    return [item["Key"] for item in client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())]


@pytest.mark.parametrize("size", [0, 1, SMALLEST_PART - 1, SMALLEST_PART, SMALLEST_PART + 1, 2 * SMALLEST_PART + 17])
def test_a_stream_of_any_length_comes_back_byte_by_byte(files: S3Files, s3: S3Server, client: Any, size: int) -> None:
    data = secrets.token_bytes(size)
    chunks = [data[at : at + 700_001] for at in range(0, size, 700_001)]

    files.put_stream(BUCKET, "a/large", iter(chunks))

    assert b"".join(files.get_stream(BUCKET, "a/large")) == data
    assert uploads(client) == []
    assert s3.gate.refused == []


def test_a_stream_that_fails_leaves_nothing_behind(files: S3Files, client: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(2 * SMALLEST_PART + 1)
        raise RuntimeError("the source has ended badly")

    with pytest.raises(RuntimeError):
        files.put_stream(BUCKET, "a/large", chunks())

    assert keys(client) == uploads(client) == []


def test_a_store_that_goes_away_in_the_middle_is_told(files: S3Files, s3: S3Server, client: Any) -> None:
    def chunks() -> Iterator[bytes]:
        yield bytes(2 * SMALLEST_PART)
        s3.gate.answer = ("503 Slow Down", "SlowDown")
        yield bytes(SMALLEST_PART)

    with pytest.raises(ObjectsUnavailable, match="SlowDown"):
        files.put_stream(BUCKET, "a/large", chunks())

    s3.gate.answer = None
    assert keys(client) == []
    assert uploads(client) == ["a/large"], "nobody could end it"
    assert files.abandon_uploads(BUCKET, "b/") == 0
    assert files.abandon_uploads(BUCKET, "a/") == 1
    assert uploads(client) == []


def test_what_is_not_there_is_missing(files: S3Files) -> None:
    with pytest.raises(ObjectMissing):
        list(files.get_stream(BUCKET, "a/none"))
    assert files.dated(BUCKET, "a/none") is None
    assert files.latest(BUCKET, "a/") is None


def test_the_latest_object_is_the_one_that_was_written_last(files: S3Files) -> None:
    for key in ("dumps/b", "dumps/a", "other/c"):
        files.put(BUCKET, key, key.encode())

    one, latest = files.dated(BUCKET, "dumps/a"), files.latest(BUCKET, "dumps/")

    assert one is not None
    assert latest is not None
    assert (one.size, latest.key in ("dumps/a", "dumps/b")) == (7, True)
    assert abs(datetime.now(UTC) - latest.modified) < timedelta(minutes=5)


def test_a_bucket_that_does_not_exist_is_an_outage_with_its_own_hint(s3: S3Server) -> None:
    files = S3Files(s3.section(), s3.url, Buckets(frozenset({"no-such-bucket"})), retries=0)

    with pytest.raises(ObjectsUnavailable, match="NoSuchBucket") as refused:
        files.put_stream("no-such-bucket", "x", [b"x"])

    assert refused.value.hint == "check the name of the bucket, and objects.endpoint"
    files.close()


def test_only_the_one_bucket_can_be_touched(s3: S3Server) -> None:
    files = open_files(s3.section(), "another")

    with pytest.raises(JobError):
        files.put_stream(BUCKET, "x", [b"x"])
    with pytest.raises(ConfigError, match="account of the bucket"):
        open_files(ObjectsSection(), BUCKET)
