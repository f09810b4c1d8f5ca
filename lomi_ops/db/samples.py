"""Samples: drawn, judged, and read for the report. All of it needs the schema `lomi`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.db.documents import readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.quality import Overrides
from lomi_ops.domain.sampling import Kind, Sample
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.domain.window import Window


@dataclass(frozen=True, slots=True)
class Population:
    """What a draw is made of."""

    population: int
    """Decisions of workers in the window that still hold."""
    fresh: int
    """Of these, what the draw takes."""
    known: int
    """Of these, samples of earlier draws."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """A sample that was just judged."""

    id: int
    kind: Kind
    status: str
    reason: str | None


def has_samples(db: Session | Database) -> bool:
    """False on a schema of before."""
    return bool(db.value("has_table", name="lomi.samples"))


def population(db: Session | Database, kind: Kind, window: Window, probability: float) -> Population:
    found = db.one(Population, "samples_population", **_asked(kind, window, probability))
    assert found is not None
    return found


def draw_on(session: Session, kind: Kind, window: Window, probability: float, *, at: datetime) -> int:
    """Draws, and corrects the probability of what earlier draws of the same window took; how many were drawn."""
    asked = _asked(kind, window, probability)
    session.run("samples_raise", **asked)
    return len(session.all(_id, "samples_draw", **asked, at=at))


def golden_on(session: Session, media_id: UUID, status: MediaStatus, reason: Reason | None, *, at: datetime) -> bool:
    """False where the photo waits as a sample already."""
    return session.value("samples_golden", media_id=media_id, at=at, status=status, reason=reason) is not None


def waiting(db: Database, *, at: datetime, limit: int) -> tuple[UUID, ...]:
    """Photos that are samples and can be looked at now."""
    return tuple(db.all(_id, "samples_waiting", at=at, limit=limit))


def still_waiting(db: Database, media_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Which of these are samples that nobody has judged."""
    return frozenset(db.all(_id, "samples_still_waiting", ids=list(media_ids)))


def any_drawn(db: Database) -> bool:
    return bool(db.value("samples_any"))


def held(db: Database, *, actor: str, at: datetime) -> tuple[UUID, ...]:
    """Samples that wait to be judged and lie before this person as photos that wait."""
    return tuple(db.all(_id, "samples_held", actor=readable(actor), at=at))


def judge_on(
    session: Session, media_id: UUID, status: MediaStatus, reason: str | None, *, actor: str, at: datetime
) -> Verdict | None:
    """None where the photo is no sample that waits."""
    return session.one(
        _verdict, "samples_judge", media_id=media_id, at=at, actor=readable(actor), status=status, reason=reason
    )


def unjudge_on(session: Session, media_ids: Sequence[UUID], *, actor: str, at: datetime) -> tuple[UUID, ...]:
    """Takes back what this person judged at that moment."""
    return tuple(session.all(_id, "samples_unjudge", ids=list(media_ids), actor=readable(actor), at=at))


def drawn(db: Session | Database, window: Window) -> tuple[Sample, ...]:
    return tuple(db.all(_sample, "samples_drawn", start=window.start, end=window.end))


def disputed(db: Database, *, limit: int) -> tuple[Sample, ...]:
    """Decisions that a judge would have made otherwise, and that still hold."""
    return tuple(db.all(_sample, "samples_disputed", limit=limit))


def chosen(db: Session | Database, window: Window) -> tuple[Overrides, ...]:
    """What people decided anew by their own choice."""
    return tuple(db.all(Overrides, "samples_chosen", start=window.start, end=window.end))


def _asked(kind: Kind, window: Window, probability: float) -> dict[str, Any]:
    return {"kind": kind.value, "start": window.start, "end": window.end, "probability": probability}


def _id(media_id: UUID) -> UUID:
    return media_id


def _verdict(*, kind: str, **columns: Any) -> Verdict:
    return Verdict(kind=Kind(kind), **columns)


def _sample(*, kind: str, **columns: Any) -> Sample:
    return Sample(kind=Kind(kind), **columns)
