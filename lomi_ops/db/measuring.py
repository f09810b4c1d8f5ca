"""Numbers that are asked for again and again. Windows are seconds until now, by the server's clock."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.db.pool import Database


@dataclass(frozen=True, slots=True)
class Undecided:
    """Photos without a decision, by whom they wait for."""

    worker: int
    person: int
    never_queued: int
    """Rows of the old endpoint, which no worker hears of."""
    person_s: float | None
    """Age of the oldest one that waits for a person; None where none does."""


@dataclass(frozen=True, slots=True)
class Decided:
    """So many decisions were of this kind."""

    actor: str
    """worker or person: no names."""
    status: str
    reason: str
    """Empty where there is none."""
    photos: int
    first: int
    """Those on photos that nobody had decided before."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Photos that were decided for the first time."""

    decided: int
    rejected: int


@dataclass(frozen=True, slots=True)
class _RejectedBefore:
    decided: int
    rejected: int
    decided_long: int
    rejected_long: int


@dataclass(frozen=True, slots=True)
class Ended:
    """Jobs that ended."""

    settled: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Work:
    """What workers did."""

    photos: int
    busy_s: float
    """From claim to settling, summed over jobs."""


@dataclass(frozen=True, slots=True)
class Server:
    """Connections of clients, and where blocks were found since the server's counters began."""

    lomi: int
    others: int
    allowed: int
    hits: int
    misses: int


def undecided(db: Database) -> Undecided:
    return db.all(Undecided, "measured_undecided")[0]


def decisions(db: Database, seconds: float) -> tuple[Decided, ...]:
    return tuple(db.all(Decided, "measured_decisions", seconds=seconds))


def rejected(db: Database, seconds: float) -> Rejected:
    return db.all(Rejected, "measured_rejected", seconds=seconds)[0]


def rejected_before(db: Database, short: float, long: float) -> tuple[Rejected, Rejected]:
    """On a cluster without a log of decisions, for a short and a long window; reads `media` through."""
    found = db.all(_RejectedBefore, "measured_rejected_before", short=short, long=long)[0]
    return Rejected(found.decided, found.rejected), Rejected(found.decided_long, found.rejected_long)


def ended(db: Database, seconds: float) -> Ended:
    return db.all(Ended, "measured_ended", seconds=seconds)[0]


def work(db: Database, seconds: float) -> Work:
    return db.all(Work, "measured_work", seconds=seconds)[0]


def server(db: Database) -> Server:
    return db.all(Server, "measured_server")[0]
