from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.job import MAX_JOB_BYTES, Job, PhotoRef, Priority
from lomi_ops.errors import JobError
from lomi_ops.queue.wire import JobErrorCode, created_at, dump_job, format_time, identity, parse_job, parse_time
from tests.integration.queue.producer import body, element

GO_ELEMENT = (
    b'{"job_id":"b9f0a2de-0c6a-4c7b-9a53-0f4f3f5b9a10","batch_id":"0e7d4b67-8e6d-4ac7-8f34-2b8f0f0a7c11",'
    b'"user_id":"6f1a7a52-98d4-4a3c-8d6e-6b0f5d0f9b12","telegram_id":9007199254740993,"photos":[{"media_id":'
    b'"3c5e2b1a-7f4d-4b7e-9d2c-1a0b9c8d7e13","r2_url":"https://r2.example/k?X-Amz-Expires=3600\\u0026X-Amz-Date=1",'
    b'"r2_key":"users/1/photo/1.jpg","bucket":"lomi-photos"}],"created_at":"2025-11-24T10:00:00.123456789+03:00",'
    b'"retry_count":0,"priority":1}'
)


def refused(raw: bytes) -> JobError:
    with pytest.raises(JobError) as caught:
        parse_job(raw)
    return caught.value


def outcome_of(raw: bytes) -> Job | JobError:
    try:
        return parse_job(raw)
    except JobError as error:
        return error


def photo(**changes: Any) -> dict[str, Any]:
    entry: dict[str, Any] = body()["photos"][0] | {"media_id": str(uuid4())} | changes
    return {key: value for key, value in entry.items() if value is not ...}


def test_the_producers_element_is_read_without_loss() -> None:
    job = parse_job(GO_ELEMENT)
    assert job.telegram_id == 9007199254740993, "an int64 that a double cannot hold"
    assert job.created_at == datetime(2025, 11, 24, 7, 0, 0, 123456, UTC)
    assert job.photos == (
        PhotoRef(
            UUID("3c5e2b1a-7f4d-4b7e-9d2c-1a0b9c8d7e13"),
            "users/1/photo/1.jpg",
            "lomi-photos",
            "https://r2.example/k?X-Amz-Expires=3600&X-Amz-Date=1",
        ),
    )
    assert (job.priority, job.retry_count) == (Priority.NORMAL, 0)


