"""Autoscaling: look, decide, write down, act. One look at a time, and one who looks, on all machines."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from lomi_ops.domain.autoscale import Decision, Held, History, Observation, Rules, stepped
from lomi_ops.domain.autoscale_decision import decide, worth_telling
from lomi_ops.domain.autoscale_words import Entry, Event, entry, remembered, said, to_remember
from lomi_ops.errors import LockHeld, LomiError, RedisUnavailable
from lomi_ops.ops.autoscale.observe import Sight
from lomi_ops.queue.autoscale import AutoscaleNotes, Noted

PATIENCE_S = 30.0
"""So long it is tried to write down what was done, while Redis is away."""
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a step."""

    workers: int
    word: str = ""
    """What a person should know of it."""


class Scaler(Protocol):
    """Adds and takes workers."""

    def to(self, workers: int, why: str) -> Result:
        """Starts or drains until there are so many; new ones need not be ready yet. Raises LomiError."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look, and what came of it."""

    sight: Sight
    decision: Decision
    dry_run: bool = False
    result: Result | None = None
    """Of the step, where one was made."""
    failure: LomiError | None = None
    """Why none could be made."""

    @property
    def seen(self) -> Observation:
        return self.sight.seen

    @property
    def stale(self) -> bool:
        return self.decision.held is Held.STALE

    @property
    def text(self) -> str:
        """One line for people."""
        if self.failure is not None and self.decision.step:
            return f"{said(self.decision)}; it failed: {self.failure.message}"
        if self.result is not None and self.result.word:
            return f"{said(self.decision)}; {self.result.word}"
        return said(self.decision)


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """Looks and acts, under a lease on autoscaling. Its methods raise RedisUnavailable and DockerUnavailable where
    nothing can be seen; then nothing was changed."""

    look: Callable[[History], Sight]
    """Told what is remembered."""
    scaler: Scaler
    notes: AutoscaleNotes
    rules: Rules
    by: str
    audit: Callable[[Entry], None] = lambda told: None
    """Hears what the journal gets, too."""
    enforce: bool = False
    sleep: Callable[[float], None] = time.sleep

    def preview(self) -> Look:
        """What would be done now. Writes nothing."""
        _, look = self._decided()
        return replace(look, dry_run=True)

    def once(self, token: str) -> Look:
        """One look, and the step that it asks for, under the lease of `token`. Raises LockHeld where that is lost."""
        past, look = self._decided()
        if look.decision.step:
            return self._step(token, past, look)
        told = self._entry(look, Event.HELD) if worth_telling(look.decision, past) else None
        self._note(token, look.decision.history, told)
        return look

    def _decided(self) -> tuple[History, Look]:
        past = remembered(self.notes.remembered())
        sight = self.look(past)
        return past, Look(sight, decide(sight.seen, past, self.rules, enforce=self.enforce))

    def _step(self, token: str, past: History, look: Look) -> Look:
        found = look.decision
        if not self._begin(token, look):
            because = "the numbers were too old by the time they were to be acted on"
            look = replace(look, decision=_held(found, Held.STALE, because, "lomi autoscale --once"))
            told = self._entry(look, Event.HELD) if past.held != Held.STALE else None
            self._note(token, replace(past, held=Held.STALE), told)
            return look
        try:
            result = self.scaler.to(found.target, ", ".join(found.why))
        except LockHeld as busy:
            look = Look(look.sight, _held(found, Held.LOCKED, busy.message, busy.hint), failure=busy)
            told = self._entry(look, Event.HELD) if past.held != Held.LOCKED else None
            self._note(token, _undone(found.history, past), told)
        except LomiError as failure:
            look = replace(look, failure=failure)
            self._note(token, found.history, self._entry(look, Event.FAILED))
        else:
            look = replace(look, result=result)
            self._note(token, stepped(found.history, result.workers), self._entry(look, Event.STEP))
        return look

    def _begin(self, token: str, look: Look) -> bool:
        """Writes down that a step begins, so that whoever looks next knows whose it was. False where its numbers have
        become too old."""
        seen_ms, oldest_s = look.seen.at_ms, self.rules.stale_s
        state = to_remember(look.decision.history)
        answer = self.notes.note(token, str(uuid.uuid4()), state, seen_ms=seen_ms, oldest_s=oldest_s)
        return _ours(answer) is Noted.NOTED

    def _note(self, token: str, history: History, told: Entry | None) -> None:
        name, waited_s = str(uuid.uuid4()), 0.0
        while True:
            try:
                _ours(self.notes.note(token, name, to_remember(history), told.record() if told else None))
                break
            except RedisUnavailable:
                if waited_s >= PATIENCE_S:
                    raise
                self.sleep(PAUSE_S)
                waited_s += PAUSE_S
        if told is not None:
            self.audit(told)

    def _entry(self, look: Look, event: Event) -> Entry:
        event = Event.CHANGED if look.decision.changed_by_others and event is Event.HELD else event
        return entry(look.seen, look.decision, event, self.by, look.text)


def _ours(answer: Noted) -> Noted:
    if answer is Noted.LOST:
        text = "the lease on autoscaling is lost: Redis or this machine stood still for too long"
        raise LockHeld(text, hint="lomi autoscale --once")
    return answer


def _held(found: Decision, held: Held, because: str, command: str) -> Decision:
    return replace(found, target=found.workers, held=held, because=because, next=command)


def _undone(begun: History, past: History) -> History:
    """Nothing was changed: no cool-down, and what was due is so still."""
    return replace(
        begun, stepping_to=None, changed_ms=past.changed_ms, due_ms=past.due_ms, idle_ms=past.idle_ms, held=Held.LOCKED
    )
