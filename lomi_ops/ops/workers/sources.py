"""Where logs are read from: containers of an engine, files of a local stack."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from lomi_ops.clients.containers import Engine
from lomi_ops.clients.containers.lines import LogLine
from lomi_ops.domain.container import Container, SwarmService, SwarmTask, log_line
from lomi_ops.domain.container_rules import end_of

LOOK_S = 0.25
"""Between two looks at a file."""
LONGEST = 64 * 1024


class Source(Protocol):
    """One log."""

    @property
    def key(self) -> str:
        """The same for the same log, however often it is found."""

    @property
    def name(self) -> str: ...

    @property
    def short(self) -> str:
        """The name without what all of them have in common."""

    @property
    def number(self) -> int:
        """Which of its service it is."""

    @property
    def up(self) -> bool:
        """Whether anything more can come."""

    def read(self, tail: int | None, since: datetime | None) -> Iterator[LogLine]:
        """What is in it now. Raises DockerUnavailable."""

    def follow(self, since: datetime | None) -> Iterator[LogLine]:
        """What is in it from a moment on, and what comes; ends with its writer, or now and then. Raises
        DockerUnavailable."""

    def again(self) -> Source | None:
        """How it stands now; None where it is gone."""

    def ended(self) -> str:
        """How its writer ended."""


@dataclass(frozen=True, slots=True)
class ContainerLog:
    engine: Engine
    container: Container

    @property
    def key(self) -> str:
        return self.container.id

    @property
    def name(self) -> str:
        return self.container.name

    @property
    def short(self) -> str:
        return self.container.short_name

    @property
    def number(self) -> int:
        return self.container.place.number

    @property
    def up(self) -> bool:
        return self.container.up

    def read(self, tail: int | None, since: datetime | None) -> Iterator[LogLine]:
        return self.engine.read(self.container, tail=tail, since=since)

    def follow(self, since: datetime | None) -> Iterator[LogLine]:
        return self.engine.follow(self.container, since)

    def again(self) -> ContainerLog | None:
        found = self.engine.again(self.container)
        return ContainerLog(self.engine, found) if found else None

    def ended(self) -> str:
        return end_of(self.container)


@dataclass(frozen=True, slots=True)
class TaskLog:
    """Of a task that a Swarm put on another machine than that of the engine, which passes its log on."""

    engine: Engine
    service: SwarmService
    task: SwarmTask

    @property
    def key(self) -> str:
        return self.task.id

    @property
    def name(self) -> str:
        """As Docker names its container, there."""
        return f"{self.service.full_name}.{self.task.number}.{self.task.id}"

    @property
    def short(self) -> str:
        return f"{self.service.name}.{self.task.number}.{self.task.id}"

    @property
    def number(self) -> int:
        return self.task.number

    @property
    def up(self) -> bool:
        return self.task.running

    def goes_by(self, typed: str) -> bool:
        """Whether it is meant by what was typed: a name or an id, or how one begins."""
        known = (self.name, self.short, self.task.id, self.task.container_id)
        return bool(typed) and any(each.startswith(typed) for each in known)

    def read(self, tail: int | None, since: datetime | None) -> Iterator[LogLine]:
        return self.engine.read(self.task, tail=tail, since=since)

    def follow(self, since: datetime | None) -> Iterator[LogLine]:
        return self.engine.follow(self.task, since)

    def again(self) -> TaskLog | None:
        found = self.engine.task_again(self.task)
        return TaskLog(self.engine, self.service, found) if found else None

    def ended(self) -> str:
        return self.task.words


@dataclass(frozen=True, slots=True)
class FileLog:
    """A part's log in the folder of a local stack, rotated by being copied to `.1` and cut."""

    path: Path
    number: int
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False)

    @property
    def key(self) -> str:
        return str(self.path)

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def short(self) -> str:
        return self.name

    @property
    def up(self) -> bool:
        return True

    def read(self, tail: int | None, since: datetime | None) -> Iterator[LogLine]:
        found = self._since(self._generations(), since)
        return found if tail is None else iter(deque(found, maxlen=tail))

    def _generations(self) -> Iterator[LogLine]:
        """The oldest first."""
        older = sorted(self.path.parent.glob(f"{self.path.name}.[0-9]"), reverse=True)
        at: datetime | None = None
        for path in (*older, self.path):
            try:
                with path.open("rb") as file:
                    for raw in file:
                        at = _moment(raw) or at
                        yield _line(raw, at)
            except FileNotFoundError:
                continue

    @staticmethod
    def _since(lines: Iterator[LogLine], since: datetime | None) -> Iterator[LogLine]:
        return (line for line in lines if since is None or (line.at is not None and line.at >= since))

    def follow(self, since: datetime | None) -> Iterator[LogLine]:
        return self._since(self._tail(), since)

    def _tail(self) -> Iterator[LogLine]:
        """Of the file that is written to; from its start where it was cut."""
        at, place, rest = None, 0, b""
        while True:
            try:
                if self.path.stat().st_size < place:
                    place, rest = 0, b""
                with self.path.open("rb") as file:
                    file.seek(place)
                    *whole, rest = (rest + file.read(LONGEST)).split(b"\n")
                    place = file.tell()
            except FileNotFoundError:
                return
            for raw in whole:
                at = _moment(raw) or at
                yield _line(raw, at)
            if not whole:
                self.sleep(LOOK_S)

    def again(self) -> FileLog | None:
        return self if self.path.exists() else None

    def ended(self) -> str:
        return ""


def _line(raw: bytes, at: datetime | None) -> LogLine:
    return LogLine(at, log_line(raw[:LONGEST].decode("utf-8", "replace"), LONGEST))


def _moment(raw: bytes) -> datetime | None:
    """The `ts` of a line of ours; other lines say theirs in ways of their own."""
    if not raw.startswith(b'{"ts":'):
        return None
    try:
        found = datetime.fromisoformat(json.loads(raw)["ts"])
    except (ValueError, KeyError, TypeError):
        return None
    return found.astimezone(UTC)
