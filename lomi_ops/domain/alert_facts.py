"""What a message says, as data: stored with the delivery, so that a late one says what was true when it was due."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from lomi_ops.domain import span
from lomi_ops.domain.alert_incident import Notice
from lomi_ops.domain.alert_rule import Rule, amount
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.spark import spark

_TREND = 30


@dataclass(frozen=True, slots=True)
class Facts:
    """Of one notice on one incident."""

    notice: Notice
    rule: str
    severity: AlertSeverity
    sentence: str
    command: str
    """What to run next, on the right profile."""
    at: datetime
    opened_at: datetime
    incident: int | None = None
    telling: int = 0
    """Which firing notice of the incident this is, from 1."""
    profile: str | None = None
    value: float | None = None
    threshold: float | None = None
    unit: str = ""
    follows: tuple[str, ...] = ()
    """Sentences on what is bad as well and is explained by this."""
    recent: tuple[float, ...] = ()
    route: str = ""
    """Only of a test."""

    def to_dict(self) -> dict[str, Any]:
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Facts:
        """What a newer version has stored beside them is left out: after the way back its messages still go out."""
        known = {each.name: stored[each.name] for each in fields(cls) if each.name in stored}
        known |= {"notice": Notice(stored["notice"]), "severity": AlertSeverity(stored["severity"])}
        known |= {name: datetime.fromisoformat(stored[name]) for name in ("at", "opened_at")}
        known |= {name: tuple(stored[name]) for name in ("follows", "recent")}
        return cls(**known)

    @property
    def lasted_s(self) -> float:
        return max(0.0, (self.at - self.opened_at).total_seconds())

    @property
    def kind(self) -> str:
        """As messengers colour it: a severity, or that it is over, or that it is a test."""
        return self.notice.value if self.notice in (Notice.RESOLVED, Notice.TEST) else self.severity.value

    @property
    def word(self) -> str:
        return {Notice.REPEAT: "STILL FIRING"}.get(self.notice, self.notice.value.upper())


def lines(facts: Facts) -> list[tuple[str, str]]:
    """Name and text of each line below the sentence; those that say nothing are left out."""
    if facts.notice is Notice.TEST:
        return [("sent", _moment(facts.at)), ("profile", facts.profile or "none")]
    over = facts.notice is Notice.RESOLVED
    number = "" if facts.value is None or not facts.unit else amount(facts.value, facts.unit)
    limit = "" if facts.threshold is None or not number else f", limit {_bare(facts)}"
    found = [
        ("rule", f"{facts.rule}, {facts.severity}"),
        ("now", number + limit),
        ("since", f"{_moment(facts.opened_at)}, {span.said(facts.lasted_s)}" if not over else ""),
        ("trend", spark(facts.recent, _TREND) if len(facts.recent) > 1 else ""),
        *(("also", each) for each in facts.follows),
        ("next", "" if over else facts.command),
        ("incident", _incident(facts)),
    ]
    return [(name, text) for name, text in found if text]


def on_profile(command: str, profile: str | None) -> str:
    """The command as it acts on that cluster wherever it is typed."""
    return command.replace("lomi ", f"lomi --env {profile} ", 1) if profile else command


def next_command(rule: Rule, profile: str | None) -> str:
    return on_profile(rule.command, profile)


def _incident(facts: Facts) -> str:
    if facts.incident is None or facts.notice is Notice.RESOLVED:
        return "" if facts.incident is None else str(facts.incident)
    ack = on_profile(f"lomi alerts ack {facts.incident} --until-resolved", facts.profile)
    return f"{facts.incident}; no more of it: {ack}"


def _bare(facts: Facts) -> str:
    """The limit, beside a number that says what is counted."""
    return amount(facts.threshold or 0.0, facts.unit if facts.unit in ("%", "s") else "")


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, datetime) else value
