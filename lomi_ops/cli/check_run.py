"""One run of `lomi check`: whatever happens, one valid document and an exit code come out of it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lomi_ops.cli import diagnostics, output, session
from lomi_ops.cli.check_formats import CheckFormat, nagios, records, writer
from lomi_ops.cli.ending import INTERRUPTED, TERMINATED
from lomi_ops.cli.options import Common
from lomi_ops.clients.objects import open_store
from lomi_ops.config import paths
from lomi_ops.config.suppressions import read_suppressions
from lomi_ops.domain.check import CheckResult, Found, Status
from lomi_ops.domain.check_choice import Chosen
from lomi_ops.domain.suppression import Suppression, suppress
from lomi_ops.errors import LomiError, Unwritable
from lomi_ops.ops.checks import again, memory
from lomi_ops.ops.checks.catalogue import CHECKS
from lomi_ops.ops.checks.handles import Handles
from lomi_ops.ops.checks.impatient import impatient
from lomi_ops.ops.checks.report import Report
from lomi_ops.ops.checks.run import run_checks
from lomi_ops.ops.containers import Look
from lomi_ops.runtime import Runtime
from lomi_ops.version import __version__

_AGAIN_S = 2.0
"""Between two looks of --wait."""
_LATE = Found(Status.UNKNOWN, "interrupted before it was known")


Judged = Callable[[Iterable[CheckResult]], Iterator[CheckResult]]
"""Marks results, as they come, by what was accepted and by what was fine before."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    common: Common
    chosen: tuple[Chosen, ...]
    whole: bool
    """All checks are in the run: only then it can be remembered as green."""
    limit_s: float
    wait_s: float
    fail_on_warning: bool
    format_: CheckFormat
    file: Path | None
    bundle: Path | None

    @property
    def streams(self) -> bool:
        return self.format_ is CheckFormat.JSONL and self.file is None


def run_once(wanted: Wanted) -> int:
    """Runs and writes; the exit code. What cannot even begin is written as a run without checks, and told."""
    started = datetime.now(UTC)
    try:
        with session.opened(wanted.common, *session.ALL) as runtime, opened(runtime) as handles:
            return _run(wanted, runtime, handles, started)
    except Unwritable:
        raise
    except LomiError as failure:
        report = Report(started, 0.0, (), __version__, diagnostics.cluster(), failure=failure)
        _write(wanted, report)
        diagnostics.error(failure)
        return _code(wanted, report)


def _run(wanted: Wanted, runtime: Runtime, handles: Handles, started: datetime) -> int:
    known, began = _suppressions(handles), time.monotonic()
    place = _place(runtime)
    green = memory.recall(*place) if place else None
    results, ended = _results(
        wanted, handles, lambda found: memory.marked(suppress(found, known, started.date()), green)
    )
    report = Report(
        started=started,
        duration_ms=(time.monotonic() - began) * 1000,
        results=tuple(results),
        version=__version__,
        profile=runtime.settings.profile,
        fail_on_warning=wanted.fail_on_warning,
        green_at=green.at if green else None,
        ended=ended,
    )
    _write(wanted, report)
    if wanted.whole and report.green and place:
        _remember(place, report)
    if wanted.bundle is not None:
        _pack(wanted.bundle, runtime, handles, report)
    return _code(wanted, report)


@contextmanager
def opened(runtime: Runtime) -> Iterator[Handles]:
    """The services of a runtime, in the hands of somebody who does not wait for long."""
    settings = impatient(runtime.settings)
    with (
        closing(Runtime(replace(runtime.loaded, settings=settings))) as quick,
        closing(open_store(settings.objects, retries=0)) as objects,
    ):
        yield Handles(
            settings=settings,
            redis=quick.redis,
            queue=quick.queue,
            registry=quick.registry,
            database=quick.database,
            objects=objects,
            faces=quick.faces,
            docker=Look(quick.docker),
            backend=quick.backend,
            stack=runtime.loaded.stack,
        )


def _suppressions(handles: Handles) -> Sequence[Suppression]:
    path = handles.settings.checks.suppressions
    return read_suppressions(path) if path else ()


def _results(wanted: Wanted, handles: Handles, judged: Judged) -> tuple[list[CheckResult], int | None]:
    """In the declared order; the exit code of a signal that ended it early."""
    known: dict[str, CheckResult] = {}

    def run(chosen: Sequence[Chosen]) -> Iterator[CheckResult]:
        for result in judged(run_checks(handles, CHECKS, chosen, limit_s=wanted.limit_s)):
            tell(result)
            yield result

    def tell(result: CheckResult) -> None:
        with output.together():
            known[result.spec.slug] = result
            if wanted.streams:
                output.line(records.one_line(result))

    def still_waiting(result: CheckResult) -> None:
        if wanted.wait_s:
            diagnostics.note(f"waiting: {result.spec.slug}, try {result.attempts}: {records.detail(result)}")

    try:
        return again.until_well(wanted.chosen, run, pause=_patience(wanted.wait_s), tell=still_waiting), None
    except (KeyboardInterrupt, SystemExit) as signal:
        code = TERMINATED if isinstance(signal, SystemExit) else INTERRUPTED
        if isinstance(signal, SystemExit) and signal.code != TERMINATED:
            raise
        late = [CheckResult(each.spec, _LATE) for each in wanted.chosen if each.spec.slug not in known]
        for result in judged(late):
            tell(result)
        return [known[each.spec.slug] for each in wanted.chosen], code


def _patience(wait_s: float) -> Callable[[], bool]:
    deadline = time.monotonic() + wait_s

    def pause() -> bool:
        left = deadline - time.monotonic()
        if left > 0:
            time.sleep(min(_AGAIN_S, left))
        return left > 0

    return pause


def _write(wanted: Wanted, report: Report) -> None:
    if wanted.file is None:
        output.text(writer(wanted.format_)(report))
        return
    with output.plain():
        text = writer(wanted.format_)(report)
    if wanted.format_ is CheckFormat.JSONL:
        text = "\n".join([*(records.as_line(result) for result in report.results), text])
    output.to_file(wanted.file, text)


def _code(wanted: Wanted, report: Report) -> int:
    """A signal's own in every format."""
    usual = wanted.format_ is not CheckFormat.NAGIOS or report.interrupted
    return report.code if usual else nagios.code(report)


def _place(runtime: Runtime) -> tuple[Path, str] | None:
    """Where green runs on this cluster are remembered; nowhere without a home folder."""
    folder = paths.state_folder(os.environ)
    return (folder, memory.target(runtime.settings)) if folder else None


def _remember(place: tuple[Path, str], report: Report) -> None:
    try:
        memory.remember(*place, report.results, report.started)
    except OSError as failure:
        diagnostics.warn(f"this green run is not remembered: {place[0]}: {failure.strerror}")


def _pack(path: Path, runtime: Runtime, handles: Handles, report: Report) -> None:
    from lomi_ops.cli.check_formats import text
    from lomi_ops.config.view import lines
    from lomi_ops.ops.checks import bundle

    shown = {line.key: {"value": line.text, "origin": line.origin} for line in lines(runtime.loaded)}
    files = {"check.json": records.document(report), "check.txt": text.short(report)}
    bundle.pack(path, files | bundle.gathered(handles, shown), runtime.redactor, report.started)
    diagnostics.note(f"{path} holds no password; look into it before you send it: tar -tzf {path}")
