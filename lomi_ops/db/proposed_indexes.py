"""Indexes of `media` beyond the contract's, looked at and built (`migration/proposed.py` says which)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from lomi_ops.db import audit
from lomi_ops.db.migrate import DryRun, exclusive, require_rights, shown
from lomi_ops.db.migration import proposed, run
from lomi_ops.db.migration.plan import require_changes
from lomi_ops.db.migration.proposed import Built, ProposedIndex
from lomi_ops.db.migration.run import Conduct, Ran
from lomi_ops.db.migration.step import Step
from lomi_ops.db.migration.survey import Survey, look
from lomi_ops.db.migration.unasked import APPLY
from lomi_ops.db.migration.verdict import WHERE, state_of
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry
from lomi_ops.errors import NotFound, Refused

COMMAND = "lomi migrate indexes"
_USUAL = Conduct()


def standing(db: Database) -> tuple[ProposedIndex, ...]:
    """How all of them stand. Reads only. Raises NotFound where there is no `media`."""
    with db.session() as session:
        _survey(session)
        return proposed.standing(session)


def dry_run(db: Database, names: Sequence[str]) -> DryRun:
    """The SQL that `build` would send. Reads only. Raises what `standing` raises, Refused for a standby
    and for a `media` without the columns of the moderation migration."""
    with db.session() as session:
        survey = _survey(session)
        return shown(session, _steps(session, survey, names), survey)


def build(
    db: Database, names: Sequence[str], conduct: Conduct = _USUAL, *, actor: str, now: Callable[[], datetime]
) -> tuple[Ran, tuple[ProposedIndex, ...]]:
    """Builds those of these indexes that are not there, while the app goes on; then how all of them stand.

    Safe to repeat after any interruption. What was built is in the audit, where there is a schema `lomi`. Raises what
    `dry_run` raises, Refused for rights that are missing and a name that is taken, SchemaTooNew where this program must
    not write, LockHeld when another run takes longer than a minute or somebody else builds the same index.
    """
    with exclusive(db, conduct.tell) as session:
        survey = _survey(session)
        steps = _steps(session, survey, names)
        session.admit()
        require_rights(steps, survey, f"{COMMAND} --dry-run")
        ran = run.run(session, steps, conduct)
        if ran.steps and survey.ground.record:
            entry = AuditEntry(actor, Action.MIGRATE, "database", now(), after={"steps": list(ran.steps), "rows": 0})
            audit.record_on(session, entry)
        there = proposed.standing(session)
        _require_built(ran.steps, there)
        return ran, there


def _require_built(names: Sequence[str], there: Sequence[ProposedIndex]) -> None:
    """Postgres says nothing where something else has the name already."""
    for each in there:
        if each.proposed.name in names and each.built is not Built.THERE:
            text = f"{each.proposed.name} was not built: something else in this schema has that name"
            raise Refused(text, hint=f"see what it is, and rename it: \\d {each.proposed.name} in psql")


def _steps(session: Session, survey: Survey, names: Sequence[str]) -> tuple[Step, ...]:
    steps = proposed.steps(proposed.standing(session), names)
    if steps:
        require_changes(survey.ground)
        if missing := state_of(survey).media.missing_columns:
            raise Refused(f"media has no {', '.join(missing)}: these come first", hint=APPLY)
    return steps


def _survey(session: Session) -> Survey:
    survey = look(session, whole=False, rows=False)
    if not survey.ground.media:
        raise NotFound(f"there is no table media in {survey.ground.path}, which is where this role looks", hint=WHERE)
    return survey
