"""A cluster whose numbers are made up, looked at again and again; nothing of it is stored or sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lomi_ops.domain.alert_incident import Incident, Notice, Open, Resolve, Silence, Standing, Tell, moves
from lomi_ops.domain.alert_rule import Rule
from lomi_ops.domain.alert_rules import RULES, grounds
from lomi_ops.domain.alert_state import Track, step
from lomi_ops.domain.measure import Labels, Measured
from lomi_ops.ops.checks.catalogue import SPECS

START = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
BY_SLUG = {rule.slug: rule for rule in RULES}
NEEDS = {spec.slug: spec.needs for spec in SPECS}
EVERY_S = 15.0
HOUR_S = 3600.0
Key = tuple[str, Labels]


def number(name: str, **labels: str) -> Key:
    return name, tuple(sorted(labels.items()))


@dataclass
class Cluster:
    """`told` is what its people have heard: when, of which rule, and what."""

    rules: Sequence[Rule] = RULES
    at: datetime = START
    tracks: dict[str, Track] = field(default_factory=dict)
    open: list[Incident] = field(default_factory=list)
    silences: list[Silence] = field(default_factory=list)
    told: list[tuple[float, str, Notice]] = field(default_factory=list)
    ids: int = 0

    def look(self, values: Mapping[Key, float | None], after_s: float = EVERY_S) -> None:
        self.at += timedelta(seconds=after_s)
        known = {key: value for key, value in values.items() if value is not None}
        measured = Measured(self.at, known)
        for rule in self.rules:
            track = self.tracks.get(rule.slug, Track())
            self.tracks[rule.slug] = step(track, rule, rule.judge(measured), self.at, gap_s=900)
        standing = Standing(self.tracks, list(self.open), self.silences)
        for move in moves(self.rules, standing, grounds(self.rules, NEEDS), self.at, repeat_s=4 * HOUR_S):
            self._make(move)

    def series(self, key: Key, values: Sequence[float | None], after_s: float = EVERY_S) -> None:
        for value in values:
            self.look({key: value}, after_s)

    def _make(self, move: Open | Tell | Resolve) -> None:
        match move:
            case Open(rule, tell):
                self.ids += 1
                incident = Incident(self.ids, rule, BY_SLUG[rule].severity, self.at)
                self.open.append(incident)
                if tell:
                    self._tell(incident, Notice.FIRING)
            case Tell(incident, notice):
                self._tell(incident, notice)
            case Resolve(incident):
                self.open.remove(incident)
                if incident.told_at is not None:
                    self.told.append((self._elapsed(), incident.rule, Notice.RESOLVED))

    def _tell(self, incident: Incident, notice: Notice) -> None:
        self.told.append((self._elapsed(), incident.rule, notice))
        self.open[self.open.index(incident)] = replace(incident, told_at=self.at)

    def ack(self) -> None:
        self.open = [replace(each, acked_at=self.at, acked_by="ada") for each in self.open]

    def _elapsed(self) -> float:
        return (self.at - START).total_seconds()

    def heard(self) -> list[tuple[str, Notice]]:
        return [(rule, notice) for _, rule, notice in self.told]
