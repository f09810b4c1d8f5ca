"""Each check of the object store with a store of which just that is wrong."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

from lomi_ops.clients.objects import s3 as s3_client
from lomi_ops.clients.objects.canary import PREFIX
from lomi_ops.clients.objects.opening import endpoint_url
from tests.integration.objects.conftest import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.checks.conftest import Find, assert_only, detail, hanging_up, hint
from tests.integration.ops.conftest import Lomi, Sound, checks, statuses, troubled


@pytest.fixture
def store(sound: Sound, s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """An S3 in the place of the folder."""
    monkeypatch.delenv("LOMI_OBJECTS")
    monkeypatch.setenv("S3_ENDPOINT", s3.url)
    monkeypatch.setenv("S3_ACCESS_KEY", ACCESS_KEY)
    monkeypatch.setenv("S3_SECRET_KEY", SECRET_KEY)
    return s3


def listed(store: S3Server) -> list[str]:
    section = store.section()
    client = s3_client.make_client(section, endpoint_url(section))
    keys = [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]
    client.close()
    return keys


def test_a_store_that_is_as_it_should_be_passes_also_with_deep(store: S3Server, find: Find) -> None:
    said = find("--deep")

    assert troubled(said) == {}
    assert {slug: status for slug, status in statuses(said).items() if slug.startswith("objects.")} == dict.fromkeys(
        ("objects.read", "objects.checksums", "objects.private", "objects.canary"), "pass"
    )
    assert listed(store) == [], "the canary is taken away again"


# --- whether it answers -----------------------------------------------------------------------------------------------


def test_a_bucket_that_does_not_exist_is_named(store: S3Server, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_BUCKET_PHOTOS", "nobodys-photos")

    said = find()

    assert_only(said, "objects.read", "fail")
    assert "NoSuchBucket" in detail(said, "objects.read")
    assert hint(said, "objects.read") == "check objects.bucket_photos and objects.endpoint"


def test_a_wrong_key_is_told_and_not_shown(store: S3Server, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ACCESS_KEY", "AKIDOFSOMEBODYELSE")

    said = find()

    assert_only(said, "objects.read", "fail")
    assert hint(said, "objects.read").startswith("check objects.access_key")
    assert "AKIDOFSOMEBODYELSE" not in said.out + said.err
    assert SECRET_KEY not in said.out + said.err


def test_a_store_that_is_overloaded_fails(store: S3Server, find: Find) -> None:
    store.gate.answer = ("503 Slow Down", "SlowDown")

    assert_only(find(), "objects.read", "fail")


def test_a_name_that_nobody_knows_fails(store: S3Server, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", "http://objects.invalid")

    said = find()

    assert_only(said, "objects.read", "fail")
    assert "objects.invalid" in detail(said, "objects.read")
    assert hint(said, "objects.read") == "check objects.endpoint and the network"


def test_tls_to_a_plain_port_is_told_as_such(store: S3Server, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_ENDPOINT", f"https://{urlsplit(store.url).netloc}")

    said = find()

    assert_only(said, "objects.read", "fail")
    assert "SSLError" in detail(said, "objects.read")


def test_a_store_that_takes_the_connection_and_hangs_up_fails(
    store: S3Server, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hanging_up() as port:
        monkeypatch.setenv("S3_ENDPOINT", f"http://127.0.0.1:{port}")
        assert_only(find(), "objects.read", "fail")


def test_a_store_that_takes_the_connection_and_says_nothing_is_a_doubt(
    store: S3Server, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as hole:
        monkeypatch.setenv("S3_ENDPOINT", f"http://127.0.0.1:{hole.port}")
        said = find()

    assert said.code == 3
    assert_only(said, "objects.read", "unknown")
    assert detail(said, "objects.read").startswith("timeout: ")


# --- what it does -----------------------------------------------------------------------------------------------------


def test_a_bucket_that_shows_its_photos_to_anybody_fails(store: S3Server, find: Find) -> None:
    store.gate.to_strangers = None

    said = find()

    assert_only(said, "objects.private", "fail")
    assert "the bucket lomi-photos shows its photos to anybody" in detail(said, "objects.private")
    assert checks(said)["objects.private"]["expected"] == "403"


def test_a_bucket_whose_list_is_closed_and_whose_photos_are_not_fails(store: S3Server, find: Find) -> None:
    with closing(store.store()) as ours:
        ours.put(BUCKET, "users/u/photo/a b.jpg", b"bytes")
    assert detail(find("--only", "objects"), "objects.private").endswith("also for a photo by its name")
    store.gate.photos_to_strangers = True

    said = find()

    assert_only(said, "objects.private", "fail")
    assert detail(said, "objects.private").startswith("whoever knows the name of a photo in lomi-photos may read it")


@pytest.mark.parametrize("refusal", ["400 Bad Request", "401 Unauthorized", "404 Not Found"])
def test_every_refusal_of_a_stranger_is_one(store: S3Server, find: Find, refusal: str) -> None:
    """R2 answers 400 to what is not signed."""
    store.gate.to_strangers = (refusal, "InvalidArgument")

    assert troubled(find("--only", "objects")) == {}


def test_an_answer_to_a_stranger_that_is_neither_yes_nor_no_is_a_doubt(store: S3Server, find: Find) -> None:
    store.gate.to_strangers = ("500 Internal Server Error", "InternalError")

    assert_only(find(), "objects.private", "unknown")


def test_a_key_that_may_not_write_is_found_by_the_canary_alone(store: S3Server, lomi: Lomi, find: Find) -> None:
    store.gate.read_only = True

    said = lomi("check", "-o", "json", "--only", "objects.*", "--deep")

    assert troubled(find()) == {}
    assert_only(said, "objects.canary", "fail")
    assert "AccessDenied" in detail(said, "objects.canary")
    assert hint(said, "objects.canary") == "the key must be allowed to get, put, list and delete in this bucket"


def test_the_canary_is_sent_where_it_is_named(store: S3Server, lomi: Lomi) -> None:
    store.gate.read_only = True

    said = lomi("check", "-o", "json", "--only", "objects.canary")

    assert statuses(said) == {"objects.read": "pass", "objects.canary": "fail"}
    assert PREFIX not in "".join(listed(store))


def test_a_client_that_adds_checksums_fails(
    store: S3Server, lomi: Lomi, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As botocore does by itself, which R2 refuses."""

    def usual(config: Any, **options: Any) -> Any:
        options = {name: value for name, value in options.items() if "checksum" not in name}
        return config(**options)

    monkeypatch.setattr(s3_client, "Config", partial(usual, Config))

    assert_only(find(), "objects.checksums", "fail")
    said = lomi("check", "-o", "json", "--only", "objects.canary")
    assert "NotImplemented" in detail(said, "objects.canary")


def test_what_the_environment_says_to_other_aws_tools_changes_nothing(
    store: S3Server, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"):
        monkeypatch.setenv(name, "when_supported")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert troubled(find()) == {}


# --- a folder ---------------------------------------------------------------------------------------------------------


def test_a_folder_has_neither_strangers_nor_checksums(sound: Sound, find: Find) -> None:
    said = find()

    assert {slug: status for slug, status in statuses(said).items() if slug.startswith("objects.")} == {
        "objects.read": "pass", "objects.checksums": "skip", "objects.private": "skip", "objects.canary": "skip",
    }  # fmt: skip


def test_a_folder_that_is_gone_fails_and_names_its_setting(
    sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_OBJECTS", str(sound.cluster.objects / "gone"))

    said = find()

    assert_only(said, "objects.read", "fail")
    assert "does not exist" in detail(said, "objects.read")
    assert "objects.directory" in hint(said, "objects.read")
