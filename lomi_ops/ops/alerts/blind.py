"""Postgres is down: what alerts are kept in. Whoever looked last tells people of that one thing from memory, and of its
end. All else waits, for it cannot be known whether somebody has heard of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lomi_ops.domain.alert_facts import Facts, next_command
from lomi_ops.domain.alert_incident import Notice
from lomi_ops.domain.alert_rule import Judged, Judgement, Rule
from lomi_ops.domain.alert_state import Phase, Track, step
from lomi_ops.errors import LomiError
from lomi_ops.ops.alerts.message import written
from lomi_ops.ops.alerts.routes import Route

RULE = "postgres_down"


@dataclass(slots=True)
class Blind:
    """`rule` is None where nobody wants to hear of it."""

    rule: Rule | None
    routes: Sequence[Route]
    gap_s: float
    profile: str | None = None
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    tell: Callable[[datetime, str, str], None] = lambda at, route, subject: None
    """When, and which route took which message."""
    track: Track = field(default_factory=Track)
    heard: list[str] = field(default_factory=list)
    """Routes that know that it is down."""
    opened_at: datetime | None = None

    def saw(self, *, reached: bool) -> Iterator[LomiError]:
        """After each pass; what could not be told. Whoever could not be told is told again by the next pass."""
        if self.rule is None:
            return
        at = self.clock()
        seen = Judgement(Judged.CLEAR, 1.0) if reached else Judgement(Judged.BREACHED, 0.0)
        self.track = step(self.track, self.rule, seen, at, gap_s=self.gap_s)
        if self.track.phase is Phase.FIRING:
            self.opened_at = self.opened_at or at
            if not reached:
                yield from self._told(self.rule, Notice.FIRING, at)
        elif self.opened_at is not None:
            yield from self._told(self.rule, Notice.RESOLVED, at)

    def _told(self, rule: Rule, notice: Notice, at: datetime) -> Iterator[LomiError]:
        firing = notice is Notice.FIRING
        facts = self._facts(rule, notice, at)
        for route in self.routes:
            if not route.wants(rule.slug, rule.severity) or (route.name in self.heard) is firing:
                continue
            message = written(facts, _once(facts))
            try:
                route.send(message)
            except LomiError as failure:
                yield failure
                continue
            self.tell(at, route.name, message.subject)
            if firing:
                self.heard.append(route.name)
            else:
                self.heard.remove(route.name)
        if not firing and not self.heard:
            self.opened_at = None

    def _facts(self, rule: Rule, notice: Notice, at: datetime) -> Facts:
        return Facts(
            notice=notice,
            rule=rule.slug,
            severity=rule.severity,
            sentence=rule.said(0.0),
            command=next_command(rule, self.profile),
            at=at,
            opened_at=self.opened_at or at,
            profile=self.profile,
        )


def _once(facts: Facts) -> str:
    text = f"{facts.rule} {facts.notice} {facts.opened_at.isoformat()} {facts.profile}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
