"""What somebody sees who waits: a bar on a terminal, a plain line now and then elsewhere; each decision, if asked."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lomi_ops.cli import diagnostics, jobs_text, output, progress
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import ExitCode, Transient

if TYPE_CHECKING:
    from lomi_ops.domain.submission import Progress
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.ops.jobs.submit import Pushed
    from lomi_ops.ops.jobs.watch import Target
    from lomi_ops.runtime import Runtime

LINE_S = 10.0
"""Between two plain lines."""
HUNG_UP = 129
"""128 + SIGHUP."""


@dataclass(slots=True)
class Watcher:
    at: Handles
    target: Target
    format_: Format
    each: bool
    _advance: progress.Advance = field(default=lambda done, what: None)
    _said: str = ""
    _said_at: float = float("-inf")

    @contextmanager
    def drawn(self) -> Iterator[Watcher]:
        if self.each:  # the decisions are progress enough, and a bar would catch what goes to stdout
            yield self
            return
        total = self.target.submission.jobs if self.target.submission else 1
        with progress.bar("waiting", total) as advance:
            self._advance = advance
            yield self

    def tell(self, now: Progress) -> None:
        self._advance(now.finished, "waiting")
        line = f"{now.finished} of {counted(now.jobs, 'job')} over{_places(now)}"
        moment = time.monotonic()
        if diagnostics.on_terminal() or line == self._said or moment - self._said_at < LINE_S:
            return
        self._said, self._said_at = line, moment
        diagnostics.note(line)

    def trouble(self, outage: Transient) -> None:
        diagnostics.warn(f"{outage.message.rstrip('.')}; still waiting")

    def pushed(self, round_: Pushed) -> None:
        diagnostics.note(f"pushed {counted(round_.pushed, 'job')}")

    def decided(self, job_ids: frozenset[str]) -> None:
        from lomi_ops.db import submissions

        for photo in submissions.photos_of_jobs(self.at.database, job_ids):
            if self.format_ is Format.TEXT:
                reason = f": {photo.reason}" if photo.reason else ""
                output.text(f"{photo.media_id}  {photo.status.replace('_', ' ')}{reason}")
            elif self.format_ is Format.JSONL:
                output.line(
                    {
                        "job_id": photo.job_id,
                        "media_id": str(photo.media_id),
                        "status": photo.status,
                        "reason": photo.reason,
                    }
                )


def _places(now: Progress) -> str:
    from lomi_ops.domain.submission import Place

    waiting = (Place.RUNNING, Place.READY, Place.DELAYED, Place.MISSING)
    words = [f"{now.at(place)} {place.value}" for place in waiting if now.at(place)]
    return f" ({', '.join(words)})" if words else ""


@contextmanager
def hangup_waits() -> Iterator[None]:
    """A terminal that closes in the middle of pushing: the rest is pushed first. Only the main thread may do this."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        yield
        return
    hung_up = threading.Event()
    before = signal.signal(signal.SIGHUP, lambda number, frame: hung_up.set())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
    if hung_up.is_set():
        raise SystemExit(HUNG_UP)


def handles(runtime: Runtime) -> Handles:
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.ops.reconcile import links

    section = runtime.settings.objects
    return Handles(runtime.database, runtime.queue, runtime.redis, section.bucket_photos, links.signer(section))


def _tell_pause(at: Handles) -> None:
    """A bar that does not move explains nothing. An outage is told by the wait itself."""
    from lomi_ops.cli.queue_flow import pause_text

    with suppress(Transient):
        stats = at.queue.stats()
        if stats.pause is not None:
            diagnostics.note(f"the queue is paused {pause_text(stats.pause, stats.server_ms)}: lomi queue resume")


def follow(at: Handles, target: Target, format_: Format, timeout: float | None, *, each: bool = False) -> int:
    from lomi_ops.ops.jobs import watch

    _tell_pause(at)
    watcher = Watcher(at, target, format_, each=each)
    try:
        with watcher.drawn() as seen:
            waited = watch.wait(
                at,
                target,
                timeout_s=timeout,
                tell=seen.tell,
                trouble=seen.trouble,
                pushed=seen.pushed,
                decided=seen.decided if each else lambda job_ids: None,
            )
    except (KeyboardInterrupt, SystemExit):
        diagnostics.note(f"it goes on without you: lomi jobs wait {target.name}")
        raise
    jobs_text.show_summary(at, target, waited, format_)
    if not waited.progress.over:
        diagnostics.note(f"the time is over; it goes on: lomi jobs wait {target.name}")
        return int(ExitCode.UNKNOWN)
    return int(ExitCode.BAD if waited.progress.bad else ExitCode.OK)
