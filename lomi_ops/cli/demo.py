"""`lomi demo`: photos through the real system, with the reason of each decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, progress, session
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, LomiError, Refused

if TYPE_CHECKING:
    from lomi_ops.ops.demo.outcome import DemoResult, DemoRow
    from lomi_ops.ops.demo.run import Progress
    from lomi_ops.ops.demo.samples import Sample
    from lomi_ops.ops.local.layout import Layout

END_S = 60.0
"""How long an interrupted start may take to be undone."""
STYLES = {"approved": "green", "rejected": "red", "failed": "magenta", "review": "yellow"}


@options.with_common
def demo(
    common: options.Common,
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Photos of your own instead of the sample set.", metavar="PHOTO...")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave photos, rows and the stack as they are.")] = False,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for the decisions.", min=1)] = 120.0,
    format_: options.Output = Format.TEXT,
) -> int:
    """Send photos through a local stack, see each decision.

    Starts the stack if it does not run, and stops it again unless --keep. Exit 0 when every sample got the decision
    that it should get, 1 when one did not.
    """
    from lomi_ops.ops.demo.plan import read_photos
    from lomi_ops.ops.demo.samples import build_samples

    layout = _own_stack(common)
    samples = read_photos(photos) if photos else build_samples()
    with _running(layout, common, keep=keep):
        result = _run(common, layout, samples, keep=keep, timeout_s=timeout)
    if format_ is Format.TEXT:
        _show(result)
    else:
        body = {
            "ok": result.ok,
            "elapsed_s": round(result.elapsed_s, 2),
            "kept": result.kept,
            "photos": [_record(row) for row in result.rows],
        }
        output.document(body, schema="lomi.demo/v1", format_=format_)
    return int(ExitCode.OK if result.ok else ExitCode.BAD)


def _own_stack(common: options.Common) -> Layout:
    """The local stack that the settings lead to. The demo writes users and photos: never elsewhere."""
    from lomi_ops.cli.stack import located

    if common.data is None:
        loaded = session.settings(common)
        redis, database, objects = loaded.settings.redis, loaded.settings.database, loaded.settings.objects
        elsewhere = (
            redis.url, redis.host, *redis.sentinels, database.url, database.host, objects.directory, objects.endpoint,
        )  # fmt: skip
        if loaded.stack is None and any(elsewhere):
            text = "these settings name services of your own, and the demo runs on a local stack only"
            raise Refused(text, hint="lomi demo --data DIR, with a folder for a stack")
    return located(common)


@contextmanager
def _running(layout: Layout, common: options.Common, *, keep: bool) -> Iterator[None]:
    """A stack with a worker; one that we started is stopped again."""
    from lomi_ops.cli.stack import workers_environment
    from lomi_ops.ops.local import binaries, stack

    running = _is_running(layout)
    if not running:
        diagnostics.note(f"starting a stack in {layout.folder}")
    try:
        status = stack.up(
            layout, source=binaries.wanted_source(), say=diagnostics.note, environ=workers_environment(common)
        )
    except (KeyboardInterrupt, SystemExit):
        # Half a stack is started by now: the supervisor goes on without us.
        if not running and not keep:
            with suppress(LomiError):
                stack.down(layout, wait_s=END_S)
        raise
    try:
        failed = next((part for part in status.workers if part.error), None)
        if not status.healthy and failed is not None:
            raise Refused(f"no worker runs: {failed.error}", hint="lomi status")
        if status.workers_wanted == 0:
            raise Refused("this stack has no worker", hint=f"lomi up --workers 1 --data {layout.folder}")
        yield
    finally:
        if not running and not keep:
            stack.down(layout)


def _is_running(layout: Layout) -> bool:
    from lomi_ops.errors import StackError
    from lomi_ops.ops.local import stack

    try:
        return stack.status(layout).healthy
    except StackError:
        return False


def _run(
    common: options.Common, layout: Layout, samples: tuple[Sample, ...], *, keep: bool, timeout_s: float
) -> DemoResult:
    from lomi_ops.ops.demo.run import Targets, run_demo

    with session.opened(replace(common, data=layout.folder, env=None), *session.ALL) as runtime:
        targets = Targets(runtime.objects, runtime.database, runtime.redis, runtime.settings.objects.bucket_photos)
        with progress.bar("uploading", len(samples)) as advance:
            return run_demo(targets, samples, timeout_s=timeout_s, keep=keep, on_progress=_follow(advance))


def _follow(advance: progress.Advance) -> Callable[[Progress], None]:
    from lomi_ops.ops.demo.run import Step

    words = {Step.UPLOADED: "uploading", Step.QUEUED: "queued", Step.DECIDED: "judging", Step.CLEANED: "cleaning"}

    def follow(now: Progress) -> None:
        advance(0 if now.step is Step.QUEUED else now.done, words[now.step])

    return follow


def _show(result: DemoResult) -> None:
    expected = any(row.ok is not None for row in result.rows)
    wrong = [row for row in result.rows if row.ok is False]
    headers: tuple[str, ...] = ("photo", "decision", "reason", "why", "measured", "time")
    cells, prose = _wide_cells, [0, 3, 4]
    if output.narrow():
        headers, cells, prose = ("photo", "decision", "because", "time"), _narrow_cells, [0, 2]
    right = (len(headers) - 1,)
    rows = [(*cells(row), _tick(row)) if expected else cells(row) for row in result.rows]
    output.table((*headers, "ok") if expected else headers, rows, right=right, prose=prose)
    for row in wrong:
        output.text(f"{row.sample.name}: expected {row.expected}")
    verdict = "each as expected" if not wrong else f"{len(wrong)} not as expected"
    ending = f", {verdict}" if expected else ""
    output.text(f"{output.counted(len(result.rows), 'photo')} in {result.elapsed_s:.1f} s{ending}")


def _wide_cells(row: DemoRow) -> tuple[str, ...]:
    decision = output.painted(row.decision, STYLES.get(row.decision, ""))
    return (row.sample.name, decision, _reason(row), row.why, row.numbers, _time(row))


def _narrow_cells(row: DemoRow) -> tuple[str, ...]:
    """80 columns: one reason in words, or what was measured where nothing spoke against the photo."""
    reason = _reason(row)
    decision = output.painted(f"{row.decision}: {reason}" if reason else row.decision, STYLES.get(row.decision, ""))
    return (row.sample.name, decision, row.why or row.numbers, _time(row))


def _time(row: DemoRow) -> str:
    return "" if row.processing_ms is None else f"{row.processing_ms:.0f} ms"


def _reason(row: DemoRow) -> str:
    """Why a photo waits is in its verdict; `media` says only that it does."""
    if row.decision == "review" and row.verdict and row.verdict.reason:
        return row.verdict.reason.value
    return row.reason or ""


def _tick(row: DemoRow) -> str:
    sign = "ok" if output.ascii_only() else "✔"
    return output.painted(sign, "green") if row.ok is not False else output.painted("NO", "bold red")


def _record(row: DemoRow) -> dict[str, Any]:
    return {
        "name": row.sample.name,
        "decision": row.decision,
        "reason": row.reason,
        "why": row.why,
        "scores": row.scores,
        "processing_ms": row.processing_ms,
        "elapsed_s": round(row.elapsed_s, 3),
        "expected": row.expected,
        "ok": row.ok,
    }
