"""What a run would do, step by step, with the very statements: shown by a dry run, done by `run`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lomi_ops.db.level import newer_than_us, upgrade
from lomi_ops.db.migration.files import LEVELS_FROM, MEDIA_INDEXES, ROWS_NEED, Migration
from lomi_ops.db.migration.survey import BACKFILL, Ground, Survey, Untold
from lomi_ops.db.migration.verdict import WHERE, MigrationState, state_of, wrong_columns
from lomi_ops.db.pool import Session
from lomi_ops.db.queries import script
from lomi_ops.errors import NotFound, Refused
from lomi_ops.version import __version__

LOCK_TIMEOUT = "200ms"
"""Whoever queues for a table makes everybody queue who comes later, so a step asks for a lock no longer than this, and
again after a pause."""
NO_LIMIT = "0"
FIRST_ROWS = 1_000
"""Rows that the first statement of a backfill looks at."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One named block with its values, or one whole file."""

    block: str = ""
    values: Mapping[str, object] = field(default_factory=dict)
    file: str = ""

    def shown(self, session: Session) -> str:
        """As it would be sent. Runs nothing."""
        text = script(self.file) if self.file else session.shown(self.block, **self.values) + ";"
        return text.strip()

    def run(self, session: Session) -> None:
        if self.file:
            session.script(script(self.file))
        else:
            session.run(self.block, **self.values)


class Way(StrEnum):
    """How the statements of a step are sent."""

    ATOMIC = "atomic"
    """In one transaction."""
    ALONE = "alone"
    """Each by itself: what cannot run in a transaction."""
    ROWS = "rows"
    """The last one again and again, until it says that it is finished; each time a transaction of its own."""


class Right(StrEnum):
    """What a role needs for a step."""

    CREATE_SCHEMA = "create_schema"
    CREATE_TABLES = "create_tables"
    OWN_RECORD = "own_record"
    OWN_MEDIA = "own_media"
    FILL_MEDIA = "fill_media"


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    why: str
    """One sentence."""
    way: Way
    statements: tuple[Statement, ...]
    rights: frozenset[Right]
    index: str = ""
    """The index that this step builds, dropping first what is left of an earlier build."""
    drop: str = ""
    """The file that does so."""

    def shown(self, session: Session) -> str:
        """Its statements as they would be sent."""
        lines = [statement.shown(session) for statement in self.statements]
        if self.way is Way.ATOMIC:
            lines = ["BEGIN;", *lines, "COMMIT;"]
        return "\n".join(lines)


def plan(survey: Survey, *, media: bool = True) -> tuple[Step, ...]:
    """The steps that are left to do, in order; `media` says whether those at the backend's table are wanted.

    The table's rows are filled before its indexes are built: then no index has to follow each change.

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
        yield _atomic(
            "search path",
            "A role that is called lomi must not begin to look into the schema lomi.",
            Statement(file="contract/search_path.sql"),
        )
    if state.pending and not ground.record:
        right = Right.CREATE_TABLES if ground.schema else Right.CREATE_SCHEMA
        yield _atomic(
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
    return _atomic(
        migration.label, "A migration, recorded with it.", Statement(file=migration.path), *owns, after=noted
    )


def _of_media(survey: Survey, state: MigrationState) -> Iterator[Step]:
    if state.media.missing_columns:
        yield _atomic(
            "columns of media",
            "A change of the catalogue alone, however many rows there are.",
            Statement(file="contract/media_columns.sql"),
            Right.OWN_MEDIA,
        )
    wrong, rows = wrong_columns(survey), survey.rows
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


def index_step(name: str, folder: str, *, invalid: bool) -> Step:
    """Builds an index of `media` by a file of its name; `invalid` says that something is left of an earlier build."""
    drop = f"{folder}/drop_{name}.sql"
    left = " What an interrupted run has left of it goes first." if invalid else ""
    return Step(
        name,
        f"Built while the app goes on; it waits for transactions that are open.{left}",
        Way.ALONE,
        (
            Statement("session_limits", {"statement_timeout": NO_LIMIT, "lock_timeout": NO_LIMIT}),
            *((Statement(file=drop),) if invalid else ()),
            Statement(file=f"{folder}/{name}.sql"),
        ),
        frozenset({Right.OWN_MEDIA}),
        index=name,
        drop=drop,
    )


def _atomic(name: str, why: str, first: Statement, *rights: Right, after: tuple[Statement, ...] = ()) -> Step:
    limits = Statement("migration_limits", {"statement_timeout": NO_LIMIT, "lock_timeout": LOCK_TIMEOUT})
    return Step(name, why, Way.ATOMIC, (limits, first, *after), frozenset(rights))


@dataclass(frozen=True, slots=True)
class Lack:
    """A right that this role does not have."""

    what: str
    """It may not …"""
    grant: str
    """The statement that gives it."""


def lacking(steps: tuple[Step, ...], survey: Survey) -> tuple[Lack, ...]:
    """What this role would have to be given for the steps."""
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
    needed = {right for step in steps for right in step.rights}
    if Right.OWN_MEDIA in needed:  # an owner may do the other, too
        needed.discard(Right.FILL_MEDIA)
    return tuple(known[right][1] for right in Right if right in needed and not known[right][0])
