"""`lomi queue stats|pause|resume|drain`: how the queue flows, and stopping it."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.shown import shown
from lomi_ops.errors import ExitCode, LomiError, UsageError

if TYPE_CHECKING:
    from lomi_ops.queue.replies import Hold, Pause, QueueState, QueueStats
    from lomi_ops.runtime import Runtime

Why = Annotated[str, typer.Option("--reason", help="Why, for everybody who wonders.", metavar="TEXT")]
LOOK_S = 0.5


@options.with_common
def queue_stats(common: options.Common, format_: options.Output = Format.TEXT) -> int:
    """Count jobs by state, with rates and the time to drain.

    Works on the plain list of a cluster with old workers, too, and says what it cannot know there.
    """
    from lomi_ops.ops import unknowns

    with session.opened(common, "redis") as runtime:
        stats, stuck = runtime.queue.stats(), runtime.queue.stuck()
        review, why = _in_review(runtime)
    unknown = unknowns.of_workers(stats.workers)
    if format_ is not Format.TEXT:
        body = asdict(stats) | {
            "in_review": review,
            "drain_s": stats.drain_s,
            "stuck": [asdict(each) for each in stuck],
            "unknown": [asdict(each) for each in unknown],
        }
        output.document(body, schema="lomi.queue.stats/v2", format_=format_)
        return 0
    rows = [*_rows(stats, review, why), *(("stuck", f"{each.what}: {each.command}") for each in stuck)]
    output.table(("state", "jobs"), rows)
    for each in unknown:
        output.text(f"{each.what}: {each.command}")
    return 0


def _in_review(runtime: Runtime) -> tuple[int | None, str]:
    """How many photos wait for a person, or why that is not known."""
    database = session.database_if_any(runtime)
    if database is None:
        return None, "no database is configured"
    from lomi_ops.db import media

    try:
        return media.pending(database).in_review, ""
    except LomiError as failure:
        return None, diagnostics.scrubbed(failure.message)


def _rows(stats: QueueStats, review: int | None, why: str) -> list[tuple[str, str]]:
    from lomi_ops.domain import span

    rows = [(name, str(getattr(stats, name))) for name in ("ready", "high", "bulk", "delayed", "running", "dead")]
    rows.append(("in review", f"unknown: {why}" if review is None else counted(review, "photo")))
    rows.append(("unsent", str(stats.unsent)))
    rows.append(("oldest", "-" if stats.oldest_age_s is None else span.said(stats.oldest_age_s)))
    rows += flow_rows(stats)
    rows.append(("workers", str(stats.workers)))
    rows += stopped_rows(stats)
    return rows + [("rate limit", f"{each.upstream}: {each.per_s:.1f} photos/s") for each in stats.rates]


def stopped_rows(stats: QueueState) -> list[tuple[str, str]]:
    """Who or what keeps jobs from being claimed."""
    paused = [] if stats.pause is None else [("paused", pause_text(stats.pause, stats.server_ms))]
    return paused + [("on hold", _hold(hold, stats.server_ms)) for hold in stats.holds]


def pause_text(pause: Pause, now_ms: int) -> str:
    """By whom, why, since when, and when it ends by itself."""
    from lomi_ops.domain import span

    since = f"for {span.said((now_ms - pause.since_ms) / 1000)}"
    ends = "" if pause.until_ms is None else f", ends in {span.said((pause.until_ms - now_ms) / 1000)}"
    return shown(f"by {pause.by}: {diagnostics.scrubbed(pause.reason)} ({since}{ends})")


def _hold(hold: Hold, now_ms: int) -> str:
    """How an open breaker stands, and the way out."""
    from lomi_ops.domain import span

    since = span.said((now_ms - hold.since_ms) / 1000)
    if hold.half_open:
        state = f"one job tries it ({hold.probe})" if hold.probe else "the next job tries it"
    else:
        state = f"tried again in {span.said((hold.until_ms - now_ms) / 1000)}"
    asked = "asked to slow down" if hold.throttled else f"out, {counted(hold.failures, 'failure')}"
    return f"{hold.upstream} for {since}: {asked}, {state}; {diagnostics.scrubbed(hold.reason)}"


def flow_rows(stats: QueueState) -> list[tuple[str, str]]:
    from lomi_ops.domain import span

    if stats.flow is None:
        return [("rate", "unknown: no worker of ours has noted it within ten minutes")]
    flow = stats.flow
    over = f"over {span.said(flow.span_s)}"
    rows = [("in, out", f"{flow.in_per_min:.1f}, {flow.out_per_min:.1f} jobs/min {over}")]
    if stats.drain_s is not None:
        drain = span.said(stats.drain_s) if stats.to_do else "nothing waits"
    elif stats.pause is not None:
        drain = "never: it is paused"
    else:
        drain = "never at this rate: it does not get less"
    return [*rows, ("time to drain", drain)]


@options.with_common
def queue_pause(
    common: options.Common,
    reason: Why,
    for_: Annotated[str | None, typer.Option("--for", help="Ends by itself: 90s, 10m, 2h.", metavar="TIME")] = None,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Stop all claims. What runs goes on, what waits stays where it is.

    Old BRPOP workers do not know the pause: stop them first.
    """
    from lomi_ops.domain import span

    for_s = None if for_ is None else options.seconds("--for", for_)
    if for_s == 0:
        raise UsageError("--for 0 would end the pause as it begins", hint="--for 10m, or lomi queue resume")
    with session.opened(common, "redis", changes=True) as runtime:
        stats = _pause(runtime, options.actor(actor), reason, for_s)
    until = "" if for_s is None else f" for {span.said(for_s)}"
    _told(format_, f"paused{until}; {counted(stats.running, 'job')} still running. lomi queue resume", stats)
    return 0


