"""Frames on disk: as many hours as there is room for, and quick to go back to.

One SQLite file. A row is a minute: its frames as one compressed document (neighbours are much alike), and the highest
value of each number. One file has one writer, and any number of readers; a program that is killed loses at most
`FLUSH_S` seconds.
"""

from __future__ import annotations

import fcntl
import json
import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import IO, Any

from lomi_ops.domain.frame import Frame, key_of, packed, series, unpacked
from lomi_ops.domain.traces import Key, minute_of, peaks_of
from lomi_ops.errors import LomiError, NotFound

FLUSH_S = 10.0
HOURS = 24
BYTES = 50_000_000
"""What a recording takes at most, whatever its hours."""
_SWEPT = 60
"""So many minutes are forgotten at once where there is no room."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth going back to."""

    at: datetime
    text: str


class Recording:
    """See the module. Used by one thread at a time; raises LomiError where the disk is full or the file is damaged."""

    def __init__(self, path: Path, *, hours: float = HOURS, bytes_: int = BYTES, create: bool = True) -> None:
        """Raises NotFound where there is none and none is to be made."""
        if not create and not path.exists():
            raise NotFound(f"there is no recording {path}", hint="lomi top, which records while it runs")
        self.path, self._hours, self._bytes = path, hours, bytes_
        self._minute: int | None = None
        self._frames: list[Frame] = []
        """Of the minute that is being written."""
        self._kept = 0
        """How many of them are on disk."""
        with self._told():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = path.with_suffix(".lock").open("w") if create else None
            self.writes = self._lock is not None and _alone(self._lock)
            """False where somebody else does."""
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except LomiError:
            self.close()
            raise

    def _prepare(self) -> None:
        with self._told():
            self.path.chmod(0o600)
            # What is lost when the machine itself goes down is a few seconds of a picture.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = OFF")
            self._db.executescript(_statements()["tables"])

    # --- writing ------------------------------------------------------------------------------------------------------

    def add(self, frame: Frame) -> None:
        """Keeps a frame; what it tells of grave events becomes marks. Nothing where somebody else writes."""
        if not self.writes:
            return
        minute = minute_of(frame.at)
        if minute != self._minute:
            self.flush()
            self._frames = self._of_minute(minute)
            self._minute, self._kept = minute, len(self._frames)
            self._sweep(minute)
        self._frames.append(frame)
        grave = [each for each in frame.events if each.grave]
        for each in grave:
            self._run("mark_put", at_ms=_ms(each.at), text=each.text)
        if grave or (frame.at - self._frames[self._kept].at).total_seconds() >= FLUSH_S:
            self.flush()

    def flush(self) -> None:
        if self._minute is None or self._kept == len(self._frames):
            return
        peaks = {series(key): value for key, value in peaks_of([each.measured for each in self._frames]).items()}
        body = json.dumps(peaks, separators=(",", ":"))
        self._run("minute_put", minute=self._minute, frames=_squeezed(packed(self._frames)), peaks=_squeezed(body))
        self._kept = len(self._frames)

    def close(self) -> None:
        try:
            self.flush()
        finally:
            self._db.close()
            if self._lock is not None:
                self._lock.close()

    def _sweep(self, minute: int) -> None:
        """Forgets what is too old, and the oldest minutes of what is too much; freed pages are used again."""
        oldest = minute - round(self._hours * 60)
        self._run("minutes_forget", minute=oldest)
        while self._run("used")[0][0] > self._bytes:
            rows = self._run("oldest", number=_SWEPT)
            if not rows or rows[-1][0] >= minute:
                break
            oldest = rows[-1][0]
            self._run("minutes_forget", minute=oldest)
        self._run("marks_forget", at_ms=(oldest + 1) * 60_000)

    # --- going back ---------------------------------------------------------------------------------------------------

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """First and last frame; None where there is none."""
        ((first, last),) = self._run("ends")
        if self._minute is not None and self._frames:
            first, last = min(first or self._minute, self._minute), max(last or self._minute, self._minute)
        if first is None:
            return None
        return self._of_minute(first)[0].at, self._of_minute(last)[-1].at

    def at(self, moment: datetime) -> Frame | None:
        """The last frame up to a moment; the first one of all where it lies before it."""
        return self._next(moment, -1, inclusive=True) or self._next(moment, 1)

    def next(self, moment: datetime, way: int) -> Frame | None:
        """The frame after (1) or before (-1) a moment."""
        return self._next(moment, way)

    def before(self, moment: datetime, number: int) -> list[Frame]:
        """Up to `number` frames before and at a moment, the oldest first; of its minute and the one before."""
        minute = minute_of(moment)
        frames = self._of_minute(minute - 1) + self._of_minute(minute)
        return [each for each in frames if each.at <= moment][-number:]

    def peaks(self, until: datetime, minutes: int) -> Iterator[tuple[int, dict[Key, float]]]:
        """The highest values minute by minute, the oldest first; that of `until` as far as it is on disk."""
        end = minute_of(until)
        for minute, body in self._run("peaks", after=end - minutes, until=end):
            with self._told():
                said = json.loads(_released(body))
            yield minute, {key_of(spelled): value for spelled, value in said.items()}

    def marks(self, *, after: datetime | None = None, before: datetime | None = None) -> tuple[Mark, ...]:
        """Between two moments, without them; the oldest first."""
        low = -1 if after is None else _ms(after)
        high = 2**62 if before is None else _ms(before)
        rows = self._run("marks", low=low, high=high)
        return tuple(Mark(datetime.fromtimestamp(at_ms / 1000, UTC), text) for at_ms, text in rows)

    def _next(self, moment: datetime, way: int, *, inclusive: bool = False) -> Frame | None:
        minute: int | None = minute_of(moment)
        while (minute := self._minute_near(minute, way)) is not None:
            fit = [
                each
                for each in self._of_minute(minute)
                if (each.at > moment if way > 0 else each.at < moment) or (inclusive and each.at == moment)
            ]
            if fit:
                return fit[0] if way > 0 else fit[-1]
            minute += way
        return None

    def _minute_near(self, minute: int | None, way: int) -> int | None:
        """The nearest minute that has frames, itself or further that way."""
        name, nearest = ("minute_from", min) if way > 0 else ("minute_up_to", max)
        ((found,),) = self._run(name, minute=minute)
        known = [each for each in (found, self._minute) if each is not None]
        beyond = [each for each in known if (each >= (minute or 0) if way > 0 else each <= (minute or 0))]
        return nearest(beyond, default=None)

    def _of_minute(self, minute: int) -> list[Frame]:
        if minute == self._minute:
            return list(self._frames)
        rows = self._run("frames", minute=minute)
        with self._told():
            return [frame for (body,) in rows for frame in unpacked(_released(body))]

    def _run(self, name: str, **values: object) -> list[Any]:
        with self._told():
            return self._db.execute(_statements()[name], values).fetchall()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError, zlib.error) as failure:
            hint = f"rm {self.path}, which only forgets what was recorded"
            raise LomiError(f"the recording {self.path}: {failure}", hint=hint) from failure


def _alone(lock: IO[str]) -> bool:
    """Whether nobody else has it; until it is closed."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


@cache
def _statements() -> dict[str, str]:
    text = files("lomi_ops.ops.live").joinpath("recording.sql").read_text("utf-8")
    _, *parts = re.split(r"^-- name: (\w+)\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def _squeezed(text: str) -> bytes:
    return zlib.compress(text.encode(), 6)


def _released(body: object) -> str:
    if not isinstance(body, bytes):
        raise ValueError("not a minute of ours")
    return zlib.decompress(body).decode()


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
