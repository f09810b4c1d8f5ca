"""How alert rules stand, incidents and silences, and who looks. All of it needs the schema `lomi`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.alert_incident import Incident, Silence
from lomi_ops.domain.alert_rule import Judged
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.alert_state import Phase, Track


@dataclass(frozen=True, slots=True)
class Run:
    """Who looks, and how the last look went."""

    holder: str
    expires_at: datetime | None
    """None where nobody does."""
    looked_at: datetime | None
    silent: Mapping[str, str]


def has_alerts(db: Database) -> bool:
    """False before the first `lomi migrate apply`, and on a schema of before."""
    return bool(db.value("has_table", name="lomi.alert_run"))


def take(db: Database, token: UUID, holder: str, *, at: datetime, lease_s: float) -> bool:
    """Takes the run, or holds on to it; False where somebody else has it."""
    expires_at = at + timedelta(seconds=lease_s)
    return db.value("alerts_take", token=token, holder=holder, at=at, expires_at=expires_at) is not None


def leave(db: Database, token: UUID) -> None:
    """Gives the run back."""
    db.run("alerts_leave", token=token)


def run(db: Database) -> Run:
    found = db.one(Run, "alerts_run")
    return found or Run("", None, None, {})


def looked_on(session: Session, token: UUID, silent: Mapping[str, str], *, at: datetime) -> bool:
    """Notes a look, and keeps everybody else from writing until the transaction ends. False where the token is lost."""
    return session.value("alerts_looked", token=token, at=at, silent=jsonb(dict(silent))) is not None


def tracks(db: Session | Database) -> dict[str, Track]:
    """By rule, also of rules that are no more."""
    return dict(db.all(_track, "alerts_tracks"))


def remember_on(session: Session, standing: Mapping[str, Track]) -> None:
    rows = [{"rule": rule, **_plain(asdict(track))} for rule, track in standing.items()]
    session.run("alerts_remember", tracks=jsonb(rows))


def open_on(
    session: Session, rule: str, severity: AlertSeverity, sentence: str, value: float | None, *, at: datetime
) -> int:
    """A new incident; its id."""
    values = {"severity": severity.value, "at": at, "value": value, "sentence": readable(sentence)}
    return int(session.value("alerts_open", rule=rule, **values))


def told_on(session: Session, incident_id: int, *, at: datetime) -> None:
    session.run("alerts_told", id=incident_id, at=at)


def resolve_on(session: Session, incident_id: int, *, at: datetime) -> None:
    session.run("alerts_resolve", id=incident_id, at=at)


def ack(db: Database, incident_id: int, *, actor: str, reason: str, at: datetime) -> bool:
    """False where it is over, or does not exist."""
    values = {"id": incident_id, "at": at, "actor": readable(actor), "reason": readable(reason)}
    return db.value("alerts_ack", **values) is not None


def incidents(db: Session | Database, *, since: datetime | None = None, limit: int = 1000) -> list[Incident]:
    """Those that are open, and those that began since; the open ones first, then the latest."""
    return db.all(_incident, "alerts_incidents", since=since, limit=limit)


def incident(db: Database, incident_id: int) -> Incident | None:
    return db.one(_incident, "alerts_incident", id=incident_id)


def silences(db: Session | Database, *, at: datetime) -> list[Silence]:
    """That hold."""
    return db.all(Silence, "alerts_silences", at=at)


def silence(db: Database, rule: str, *, actor: str, reason: str, at: datetime, until: datetime) -> int:
    """The new silence's id."""
    values = {"actor": readable(actor), "reason": readable(reason), "at": at, "until": until}
    return int(db.value("alerts_silence", rule=rule, **values))


def unsilence(db: Database, rule: str, *, actor: str, at: datetime) -> int:
    """How many silences of the rule were lifted."""
    return len(db.all(_id, "alerts_unsilence", rule=rule, actor=readable(actor), at=at))


def _track(*, rule: str, phase: str, judged: str, recent: list[float], **columns: Any) -> tuple[str, Track]:
    known = judged if judged in frozenset(Judged) else Judged.MISSING  # a newer version may judge in words of its own
    return rule, Track(phase=Phase(phase), judged=Judged(known), recent=tuple(recent), **columns)


def _incident(*, severity: str, **columns: Any) -> Incident:
    return Incident(severity=AlertSeverity(severity), **columns)


def _id(id: int) -> int:  # noqa: A002 - the column's name
    return id


def _plain(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in columns.items()}