@options.with_common
def queue_resume(
    common: options.Common,
    upstream: Annotated[
        str | None, typer.Option("--upstream", help="Close the breaker of this upstream instead.", metavar="NAME")
    ] = None,
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Allow claims again.

    A pause ends only like this, or by its own --for. A breaker closes by itself when its upstream answers again;
    --upstream does it now and forgets its rate limit, too.
    """
    if upstream is not None:
        return _resume_upstream(common, upstream, actor, format_)
    with session.opened(common, "redis", changes=True) as runtime:
        was = runtime.queue.stats().pause
        resumed = runtime.queue.resume()
        if resumed:
            note(runtime, options.actor(actor), "queue.resume", before=asdict(was) if was else {})
        stats = runtime.queue.stats()
    _told(format_, f"resumed; {counted(stats.waiting, 'job')} waiting" if resumed else "it was not paused", stats)
    return 0


def _resume_upstream(common: options.Common, upstream: str, actor: str | None, format_: Format) -> int:
    from lomi_ops.errors import NotFound

    with session.opened(common, "redis", changes=True) as runtime:
        open_now = [hold.upstream for hold in runtime.queue.stats().holds]
        if not runtime.queue.unhold(upstream):
            known = f"on hold: {', '.join(open_now)}" if open_now else "no upstream is on hold"
            raise NotFound(f"{upstream!r} is not on hold; {known}", hint="lomi queue stats")
        note(runtime, options.actor(actor), "queue.unhold", after={"upstream": upstream})
        stats = runtime.queue.stats()
    _told(format_, f"{upstream} is tried again at once; {counted(stats.waiting, 'job')} waiting", stats)
    return 0


@options.with_common
def queue_drain(
    common: options.Common,
    reason: Why = "drain",
    timeout: Annotated[str, typer.Option(help="Give up waiting after this long.", metavar="TIME")] = "10m",
    actor: options.As = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Pause, and wait until nothing runs any more.

    The moment for a deploy. The queue stays paused until `lomi queue resume`, whether or not the wait succeeds. Exit 3
    when jobs still run.
    """
    limit_s = options.seconds("--timeout", timeout)
    with session.opened(common, "redis", changes=True) as runtime:
        stats = _pause(runtime, options.actor(actor), reason, None)
        try:
            stats = _until_idle(runtime, stats, limit_s)
        except (KeyboardInterrupt, SystemExit):
            diagnostics.note("the queue stays paused until: lomi queue resume")
            raise
    done = stats.running == 0
    text = "nothing runs" if done else f"{counted(stats.running, 'job')} still running after {timeout}"
    _told(format_, f"{text}; paused until: lomi queue resume", stats)
    return int(ExitCode.OK if done else ExitCode.UNKNOWN)


def _until_idle(runtime: Runtime, stats: QueueStats, limit_s: float) -> QueueStats:
    from lomi_ops.cli.progress import bar

    ends, first = time.monotonic() + limit_s, stats.running
    with bar("draining", first) as tell:
        while stats.running and time.monotonic() < ends:
            time.sleep(LOOK_S)
            stats = runtime.queue.stats()
            tell(max(0, first - stats.running), "draining")
    return stats


def _pause(runtime: Runtime, actor: str, reason: str, for_s: float | None) -> QueueStats:
    # The deed first: in an incident nothing may stand between an operator and the brake.
    was = runtime.queue.pause(actor, reason, for_s)
    note(runtime, actor, "queue.pause", reason, before=asdict(was) if was else {}, after={"for_s": for_s})
    stats = runtime.queue.stats()
    if was is not None:
        diagnostics.note(f"it was paused already, {pause_text(was, stats.server_ms)}; that pause is replaced")
    return stats


def note(runtime: Runtime, actor: str, action: str, reason: str = "", **values: Any) -> None:
    """Into the audit, as far as there is one."""
    from datetime import UTC, datetime

    from lomi_ops.ops.operations import Journal

    journal = Journal(session.database_if_any(runtime), diagnostics.warn)
    journal.note(actor, action, "queue", datetime.now(UTC), reason, **values)


def _told(format_: Format, text: str, stats: QueueStats) -> None:
    if format_ is Format.TEXT:
        output.text(text)
    else:
        body = {
            "paused": stats.pause is not None,
            "by": stats.pause.by if stats.pause else None,
            "until_ms": stats.pause.until_ms if stats.pause else None,
            "running": stats.running,
            "waiting": stats.waiting,
        }
        output.document(body, schema="lomi.queue.flow/v1", format_=format_)
