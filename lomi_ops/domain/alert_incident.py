"""From rules that fire to what people are told: one incident for one cause, one firing notice and one resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lomi_ops.domain.alert_rule import Judged, Rule
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.alert_state import Phase, Track


class Notice(StrEnum):
    FIRING = "firing"
    REPEAT = "repeat"
    """It still does, and nobody has acknowledged it."""
    RESOLVED = "resolved"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Incident:
    """A rule from when it was found firing until it is over."""

    id: int
    rule: str
    severity: AlertSeverity
    opened_at: datetime
    told_at: datetime | None = None
    """When the last firing notice or repeat was handed to the routes."""
    tellings: int = 0
    """How many of these there were."""
    acked_at: datetime | None = None
    acked_by: str = ""
    ack_reason: str = ""
    resolved_at: datetime | None = None
    value: float | None = None
    """When it was found."""
    sentence: str = ""
    """What was wrong then, with its numbers."""

    @property
    def acked(self) -> bool:
        return self.acked_at is not None


@dataclass(frozen=True, slots=True)
class Silence:
    """Somebody does not want to hear of a rule for a while."""

    id: int
    rule: str
    actor: str
    reason: str
    at: datetime
    until: datetime

    def holds(self, at: datetime) -> bool:
        return self.at <= at < self.until


@dataclass(frozen=True, slots=True)
class Open:
    """A new incident of a rule; told at once unless it is silenced."""

    rule: str
    tell: bool


@dataclass(frozen=True, slots=True)
class Tell:
    """A notice on an incident that is open."""

    incident: Incident
    notice: Notice


@dataclass(frozen=True, slots=True)
class Resolve:
    """The end of an incident. Whoever got its firing notice hears of it, silenced or not."""

    incident: Incident


Move = Open | Tell | Resolve


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that a pass knows before it tells anybody anything."""

    tracks: Mapping[str, Track]
    """After this look, by rule."""
    incidents: Sequence[Incident]
    """That are open."""
    silences: Sequence[Silence] = ()

    def silenced(self, rule: str, at: datetime) -> Silence | None:
        return next((each for each in self.silences if each.rule in (rule, ALL) and each.holds(at)), None)


ALL = "all"
"""A silence of every rule."""


def explained_by(rule: str, grounds: Mapping[str, frozenset[str]], tracks: Mapping[str, Track]) -> str:
    """The rule at the root of why this one is bad, where another one explains it; else empty."""
    bad = [slug for slug, track in tracks.items() if slug in grounds.get(rule, frozenset()) and _explains(track)]
    return next((slug for slug in bad if not any(other in grounds[slug] for other in bad)), "")


def moves(
    rules: Sequence[Rule], standing: Standing, grounds: Mapping[str, frozenset[str]], at: datetime, *, repeat_s: float
) -> Iterator[Move]:
    """What is to be done after a look. An incident whose rule is not among `rules` any more is over."""
    known = {rule.slug: rule for rule in rules}
    opened = {each.rule: each for each in standing.incidents}
    for incident in standing.incidents:
        if incident.rule not in known or _over(standing.tracks.get(incident.rule)):
            yield Resolve(incident)
    for rule in rules:
        track = standing.tracks.get(rule.slug)
        if track is None or track.phase is not Phase.FIRING:
            continue
        explained = explained_by(rule.slug, grounds, standing.tracks)
        mute = bool(explained) or standing.silenced(rule.slug, at) is not None
        found = opened.get(rule.slug)
        if found is None:
            if not explained and track.judged is Judged.BREACHED:
                yield Open(rule.slug, tell=not mute)
        elif not mute and (notice := _notice(found, track, at, repeat_s)):
            yield Tell(found, notice)


def followers(
    rule: str, rules: Sequence[Rule], standing: Standing, grounds: Mapping[str, frozenset[str]]
) -> list[Rule]:
    """Rules that are bad as well and that this one explains: they are named in its notice."""
    return [
        each
        for each in rules
        if rule in grounds[each.slug] and each.slug in standing.tracks and standing.tracks[each.slug].breached
    ]


def _explains(track: Track) -> bool:
    """A rule that was about to fire when its number went missing may never do: it keeps nobody else silent."""
    return track.phase is Phase.FIRING or (track.phase is Phase.PENDING and track.stale_since is None)


def _over(track: Track | None) -> bool:
    return track is not None and track.phase is not Phase.FIRING


def _notice(incident: Incident, track: Track, at: datetime, repeat_s: float) -> Notice | None:
    if incident.acked:
        return None
    if incident.told_at is None:
        # Not of what is about to end, as after a silence or after what explained it.
        return Notice.FIRING if track.judged is Judged.BREACHED else None
    return Notice.REPEAT if (at - incident.told_at).total_seconds() >= repeat_s else None
