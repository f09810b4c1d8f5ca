"""Which photos travel, and in which batches. Pure but for reading files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from lomi_ops.domain.job import MAX_PHOTOS
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.errors import UsageError
from lomi_ops.ops.demo.plan import read_photos
from lomi_ops.ops.demo.samples import Sample, build_samples

MOST = 99
"""Photos of one run: it is no load test."""
CAST = (
    "portrait", "animal", "12 megapixels", "blurred", "EXIF-rotated", "object", "progressive", "two people", "grey",
)  # fmt: skip
"""Samples of the demo that are photographs, as people upload them; nine make a batch."""
KINDS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}

T = TypeVar("T")


def choose(number: int | None, paths: Sequence[Path]) -> tuple[Sample, ...]:
    """`number` photos: of the given files in turn, else of the demo's. Raises UsageError."""
    if number is None and not paths:
        raise UsageError("how many photos are to be sent?", hint="lomi e2e 5, or lomi e2e 1 FILE")
    wanted = len(paths) if number is None else number
    if not 1 <= wanted <= MOST:
        raise UsageError(f"a run sends 1 to {MOST} photos, not {wanted}", hint=f"lomi e2e {MOST}, more than once")
    if wanted < len(paths):
        raise UsageError(f"{wanted} photos are to be sent, and {len(paths)} files are given", hint="give fewer files")
    source = read_photos(paths) if paths else _cast()
    return tuple(_again(source[at % len(source)], at // len(source)) for at in range(wanted))


def expected(sample: Sample) -> str | None:
    """What should become of it, in one text; None where nothing is known."""
    if sample.status is None:
        return None
    return sample.status.value if sample.status is MediaStatus.APPROVED else f"{sample.status.value}: {sample.reason}"


def content_type(sample: Sample) -> str:
    return KINDS.get(PurePath(sample.filename).suffix.lower(), "application/octet-stream")


def batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """Nine at most in each."""
    for start in range(0, len(items), MAX_PHOTOS):
        yield items[start : start + MAX_PHOTOS]


def _cast() -> tuple[Sample, ...]:
    built: Mapping[str, Sample] = {sample.name: sample for sample in build_samples()}
    return tuple(built[name] for name in CAST)


def _again(sample: Sample, round_: int) -> Sample:
    """The same bytes once more, under a name of its own."""
    if not round_:
        return sample
    return Sample(
        f"{sample.name} {round_ + 1}", sample.filename, sample.data, sample.status, sample.reason, sample.note
    )
