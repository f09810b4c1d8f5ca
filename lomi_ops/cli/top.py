"""`lomi top`: the cluster as it is now."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.ops.snapshot import Snapshot


@options.with_common
def top(
    common: options.Common,
    once: Annotated[bool, typer.Option("--once", help="Take one look and exit.")] = False,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show queue, workers and decisions as they are now.

    Exit 3 when a source did not answer; what the others say is shown all the same.
    """
    if not once:
        raise UsageError("the live view is not there yet", hint="lomi top --once, or: watch -n1 lomi top --once")
    from datetime import UTC, datetime

    from lomi_ops.ops.snapshot import take
    from lomi_ops.runtime import opened

    needs = frozenset({"redis", "database"})
    with opened(needs=needs, config=common.config, env_file=common.env_file, data=common.data) as runtime:
        snapshot = take(runtime.queue, runtime.registry, runtime.database, datetime.now(UTC))
    if format_ is Format.TEXT:
        _show(snapshot)
    elif format_ is Format.JSONL:
        output.line(_record(snapshot))
    else:
        output.document(_record(snapshot), schema="lomi.snapshot/v1")
    return int(ExitCode.UNKNOWN if snapshot.problems else ExitCode.OK)


def _record(snapshot: Snapshot) -> dict[str, Any]:
    queue, pending, today = snapshot.queue.value, snapshot.pending.value, snapshot.today.value
    workers = snapshot.workers.value
    return {
        "at": snapshot.at.isoformat(timespec="seconds"),
        "queue": asdict(queue) if queue else None,
        "workers": None if workers is None else [asdict(worker) for worker in workers],
        "pending": asdict(pending) if pending else None,
        "today": asdict(today) | {"rejection_rate": today.rejection_rate} if today else None,
        "problems": list(snapshot.problems),
    }


def _show(snapshot: Snapshot) -> None:
    output.text(f"lomi  {snapshot.at:%Y-%m-%d %H:%M:%S} UTC")
    _show_numbers(snapshot)
    _show_workers(snapshot)
    for problem in snapshot.problems:
        diagnostics.warn(problem)


def _show_numbers(snapshot: Snapshot) -> None:
    rows: list[tuple[str, str]] = []
    if (queue := snapshot.queue.value) is not None:
        age = "" if queue.oldest_age_s is None else f", next one {queue.oldest_age_s:.0f} s old"
        rows.append(("queue", f"{queue.waiting} waiting{age}; {queue.running} running, {queue.delayed} delayed"))
        rows.append(("dead letters", str(queue.dead)))
        rows.append(("unheard results", str(queue.unsent)))
        if queue.pause is not None:
            rows.append(("paused", f"by {queue.pause.by}: {queue.pause.reason}"))
        rows += [("on hold", f"{hold.upstream}: {hold.reason}") for hold in queue.holds]
    if (pending := snapshot.pending.value) is not None:
        rows.append(("undecided", f"{pending.waiting} for a worker, {pending.in_review} for a person"))
    if (today := snapshot.today.value) is not None:
        counts = ", ".join(f"{count} {status}" for status, count in today.statuses.items() if count)
        rows.append(("uploads today", f"{today.uploads}" + (f": {counts}" if counts else "")))
        if today.reasons:
            rows.append(("reasons today", ", ".join(f"{count} {reason}" for reason, count in today.reasons.items())))
        if today.processing_ms is not None:
            rows.append(("mean time", f"{today.processing_ms:.0f} ms a photo"))
    output.table(("what", "now"), rows)


def _show_workers(snapshot: Snapshot) -> None:
    workers = snapshot.workers.value
    if workers is None:
        return
    if not workers:
        output.text("no worker of lomi is registered; old workers leave no trace in Redis")
        return
    rows = [
        (
            f"{worker.info.host}/{worker.info.pid}",
            worker.mode.value,
            f"{worker.beat_age_s:.0f} s",
            worker.info.policy,
            ", ".join(sorted({engine.model for engine in worker.info.engines})),
            worker.info.version,
            str(len(worker.jobs)),
        )
        for worker in workers
    ]
    output.table(("worker", "mode", "last beat", "policy", "models", "version", "jobs"), rows, right=(6,))
