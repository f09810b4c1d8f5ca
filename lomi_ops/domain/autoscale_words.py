"""What a decision of autoscaling is told as: one line, and one entry of the journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from lomi_ops.domain import span
from lomi_ops.domain.autoscale import Decision, Forecast, History, Observation
from lomi_ops.domain.autoscale_forecast import percent

_WORDS, _SECONDS = ("held",), ("slow_s", "photo_s")
_KINDS: Mapping[str, tuple[type, ...]] = {
    each.name: (str,) if each.name in _WORDS else (int, float) if each.name in _SECONDS else (int,)
    for each in fields(History)
}


class Event(StrEnum):
    """What an entry of the journal tells."""

    STEP = "step"
    HELD = "held"
    CHANGED = "changed"
    """Somebody else has set another number."""
    FAILED = "failed"
    """A step could not be made."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal, with the numbers behind it."""

    at_ms: int
    by: str
    event: Event
    workers: int
    target: int
    text: str
    held: str = ""
    why: tuple[str, ...] = ()
    numbers: Mapping[str, float | None] | None = None

    def record(self) -> dict[str, Any]:
        """As it is written down."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


def entry_of(record: Mapping[str, Any]) -> Entry | None:
    """None for what this version does not understand."""
    names = {each.name for each in fields(Entry)}
    try:
        found = {name: value for name, value in record.items() if name in names}
        return Entry(**found | {"event": Event(found["event"]), "why": tuple(found.get("why", ()))})
    except (KeyError, TypeError, ValueError):
        return None


def entry(seen: Observation, found: Decision, event: Event, by: str, text: str) -> Entry:
    return Entry(
        at_ms=seen.at_ms,
        by=by,
        event=event,
        workers=found.workers,
        target=found.target,
        text=text,
        held=found.held.value if found.held else "",
        why=found.why,
        numbers=numbers(seen, found.forecast),
    )


def said(found: Decision) -> str:
    """`4 to 5 workers: 14 jobs wait, more than 10; …`. What asks for it, then what comes of it, or why it does not."""
    if found.changed_by_others is not None:
        before, now = found.changed_by_others
        return f"somebody else changed {before} to {now} workers; {_said(found)}"
    return _said(found)


def _said(found: Decision) -> str:
    if found.step:
        return f"{found.workers} to {found.target} workers: {', '.join(found.why)}{_after(found)}"
    workers = "1 worker" if found.workers == 1 else f"{found.workers} workers"
    if found.held is not None:
        asks = f"{', '.join(found.why)}; " if found.why else ""
        return f"{workers}, held ({found.held.value.replace('_', ' ')}): {asks}{found.because}"
    return f"{workers}, as many as are needed{_now(found)}"


def _now(found: Decision) -> str:
    if found.why:
        return f": {', '.join(found.why)}; fewer there shall not be"
    used = found.forecast.used
    return "" if used is None else f": {percent(used)} of the slots needed"


def _after(found: Decision) -> str:
    """What the step is expected to change."""
    forecast, parts = found.forecast, []
    if forecast.used_after is not None and found.step > 0:
        parts.append(f"{percent(forecast.used_after)} of them")
    if forecast.drain_after_s:
        before = "never" if forecast.drain_s is None else span.said(forecast.drain_s)
        parts.append(f"nothing waits in {span.said(forecast.drain_after_s)} instead of {before}")
    return f"; then {', '.join(parts)}" if parts else ""


def numbers(seen: Observation, forecast: Forecast) -> dict[str, float | None]:
    """What a decision was made by."""
    flow = seen.traffic
    return {
        "ready": seen.ready,
        "old": seen.old,
        "slots": seen.slots + seen.elsewhere,
        "waiting": seen.waiting,
        "bulk": seen.bulk,
        "delayed": seen.delayed,
        "running": seen.running,
        "oldest_s": _short(seen.oldest_s),
        "in_per_min": _short(flow.in_per_s * 60 if flow else None),
        "out_per_min": _short(flow.out_per_s * 60 if flow else None),
        "in_per_min_trend": _short(flow.trend * 3600 if flow else None),
        "job_s": _short(flow.job_s if flow else None, 3),
        "photo_s": _short(seen.photo_s, 3),
        "used": _short(forecast.used, 4),
        "used_after": _short(forecast.used_after, 4),
        "drain_s": _short(forecast.drain_s),
        "drain_after_s": _short(forecast.drain_after_s),
        "sample_age_s": _short(seen.sample_age_s),
        "beat_age_s": _short(seen.beat_age_s),
    }


def _short(value: float | None, places: int = 1) -> float | None:
    return None if value is None or value == float("inf") else round(value, places)


def remembered(record: Mapping[str, Any]) -> History:
    """What was written down, as far as this version understands it."""
    return History(**{name: record[name] for name, kinds in _KINDS.items() if type(record.get(name)) in kinds})


def to_remember(history: History) -> dict[str, Any]:
    known = {name: getattr(history, name) for name in _KINDS}
    return {name: value for name, value in known.items() if value not in (None, "")}
