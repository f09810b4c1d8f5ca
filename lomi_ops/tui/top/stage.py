"""Which moment is shown: now, a pause, or one of the past. Knows nothing of a terminal."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import TypeVar

from lomi_ops.domain.frame import Event, Frame, WorkerLine
from lomi_ops.domain.measure import MEASURES, Measured, Source
from lomi_ops.domain.traces import MINUTES, RECENT, Key, Lines, Traces
from lomi_ops.errors import LomiError
from lomi_ops.ops.live.recording import Mark, Recording
from lomi_ops.tui.top.sheet import Sheet
from lomi_ops.tui.top.view import EVENTS, View

Given = TypeVar("Given")

_SOURCES = {measure.name: measure.source for measure in MEASURES}


class Mode(StrEnum):
    LIVE = "LIVE"
    PAUSED = "PAUSED"
    """Nobody is asked."""
    PAST = "PAST"
    """What was recorded; the present goes on being recorded."""
    PLAYED = "PLAYED"
    """The past, look by look."""


def _told(move: Callable[[Stage, Given], str]) -> Callable[[Stage, Given], str]:
    """A recording that cannot be read is said, and moves nothing."""

    @wraps(move)
    def moved(stage: Stage, given: Given) -> str:
        try:
            return move(stage, given)
        except LomiError as failure:
            return failure.message

    return moved


class Stage:
    """See the module. `recording` may be None; then there is no past."""

    def __init__(self, recording: Recording | None) -> None:
        self.mode = Mode.LIVE
        self.frame: Frame | None = None
        """What is shown."""
        self._keeps = True
        self._recording = recording
        self._live: Frame | None = None
        self._traces, self._past = Traces(), Traces()
        self._lines, self._past_lines = Lines(), Lines()
        self._past_events: list[Event] = []
        self._events: deque[Event] = deque(maxlen=EVENTS)
        self._old: dict[Key, float] = {}
        self._old_workers: tuple[WorkerLine, ...] = ()

    # --- the present --------------------------------------------------------------------------------------------------

    def remember(self, now: datetime) -> None:
        """The hour before this program began, where it was recorded and can be read."""
        with suppress(LomiError):
            for minute, peaks in self._recording.peaks(now, MINUTES) if self._recording else ():
                self._traces.add_peaks(minute, peaks)

    def heard(self, frame: Frame) -> str:
        """One more look; why it is the last one that is recorded, where it is."""
        self._live = frame
        self._traces.add(frame.measured)
        self._lines.add(frame)
        self._events.extend(frame.events)
        self._old |= frame.measured.values
        self._old_workers = self._old_workers if frame.workers is None else frame.workers
        if self.mode in (Mode.LIVE, Mode.PAUSED):
            self.frame = frame
        return self._keep(frame)

    def live(self) -> None:
        self.mode, self.frame = Mode.LIVE, self._live

    def pause(self) -> None:
        """Or on again: of the present, and of the past that is played."""
        turns = {Mode.LIVE: Mode.PAUSED, Mode.PAUSED: Mode.LIVE, Mode.PAST: Mode.PLAYED, Mode.PLAYED: Mode.PAST}
        self.mode = turns[self.mode]

    @property
    def looks(self) -> bool:
        """Whether services are asked now."""
        return self.mode is not Mode.PAUSED

    def _keep(self, frame: Frame) -> str:
        if self._recording is None or not self._keeps:
            return ""
        try:
            self._recording.add(frame)
        except LomiError as failure:
            self._keeps = False
            return failure.message
        return ""

    # --- the past -----------------------------------------------------------------------------------------------------

    @_told
    def step(self, way: int) -> str:
        """One look back or forth; why not, where there is none."""
        shown = self.frame
        if self._recording is None or shown is None:
            return "nothing is recorded"
        found = self._recording.next(shown.at, way)
        if found is None:
            if way > 0 and self._live is not None:
                self.live()
                return ""
            return "this is the last look" if way > 0 else "this is the first look that was recorded"
        self._show(found)
        return ""

    @_told
    def jump(self, moment: datetime) -> str:
        if self._recording is None:
            return "nothing is recorded"
        found = self._recording.at(moment)
        if found is None:
            return "nothing is recorded"
        self._show(found)
        return "" if found.at <= moment else f"nothing is recorded before {found.at:%Y-%m-%d %H:%M:%S} UTC"

    @_told
    def mark(self, way: int) -> str:
        """To the alert before or after."""
        if self._recording is None or self.frame is None:
            return "nothing is recorded"
        at = self.frame.at
        marks = self._recording.marks(after=at) if way > 0 else self._recording.marks(before=at)
        if not marks:
            return "no alert is recorded after this" if way > 0 else "no alert is recorded before this"
        mark: Mark = marks[0] if way > 0 else marks[-1]
        return self.jump(mark.at) or mark.text

    def _show(self, frame: Frame) -> None:
        assert self._recording is not None
        self.frame, self.mode = frame, self.mode if self.mode is Mode.PLAYED else Mode.PAST
        recent = self._recording.before(frame.at, RECENT)
        self._past, self._past_lines = Traces(), Lines()
        self._past_events = [event for each in recent for event in each.events]
        for minute, peaks in self._recording.peaks(frame.at, MINUTES):
            self._past.add_peaks(minute, peaks)
        for each in recent:
            self._past.add(each.measured)
            self._past_lines.add(each)

    # --- what is seen -------------------------------------------------------------------------------------------------

    def view(self, jobs: Sheet | None) -> View | None:
        """None before the first look."""
        frame = self.frame
        if frame is None:
            return None
        if self.mode in (Mode.LIVE, Mode.PAUSED):
            old = self._stale(frame.measured)
            return View(frame, self._traces, self._events, jobs, old, self._old_workers, self._lines)
        return View(frame, self._past, self._past_events, lines=self._past_lines)

    def _stale(self, measured: Measured) -> dict[Key, float]:
        """The last numbers of sources that are silent."""
        silent: set[Source] = set(measured.silent)
        if not silent:
            return {}
        return {key: value for key, value in self._old.items() if _SOURCES.get(key[0]) in silent}

    def close(self) -> None:
        if self._recording is not None:
            with suppress(LomiError):  # whoever leaves has seen that it could not be kept
                self._recording.close()
