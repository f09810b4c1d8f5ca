"""CompreFace that is down, slow, blind or refuses us: the double that passes the contract."""

from __future__ import annotations

import pytest

from tests.commands import Lomi
from tests.doubles.compreface import CompreFaceDouble
from tests.integration.doctor.test_flow import found
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.old_cluster import OldCluster
from tests.services import free_port

URL = "LOMI_COMPREFACE_URL"


def test_a_cluster_without_it_is_explained(old: OldCluster, lomi: Lomi) -> None:
    said = lomi("doctor", "compreface", "-o", "json")

    assert (said.code, set(found(said))) == (0, {"compreface.none"})


def test_one_that_is_gone_is_told_with_its_address(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    monkeypatch.setenv(URL, f"http://127.0.0.1:{port}")

    said = lomi("doctor", "compreface", "-o", "json")

    assert said.code == 1
    assert found(said)["compreface.down"]["seen"].startswith(f"http://127.0.0.1:{port}: ")


def test_one_that_never_answers_is_not_known_to_be_down(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as hole:
        monkeypatch.setenv(URL, f"http://127.0.0.1:{hole.port}")
        monkeypatch.setenv("LOMI_COMPREFACE__TIMEOUT_S", "1")
        said = lomi("doctor", "compreface", "-o", "json")

    assert (said.code, found(said)["compreface.down"]["gravity"]) == (3, "unknown")


def test_a_wrong_key_is_told_although_it_says_that_it_is_well(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CompreFaceDouble() as faces:
        monkeypatch.setenv(URL, faces.api_url)
        monkeypatch.setenv("LOMI_COMPREFACE__API_KEY", "00000000-0000-0000-0000-00000000dead")
        said = lomi("doctor", "compreface", "-o", "json")

    assert said.code == 1
    assert "key" in found(said)["compreface.photo"]["seen"]
    assert "dead" not in said.out


def test_one_that_sees_nobody_in_a_portrait_is_wrong(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CompreFaceDouble(default_faces=()) as faces:
        monkeypatch.setenv(URL, faces.url)
        said = lomi("doctor", "compreface", "-o", "json")

    assert found(said)["compreface.photo"]["seen"] == "it sees 0 faces in a photo of one person"


def test_an_api_without_its_core_is_told(old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    with CompreFaceDouble() as faces:
        faces.go_down("core")
        monkeypatch.setenv(URL, faces.api_url)
        said = lomi("doctor", "compreface", "-o", "json")

    assert said.code == 1
    assert found(said).keys() & {"compreface.down", "compreface.photo"}


def test_one_that_is_well_is_said_to_be(old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    with CompreFaceDouble() as faces:
        monkeypatch.setenv(URL, faces.url)
        said = lomi("doctor", "compreface")

    assert (said.code, said.out) == (0, "nothing is wrong: compreface\n")
