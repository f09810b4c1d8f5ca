"""What `lomi autoscale` says: of one look, of its journal, and line by line as a service."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format
from lomi_ops.errors import ExitCode

if TYPE_CHECKING:
    from lomi_ops.config.sections.working import AutoscaleSection
    from lomi_ops.domain.autoscale_words import Entry
    from lomi_ops.errors import Transient
    from lomi_ops.ops.autoscale.run import Look

SCHEMA = "lomi.autoscale/v1"


def show(look: Look, format_: Format, *, quiet: bool = False) -> None:
    """`quiet`: only what was done, and what went wrong."""
    if quiet and look.result is None and look.failure is None and exit_code(look) is ExitCode.OK:
        return
    if format_ is not Format.TEXT:
        output.document(record(look), schema=SCHEMA, format_=format_)
        return
    would = "would go from " if look.dry_run and look.decision.step else ""
    output.text(output.folded(f"{would}{look.text}", 0))
    output.table(("what", "now"), _rows(look))
    for each in look.sight.unknown:
        output.text(output.folded(f"{each.what}: {each.command}", 0))
    if look.decision.next:
        output.text(f"next: {look.decision.next}")
    if look.dry_run and look.decision.step:
        output.text("nothing was changed; without --dry-run it is done")


def exit_code(look: Look) -> ExitCode:
    """Of a look that no error came of."""
    from lomi_ops.domain.autoscale import Held

    codes = {Held.STALE: ExitCode.UNKNOWN, Held.LOCKED: ExitCode.LOCKED}
    return codes.get(look.decision.held, ExitCode.OK) if look.decision.held else ExitCode.OK


def record(look: Look) -> dict[str, Any]:
    from lomi_ops.domain.autoscale_words import numbers

    found = look.decision
    return {
        "dry_run": look.dry_run,
        "at_ms": look.seen.at_ms,
        "workers": found.workers,
        "target": found.target,
        "step": found.step,
        "done": look.result is not None,
        "held": found.held,
        "because": diagnostics.scrubbed(found.because),
        "why": list(found.why),
        "next": found.next,
        "text": diagnostics.scrubbed(look.text),
        "changed_by_others": found.changed_by_others,
        "failure": diagnostics.scrubbed(look.failure.message) if look.failure else None,
        "numbers": numbers(look.seen, found.forecast),
        "unknown": [asdict(each) for each in look.sight.unknown],
    }


def _rows(look: Look) -> list[tuple[str, str]]:
    """The numbers behind the line."""
    from lomi_ops.domain import span
    from lomi_ops.domain.autoscale_forecast import percent

    seen, forecast = look.seen, look.decision.forecast
    oldest = "" if seen.oldest_s is None else f", the next one for {span.said(seen.oldest_s)}"
    rows = [
        ("workers", f"{seen.ready} of {seen.workers} ready" + (f", {seen.old} of them old" if seen.old else "")),
        ("queue", f"{seen.waiting} wait{oldest}; {seen.running} run, {seen.delayed} delayed, {seen.bulk} bulk"),
    ]
    if seen.traffic is not None:
        flow = seen.traffic
        trend = f", {flow.trend * 3600:+.1f} a minute each minute" if flow.trend else ""
        rows.append(("jobs a minute", f"{flow.in_per_s * 60:.1f} in, {flow.out_per_s * 60:.1f} out{trend}"))
    if seen.photo_s is not None:
        rows.append(("per photo", f"{seen.photo_s:.2f} s"))
    if forecast.used is not None:
        rows.append(("slots needed", percent(forecast.used) + _then(look, forecast.used_after, percent)))
    if seen.waiting and forecast.used is not None:
        before = "never at this rate" if forecast.drain_s is None else span.said(forecast.drain_s)
        rows.append(("time to drain", before + _then(look, forecast.drain_after_s, span.said)))
    return rows


def _then(look: Look, value: float | None, said: Any) -> str:
    return f", {said(value)} with {look.decision.target} workers" if look.decision.step and value is not None else ""


def show_history(entries: Sequence[Entry], format_: Format) -> None:
    if format_ is Format.JSON:
        output.document({"entries": [each.record() for each in entries]}, schema="lomi.autoscale.history/v1")
    elif format_ is Format.JSONL:
        for each in entries:
            output.line(each.record())
    elif entries:
        rows = [(_moment(each.at_ms), each.event.value, each.by, each.text) for each in entries]
        output.table(("utc", "what", "by", "why"), rows)
    else:
        output.text("the journal is empty: no look has led to a step, or to a reason against one")


def _moment(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%m-%d %H:%M:%S}"


def opening(section: AutoscaleSection, service: str) -> str:
    bounds = f"{section.min} to {section.max} workers of {service}"
    return f"autoscale: {bounds}, a look every {section.every_s:g} s; SIGTERM ends it between two steps"


@dataclass(slots=True)
class Teller:
    """A line for every step, and for every other reason than before; with -o jsonl one object for every look."""

    format_: Format
    _before: tuple[object, ...] = field(default=())
    _trouble: str = ""

    def tell(self, look: Look) -> None:
        from lomi_ops.domain.autoscale import Held

        if self.format_ is Format.JSONL:
            output.line({"schema": SCHEMA, **record(look)})
        # A load that wavers is due for something soon, and is not, over and over.
        now = (look.decision.workers, None if look.decision.held is Held.SOON else look.decision.held)
        self._trouble = ""
        if look.decision.step or look.decision.changed_by_others or now != self._before:
            hint = f" ({look.decision.next})" if look.decision.next else ""
            diagnostics.note(f"{_moment(look.seen.at_ms)} {diagnostics.scrubbed(look.text)}{hint}")
        self._before = now

    def trouble(self, outage: Transient) -> None:
        """Weather is told once, until it clears."""
        if outage.message != self._trouble:
            diagnostics.warn(f"{outage.message.rstrip('.')}; nothing is changed until it answers")
        self._trouble, self._before = outage.message, ()


@contextmanager
def ended_by_signals() -> Iterator[threading.Event]:
    """An event that the first SIGTERM or Ctrl-C sets. The second one is heard as everywhere else."""
    stop = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}

    def first(number: int, _: object) -> None:
        stop.set()
        for each in numbers:
            signal.signal(each, before[each])

    for number in numbers:
        signal.signal(number, first)
    try:
        yield stop
    finally:
        for number in numbers:
            signal.signal(number, before[number])