def test_what_we_push_looks_like_what_the_producer_pushes() -> None:
    again = dump_job(parse_job(GO_ELEMENT))
    assert again == GO_ELEMENT.replace(b".123456789+", b".123456+")


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
times = st.datetimes(
    min_value=datetime(1, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
jobs = st.builds(
    Job,
    job_id=st.from_regex(r"[A-Za-z0-9_.:-]{1,128}", fullmatch=True),
    batch_id=st.uuids(),
    user_id=st.uuids(),
    telegram_id=st.integers(-(2**63), 2**63 - 1),
    photos=st.lists(
        st.builds(PhotoRef, st.uuids(), texts, texts, st.text(st.characters(codec="utf-8"))),
        min_size=1,
        max_size=9,
        unique_by=lambda ref: ref.media_id,
    ).map(tuple),
    created_at=st.none() | times,
    retry_count=st.integers(0, 1000),
    priority=st.sampled_from([Priority.NORMAL, Priority.HIGH]),
)


@given(jobs)
def test_a_job_survives_the_wire(job: Job) -> None:
    raw = dump_job(job)
    assert parse_job(raw) == job
    assert identity(raw) == job.job_id
    keys = ["job_id", "batch_id", "user_id", "telegram_id", "photos", "created_at", "retry_count", "priority"]
    assert list(json.loads(raw)) == keys
    assert list(json.loads(raw)["photos"][0]) == ["media_id", "r2_url", "r2_key", "bucket"]
    assert not set(raw.decode()) & set("&<>\u2028\u2029")


@pytest.mark.parametrize(
    "raw",
    [b"", b"not json", b"\xff\xfe", b"[]", b'"job"', b"null", b"7", b"{", b"[" * 200_000, b'{"a":' * 40_000,
     b"\xef\xbb\xbf{}", b'{"job_id":"\xff"}', b'{"x":"\\ud800"}', b"{}\x00", GO_ELEMENT[:-1], GO_ELEMENT + b"x"],
)  # fmt: skip
def test_what_is_no_json_object_is_said_to_be_none(raw: bytes) -> None:
    assert refused(raw).code == JobErrorCode.NOT_JSON


def test_an_element_beyond_the_limit_is_not_even_parsed() -> None:
    sound = element(padding="x" * (MAX_JOB_BYTES - len(element(padding=""))))
    assert len(sound) == MAX_JOB_BYTES
    assert parse_job(sound).photos
    assert refused(sound + b" ").code == JobErrorCode.TOO_LARGE


@pytest.mark.parametrize("key", ["batch_id", "user_id", "telegram_id", "photos"])
def test_a_missing_key_is_named(key: str) -> None:
    error = refused(element(**{key: None}))
    assert (error.code, error.message) == (JobErrorCode.MISSING_KEYS, f"missing: {key}")


@pytest.mark.parametrize("key", ["media_id", "r2_key", "bucket"])
def test_a_missing_key_of_a_photo_is_named_with_its_place(key: str) -> None:
    error = refused(element(photos=[photo(), photo(**{key: ...})]))
    assert (error.code, error.message) == (JobErrorCode.MISSING_KEYS, f"missing: photos.1.{key}")


def test_an_empty_object_misses_everything() -> None:
    assert refused(b"{}").message == "missing: batch_id, user_id, telegram_id, photos"


@pytest.mark.parametrize("photos", [b"[]", b"null"])
def test_a_job_without_photos_is_poison(photos: bytes) -> None:
    raw = element(photos=7).replace(b'"photos":7', b'"photos":' + photos)
    assert refused(raw).code == JobErrorCode.NO_PHOTOS


def test_nine_photos_are_a_batch_and_ten_are_not() -> None:
    assert len(parse_job(element(photos=[photo() for _ in range(9)])).photos) == 9
    assert refused(element(photos=[photo() for _ in range(10)])).code == JobErrorCode.TOO_MANY_PHOTOS


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"job_id": 7}, "job_id"),
        ({"job_id": ""}, "job_id"),
        ({"job_id": "a b"}, "job_id"),
        ({"job_id": "x" * 129}, "job_id"),
        ({"batch_id": "not-a-uuid"}, "batch_id"),
        ({"user_id": 5}, "user_id"),
        ({"telegram_id": "123"}, "telegram_id"),
        ({"telegram_id": 1.5}, "telegram_id"),
        ({"telegram_id": True}, "telegram_id"),
        ({"telegram_id": 2**63}, "telegram_id"),
        ({"telegram_id": -(2**63) - 1}, "telegram_id"),
        ({"telegram_id": 10**4000}, "telegram_id"),
        ({"photos": {}}, "photos"),
        ({"photos": "x"}, "photos"),
        ({"photos": [7]}, "photos.0"),
        ({"photos": [photo(media_id="x")]}, "photos.0.media_id"),
        ({"photos": [photo(r2_key="")]}, "photos.0.r2_key"),
        ({"photos": [photo(r2_key=7)]}, "photos.0.r2_key"),
        ({"photos": [photo(bucket=False)]}, "photos.0.bucket"),
    ],
)
def test_a_wrong_value_is_named_by_its_key(changes: dict[str, Any], place: str) -> None:
    error = refused(element(**changes))
    assert error.code == JobErrorCode.BAD_VALUE
    assert error.message.startswith(f"{place}: ")


def test_a_photo_that_occurs_twice_is_a_wrong_value() -> None:
    twice = photo()
    error = refused(element(photos=[twice, photo(), twice]))
    assert (error.code, error.message) == (JobErrorCode.BAD_VALUE, "photos: a media_id occurs twice")


def test_an_error_never_quotes_what_stood_there() -> None:
    for changes in ({"telegram_id": "s3cret"}, {"batch_id": "s3cret"}, {"photos": [photo(r2_key=["s3cret"])]}):
        error = refused(element(**changes))
        assert "s3cret" not in f"{error.message}{error.hint}{error.__cause__}"


