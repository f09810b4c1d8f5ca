"""What a run would do, step by step, with the very statements: shown by a dry run, done by `run`."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass

from lomi_ops.db.level import newer_than_us, upgrade
from lomi_ops.db.migration import unasked
from lomi_ops.db.migration.files import LEVELS_FROM, MEDIA_INDEXES, ROWS_NEED, Migration
from lomi_ops.db.migration.step import (
    FIRST_ROWS,
    LOCK_TIMEOUT,
    NO_LIMIT,
    Right,
    Statement,
    Step,
    Way,
    atomic,
    index_step,
)
from lomi_ops.db.migration.survey import BACKFILL, Ground, Survey, Untold
from lomi_ops.db.migration.verdict import WHERE, MigrationState, state_of
from lomi_ops.errors import NotFound, Refused
from lomi_ops.version import __version__


def plan(survey: Survey, *, media: bool = True) -> tuple[Step, ...]:
    """The steps that are left to do, in order; `media` says whether those at the backend's table are wanted.

    The table's rows are filled before its indexes are built: then no index has to follow each change. The steps that
    nothing needs come last, and are left out where this database stands in their way: that refuses nothing.

    Raises Refused for a standby, a read-only database, a newer or altered schema, SchemaTooNew where this program must
    not write, NotFound where there is no `media` and it is wanted.
    """
    state = state_of(survey)
    _require_sense(survey, state, media=media)
    steps = [*_of_schema(survey, state, trapped=media and bool(survey.trap))]
    if media:
        steps += _of_media(survey, state)
    if steps:
        require_changes(survey.ground)
    if media:
        steps += unasked.steps(survey)
    return tuple(steps)


def require_changes(ground: Ground) -> None:
    """Raises Refused for a standby and a read-only database."""
    if ground.standby:
        text = f"the database {ground.database} is a standby: it takes no changes"
        raise Refused(text, hint=f"name the primary (database.host): {WHERE}")
    if ground.read_only:
        text = f"the database {ground.database} takes no changes: default_transaction_read_only is on"
        raise Refused(text, hint=f"set it off for the role {ground.role}, or name another role: {WHERE}")


def _require_sense(survey: Survey, state: MigrationState, *, media: bool) -> None:
    ground = survey.ground
    if ground.record and not ground.reads_record:
        text = f"the role {ground.role} may not read lomi.schema_migrations: what is applied is not known"
        raise Refused(text, hint=f"lomi migrate apply, as {ground.schema_owner}, which owns the schema")
    newer = newer_than_us(survey.applied)
    if newer and state.pending:
        names = ", ".join(entry.label for entry in newer)
        raise Refused(f"the database has {names}, which this lomi does not know", hint=upgrade(newer))
    if state.altered:
        text = f"{', '.join(state.altered)} ran with another text than this lomi has"
        raise Refused(text, hint="install the lomi that made this schema")
    if media and not ground.media:
        raise NotFound(f"there is no table media in {ground.path}, which is where this role looks", hint=WHERE)


def _of_schema(survey: Survey, state: MigrationState, *, trapped: bool) -> Iterator[Step]:
    ground = survey.ground
    if state.pending or trapped:
        yield atomic(
            "search path",
            "A role that is called lomi must not begin to look into the schema lomi.",
            Statement(file="contract/search_path.sql"),
        )
    if state.pending and not ground.record:
        right = Right.CREATE_TABLES if ground.schema else Right.CREATE_SCHEMA
        yield atomic(
            "schema lomi", "Where migrations are recorded.", Statement(file="contract/schema_migrations.sql"), right
        )
    for migration in state.pending:
        yield _migration(migration, owns={Right.CREATE_TABLES, Right.OWN_RECORD} if ground.record else set())


def _migration(migration: Migration, owns: set[Right]) -> Step:
    record = Statement(
        "migration_record",
        {"version": migration.version, "name": migration.name, "checksum": migration.checksum},
    )
    level = Statement(
        "migration_level",
        {"version": migration.version, "oldest_writer": migration.oldest_writer, "program": __version__},
    )
    noted = (record, level) if migration.version >= LEVELS_FROM else (record,)
    return atomic(migration.label, "A migration, recorded with it.", Statement(file=migration.path), *owns, after=noted)


def _of_media(survey: Survey, state: MigrationState) -> Iterator[Step]:
    if state.media.missing_columns:
        yield atomic(
            "columns of media",
            "A change of the catalogue alone, however many rows there are.",
            Statement(file="contract/media_columns.sql"),
            Right.OWN_MEDIA,
        )
    wrong, rows = survey.wrong_columns, survey.rows
    unfinished = survey.backfill_open or bool(state.media.missing_columns)
    left = rows is not None and not isinstance(rows, Untold) and rows.any
    if (unfinished or left) and not wrong & ROWS_NEED:
        yield Step(
            "rows of media",
            "What their flag means becomes their status. The last statement is sent again and again, with as many rows "
            "as take a tenth of a second, until no row comes back (in psql: \\watch 0.1); it goes on where it was "
            "interrupted.",
            Way.ROWS,
            (
                Statement("session_limits", {"statement_timeout": NO_LIMIT, "lock_timeout": LOCK_TIMEOUT}),
                Statement("backfill_begin", {"name": BACKFILL}),
                Statement("media_backfill", {"rows": FIRST_ROWS}),
            ),
            frozenset({Right.FILL_MEDIA}),
        )
    for name in state.media.missing_indexes:
        if MEDIA_INDEXES[name] not in wrong:
            yield index_step(name, "contract", invalid=name in state.media.invalid_indexes)


@dataclass(frozen=True, slots=True)
class Lack:
    """A right that this role does not have."""

    what: str
    """It may not …"""
    grant: str
    """The statement that gives it."""


def within_rights(steps: tuple[Step, ...], survey: Survey) -> tuple[Step, ...]:
    """Those that are needed, and of the others those that this role may do."""
    return tuple(step for step in steps if not step.optional or not _lacking(step.rights, survey))


def lacking(steps: tuple[Step, ...], survey: Survey) -> tuple[Lack, ...]:
    """What this role would have to be given for the steps that are needed."""
    return _lacking({right for step in steps if not step.optional for right in step.rights}, survey)


def _lacking(needed: Set[Right], survey: Survey) -> tuple[Lack, ...]:
    ground = survey.ground
    role, owner = ground.role, ground.media_owner
    ours = f"GRANT {ground.schema_owner} TO {role};"
    known = {
        Right.CREATE_SCHEMA: (
            ground.creates_schema,
            Lack("create a schema", f"GRANT CREATE ON DATABASE {ground.database} TO {role};"),
        ),
        Right.CREATE_TABLES: (ground.creates_tables, Lack("create tables in the schema lomi", ours)),
        Right.OWN_RECORD: (ground.owns_record, Lack("alter the tables of the schema lomi", ours)),
        Right.OWN_MEDIA: (ground.owns_media, Lack("alter the table media", f"GRANT {owner} TO {role};")),
        Right.FILL_MEDIA: (
            ground.fills_media,
            Lack("change rows of media", f"GRANT SELECT, UPDATE (moderation_status) ON media TO {role};"),
        ),
    }
    # An owner of media may do the other, too.
    wanted = needed - {Right.FILL_MEDIA} if Right.OWN_MEDIA in needed else needed
    return tuple(known[right][1] for right in Right if right in wanted and not known[right][0])
