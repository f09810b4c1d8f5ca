"""Judges files without any service around: the same child, the same engines, the same policy as the run loop."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from uuid import UUID

from lomi_ops.config.schema import Settings
from lomi_ops.domain.decision import PhotoDecision, fail
from lomi_ops.domain.drawn import boxes
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.verdict import FailureCode, Reason
from lomi_ops.errors import PhotoError, UsageError
from lomi_ops.imaging.decode import decode
from lomi_ops.imaging.draw import annotate
from worker.judging.host import JudgeCrash, JudgingProcess
from worker.judging.judge import FaceFinder, conclude, look_twice, to_person
from worker.judging.wire import Begin

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".mpo")
)
"""Which files of a folder are taken for photos. A file that is named on the command line always is."""

_NO_ID = UUID(int=0)
"""Files have no `media` row."""


@dataclass(frozen=True, slots=True)
class Moderated:
    """One file and what was decided about it."""

    path: Path
    decision: PhotoDecision
    judged: bool
    """False where required evidence is missing or the judging process died: neither good nor bad is known."""
    timings_ms: dict[str, float]


def expand(paths: Sequence[Path]) -> list[Path]:
    """Files as named; folders as the photos below them, sorted. Raises UsageError for what does not exist."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        elif path.exists():
            found.append(path)
        else:
            raise UsageError(f"{path} does not exist")
    if not found:
        raise UsageError("no photos there", hint="name image files, or a folder that holds some")
    return found


def moderate(
    paths: Sequence[Path], settings: Settings, policy: Policy, finder: FaceFinder | None = None
) -> Iterator[Moderated]:
    """Decisions in the order of `paths`, judged in as many processes as there are cores for us.

    Raises ModelError before the first file when a required model is missing or wrong.
    """
    begin = Begin(settings.images, settings.models, policy, bool(settings.compreface.urls))
    width = max(1, min(len(paths), len(os.sched_getaffinity(0))))
    with ExitStack() as stack:
        idle: SimpleQueue[JudgingProcess] = SimpleQueue()
        for _ in range(width):
            process = JudgingProcess(begin, timeout_s=settings.images.decode_timeout_s)
            stack.callback(process.close)
            idle.put(process)
        first = idle.get()
        first.start()
        idle.put(first)
        pool = stack.enter_context(ThreadPoolExecutor(width))

        def one(path: Path) -> Moderated:
            process = idle.get()
            try:
                return _judge_file(path, process, settings, policy, finder)
            finally:
                idle.put(process)

        yield from pool.map(one, paths)


def _judge_file(
    path: Path, process: JudgingProcess, settings: Settings, policy: Policy, finder: FaceFinder | None
) -> Moderated:
    deaths = count(1)
    try:
        data = _read(path, settings.images.max_bytes)
        look = look_twice(process, data, canonical=finder is not None, crashed=lambda _: next(deaths))
    except PhotoError as failure:
        return Moderated(path, fail(_NO_ID, FailureCode(failure.code), failure.message), True, {})
    except JudgeCrash as crash:
        return Moderated(path, to_person(_NO_ID, Reason.CRASH, crash.message, Rule(policy)), False, {})
    judged = conclude(_NO_ID, look, Rule(policy), finder)
    return Moderated(path, judged.decision, not judged.incomplete, judged.timings_ms)


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as failure:
        raise PhotoError(f"cannot be read: {failure.strerror}", code=FailureCode.UNREADABLE) from failure
    if len(data) > limit:
        raise PhotoError(f"is larger than {limit:,} bytes", code=FailureCode.TOO_LARGE)
    return data


def draw(item: Moderated, folder: Path, settings: Settings, policy: Policy) -> Path | None:
    """A copy with every box and label drawn; None for a file that was not decoded."""
    evidence = item.decision.evidence
    if evidence is None or evidence.width == 0:
        return None
    upright = decode(_read(item.path, settings.images.max_bytes), settings.images)
    folder.mkdir(parents=True, exist_ok=True)
    target = _free_name(folder, item.path.stem)
    target.write_bytes(annotate(upright, boxes(evidence, policy)))
    return target


def _free_name(folder: Path, stem: str) -> Path:
    """Files of one name from several folders must not overwrite each other."""
    target, number = folder / f"{stem}.jpg", 2
    while target.exists():
        target, number = folder / f"{stem}-{number}.jpg", number + 1
    return target
