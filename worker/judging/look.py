"""What the judging process sees in one photo: everything that needs pixels, in one decode.

Runs inside the child process, where a decoder or a model may crash without taking anything else along.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from lomi_ops.config.sections.judging import ImagesSection
from lomi_ops.domain.finding import Box, EngineReport, EngineStatus, Finding, Label
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.imaging.canonical import canonical_jpeg
from lomi_ops.imaging.decode import Upright, decode
from lomi_ops.imaging.fingerprint import fingerprint
from lomi_ops.imaging.view import View
from worker.engines.blur import Whole, of_whole, sharpness
from worker.engines.load import Engines


@dataclass(frozen=True, slots=True)
class Look:
    """The evidence that pixels give, and the JPEG that other services may see."""

    width: int
    height: int
    sha256: str
    """Of the bytes as they were uploaded."""
    blur: EngineReport
    nsfw: EngineReport
    local_faces: EngineReport
    canonical: bytes = b""
    """Upright, without metadata; empty unless asked for."""
    scale: float = 1.0
    """Multiplies a box of the canonical JPEG into pixels of the upright photo."""
    notes: tuple[str, ...] = ()
    timings_ms: dict[str, float] = field(default_factory=dict)
    fingerprint: Fingerprint | None = None
    """What it looks like; None where it shows too little."""


class Looker:
    """Holds the loaded engines; `look` is one photo.

    While a model runs, a thread beside it does what needs no answer of a model. It costs no more of a core, and where
    one is idle the photo waits for the longer of both.
    """

    def __init__(self, engines: Engines, images: ImagesSection) -> None:
        self._engines = engines
        self._images = images
        self._beside = ThreadPoolExecutor(1, "beside")

    def look(self, data: bytes, *, canonical: bool) -> Look:
        """Decodes once and asks every local engine. Raises PhotoError for what cannot be judged."""
        clock = _Stages()
        upright = decode(data, self._images)
        clock.mark("decode")
        _ = upright.view.averages  # before both threads want them
        clock.mark("averages")
        aside = self._beside.submit(_without_models, upright.view)
        nsfw, faces = self._look_at_all(_views(upright))
        clock.mark("nsfw")
        whole, looks = aside.result()
        clock.mark("beside")
        blur = sharpness(upright.view, _largest_face(faces), whole)
        clock.mark("blur")
        jpeg, scale = b"", 1.0
        if canonical:
            jpeg, scale = canonical_jpeg(upright, self._images.canonical_side, self._images.canonical_quality)
            clock.mark("canonical")
        return Look(
            upright.width, upright.height, upright.sha256, blur, nsfw, faces,
            jpeg, scale, tuple(upright.notes), clock.stages, looks,
        )  # fmt: skip

    def _look_at_all(self, views: Sequence[View]) -> tuple[EngineReport, EngineReport]:
        """One NSFW report over all views; faces count only in the first, the photo as it is shown."""
        answers = self._engines.look(views)
        nsfw = merge_views([report for report, _ in answers])
        return nsfw, answers[0][1]


def _without_models(view: View) -> tuple[Whole, Fingerprint | None]:
    return of_whole(view), fingerprint(view)


def merge_views(reports: Sequence[EngineReport]) -> EngineReport:
    """The first view's report with what the others add. Unavailable if any view got no answer.

    Findings of further views (hidden pixels, later frames) lose their boxes: they are not places in the photo that
    people see. Faces in them do not count.
    """
    first, *others = reports
    silent = next((report for report in reports if not report.answered), None)
    if silent is not None:
        return replace(first, status=EngineStatus.UNAVAILABLE, findings=(), detail=silent.detail)
    extra = [
        replace(finding, box=None, raw_label=f"{finding.raw_label} (hidden)")
        for report in others
        for finding in report.findings
        if finding.label is not Label.FACE
    ]
    return replace(first, findings=(*first.findings, *extra), elapsed_ms=sum(r.elapsed_ms for r in reports))


def _views(upright: Upright) -> list[View]:
    """The photo as shown, then what somebody might hide from us: transparent pixels and later frames."""
    hidden = [upright.hidden] if upright.hidden is not None else []
    return [upright.view, *map(View, (*hidden, *upright.frames))]


def _largest_face(report: EngineReport) -> Box | None:
    boxes = [face.box for face in _faces(report) if face.box is not None]
    return max(boxes, key=lambda box: box.area, default=None)


def _faces(report: EngineReport) -> list[Finding]:
    return [finding for finding in report.findings if finding.label is Label.FACE]


class _Stages:
    """Wall-clock milliseconds between marks."""

    def __init__(self) -> None:
        self.stages: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, name: str) -> None:
        now = time.perf_counter()
        self.stages[name] = round((now - self._last) * 1000, 2)
        self._last = now
