"""A look asks the models and measures beside them; nothing is lost between the two."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from lomi_ops.config.sections.judging import ImagesSection
from lomi_ops.domain.finding import Box, Engine, EngineReport, EngineStatus, Finding, Label
from lomi_ops.imaging.decode import decode
from lomi_ops.imaging.fingerprint import fingerprint
from lomi_ops.imaging.golden import portrait
from worker.engines.blur import of_whole, sharpness
from worker.judging import look
from worker.judging.look import Looker

FACE = Box(180, 60, 120, 150)


@dataclass
class Engines:
    """Models that find one face, and wait for `until` before they say so."""

    until: threading.Event | None = None

    def look(self, photos: Any) -> list[tuple[EngineReport, EngineReport]]:
        if self.until is not None:
            assert self.until.wait(20), "nothing was measured while the models ran"
        nsfw = EngineReport(Engine.NSFW, status=EngineStatus.ANSWERED)
        faces = EngineReport(Engine.FACES, status=EngineStatus.ANSWERED, findings=(Finding(Label.FACE, 0.9, FACE),))
        return [(nsfw, faces) for _ in photos]


def looker(engines: Engines) -> Looker:
    return Looker(engines, ImagesSection())  # type: ignore[arg-type]


def test_what_is_measured_beside_the_models_is_what_would_be_measured_alone() -> None:
    seen = looker(Engines()).look(portrait(), canonical=False)

    pixels = decode(portrait(), ImagesSection()).pixels
    alone = sharpness(pixels, FACE)
    assert seen.blur.findings == alone.findings
    assert [each.label for each in alone.findings] == [Label.SHARPNESS, Label.FACE_SHARPNESS]
    assert seen.fingerprint == fingerprint(pixels) is not None


def test_the_photo_is_measured_while_the_models_look(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = threading.Event()

    def then_tell(pixels: Any) -> Any:
        found = of_whole(pixels)
        measured.set()
        return found

    monkeypatch.setattr(look, "of_whole", then_tell)

    assert looker(Engines(measured)).look(portrait(), canonical=False).blur.answered


def test_what_fails_beside_the_models_fails_the_look(monkeypatch: pytest.MonkeyPatch) -> None:
    def too_much(pixels: Any) -> Any:
        raise MemoryError

    one = looker(Engines())
    monkeypatch.setattr(look, "of_whole", too_much)
    with pytest.raises(MemoryError):
        one.look(portrait(), canonical=False)

    monkeypatch.undo()
    assert one.look(portrait(), canonical=False).blur.answered


def test_a_photo_that_was_measured_as_a_whole_is_not_measured_again() -> None:
    pixels = np.zeros((64, 64, 3), dtype=np.uint8)
    known = of_whole(pixels)

    report = sharpness(pixels, None, replace(known, value=123.0, elapsed_ms=4.0))

    assert report.findings[0].value == 123.0
    assert report.elapsed_ms >= 4.0
