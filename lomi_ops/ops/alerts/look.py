"""One look: the numbers are judged, and whatever follows is written down in one transaction. Nothing is sent here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from lomi_ops.db import alert_deliveries, alerts
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.alert_facts import Facts, next_command
from lomi_ops.domain.alert_incident import (
    Incident,
    Notice,
    Open,
    Resolve,
    Standing,
    Tell,
    followers,
    moves,
)
from lomi_ops.domain.alert_rule import Rule
from lomi_ops.domain.alert_rules import grounds
from lomi_ops.domain.alert_state import Phase, State, Track, step
from lomi_ops.domain.measure import Measured
from lomi_ops.errors import LockHeld
from lomi_ops.ops.alerts.routes import Route
from lomi_ops.ops.checks.catalogue import SPECS

NEEDS = {spec.slug: spec.needs for spec in SPECS}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found, and what came of it."""

    at: datetime
    measured: Measured
    standing: Standing
    """After it."""
    opened: tuple[str, ...] = ()
    """Rules with a new incident."""
    resolved: tuple[str, ...] = ()

    @property
    def firing(self) -> int:
        return len(self.standing.incidents)

    def rules(self, state: State) -> list[str]:
        """Those that are in it, whoever knows of them."""
        return [rule for rule, track in self.standing.tracks.items() if track.state() is state]


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks, for one cluster."""

    database: Database
    rules: Sequence[Rule]
    routes: Sequence[Route]
    repeat_s: float
    gap_s: float
    profile: str | None = None
    grounds: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def look(self, token: UUID, measured: Measured, at: datetime) -> Look:
        """`at` by the database's clock. Raises LockHeld where the run is not ours any more, and nothing was written."""
        explained = self.grounds or grounds(self.rules, NEEDS)
        with self.database.transaction() as session:
            silent = {source.value: why for source, why in measured.silent.items()}
            if not alerts.looked_on(session, token, silent, at=at):
                raise LockHeld("another run of alerts has taken over", hint="lomi alerts list")
            before = alerts.tracks(session)
            tracks = {rule.slug: self._stepped(rule, before, measured, at) for rule in self.rules}
            alerts.remember_on(session, tracks)
            standing = Standing(tracks, alerts.incidents(session), alerts.silences(session, at=at))
            return self._acted(session, standing, explained, measured, at)

    def _stepped(self, rule: Rule, before: Mapping[str, Track], measured: Measured, at: datetime) -> Track:
        return step(before.get(rule.slug, Track()), rule, rule.judge(measured), at, gap_s=self.gap_s)

    def _acted(
        self,
        session: Session,
        standing: Standing,
        explained: Mapping[str, frozenset[str]],
        measured: Measured,
        at: datetime,
    ) -> Look:
        opened, resolved = [], []
        known = {rule.slug: rule for rule in self.rules}
        for move in moves(self.rules, standing, explained, at, repeat_s=self.repeat_s):
            match move:
                case Open(slug, tell):
                    rule, value = known[slug], standing.tracks[slug].value
                    number = alerts.open_on(session, slug, rule.severity, rule.said(value), value, at=at)
                    opened.append(slug)
                    if tell:
                        incident = Incident(number, slug, rule.severity, at, value=value)
                        self._tell(session, incident, Notice.FIRING, rule, standing, explained, at)
                case Tell(incident, notice):
                    self._tell(session, incident, notice, known[incident.rule], standing, explained, at)
                case Resolve(incident):
                    alerts.resolve_on(session, incident.id, at=at)
                    resolved.append(incident.rule)
                    self._end(session, incident, known.get(incident.rule), standing.tracks.get(incident.rule), at)
        after = Standing(standing.tracks, alerts.incidents(session), standing.silences)
        return Look(at, measured, after, tuple(opened), tuple(resolved))

    def _tell(
        self,
        session: Session,
        incident: Incident,
        notice: Notice,
        rule: Rule,
        standing: Standing,
        explained: Mapping[str, frozenset[str]],
        at: datetime,
    ) -> None:
        track = standing.tracks[rule.slug]
        also = followers(rule.slug, self.rules, standing, explained)
        facts = Facts(
            notice=notice,
            rule=rule.slug,
            severity=rule.severity,
            sentence=rule.said(track.value),
            command=next_command(rule, self.profile),
            at=at,
            opened_at=incident.opened_at,
            incident=incident.id,
            telling=incident.tellings + 1,
            profile=self.profile,
            value=track.value,
            threshold=rule.threshold,
            unit=rule.unit,
            follows=tuple(each.said(standing.tracks[each.slug].value) for each in also),
            recent=track.recent,
        )
        alerts.told_on(session, incident.id, at=at)
        for route in self.routes:
            if route.wants(rule.slug, rule.severity):
                self._put(session, route, facts, incident.id, at)

    def _end(self, session: Session, incident: Incident, rule: Rule | None, track: Track | None, at: datetime) -> None:
        """Whoever has heard of it, or may have, hears of its end; what nobody has begun to send never goes out."""
        alert_deliveries.withdraw_on(session, incident.id, at=at)
        heard = set(alert_deliveries.heard_on(session, incident.id))
        facts = Facts(
            notice=Notice.RESOLVED,
            rule=incident.rule,
            severity=incident.severity,
            sentence=incident.sentence,
            command="",
            at=at,
            opened_at=incident.opened_at,
            incident=incident.id,
            telling=incident.tellings,
            profile=self.profile,
            value=track.value if track and track.phase is Phase.OK else None,
            threshold=rule.threshold if rule else None,
            unit=rule.unit if rule else "",
            recent=track.recent if track else (),
        )
        for route in self.routes:
            if route.name in heard:
                self._put(session, route, facts, incident.id, at)

    def _put(self, session: Session, route: Route, facts: Facts, incident: int, at: datetime) -> None:
        """What waits for the end of quiet hours is as young as its hour: it is tried for as long as any other."""
        due_at = route.due_at(facts.severity, at)
        alert_deliveries.put_on(
            session, incident, route.name, facts.notice, facts.telling, facts.to_dict(), at=due_at, due_at=due_at
        )
