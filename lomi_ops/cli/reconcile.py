"""`lomi reconcile`: no pending photo is forgotten."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from lomi_ops.ops.reconcile.outcome import Outcome
    from lomi_ops.runtime import Runtime


@options.with_common
def reconcile(
    common: options.Common,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    older_than: Annotated[
        str, typer.Option(help="Leave photos alone that are pending for less: 90s, 10m, 2h.", metavar="TIME")
    ] = "10m",
    limit: Annotated[
        int, typer.Option(help="Repair at most so many photos, the oldest first.", min=1, metavar="N")
    ] = 10_000,
    include_dead: Annotated[
        bool, typer.Option("--include-dead", help="Queue photos of dead letters again, too.")
    ] = False,
    objects: Annotated[bool, typer.Option("--objects", help="Ask the store for the objects of these photos.")] = False,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Bring back pending photos that nobody would look at.

    Queues again what no job names, gives rows of the old endpoint a batch and a job, and writes decisions into media
    that are only in the log. Photos that are decided, in review or on their way are not touched; a second run adds
    nothing. Exit 1 when something stays wrong: dead letters, missing objects, or a dry run with findings.
    """
    from datetime import UTC, datetime

    from lomi_ops.ops.reconcile import links, run
    from lomi_ops.ops.reconcile.outcome import Order

    older_than_s = options.seconds("--older-than", older_than)
    with session.opened(common, *session.ALL, changes=True) as runtime:
        section = runtime.settings.objects
        handles = run.Handles(
            database=runtime.database,
            queue=runtime.queue,
            redis=runtime.redis,
            bucket=section.bucket_photos,
            link=links.signer(section),
            store=runtime.objects if objects else None,
        )
        order = Order(
            actor=options.actor(actor),
            at=datetime.now(UTC),
            older_than_s=older_than_s,
            limit=limit,
            include_dead=include_dead,
            dry_run=dry_run,
        )
        if not dry_run:
            _go_on_with_submissions(runtime, handles.link)
        outcome = run.reconcile(handles, order)
    if format_ is Format.TEXT:
        output.text("\n".join(_lines(outcome)))
    else:
        output.document(_record(outcome), schema="lomi.reconcile/v1", format_=format_)
    return int(ExitCode.BAD if outcome.wrong else ExitCode.OK)


def _go_on_with_submissions(runtime: Runtime, link: Callable[[str], str]) -> None:
    """Photos that somebody submitted wait as they were submitted, in bulk and at their rate. Before anybody looks for
    photos that no job names: those would be queued like uploads."""
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.ops.jobs.submit import push_all

    bucket = runtime.settings.objects.bucket_photos
    pushed = push_all(Handles(runtime.database, runtime.queue, runtime.redis, bucket, link))
    if pushed:
        diagnostics.note(f"pushed {counted(pushed, 'job')} again of what was submitted: lomi jobs status")


def _record(outcome: Outcome) -> dict[str, Any]:
    return {
        "dry_run": outcome.dry_run,
        "wrong": outcome.wrong,
        "pending": outcome.pending,
        "found": {bucket.value: count for bucket, count in outcome.counts.items()},
        "queued": outcome.queued,
        "adopted": outcome.adopted,
        "applied": outcome.applied,
        "known": outcome.known,
        "left": outcome.left,
        "jobs": [
            {
                "job_id": job.job_id,
                "batch_id": str(job.batch_id) if job.batch_id else None,
                "media_ids": list(map(str, job.media_ids)),
            }
            for job in outcome.jobs
        ],
        "objects_missing": list(map(str, outcome.missing)),
        "refused": outcome.refused,
        "unknown": [asdict(each) for each in outcome.unknown],
    }


def _lines(outcome: Outcome) -> list[str]:
    """What was found, one kind a line; then what was done about it, and what is left to do."""
    from lomi_ops.domain.reconcile import Bucket

    texts = {
        Bucket.ON_ITS_WAY: "on their way",
        Bucket.IN_REVIEW: "in review: lomi review list --queue waiting",
        Bucket.YOUNG: "uploaded a moment ago",
        Bucket.LOST: "without a job",
        Bucket.NEVER_QUEUED: "without a batch, never queued",
        Bucket.UNAPPLIED: "decided, but media does not show it",
        Bucket.OPEN: "open in the ledger and not in the queue, left alone",
        Bucket.DEAD: "in dead letters only: lomi queue dead; with --include-dead they are queued again",
        Bucket.APPROVED_BEFORE: "approved before there was moderation: lomi migrate apply gives them their status",
        Bucket.NO_KEY: "without an object's key: their rows in media need a person",
    }
    lines = [f"{counted(outcome.pending, 'photo')} pending"]
    lines += [f"  {outcome.counts[bucket]:>7}  {text}" for bucket, text in texts.items() if outcome.counts[bucket]]
    return [*lines, *_deeds(outcome), *(f"{each.what}: {each.command}" for each in outcome.unknown)]


def _deeds(outcome: Outcome) -> list[str]:
    would = "would be " if outcome.dry_run else ""
    lines = []
    if outcome.jobs:
        lines.append(f"{would}queued: {counted(outcome.queued, 'photo')} in {counted(len(outcome.jobs), 'job')}")
    if outcome.adopted:
        lines.append(f"{would}given a batch: {counted(outcome.adopted, 'photo')}")
    if outcome.applied:
        lines.append(f"{would}written into media, without a message: {counted(outcome.applied, 'photo')}")
    if outcome.known:
        lines.append(f"queued a moment ago by somebody else: {counted(outcome.known, 'photo')}")
    if outcome.missing:
        lines.append(f"not in the object store: {counted(len(outcome.missing), 'photo')}; workers will fail them")
        lines += [f"  {media_id}" for media_id in outcome.missing[:10]]
    lines += [f"not queued: {why}" for why in outcome.refused]
    if outcome.left:
        lines.append(f"beyond --limit: {counted(outcome.left, 'photo')}; run again")
    if outcome.dry_run and outcome.repairable:
        lines.append("nothing was changed; without --dry-run it is done")
    elif not outcome.wrong:
        lines.append("nothing is forgotten")
    return lines
