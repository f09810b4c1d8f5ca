"""One moment of the live view: what it shows, and what is kept of it. Pure; its line gives it back as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from lomi_ops.domain.measure import Labels, Measured, Source

FORMAT = 1


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


def line_of(frame: Frame) -> str:
    """One line of JSON."""
    measured = frame.measured
    body = {
        "v": FORMAT,
        "at": frame.at_ms,
        "values": {series(key): value for key, value in measured.values.items()},
        "silent": dict(measured.silent),
        "workers": None if frame.workers is None else [asdict(each) for each in frame.workers],
        "alerts": [asdict(each) | {"since": _ms(each.since)} for each in frame.alerts],
        "events": [asdict(each) | {"at": _ms(each.at)} for each in frame.events],
    }
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def frame_of(line: str) -> Frame:
    """Raises ValueError for a line that is not one of ours."""
    try:
        body = json.loads(line)
        if body["v"] != FORMAT:
            raise ValueError(f"a frame of format {body['v']!r}, and this program knows {FORMAT}")
        return Frame(
            Measured(_at(body["at"]), dict(_values(body["values"])), _silent(body["silent"])),
            None if body["workers"] is None else tuple(_worker(each) for each in body["workers"]),
            tuple(AlertLine(**each | {"since": _maybe(each["since"])}) for each in body["alerts"]),
            tuple(Event(**each | {"at": _at(each["at"])}) for each in body["events"]),
        )
    except (KeyError, TypeError, AttributeError) as failure:
        raise ValueError(f"not a frame: {failure}") from failure


def series(key: tuple[str, Labels]) -> str:
    """As Prometheus spells it: `lomi_queue_jobs{state="ready"}`."""
    name, labels = key
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels)
    return f"{name}{{{inside}}}" if inside else name


_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def key_of(spelled: str) -> tuple[str, Labels]:
    name, _, rest = spelled.partition("{")
    return name, tuple((label, _plain(value)) for label, value in _LABEL.findall(rest))


def _values(said: Mapping[str, float]) -> Sequence[tuple[tuple[str, Labels], float]]:
    return [(key_of(spelled), float(value)) for spelled, value in said.items()]


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