@pytest.mark.parametrize(
    "changes",
    [
        {"created_at": "yesterday"},
        {"created_at": 17},
        {"created_at": None},
        {"retry_count": "many"},
        {"retry_count": None},
        {"priority": "urgent"},
        {"priority": None},
        {"priority": 9},
        {"unknown": {"deep": [1, 2, {}]}},
        {"photos": [photo(r2_url=...)]},
        {"photos": [photo(r2_url=17)]},
        {"photos": [photo(unknown=1)]},
    ],
)
def test_what_nothing_depends_on_is_no_reason_to_refuse(changes: dict[str, Any]) -> None:
    job = parse_job(element(**changes))
    assert (job.retry_count, job.priority) == (0, Priority.NORMAL)


@pytest.mark.parametrize("key", ["../../etc/passwd", "/etc/passwd", "users/../x", "a\\b", "ሰላም.jpg", " "])
def test_an_odd_object_key_is_for_the_object_store_to_judge(key: str) -> None:
    assert parse_job(element(photos=[photo(r2_key=key), photo()])).photos[0].key == key


def test_bulk_is_the_queues_own_and_the_element_says_normal() -> None:
    job = replace(parse_job(element()), priority=Priority.BULK)
    assert parse_job(dump_job(job)).priority is Priority.NORMAL
    assert parse_job(element(priority=0)).priority is Priority.NORMAL


def test_high_priority_and_retries_are_read() -> None:
    job = parse_job(element(priority=2, retry_count=3))
    assert (job.priority, job.retry_count) == (Priority.HIGH, 3)


def test_a_job_without_an_id_is_named_by_its_digest() -> None:
    raw = element(job_id=None)
    assert parse_job(raw).job_id == identity(raw) == hashlib.sha1(raw).hexdigest()


def test_of_two_equal_keys_the_last_one_counts() -> None:
    raw = b'{"job_id":"first",' + element(job_id="last")[1:]
    assert parse_job(raw).job_id == identity(raw) == "last"


@given(st.binary(max_size=300))
def test_no_bytes_make_the_parser_crash(raw: bytes) -> None:
    assert identity(raw)
    created_at(raw)
    refused(raw)


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=10) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(list(body())), values)
def test_any_json_value_in_any_place_gives_a_job_or_an_error_that_names_a_code(key: str, value: Any) -> None:
    raw = json.dumps(body() | {key: value}).encode()
    outcome = outcome_of(raw)
    if isinstance(outcome, JobError):
        assert outcome.code in list(JobErrorCode)
        assert outcome.message
    else:
        assert 1 <= len(outcome.photos) <= 9
        assert outcome.job_id == identity(raw)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [
        ("2025-11-24T10:00:00Z", datetime(2025, 11, 24, 10, tzinfo=UTC)),
        ("2025-11-24T10:00:00.1Z", datetime(2025, 11, 24, 10, 0, 0, 100_000, UTC)),
        ("2025-11-24T10:00:00.123456789-11:30", datetime(2025, 11, 24, 21, 30, 0, 123_456, UTC)),
        ("2025-11-24t10:00:00z", datetime(2025, 11, 24, 10, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("2025-02-30T10:00:00Z", None),
        ("2025-11-24T10:00:60Z", None),
        ("2025-11-24T10:00:00+24:00", None),
        ("2025-11-24T10:00:00", None),
        ("2025-11-24 10:00:00Z", None),
        ("２０２５-11-24T10:00:00Z", None),
        ("", None),
        (None, None),
        (1732442400, None),
        ("9" * 10_000, None),
    ],
)
def test_go_times_are_read_and_others_are_no_times(stamp: Any, expected: datetime | None) -> None:
    assert parse_time(stamp) == expected


@given(times)
def test_a_time_survives_the_wire_to_the_microsecond(at: datetime) -> None:
    assert parse_time(format_time(at)) == at


def test_the_age_of_an_element_can_be_told_without_a_valid_job() -> None:
    assert created_at(b'{"created_at":"2025-11-24T10:00:00Z"}') == datetime(2025, 11, 24, 10, tzinfo=UTC)
    assert created_at(b"[]") is None
    assert created_at(b"\xff") is None
