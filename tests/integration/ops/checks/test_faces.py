"""Each check of CompreFace with a CompreFace of which just that is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from lomi_ops.clients.compreface.client import DEFAULT_KEY
from lomi_ops.config.schema import Settings
from lomi_ops.db import activations
from lomi_ops.db.pool import Database
from lomi_ops.domain.regime import Arm
from tests.doubles.compreface import ADULT, FACENET, INSIGHTFACE, Canned, CompreFaceDouble, Face, Html
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.checks.conftest import Find, assert_only, detail, hint
from tests.integration.ops.conftest import Lomi, Sound, statuses, troubled
from tests.services import free_port

Point = Callable[..., None]
WITHOUT_AGE = replace(FACENET, plugins={slug: name for slug, name in FACENET.plugins.items() if slug != "age"})


@pytest.fixture
def point_faces(sound: Sound, monkeypatch: pytest.MonkeyPatch) -> Point:
    return lambda *urls: monkeypatch.setenv("LOMI_COMPREFACE_URL", ",".join(urls))


@pytest.fixture
def deep(lomi: Lomi) -> Find:
    return lambda *words: lomi("check", "-o", "json", "--only", "faces", "--deep", *words)


@pytest.fixture
def blind(point_faces: Point) -> Iterator[CompreFaceDouble]:
    """Sees nobody in any photo."""
    with CompreFaceDouble(default_faces=()) as double:
        point_faces(double.url)
        yield double


# --- whether it answers -----------------------------------------------------------------------------------------------


def test_a_core_that_is_as_it_should_be_passes_also_with_deep(sound: Sound, deep: Find) -> None:
    said = deep()

    assert {slug for slug, status in statuses(said).items() if status == "pass"} == {
        "faces.health", "faces.key", "faces.ages", "faces.canary", "faces.exposed",
    }  # fmt: skip
    assert "one face, by" in detail(said, "faces.canary")


def test_nobody_at_the_port_is_a_failure(point_faces: Point, find: Find) -> None:
    point_faces(f"http://127.0.0.1:{free_port()}")

    assert_only(find(), "faces.health", "fail")


def test_a_name_that_nobody_knows_is_told_with_the_name(point_faces: Point, find: Find) -> None:
    point_faces("http://compreface.invalid:3000")

    said = find()

    assert_only(said, "faces.health", "fail")
    assert "compreface.invalid" in detail(said, "faces.health")


def test_one_endpoint_of_two_is_a_warning(sound: Sound, point_faces: Point, find: Find) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    point_faces(sound.faces.url, gone)

    said = find("--skip", "faces.ages")

    assert_only(said, "faces.health", "warn")
    assert f"{gone} is not well" in detail(said, "faces.health")


def test_a_gateway_whose_core_is_gone_fails(sound: Sound, point_faces: Point, find: Find) -> None:
    point_faces(sound.faces.gateway_url)
    sound.faces.inject(Html(502), on="health", times=100)

    assert_only(find(), "faces.health", "fail")


def test_a_service_that_takes_the_connection_and_says_nothing_is_a_doubt(point_faces: Point, find: Find) -> None:
    with black_hole() as hole:
        point_faces(f"http://127.0.0.1:{hole.port}")
        said = find()

    assert said.code == 3
    assert_only(said, "faces.health", "unknown")
    assert detail(said, "faces.health").startswith("timeout: ")


def test_the_configured_health_url_is_what_is_asked(sound: Sound, find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_COMPREFACE__HEALTH_URL", f"{sound.faces.url}/no-such-page")

    said = find()

    assert_only(said, "faces.health", "fail")


# --- whom it lets in --------------------------------------------------------------------------------------------------


def test_the_key_that_every_install_has_is_a_warning(sound: Sound, point_faces: Point, find: Find) -> None:
    point_faces(sound.faces.api_url)

    said = find()

    assert said.code == 0
    assert_only(said, "faces.key", "warn")
    assert "compreface.api_key" in hint(said, "faces.key")


def test_a_wrong_key_is_found_by_the_canary_and_not_shown(
    sound: Sound, point_faces: Point, deep: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_faces(sound.faces.api_url)
    monkeypatch.setenv("LOMI_COMPREFACE__API_KEY", "11111111-0000-4000-8000-00000000dead")

    said = deep()

    assert statuses(said)["faces.canary"] == "fail"
    assert "compreface.api_key" in hint(said, "faces.canary")
    assert "00000000dead" not in said.out + said.err


def test_a_well_known_key_that_opens_is_a_warning(sound: Sound, point_faces: Point, deep: Find) -> None:
    point_faces(sound.faces.api_url)

    said = deep("--only", "faces.exposed", "--skip", "faces.key")

    assert_only(said, "faces.exposed", "warn")
    assert DEFAULT_KEY not in said.out


# --- what it sees -----------------------------------------------------------------------------------------------------


def test_a_build_without_ages_fails_where_the_policy_needs_them(point_faces: Point, find: Find) -> None:
    with CompreFaceDouble(personality=WITHOUT_AGE) as double:
        point_faces(double.url)
        said = find()

    assert_only(said, "faces.ages", "fail")
    assert "exadel/compreface-core:1.2.0" in hint(said, "faces.ages")


def test_a_build_without_ages_is_a_warning_where_nobody_needs_them(
    point_faces: Point, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_POLICY", "local")
    with CompreFaceDouble(personality=WITHOUT_AGE) as double:
        point_faces(double.url)
        assert_only(find(), "faces.ages", "warn")


def test_the_activated_policy_says_whether_ages_are_needed(
    sound: Sound, point_faces: Point, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Database(sound.cluster.database_url) as db:
        policy = Settings().active_policy("default")
        activations.activate(db, [Arm(policy)], [], actor="hana", reason="a test", at=db.now())
    monkeypatch.setenv("LOMI_POLICY", "local")
    with CompreFaceDouble(personality=WITHOUT_AGE) as double:
        point_faces(double.url)
        assert statuses(lomi("check", "-o", "json", "--only", "faces"))["faces.ages"] == "fail"


def test_two_builds_are_a_warning_that_names_both(sound: Sound, point_faces: Point, find: Find) -> None:
    with CompreFaceDouble(personality=INSIGHTFACE) as other:
        point_faces(sound.faces.url, other.url)
        said = find()

    assert_only(said, "faces.ages", "warn")
    assert detail(said, "faces.ages") == "endpoints differ: agegender.AgeDetector, insightface.AgeDetector"


def test_an_api_that_does_not_list_its_plugins_is_not_judged_by_them(
    sound: Sound, point_faces: Point, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    point_faces(sound.faces.api_url)
    monkeypatch.setenv("LOMI_COMPREFACE__API_KEY", "22222222-0000-4000-8000-000000000001")

    said = find()

    assert troubled(said) == {}
    assert statuses(said)["faces.ages"] == "skip"


def test_a_service_that_sees_nobody_fails(blind: CompreFaceDouble, find: Find, deep: Find) -> None:
    assert troubled(find()) == {}

    said = deep()

    assert_only(said, "faces.canary", "fail")
    assert detail(said, "faces.canary") == "it sees 0 faces in a photo of one person"


def test_a_service_that_sees_two_fails(point_faces: Point, deep: Find) -> None:
    with CompreFaceDouble(default_faces=(ADULT, Face(box=(0.7, 0.1, 0.9, 0.4)))) as double:
        point_faces(double.url)
        said = deep()

    assert_only(said, "faces.canary", "fail")
    assert detail(said, "faces.canary") == "it sees 2 faces in a photo of one person"


def test_a_face_without_an_age_fails_where_ages_are_needed(point_faces: Point, deep: Find) -> None:
    with CompreFaceDouble(personality=WITHOUT_AGE) as double:
        point_faces(double.url)
        said = deep()

    assert troubled(said) == {"faces.ages": "fail", "faces.canary": "fail"}
    assert detail(said, "faces.canary") == "it sees the face, and no age"


def test_a_detection_that_breaks_fails(sound: Sound, deep: Find) -> None:
    sound.faces.inject(Canned(500, b'{"message": "RuntimeError: out of memory"}'), times=10)

    said = deep("--skip", "faces.exposed")

    assert_only(said, "faces.canary", "fail")
