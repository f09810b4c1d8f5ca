"""Decisions as they were stored, read one after another to be judged again. All of it needs the schema `lomi`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from lomi_ops.db import samples
from lomi_ops.db.decisions import WORKER
from lomi_ops.db.documents import evidence_of, verdict_of
from lomi_ops.db.pool import Session
from lomi_ops.domain.finding import Evidence
from lomi_ops.domain.regime import Rule, stored_rule
from lomi_ops.domain.verdict import MediaStatus, Verdict
from lomi_ops.domain.window import Window

_NULL = "null"


@dataclass(frozen=True, slots=True)
class Stored:
    """One decision."""

    id: int
    at: datetime
    media_id: UUID
    user_id: UUID
    by_person: bool
    verdict: Verdict | None = None
    """None where a person decided, or nobody could judge."""
    evidence: Evidence | None = None
    rule: Rule | None = None
    """By which it was made; None where that was not stored."""
    odd: bool = False
    """What is stored cannot be read."""


@dataclass(frozen=True, slots=True)
class Ids:
    """A part of the log, both ends included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Span:
    """Where the decisions of a window lie."""

    first: int
    last: int
    decisions: int

    def parts(self, size: int) -> tuple[Ids, ...]:
        """Of so many decisions each, about: ids have gaps."""
        number = -(-self.decisions // size)
        step = -(-(self.last - self.first + 1) // max(1, number)) or 1
        starts = range(self.first, self.last + 1, step)
        return tuple(Ids(start, min(self.last, start + step - 1)) for start in starts)


def span(session: Session, window: Window | None) -> Span:
    found = session.one(Span, "replay_span", **_ends(window))
    assert found is not None
    return found


def decisions(session: Session, window: Window | None, ids: Ids) -> Iterator[Stored]:
    """In the order in which they were made, never all of them in memory. Inside a transaction only."""
    return session.stream(_stored, "replay_all", **_ends(window), first=ids.first, last=ids.last)


def latest(session: Session, window: Window, ids: Ids) -> Iterator[Stored]:
    """The last decision of a worker on each photo, as far as a policy computed it. Inside a transaction only."""
    return session.stream(_stored, "replay_latest", **_ends(window), first=ids.first, last=ids.last)


def people(session: Session, since: datetime) -> dict[UUID, bool]:
    """Whether the person who decided last about a photo rejected it."""
    return dict(session.all(_ruled, "replay_people", start=since))


def sampled(session: Session, since: datetime) -> dict[UUID, tuple[float, bool]]:
    """The probability with which a photo was drawn, and whether who judged it would reject it."""
    if not samples.has_samples(session):
        return {}
    return dict(session.all(_judged, "replay_samples", start=since))


def unlogged(session: Session, window: Window | None) -> int:
    """Photos that old workers decided, of which no findings are stored."""
    return int(session.value("replay_unlogged", **_ends(window)))


def erased(session: Session) -> int:
    """Decisions that are gone with their users."""
    return int(session.value("replay_erased"))


def _ends(window: Window | None) -> dict[str, datetime | None]:
    return {"start": window.start if window else None, "end": window.end if window else None}


def _ruled(media_id: UUID, status: str) -> tuple[UUID, bool]:
    return media_id, status == MediaStatus.REJECTED


def _judged(media_id: UUID, probability: float, judged_status: str) -> tuple[UUID, tuple[float, bool]]:
    return media_id, (probability, judged_status == MediaStatus.REJECTED)


def _stored(
    *, id: int, at: datetime, media_id: UUID, user_id: UUID, actor: str, outcome: str | None, policy: str | None,  # noqa: A002
    thresholds: str | None, grounds: str | None, photo: str | None, engines: str | None, findings: str | None,
) -> Stored:  # fmt: skip
    by_person = outcome is None and actor != WORKER
    if outcome is None:
        return Stored(id, at, media_id, user_id, by_person)
    # One call of the parser, where a column each would be four.
    text = f"[{grounds or _NULL},{photo or _NULL},{engines or _NULL},{findings or _NULL}]"
    try:
        read_grounds, read_photo, read_engines, read_findings = json.loads(text)
        verdict = verdict_of(outcome, policy or "", read_grounds)
        evidence = evidence_of(read_photo, read_engines, read_findings)
    except (KeyError, TypeError, ValueError):
        return Stored(id, at, media_id, user_id, by_person, odd=True)
    return Stored(id, at, media_id, user_id, by_person, verdict, evidence, _rule(thresholds))


@lru_cache(maxsize=256)
def _rule(thresholds: str | None) -> Rule | None:
    return stored_rule(json.loads(thresholds)) if thresholds else None
