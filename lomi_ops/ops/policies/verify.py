"""Judging all stored findings again by the policy that was stored with them: the same must come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from uuid import UUID

from lomi_ops.db import media, replaying, reporting
from lomi_ops.db.pool import Database, Session
from lomi_ops.db.replaying import Ids, Stored
from lomi_ops.domain.replay import COUNTED_APART, Replay, Tally, compared, explained
from lomi_ops.domain.window import Window
from lomi_ops.errors import ExitCode, LomiError
from lomi_ops.ops import unknowns
from lomi_ops.ops.policies.sharing import shared


class NoLog(LomiError):
    """There is nothing to judge again."""

    exit_code = ExitCode.UNKNOWN


@dataclass(frozen=True, slots=True)
class Odd:
    """A decision that did not come out the same."""

    id: int
    media_id: UUID
    at: datetime
    what: Replay
    stored: str
    again: str
    """Empty where it could not be judged again."""


@dataclass(slots=True)
class Verified:
    tally: Tally = field(default_factory=Tally)
    odd: list[Odd] = field(default_factory=list)
    """At most as many as were asked for; the tally has all."""
    unlogged: int = 0
    """Photos that old workers decided; their findings were never stored."""
    erased: int = 0

    def add(self, part: Verified, limit: int) -> None:
        """What was found in the next part of the log; of what is odd the first ones are named."""
        for what, number in part.tally.counts.items():
            self.tally.counts[what] += number
        self.odd += part.odd[: limit - len(self.odd)]

    @property
    def exit_code(self) -> ExitCode:
        if self.tally.counts[Replay.DIFFERS]:
            return ExitCode.BAD
        return ExitCode.UNKNOWN if self.tally.unsure else ExitCode.OK


def require_log(database: Database) -> None:
    """Raises NoLog on a cluster that only old workers know."""
    if not media.has_lomi_schema(database):
        raise NoLog(unknowns.LOG.what, hint=unknowns.LOG.command)


def verified(
    database: Database, window: Window | None, limit: int, tell: Callable[[int], None] = lambda done: None
) -> Verified:
    """As of one moment. Raises NoLog."""
    require_log(database)
    with reporting.reading(database, others=0) as session:
        found = Verified()
        for part, done in shared(database, session, window, partial(_part, window=window, limit=limit)):
            found.add(part, limit)
            tell(done)
        found.unlogged, found.erased = replaying.unlogged(session, window), replaying.erased(session)
    return found


def _part(session: Session, ids: Ids, *, window: Window | None, limit: int) -> Verified:
    return replayed(replaying.decisions(session, window, ids), limit)


def replayed(stored: Iterable[Stored], limit: int) -> Verified:
    found = Verified()
    for each in stored:
        what, again = _replay(each)
        found.tally.add(what)
        if what not in (Replay.SAME, *COUNTED_APART) and len(found.odd) < limit:
            said = explained(each.verdict) if each.verdict else ""
            found.odd.append(Odd(each.id, each.media_id, each.at, what, said, again))
    return found


def _replay(each: Stored) -> tuple[Replay, str]:
    if each.odd:
        return Replay.UNREADABLE, ""
    if each.by_person:
        return Replay.PERSON, ""
    if each.verdict is None or each.evidence is None:
        return Replay.FAILED, ""
    if each.rule is None:
        none = not each.evidence.reports
        return (Replay.NO_JUDGEMENT if none else Replay.NO_POLICY), ""
    what, again = compared(each.verdict, each.evidence, each.rule)
    return what, explained(again)
