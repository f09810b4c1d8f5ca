"""One moment of the live view: what it shows, and what is kept of it. Pure: what is written gives it back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeVar

from lomi_ops.domain.measure import Labels, Measured, Source

FORMAT = 1
State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A registered worker."""

    name: str
    state: str
    beat_age_s: float
    slots: int
    jobs: tuple[str, ...]
    """In hand, where that is known."""
    done: int | None
    errors: int | None
    models: tuple[str, ...]
    policy: str
    version: str


@dataclass(frozen=True, slots=True)
class AlertLine:
    """A rule as it stands."""

    rule: str
    state: str
    severity: str
    since: datetime | None
    value: float | None
    sentence: str
    command: str
    reading: str = ""
    """The value as people read it, and `limit` likewise: `> 30 %`."""
    limit: str = ""
    by: str = ""
    """Who knows of it already: `acknowledged by hana`, `silenced by abel`."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that changed since the frame before."""

    at: datetime
    kind: str
    """alert, worker, queue, source or upstream"""
    text: str
    grave: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    measured: Measured
    workers: tuple[WorkerLine, ...] | None = None
    """None where nobody could say."""
    alerts: tuple[AlertLine, ...] = ()
    events: tuple[Event, ...] = ()
    """New ones only."""

    @property
    def at(self) -> datetime:
        return self.measured.at

    @property
    def at_ms(self) -> int:
        return round(self.at.timestamp() * 1000)


def packed(frames: Sequence[Frame]) -> str:
    """Some neighbouring frames as one JSON document: numbers by column, and of the rest only what changed. Neighbours
    are much alike; so written, they compress to a third of what they would take one after the other."""
    keys = sorted({key for frame in frames for key in frame.measured.values})
    body = {
        "v": FORMAT,
        "at": [frame.at_ms for frame in frames],
        "values": {series(key): [frame.measured.values.get(key) for frame in frames] for key in keys},
        "silent": _changes([frame.measured.silent for frame in frames], dict),
        "workers": _changes([frame.workers for frame in frames], _workers_said),
        "alerts": _changes([frame.alerts for frame in frames], _alerts_said),
        "events": _changes([frame.events for frame in frames], _events_said),
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def unpacked(text: str) -> list[Frame]:
    """Raises ValueError for what is not ours."""
    try:
        body = json.loads(text)
        if body["v"] != FORMAT:
            raise ValueError(f"frames of format {body['v']!r}, and this program knows {FORMAT}")
        columns = [(key_of(spelled), values) for spelled, values in body["values"].items()]
        rows = zip(*(_kept(body[name]) for name in ("silent", "workers", "alerts", "events")), strict=True)
        return [
            Frame(
                Measured(_at(at), {key: values[place] for key, values in columns if values[place] is not None},
                         _silent(silent)),
                None if workers is None else tuple(_worker(each) for each in workers),
                tuple(AlertLine(**each | {"since": _maybe(each["since"])}) for each in alerts),
                tuple(Event(**each | {"at": _at(each["at"])}) for each in events),
            )
            for place, (at, (silent, workers, alerts, events)) in enumerate(zip(body["at"], rows, strict=True))
        ]  # fmt: skip
    except (KeyError, TypeError, AttributeError, IndexError) as failure:
        raise ValueError(f"not frames: {failure}") from failure


_SAME = 0
_WORKER, _ALERT, _EVENT = (tuple(each.name for each in fields(kind)) for kind in (WorkerLine, AlertLine, Event))
_OF_WORKER, _OF_ALERT, _OF_EVENT = attrgetter(*_WORKER), attrgetter(*_ALERT), attrgetter(*_EVENT)


def _changes(states: Sequence[State], said: Callable[[State], object]) -> list[object]:
    """Each state as it is written, or 0 where it is that of the frame before."""
    return [_SAME if place and state == states[place - 1] else said(state) for place, state in enumerate(states)]


# dataclasses.asdict copies deeply: for a minute of frames that is longer than a key may take.


def _workers_said(workers: tuple[WorkerLine, ...] | None) -> list[dict[str, Any]] | None:
    return None if workers is None else [dict(zip(_WORKER, _OF_WORKER(each), strict=True)) for each in workers]


def _alerts_said(alerts: tuple[AlertLine, ...]) -> list[dict[str, Any]]:
    return [dict(zip(_ALERT, _OF_ALERT(each), strict=True)) | {"since": _ms(each.since)} for each in alerts]


def _events_said(events: tuple[Event, ...]) -> list[dict[str, Any]]:
    return [dict(zip(_EVENT, _OF_EVENT(each), strict=True)) | {"at": _ms(each.at)} for each in events]


def _kept(changes: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for each in changes:
        found.append(found[-1] if each == _SAME and found else each)
    return found


def series(key: tuple[str, Labels]) -> str:
    """As Prometheus spells it: `lomi_queue_jobs{state="ready"}`."""
    name, labels = key
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return f"{name}{{{inside}}}" if inside else name


_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def key_of(spelled: str) -> tuple[str, Labels]:
    name, _, rest = spelled.partition("{")
    return name, tuple((label, _plain(value)) for label, value in _LABEL.findall(rest))


def _silent(said: Mapping[str, str]) -> dict[Source, str]:
    return {Source(source): why for source, why in said.items() if source in tuple(Source)}


def _worker(said: dict[str, Any]) -> WorkerLine:
    return WorkerLine(**said | {"jobs": tuple(said["jobs"]), "models": tuple(said["models"])})


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], text)


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _maybe(ms: int | None) -> datetime | None:
    return None if ms is None else _at(ms)
