"""Forward-only migrations of the schema `lomi`, and the six columns and two indexes of `media` as steps of their own.

Every file of `sql/migrations` runs in its own transaction and is recorded with its checksum. `media` and `users`
belong to the backend: no migration touches them; `apply_all` does, and only a person's command calls it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime

import psycopg

from lomi_ops.db import audit
from lomi_ops.db.failures import DatabaseMisfit
from lomi_ops.db.level import Applied
from lomi_ops.db.migration import plan as planning
from lomi_ops.db.migration import run as running
from lomi_ops.db.migration.files import MEDIA_COLUMNS, MEDIA_INDEXES, Migration, level, migrations
from lomi_ops.db.migration.plan import Lack
from lomi_ops.db.migration.run import Conduct, Moment, Ran
from lomi_ops.db.migration.step import Step
from lomi_ops.db.migration.survey import Survey, look
from lomi_ops.db.migration.unasked import APPLY, Absent, absent
from lomi_ops.db.migration.verdict import (
    Differences,
    MediaState,
    MigrationState,
    differences_of,
    may_read_record,
    state_of,
)
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry
from lomi_ops.errors import ExitCode, LockHeld, Refused

__all__ = [
    "MEDIA_COLUMNS", "MEDIA_INDEXES", "Applied", "Conduct", "Differences", "MediaState", "Migration",
    "MigrationState", "Moment", "Ran", "Step", "apply", "apply_all", "differences", "dry_run", "exclusive", "level",
    "migrations", "state",
]  # fmt: skip

_WAIT_S = 60.0
"""How long a run waits for another one."""
_USUAL = Conduct()
_QUICKLY = Conduct(patience_s=10.0)
"""A worker that starts says soon that it does not get a lock, and asks again."""
_CLIENT_GONE = "5s"


class MayNotLook(DatabaseMisfit):
    """This role may not see what is applied."""

    exit_code = ExitCode.UNKNOWN


@dataclass(frozen=True, slots=True)
class Shown:
    """A step that a run would do."""

    name: str
    why: str
    sql: str


@dataclass(frozen=True, slots=True)
class DryRun:
    steps: tuple[Shown, ...]
    lacking: tuple[Lack, ...]
    """What this role would have to be given first."""
    left_out: tuple[Absent, ...] = ()
    """What a run would go on without."""


def state(db: Database) -> MigrationState:
    """What is applied, pending, altered and newer; cheap. Reads only; works without the schema.

    Raises MayNotLook where this role may not read the record.
    """
    with db.session() as session:
        survey = look(session, whole=False, rows=False)
    ground = survey.ground
    if ground.record and not ground.reads_record:
        raise MayNotLook(
            f"the role {ground.role} may not read lomi.schema_migrations",
            hint=may_read_record(ground.role),
        )
    return state_of(survey)


def differences(db: Database, *, rows: bool = True) -> Differences:
    """Everything that is not as this program's migrations make it, and what this role could not see. Reads only.

    `rows` counts the rows that are not migrated, which reads all of `media`: seconds for ten million.
    """
    with db.session() as session:
        return differences_of(look(session, rows=rows))


def apply(db: Database, conduct: Conduct = _QUICKLY) -> tuple[Migration, ...]:
    """Applies what is pending in the schema `lomi` and returns it; nothing to do needs no right but to look.

    Each file is one transaction, so an error leaves the earlier ones applied. A role named `lomi` gets its search path
    pinned to what it is today (`contract/search_path.sql` says why). A newer schema is left alone where this program
    may write to it. Raises SchemaTooNew where it must not, Refused for applied files that were altered, for a database
    that takes no changes and for rights that are missing, LockHeld when another run takes longer than a minute.
    """
    with db.session() as session:
        steps = _steps(session, media=False)
        session.admit()
        if not steps:
            return ()
    with exclusive(db, conduct.tell) as session:
        pending = state_of(_survey(session)).pending
        _run(session, _steps(session, media=False), conduct)
    return pending


def apply_all(
    db: Database, conduct: Conduct = _USUAL, *, actor: str, now: Callable[[], datetime]
) -> tuple[Ran, Differences]:
    """`apply`, what `media` lacks of the moderation migration, and the indexes that nothing needs where they can be
    built; then what still differs.

    The columns are a change of the catalogue, rows change in small transactions, indexes are built concurrently: the
    app never waits long. Safe to repeat after any interruption: rows go on where they were, an index that was left
    invalid is built anew. What it changed is in the audit. Raises what `apply` raises, and NotFound where there is no
    `media`.
    """
    with exclusive(db, conduct.tell) as session:
        steps = planned(session)
        session.admit()
        ran = _run(session, steps, conduct)
        if ran.steps:
            after = {"steps": list(ran.steps), "rows": ran.rows}
            audit.record_on(session, AuditEntry(actor, Action.MIGRATE, "database", now(), after=after))
        return ran, differences_of(look(session))


def dry_run(db: Database) -> DryRun:
    """The SQL that `apply_all` would send. Reads the catalogue and nothing else. Raises what `apply_all` raises."""
    with db.session() as session:
        survey = look(session)
        steps = planning.plan(survey)
        session.admit()
        return replace(shown(session, steps, survey), left_out=tuple(each for each in absent(survey) if each.why))


def shown(session: Session, steps: tuple[Step, ...], survey: Survey) -> DryRun:
    """Steps as they would be sent."""
    texts = tuple(Shown(step.name, step.why, step.shown(session)) for step in steps)
    return DryRun(texts, planning.lacking(steps, survey))


@contextmanager
def exclusive(db: Database, tell: Callable[[Moment], None] = lambda moment: None) -> Iterator[Session]:
    """A session that holds the migration lock. Raises LockHeld after a minute."""
    with db.session() as session:
        session.require_own(APPLY)
        deadline = time.monotonic() + _WAIT_S
        # Polling, not waiting in the server: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY of
        # the run that has the lock waits for every older snapshot. The two would wait for each other.
        while not session.value("migration_try_lock"):
            holder = session.one(_Holder, "migration_lock_holder")
            words = holder.words if holder else ""
            if time.monotonic() >= deadline:
                raise LockHeld(f"another run is migrating this database{words}", hint=f"wait for it, then: {APPLY}")
            tell(Moment("lock", 0, 0, waits=f"another run{words}"))
            time.sleep(0.05)
        try:
            session.value("session_watches_its_client", every=_CLIENT_GONE)
            yield session
        finally:
            # A connection that is lost has given the lock back already, and the error of the body is the one to show.
            with suppress(psycopg.OperationalError):
                session.value("migration_unlock")


@dataclass(frozen=True, slots=True)
class _Holder:
    pid: int
    application: str
    since: datetime | None

    @property
    def words(self) -> str:
        since = f", connected since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""
        return f" (pid {self.pid}{since})"


def apply_all_on(session: Session, conduct: Conduct = _USUAL) -> Ran:
    """`apply_all` on a session that holds the lock; leaves no audit entry."""
    return _run(session, planning.plan(look(session)), conduct)


def planned(session: Session) -> tuple[Step, ...]:
    """The steps of `apply_all` that are left to do now."""
    return planning.plan(look(session))


def _survey(session: Session) -> Survey:
    return look(session, whole=False, rows=False)


def _steps(session: Session, *, media: bool) -> tuple[Step, ...]:
    return planning.plan(_survey(session), media=media)


def _run(session: Session, steps: tuple[Step, ...], conduct: Conduct) -> Ran:
    survey = _survey(session)
    require_rights(steps, survey, f"{APPLY} --dry-run")
    return running.run(session, planning.within_rights(steps, survey), conduct)


def require_rights(steps: tuple[Step, ...], survey: Survey, shows: str) -> None:
    """Raises Refused for rights that are missing; `shows` is the command that prints the SQL instead."""
    lacking = planning.lacking(steps, survey)
    if lacking:
        text = f"this role may not {', nor '.join(lack.what for lack in lacking)}: nothing was changed"
        grants = " ".join(dict.fromkeys(lack.grant for lack in lacking))
        raise Refused(text, hint=f"{grants} Or hand over what {shows} prints.")
