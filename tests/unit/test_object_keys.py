"""Names of objects: what is refused before any store is asked."""

from __future__ import annotations

import posixpath
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import MAX_KEY_BYTES, BadKey, Buckets, check_key, shown
from lomi_ops.clients.objects.opening import allowed_buckets, endpoint_url, open_store
from lomi_ops.clients.objects.s3 import S3Store
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import ConfigError, JobError

PARTS = st.text(st.characters(exclude_characters="/\\", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "is empty"),
        ("../secret", "part '..'"),
        ("users/../../etc/passwd", "part '..'"),
        ("users/..", "part '..'"),
        ("./a", "part '.'"),
        ("/etc/passwd", "starts or ends"),
        ("a//b", "'//'"),
        ("folder/", "starts or ends"),
        ("a\x00.jpg", "control character"),
        ("a\nb", "control character"),
        ("a\x7fb", "control character"),
        ("..\\..\\windows", "backslash"),
        ("a\ud800", "not valid Unicode"),
        ("x" * 1025, "1025 bytes, more than 1024"),
        ("é" * 513, "1026 bytes"),
    ],
)
def test_a_bad_key_is_refused_with_its_reason(key: str, reason: str) -> None:
    with pytest.raises(BadKey) as caught:
        check_key(key)
    assert reason in caught.value.message
    assert caught.value.code == FailureCode.OBJECT_MISSING.value


@pytest.mark.parametrize(
    "key",
    ["users/7f/photo/1.jpg", "a", "..a/b..", "...", "%2e%2e/x", "ፎቶ/é.jpg", "a b", "x" * 1024, "C:/windows", "~root/x"],
)
def test_an_ordinary_key_is_taken(key: str) -> None:
    check_key(key)


@given(st.text(max_size=40))
def test_a_key_that_is_taken_never_leads_out_of_its_bucket(key: str) -> None:
    try:
        check_key(key)
    except BadKey:
        return
    assert posixpath.normpath(f"/root/bucket/{key}") == f"/root/bucket/{key}"
    assert not any(unicodedata.category(char) == "Cc" for char in key)


@given(st.lists(PARTS, min_size=1, max_size=5))
def test_every_key_of_clean_parts_is_taken(parts: list[str]) -> None:
    assume(not {".", ".."} & set(parts))
    key = "/".join(parts)
    assume(len(key.encode()) <= MAX_KEY_BYTES)
    check_key(key)


def test_a_name_from_outside_is_escaped_and_cut_in_messages() -> None:
    assert shown("a\x1b[31m\u202e") == "'a\\x1b[31m\\u202e'"
    assert len(shown("x" * 5000)) < 100


def test_only_the_configured_buckets_are_allowed() -> None:
    buckets = allowed_buckets(ObjectsSection(bucket_photos="photos", extra_buckets=("old-photos",)))
    buckets.check("photos")
    buckets.check("old-photos")
    with pytest.raises(JobError) as caught:
        buckets.check("lomi-photos")
    assert caught.value.code == "bucket_not_allowed"


@pytest.mark.parametrize(
    "bucket", ["", "..", ".", "a/b", "../x", "a..b", "x", "-ab", "a\x00b", "b" * 64, "bück", "ab\n"]
)
def test_a_malformed_bucket_is_refused_even_where_any_is_allowed(bucket: str) -> None:
    with pytest.raises(JobError) as caught:
        Buckets(frozenset(), others=True).check(bucket)
    assert caught.value.code == "bucket_not_allowed"


def test_a_directory_with_default_settings_takes_any_bucket_and_an_account_never_does(tmp_path: Path) -> None:
    allowed_buckets(ObjectsSection(directory=tmp_path)).check("whatever")
    with pytest.raises(JobError):
        allowed_buckets(ObjectsSection(directory=tmp_path, bucket_photos="ours")).check("whatever")
    with pytest.raises(JobError):
        allowed_buckets(ObjectsSection()).check("whatever")


ACCOUNT = {"access_key": "AKIDEXAMPLE", "secret_key": "s3cr3t-value"}


def test_a_directory_wins_over_an_account(tmp_path: Path) -> None:
    section = ObjectsSection.model_validate({"directory": tmp_path, "endpoint": "r2.example", **ACCOUNT})
    assert isinstance(open_store(section), DirectoryStore)


def test_a_complete_account_opens_without_a_connection() -> None:
    store = open_store(ObjectsSection.model_validate({"endpoint": "r2.example", **ACCOUNT}))
    assert isinstance(store, S3Store)
    assert store.describe() == "the object store at r2.example"


@pytest.mark.parametrize(
    ("endpoint", "use_ssl", "url"),
    [
        ("acc.r2.cloudflarestorage.com", True, "https://acc.r2.cloudflarestorage.com"),
        ("minio:9000", False, "http://minio:9000"),
        ("http://minio:9000/", True, "http://minio:9000"),
        ("https://store.example/storage/v1/s3", False, "https://store.example/storage/v1/s3"),
    ],
)
def test_an_endpoint_is_a_host_or_a_url(endpoint: str, use_ssl: bool, url: str) -> None:
    assert endpoint_url(ObjectsSection(endpoint=endpoint, use_ssl=use_ssl)) == url


def test_what_is_missing_of_an_account_is_listed_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(ObjectsSection())
    assert caught.value.problems == (
        "objects.endpoint is missing",
        "objects.access_key is missing",
        "objects.secret_key is missing",
    )


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("ftp://store.example", "http(s)"),
        ("https://user:hunter2@store.example", "no credentials"),
        ("https://store.example/?X=hunter2", "no query"),
        ("https://acc.r2.cloudflarestorage.com/lomi-photos", "must not end with the bucket"),
        ("https://", "has no host"),
        ("https://[::1", "is not a host or URL"),
        ("store.example:notaport", "is not a host or URL"),
    ],
)
def test_a_wrong_endpoint_is_named_without_repeating_it(endpoint: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(ObjectsSection.model_validate({"endpoint": endpoint, **ACCOUNT}))
    (sentence,) = caught.value.problems
    assert problem in sentence
    assert "hunter2" not in sentence + caught.value.hint + str(caught.value)
