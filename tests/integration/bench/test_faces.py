"""`lomi bench compreface` against the double of CompreFace, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lomi_ops.clients.compreface.pool import FaceService
from lomi_ops.config.sections.services import CompreFaceSection
from lomi_ops.errors import ExitCode, FacesUnavailable
from lomi_ops.ops.bench.faces import FacesProbe
from tests.commands import Lomi, lomi, quiet_machine
from tests.doubles.compreface import CompreFaceDouble, Reset
from tests.integration.bench.conftest import at, figures

__all__ = ["lomi", "quiet_machine"]


@pytest.fixture
def double() -> Iterator[CompreFaceDouble]:
    with CompreFaceDouble(service_s=0.02) as running:
        yield running


@pytest.fixture
def faces(double: CompreFaceDouble) -> Iterator[FaceService]:
    with FaceService(CompreFaceSection(urls=(double.url,), attempts=1, breaker_failures=3)) as found:
        yield found


def test_all_places_are_taken_and_every_look_is_counted(double: CompreFaceDouble, faces: FaceService) -> None:
    outcome = FacesProbe(faces, 1, 2, photos=40, seconds=20).run(lambda _: None)

    found = {figure.name: figure.value for figure in outcome.figures}
    assert double.most_at_once == 2
    assert double.detections == 61
    assert found["errors"] == 0
    assert found["alone_p50"] is not None
    assert found["alone_p50"] >= 0.02
    assert found["photos_per_minute"] is not None
    assert found["photos_per_minute"] <= 2 / 0.02 * 60
    assert outcome.exit_code in (ExitCode.OK, ExitCode.BAD)


def test_a_service_that_is_too_slow_misses_its_targets_and_more_endpoints_are_advised(
    lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CompreFaceDouble(service_s=0.3, workers=1) as slow:
        monkeypatch.setenv("COMPREFACE_URL", slow.url)
        said = lomi("bench", "compreface", "--photos", 10, "--yes", "-o", "json")
    rate = figures(said)["photos_per_minute"]
    assert rate is not None
    assert rate < 210
    assert (said.code, said.document["ok"]) == (1, False)
    assert "for 500 start" in said.document["advice"]["text"]


def test_a_lost_answer_is_counted_and_ends_nothing(double: CompreFaceDouble, faces: FaceService) -> None:
    double.inject(Reset(), times=1)  # the first look is none of the counted ones, and must succeed
    with pytest.raises(FacesUnavailable):
        FacesProbe(faces, 1, 2, photos=20, seconds=20).run(lambda _: None)

    outcome = FacesProbe(faces, 1, 2, photos=20, seconds=20).run(
        at("all places taken", lambda: double.inject(Reset(), times=1))
    )

    assert {figure.name: figure.value for figure in outcome.figures}["errors"] == pytest.approx(1 / 40)
    assert [figure.name for figure in outcome.missed][-1] == "errors"


def test_a_service_that_dies_in_the_middle_is_named(double: CompreFaceDouble, faces: FaceService) -> None:
    with pytest.raises(FacesUnavailable) as broken:
        FacesProbe(faces, 1, 2, photos=1000, seconds=20).run(at("all places taken", double.go_down))
    assert str(double.url.rsplit(":", 1)[1]) in broken.value.message
    assert int(broken.value.exit_code) == 3


def test_without_a_service_or_a_word_nothing_is_asked(
    double: CompreFaceDouble, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lomi("bench", "compreface", "--yes").code == 2
    monkeypatch.setenv("COMPREFACE_URL", double.url)
    assert lomi("bench", "compreface").code == 5
    assert lomi("bench", "compreface", "--dry-run").code == 0
    assert double.detections == 0
