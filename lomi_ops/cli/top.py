"""`lomi top`: the cluster as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session, terminal
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.ops.snapshot import Record, Snapshot
    from lomi_ops.queue.replies import QueueStats
    from lomi_ops.queue.workers import WorkerRecord


@options.with_common
def top(
    common: options.Common,
    once: Annotated[bool, typer.Option("--once", help="Take one look and exit.")] = False,
    every: Annotated[str, typer.Option(help="Between two looks: 500ms, 2s.", metavar="TIME")] = "1s",
    write: Annotated[bool, typer.Option("--write", help="Keys may change things; else it only looks.")] = False,
    replay: Annotated[bool, typer.Option("--replay", help="Only what was recorded; asks nobody.")] = False,
    recording: Annotated[
        Path | None, typer.Option(help="File of the recording; by default one for each cluster.", metavar="FILE")
    ] = None,
    no_record: Annotated[bool, typer.Option("--no-record", help="Keep nothing.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show queue, workers and decisions as they are now.

    A live view with one key for each panel; `?` explains. It only looks unless --write is given, and keeps a day of
    what it saw. With --once: one look, without a terminal. Exit 3 when a source did not answer; what the others say is
    shown all the same.
    """
    if once:
        return _once(common, format_)
    if format_ is not Format.TEXT:
        raise UsageError(f"-o {format_} is for one look", hint=f"lomi top --once -o {format_}")
    if replay and write:
        raise UsageError("--replay shows the past, which nobody can change", hint="lomi top --write")
    every_s = options.seconds("--every", every)
    terminal.required("lomi top --once")
    from lomi_ops.cli import top_live

    return top_live.run(common, top_live.Wanted(every_s, write, replay, recording, not no_record))


def _once(common: options.Common, format_: Format) -> int:
    from datetime import UTC, datetime

    from lomi_ops.ops.snapshot import take

    with session.opened(common, "redis", "database") as runtime:
        snapshot = take(runtime.queue, runtime.registry, runtime.database, datetime.now(UTC))
    if format_ is Format.TEXT:
        _show(snapshot)
    else:
        output.document(_record(snapshot), schema="lomi.snapshot/v1", format_=format_)
    for failure in snapshot.failures:
        diagnostics.error(failure)
    return int(ExitCode.UNKNOWN if snapshot.failures else ExitCode.OK)


def _record(snapshot: Snapshot) -> dict[str, Any]:
    transport, record = snapshot.transport.value, snapshot.record.value
    return {
        "at": snapshot.at.isoformat(timespec="seconds"),
        "queue": asdict(transport.queue) if transport else None,
        "workers": [asdict(worker) for worker in transport.workers] if transport else None,
        "pending": asdict(record.pending) if record else None,
        "today": asdict(record.today) | {"rejection_rate": record.today.rejection_rate} if record else None,
        "unknown": [asdict(unknown) for unknown in snapshot.unknown],
        "problems": [diagnostics.scrubbed(failure.message) for failure in snapshot.failures],
    }


def _show(snapshot: Snapshot) -> None:
    output.text(f"lomi  {snapshot.at:%Y-%m-%d %H:%M:%S} UTC")
    transport, record = snapshot.transport.value, snapshot.record.value
    rows = (_queue_rows(transport.queue) if transport else []) + (_photo_rows(record) if record else [])
    if rows:
        output.table(("what", "now"), rows)
    if transport and transport.workers:
        _show_workers(transport.workers)
    for unknown in snapshot.unknown:
        output.text(f"{unknown.what}: {unknown.command}")


def _queue_rows(queue: QueueStats) -> list[tuple[str, str]]:
    from lomi_ops.cli.queue_flow import stopped_rows
    from lomi_ops.domain import span

    age = "" if queue.oldest_age_s is None else f", next one {span.said(queue.oldest_age_s)} old"
    rows = [
        ("queue", f"{queue.waiting} waiting{age}; {queue.running} running, {queue.delayed} delayed"),
        ("dead letters", str(queue.dead)),
        ("unheard results", str(queue.unsent)),
    ]
    return rows + stopped_rows(queue)


def _photo_rows(record: Record) -> list[tuple[str, str]]:
    pending, today = record.pending, record.today
    never = f"; {pending.never_queued} never queued" if pending.never_queued else ""
    rows = [("undecided", f"{pending.waiting} for a worker, {pending.in_review} for a person{never}")]
    counts = ", ".join(f"{count} {status}" for status, count in today.statuses.items() if count)
    rows.append(("uploads today", f"{today.uploads}" + (f": {counts}" if counts else "")))
    if today.reasons:
        rows.append(("reasons today", ", ".join(f"{count} {reason}" for reason, count in today.reasons.items())))
    if today.processing_ms is not None:
        rows.append(("mean time", f"{today.processing_ms:.0f} ms a photo"))
    return rows


def _show_workers(workers: Sequence[WorkerRecord]) -> None:
    rows = [
        (
            worker.info.name,
            worker.mode.value,
            f"{worker.beat_age_s:.0f} s",
            worker.info.policy,
            ", ".join(sorted({engine.model for engine in worker.info.engines})),
            worker.info.version,
            str(len(worker.jobs)),
        )
        for worker in workers
    ]
    output.table(("worker", "mode", "last beat", "policy", "models", "version", "jobs"), rows, right=(6,), prose=(4,))
