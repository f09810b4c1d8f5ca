"""What reports are made of: counts over a window. A window is about uploads, unless a function says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeVar
from uuid import UUID

from lomi_ops.db import crew
from lomi_ops.db.crew import Crew
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.depth import Moves
from lomi_ops.domain.truth import Judged, judged
from lomi_ops.domain.verdict import MediaStatus, Outcome
from lomi_ops.domain.window import Window
from lomi_ops.errors import LockHeld

Source = Database | Session
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")
_OTHERS = 1
_MEMORY = "64MB"
_PATIENCE = "600s"
"""So long a transaction may stand idle while its report is drawn and sent."""


@dataclass(frozen=True, slots=True)
class Bin:
    at: datetime
    status: str
    reason: str | None
    photos: int


@dataclass(frozen=True, slots=True)
class Standing:
    status: str
    reason: str | None
    photos: int


@dataclass(frozen=True, slots=True)
class HoursAndUsers:
    hours: Sequence[tuple[datetime, int]]
    """(start of a part, photos)"""
    users: Sequence[tuple[int, int]]
    """(photos, users)"""


@dataclass(frozen=True, slots=True)
class End:
    """Jobs that ended without the ledger, or what was done about them."""

    what: str
    cause: str
    jobs: int
    example: str
    error: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Photos that could not be judged."""

    cause: str
    photos: int
    example: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Worked:
    host: str
    worker: str
    jobs: int
    photos: int
    failed: int
    busy_s: float | None
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Size:
    name: str
    rows: int | None
    """None where the server has never counted."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Band:
    """Photos whose measured value lies in [band, band + 1): hundredths of a score, or whole numbers."""

    label: str
    band: int
    status: str
    photos: int


@dataclass(frozen=True, slots=True)
class Overturned:
    status_before: str
    status: str
    scores: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Said:
    """What people said of photos that a policy had judged, and of which all speak alike."""

    judged: Judged
    photos: int
    measured: Mapping[str, Sequence[float]]
    """By label, in no order."""


@contextmanager
def reading(db: Database, others: int = _OTHERS) -> Iterator[Session]:
    """A transaction as reports want it: its counts are of one moment. Works behind a pooler, too. Up to so many others
    read beside it."""
    with crew.reading(db, others) as session:
        for each in session.all_of_it if isinstance(session, Crew) else (session,):
            each.value("report_settings", memory=_MEMORY, patience=_PATIENCE)
        yield session


@contextmanager
def beside(db: Database, moment: str) -> Iterator[Session]:
    """The same on a connection of another process, as of the moment whose name one of them has exported."""
    with db.beside(moment) as session:
        session.value("report_settings", memory=_MEMORY, patience=_PATIENCE)
        yield session


def soon(
    db: Source, ask: Callable[Concatenate[Source, Asked], Answer], *args: Asked.args, **kwargs: Asked.kwargs
) -> Callable[[], Answer]:
    """The way to an answer, to be taken once. It is asked at once where somebody is there to ask, else when it is
    wanted."""

    def asked(session: Source) -> Answer:
        return ask(session, *args, **kwargs)

    return db.soon(asked) if isinstance(db, Crew) else partial(asked, db)


@contextmanager
def exclusive(db: Database, name: str) -> Iterator[Session]:
    """The same, in which no other report of that name writes or sends. It ends with its process. Raises LockHeld at
    once."""
    with reading(db) as session:
        if not session.value("report_lock", name=name):
            text = f"another `lomi report {name}` is at work on this database"
            raise LockHeld(text, hint="wait, and repeat; it ends with its process")
        yield session


def soon_in(
    db: Source, ask: Callable[[Source, Window], list[Answer]], parts: Sequence[Window]
) -> Callable[[], list[Answer]]:
    """The same for all of some windows, by two who each ask half."""
    windows = parts if len(parts) > 1 else parts[0].halves

    def asked(session: Source, mine: Sequence[Window]) -> list[Answer]:
        return [row for window in mine for row in ask(session, window)]

    told = [soon(db, asked, windows[first::2]) for first in range(2)]
    return lambda: [row for half in told for row in half()]


def more_than(db: Source, window: Window, limit: int) -> bool:
    """Whether more photos than that were uploaded in the window."""
    return bool(db.value("report_many", **_ends(window), limit=limit))


def bins(db: Source, window: Window, minutes: int) -> list[Bin]:
    return db.all(Bin, "report_bins", **_ends(window), minutes=minutes)


def uploads(db: Source, window: Window) -> int:
    """Photos."""
    return int(db.value("report_uploads", **_ends(window)))


def standing(db: Source, window: Window) -> list[Standing]:
    return db.all(Standing, "report_standing", **_ends(window))


def processing(db: Source, window: Window) -> list[tuple[float, int]]:
    """Milliseconds a photo, as its scores say."""
    return db.all(_counted, "report_processing", **_ends(window))


def delays(db: Source, window: Window, status: str | None = None) -> list[tuple[float, int]]:
    """Seconds from upload to the decision that holds now."""
    return db.all(_counted, "report_delays", **_ends(window), status=status)


def job_times(db: Source, window: Window) -> list[tuple[str, float, int]]:
    """(photos of the batch, milliseconds, jobs), of jobs settled in the window."""
    return db.all(_named, "report_jobs_times", **_ends(window))


def job_waits(db: Source, window: Window) -> list[tuple[float, int]]:
    """Seconds from upload to claim, of jobs settled in the window."""
    return db.all(_counted, "report_jobs_waits", **_ends(window))


def job_parts(db: Source, window: Window) -> list[tuple[str, float, int]]:
    """(`download`, `opening` or `settled`, milliseconds, how many), of jobs settled in the window; only with
    `job_parts_since`."""
    return db.all(_named, "report_jobs_parts", **_ends(window))


def job_parts_since(db: Source) -> datetime | None:
    """None on a schema that has no place for them."""
    since: datetime | None = db.value("report_parts_since")
    return since


def engine_times(db: Source, window: Window) -> list[tuple[str, float, int]]:
    """(engine, milliseconds, photos), of decisions made in the window."""
    return db.all(_named, "report_engine_times", **_ends(window))


def user_rejections(db: Source, window: Window) -> list[tuple[int, int]]:
    """(rejected photos, users)"""
    return db.all(_many, "report_user_rejections", **_ends(window))


def hours_and_users(db: Source, window: Window, minutes: int) -> HoursAndUsers:
    rows = db.all(_hour_or_user, "report_hours_and_users", **_ends(window), minutes=minutes)
    return HoursAndUsers(
        [(at, many) for at, _, many in rows if at is not None],
        [(size, many) for at, size, many in rows if at is None and size is not None],
    )


def batch_sizes(db: Source, part: Window, window: Window) -> list[tuple[int, int]]:
    """(photos, batches), of those that came in a part of the window"""
    return db.all(_many, "report_batch_sizes", **_part(part, window))


def users_at_limit(db: Source, window: Window, limit: int) -> int:
    return int(db.value("report_at_limit", **_ends(window), limit=limit))


def minutes(db: Source, part: Window, window: Window, *, logged: bool) -> Moves:
    """Of batches that came in a part of the window: when they came, and when they went, as far as it shows."""
    (found,) = db.all(Moves, "report_batches_logged" if logged else "report_batches", **_part(part, window))
    return found


def ends(db: Source, window: Window) -> list[End]:
    """By the time at which they ended."""
    return db.all(End, "report_ends", **_ends(window))


def failed(db: Source, window: Window) -> list[Cause]:
    return db.all(Cause, "report_failed", **_ends(window))


def unanswered(db: Source, window: Window) -> list[Cause]:
    """By the time at which they were handed to a person."""
    return db.all(Cause, "report_unanswered", **_ends(window))


def workers(db: Source, window: Window) -> list[Worked]:
    """By the time at which jobs were settled."""
    return db.all(Worked, "report_workers", **_ends(window))


def sizes(db: Source) -> list[Size]:
    return db.all(Size, "report_sizes")


def taken_down(db: Source, window: Window) -> list[tuple[str, float, int]]:
    """(reason, seconds live, photos), by the time of the rejection."""
    return db.all(_named, "report_taken_down", **_ends(window))


def bands(db: Source, window: Window) -> list[Band]:
    return db.all(Band, "report_scores", **_ends(window))


def overturned(db: Source, window: Window) -> list[Overturned]:
    """By the time at which people changed them."""
    return db.all(Overturned, "report_overturned", **_ends(window))


def soon_said(db: Source, window: Window) -> Callable[[], list[Said]]:
    """By the time at which a policy judged them, as far as it speaks for other photos; by two who each ask for half of
    the photos: one more of each kind then, with the values of the other half."""
    told = [soon(db, _said_of, window, least, most) for least, most in _HALVES]
    return lambda: [each for half in told for each in half()]


_HALVES = ((UUID(int=0), UUID(int=(1 << 127) - 1)), (UUID(int=1 << 127), UUID(int=(1 << 128) - 1)))
"""Of all ids. Where they are no random ones, the halves differ in size, and nothing else."""


def _said_of(db: Source, window: Window, least: UUID, most: UUID) -> list[Said]:
    rows = db.all(_said, "report_truths", **_ends(window), least=least, most=most)
    return [each for each in rows if each is not None]


def waited(db: Source, window: Window) -> dict[str, int]:
    """Photos that a policy sent to a person in the window, by what they wait for."""
    return dict(db.all(_pile, "report_waited", **_ends(window)))


def _ends(window: Window) -> dict[str, datetime]:
    return {"start": window.start, "end": window.end}


def _part(part: Window, window: Window) -> dict[str, datetime]:
    return _ends(part) | {"since": window.start, "until": window.end}


def _counted(value: float, photos: int) -> tuple[float, int]:
    return value, photos


def _hour_or_user(at: datetime | None, size: int | None, many: int) -> tuple[datetime | None, int | None, int]:
    return at, size, many


def _said(
    *, outcome: str, pile: str, probability: float | None, judged_status: str | None, ruled: str | None, photos: int,
    **measured: Sequence[float] | None,
) -> Said | None:  # fmt: skip
    sample = None if probability is None else (probability, judged_status == MediaStatus.REJECTED)
    found = judged(Outcome(outcome), pile, sample, None if ruled is None else ruled == MediaStatus.REJECTED)
    return None if found is None else Said(found, photos, {label: each or () for label, each in measured.items()})


def _pile(pile: str, photos: int) -> tuple[str, int]:
    return pile, photos


def _many(size: int, many: int) -> tuple[int, int]:
    return size, many


def _named(name: str, value: float, photos: int) -> tuple[str, float, int]:
    return name, value, photos
