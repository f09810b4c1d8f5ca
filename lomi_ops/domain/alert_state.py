"""The life of a rule, look by look: ok, pending, firing, ok again. Pure; what is not known moves nothing.

Only time between two looks that saw the same counts, and none of a gap: whoever looks after an hour knows nothing of
that hour.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lomi_ops.domain.alert_rule import Judged, Judgement, Rule

REMEMBERED = 40
"""Values that a spark line shows."""


class Phase(StrEnum):
    OK = "ok"
    PENDING = "pending"
    """Bad, but not for long enough."""
    FIRING = "firing"


class State(StrEnum):
    """What people are shown of a rule and of its incident."""

    OK = "ok"
    PENDING = "pending"
    FIRING = "firing"
    ACKED = "acked"
    """Firing, and somebody has said that they know."""
    RESOLVED = "resolved"
    STALE = "stale"
    """Its number could not be known at the last look; what it was before still holds."""
    UNKNOWN = "unknown"
    """Its number has never been known yet."""
    UNSET = "unset"
    """It has none: nobody has configured what it is of."""


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of a rule between two looks."""

    phase: Phase = Phase.OK
    since: datetime | None = None
    """When the phase began."""
    held_s: float = 0.0
    """So long it has been seen bad, while pending."""
    calm_s: float = 0.0
    """So long it has been seen well, while firing."""
    judged: Judged = Judged.MISSING
    at: datetime | None = None
    """Of the last look."""
    value: float | None = None
    """The last that was known."""
    stale_since: datetime | None = None
    recent: tuple[float, ...] = ()
    """The latest values, the oldest first."""

    @property
    def breached(self) -> bool:
        """Bad, whether anybody has heard of it or not."""
        return self.phase is not Phase.OK

    def state(self, *, acked: bool = False) -> State:
        if self.judged is Judged.UNSET:
            return State.UNSET
        if self.stale_since is not None:
            return State.UNKNOWN if self.since is None else State.STALE
        if self.phase is Phase.FIRING:
            return State.ACKED if acked else State.FIRING
        return State(self.phase.value)


def step(track: Track, rule: Rule, seen: Judgement, at: datetime, *, gap_s: float) -> Track:
    """The track after one more look. One that is older than the last says nothing; so does a gap beyond `gap_s`."""
    if track.at is not None and at <= track.at:
        return track
    if seen.judged is Judged.UNSET:
        return Track(judged=seen.judged, at=at)
    if seen.judged is Judged.MISSING:
        return replace(track, judged=seen.judged, at=at, stale_since=track.stale_since or at)
    known = _noted(track, seen, at)
    passed_s = (at - track.at).total_seconds() if track.at and track.judged is seen.judged else 0.0
    passed_s = passed_s if passed_s <= gap_s else 0.0
    match track.phase, seen.judged:
        case Phase.FIRING, Judged.CLEAR:
            return _calmer(known, rule, passed_s, at)
        case Phase.FIRING, _:
            return replace(known, calm_s=0.0)
        case Phase.PENDING, Judged.BREACHED:
            return _longer(known, rule, track.held_s + passed_s, at)
        case Phase.OK, Judged.BREACHED:
            return _longer(replace(known, phase=Phase.PENDING, since=at), rule, 0.0, at)
        case Phase.PENDING, _:
            return replace(known, phase=Phase.OK, since=at, held_s=0.0)
    return known


def _noted(track: Track, seen: Judgement, at: datetime) -> Track:
    recent = track.recent if seen.value is None else (*track.recent, seen.value)[-REMEMBERED:]
    since = track.since or at
    return replace(
        track, judged=seen.judged, at=at, value=seen.value, stale_since=None, recent=recent, since=since
    )  # fmt: skip


def _longer(track: Track, rule: Rule, held_s: float, at: datetime) -> Track:
    if held_s < rule.for_s:
        return replace(track, held_s=held_s)
    return replace(track, phase=Phase.FIRING, since=at, held_s=0.0, calm_s=0.0)


def _calmer(track: Track, rule: Rule, passed_s: float, at: datetime) -> Track:
    calm_s = track.calm_s + passed_s
    if calm_s < rule.keep_firing_for_s:
        return replace(track, calm_s=calm_s)
    return replace(track, phase=Phase.OK, since=at, calm_s=0.0)
