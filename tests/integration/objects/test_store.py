"""What both kinds of store promise."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from lomi_ops.clients.objects import BadKey, ObjectMissing, ObjectStore, check_canary
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import JobError, ObjectsUnavailable, PhotoError
from tests.integration.objects.conftest import BUCKET

LIMIT = 1 << 20


def test_what_was_put_comes_back_byte_for_byte(store: ObjectStore) -> None:
    data = os.urandom(300_000)
    store.put(BUCKET, "users/7f/photo/ፎቶ 1+%2e.jpg", data, "image/jpeg")
    assert store.get(BUCKET, "users/7f/photo/ፎቶ 1+%2e.jpg", LIMIT) == data
    assert store.size(BUCKET, "users/7f/photo/ፎቶ 1+%2e.jpg") == 300_000


def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    store.put(BUCKET, "a.jpg", b"one")
    store.put(BUCKET, "a.jpg", b"")
    assert store.get(BUCKET, "a.jpg", LIMIT) == b""
    assert [item.key for item in store.list(BUCKET)] == ["a.jpg"]


def test_an_object_of_exactly_the_limit_is_read_and_one_byte_more_is_too_large(store: ObjectStore) -> None:
    store.put(BUCKET, "a.jpg", b"x" * 1000)
    assert len(store.get(BUCKET, "a.jpg", 1000)) == 1000
    with pytest.raises(PhotoError, match="1,000 bytes, the limit is 999") as caught:
        store.get(BUCKET, "a.jpg", 999)
    assert caught.value.code == FailureCode.TOO_LARGE.value


def test_a_missing_object_is_the_photos_fault(store: ObjectStore) -> None:
    with pytest.raises(ObjectMissing) as caught:
        store.get(BUCKET, "users/nobody.jpg", LIMIT)
    assert caught.value.code == FailureCode.OBJECT_MISSING.value
    assert store.size(BUCKET, "users/nobody.jpg") is None


def test_deleting_is_repeatable(store: ObjectStore) -> None:
    store.put(BUCKET, "users/a/1.jpg", b"1")
    store.delete(BUCKET, "users/a/1.jpg")
    store.delete(BUCKET, "users/a/1.jpg")
    assert store.size(BUCKET, "users/a/1.jpg") is None
    assert list(store.list(BUCKET)) == []


def test_a_list_has_keys_and_sizes_below_a_prefix_in_order(store: ObjectStore) -> None:
    for key in ("users/b/2.jpg", "users/a/1.jpg", "users/ab.jpg", "other/3.jpg"):
        store.put(BUCKET, key, key.encode())
    assert [(item.key, item.size) for item in store.list(BUCKET, "users/a")] == [
        ("users/a/1.jpg", 13),
        ("users/ab.jpg", 12),
    ]
    assert len(list(store.list(BUCKET))) == 4


@pytest.mark.parametrize("call", ["get", "put", "size", "delete"])
def test_a_bad_key_is_refused_by_every_call(store: ObjectStore, call: str) -> None:
    arguments = {"get": (LIMIT,), "put": (b"x",)}.get(call, ())
    with pytest.raises(BadKey):
        getattr(store, call)(BUCKET, "../other/secret.jpg", *arguments)


@pytest.mark.parametrize("call", ["get", "put", "size", "delete", "list"])
def test_a_foreign_bucket_is_refused_by_every_call(store: ObjectStore, call: str) -> None:
    arguments = {"get": ("a", LIMIT), "put": ("a", b"x"), "list": ()}.get(call, ("a",))
    with pytest.raises(JobError) as caught:
        list(getattr(store, call)("backups", *arguments))
    assert caught.value.code == "bucket_not_allowed"


def test_the_canary_passes_and_leaves_nothing_behind(store: ObjectStore, token: str) -> None:
    check_canary(store, BUCKET, token)
    assert list(store.list(BUCKET)) == []


def test_sixteen_threads_share_one_store(store: ObjectStore) -> None:
    def work(number: int) -> bool:
        key, data = f"users/{number % 4}/{number}.jpg", bytes([number]) * 20_000
        store.put(BUCKET, key, data)
        same = store.get(BUCKET, key, LIMIT) == data
        store.delete(BUCKET, key)
        return same and store.size(BUCKET, key) is None

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(work, range(64)))
    assert list(store.list(BUCKET)) == []


def test_a_url_names_the_object_for_people(store: ObjectStore) -> None:
    assert store.url(BUCKET, "users/a 1.jpg").endswith(f"/{BUCKET}/users/a%201.jpg")


def test_a_closed_store_opens_again(store: ObjectStore) -> None:
    store.put(BUCKET, "a.jpg", b"1")
    store.close()
    store.close()
    assert store.get(BUCKET, "a.jpg", LIMIT) == b"1"


class Forgetful:
    """A store whose reads go wrong; only what the canary uses."""

    def __init__(self, inner: ObjectStore, fault: str) -> None:
        self._inner = inner
        self._fault = fault

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def get(self, bucket: str, key: str, max_bytes: int) -> bytes:
        if self._fault == "lost":
            raise ObjectMissing("gone")
        return b"other" if self._fault == "changed" else self._inner.get(bucket, key, max_bytes)

    def size(self, bucket: str, key: str) -> int | None:
        return 5 if self._fault == "undead" else self._inner.size(bucket, key)


@pytest.mark.parametrize(
    ("fault", "text"), [("lost", "does not have"), ("changed", "other bytes"), ("undead", "deleted")]
)
def test_the_canary_fails_on_a_store_that_forgets(store: ObjectStore, token: str, fault: str, text: str) -> None:
    with pytest.raises(ObjectsUnavailable, match=text):
        check_canary(Forgetful(store, fault), BUCKET, token)  # type: ignore[arg-type]
    assert list(store.list(BUCKET)) == []
