"""From facts to words: the state of the migrations, and every difference. Pure; the facts come from `survey`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lomi_ops.db.fingerprints import WIDE
from lomi_ops.db.level import Applied, newer_than_us, upgrade
from lomi_ops.db.migration import files
from lomi_ops.db.migration.files import Migration
from lomi_ops.db.migration.survey import Survey, Untold, is_text
from lomi_ops.db.migration.unasked import APPLY, Absent, absent
from lomi_ops.domain.catalogue import Kind, Thing
from lomi_ops.domain.drift import MEDIA, Difference, Mender, Problem, Unread, compare
from lomi_ops.domain.level import Standing, standing

WHERE = "lomi config show --origin"


@dataclass(frozen=True, slots=True)
class MediaState:
    """What `media` lacks of the moderation migration."""

    exists: bool
    missing_columns: tuple[str, ...]
    missing_indexes: tuple[str, ...]
    invalid_indexes: tuple[str, ...]
    """Left behind by an interrupted run; also counted as missing."""
    absent: tuple[Absent, ...]
    """Indexes that nothing needs and `apply` builds."""

    @property
    def complete(self) -> bool:
        return self.exists and not self.missing_columns and not self.missing_indexes


@dataclass(frozen=True, slots=True)
class MigrationState:
    """What a database has, against what this program knows."""

    applied: tuple[Applied, ...]
    pending: tuple[Migration, ...]
    altered: tuple[str, ...]
    """Applied files whose text is not the one that ran."""
    newer: tuple[str, ...]
    """Applied migrations that this program does not know."""
    media: MediaState

    @property
    def version(self) -> int:
        """0 for a database without the schema."""
        return max((entry.version for entry in self.applied), default=0)

    @property
    def may_write(self) -> bool:
        """Whether this program may write beside what is applied."""
        oldest = [entry.oldest_writer for entry in newer_than_us(self.applied)]
        return standing(files.level(), oldest) is not Standing.TOO_OLD

    @property
    def upgrade(self) -> str:
        """What installs a lomi that knows what is applied."""
        newer = newer_than_us(self.applied)
        return upgrade(newer) if newer or not self.altered else "install the lomi that made this schema"

    @property
    def current(self) -> bool:
        """True where there is nothing to apply and nothing to worry about in the schema `lomi`."""
        return not (self.pending or self.altered or self.newer)


@dataclass(frozen=True, slots=True)
class Differences:
    """Everything that is not as this program's migrations make it."""

    state: MigrationState
    found: tuple[Difference, ...]
    unread: tuple[Unread, ...]
    """What could not be compared."""

    @property
    def complete(self) -> bool:
        return not self.found and not self.unread

    def of(self, mender: Mender) -> tuple[Difference, ...]:
        return tuple(difference for difference in self.found if difference.mender is mender)

    @property
    def command(self) -> str:
        """What to type next; empty where everything is as it should be."""
        if not self.state.media.exists and any(difference.what == MEDIA for difference in self.found):
            return WHERE
        if self.of(Mender.PROGRAM):
            return self.state.upgrade
        if self.of(Mender.APPLY):
            return APPLY
        if self.unread:
            return self.unread[0].command
        return "lomi migrate verify" if self.found else ""


def state_of(survey: Survey) -> MigrationState:
    known = {entry.version: entry for entry in files.migrations()}
    seen = {entry.version for entry in survey.applied}
    return MigrationState(
        applied=survey.applied,
        pending=tuple(entry for entry in files.migrations() if entry.version not in seen),
        altered=tuple(
            known[entry.version].path
            for entry in survey.applied
            if entry.version in known and known[entry.version].checksum != entry.checksum
        ),
        newer=tuple(entry.label for entry in survey.applied if entry.version not in known),
        media=_media_state(survey),
    )


def _media_state(survey: Survey) -> MediaState:
    there = {thing.name: thing for thing in survey.media}
    invalid = tuple(name for name in files.MEDIA_INDEXES if name in there and not there[name].valid)
    return MediaState(
        survey.ground.media,
        tuple(name for name in files.MEDIA_COLUMNS if name not in there),
        tuple(name for name in files.MEDIA_INDEXES if name not in there or name in invalid),
        invalid,
        absent(survey),
    )


def differences_of(survey: Survey) -> Differences:
    state = state_of(survey)
    unread = tuple(_unread(survey))
    found = [*_of_media(survey), *_of_rows(survey)]
    if not survey.ground.record or survey.ground.reads_record:
        found += [*_of_migrations(state), *_of_schema(survey, state)]
    return Differences(state, tuple(found), unread)


def _of_media(survey: Survey) -> Iterator[Difference]:
    if not survey.ground.media:
        seen = survey.ground.path or "no schema that this role may use"
        yield Difference(
            Problem.MISSING, MEDIA, f"no such table in {seen}", "the backend's table", Mender.PERSON,
            "name the backend's database (database.name), or grant this role USAGE on its schema",
        )  # fmt: skip
        return
    wrong = survey.wrong_columns
    for difference in compare(files.media_shape(), _at_their_places(survey.media), mended_by_apply=True):
        if files.MEDIA_INDEXES.get(difference.what.removeprefix(f"{MEDIA}.")) not in wrong:
            yield difference
        elif difference.problem is not Problem.WRONG:
            yield replace(difference, mender=Mender.PERSON)
        # The definition of an index quotes the type of its column: mended with that, it may be right.


def _at_their_places(media: tuple[Thing, ...]) -> Iterator[Thing]:
    """An index of ours that is on another table is compared with ours, not told apart from it by its place."""
    for thing in media:
        if thing.parent == MEDIA:
            yield thing
        else:
            place = f"on {thing.parent}: {thing.definition}" if thing.parent else thing.definition
            yield Thing(thing.kind, MEDIA, thing.name, place)


def _of_rows(survey: Survey) -> Iterator[Difference]:
    rows = survey.rows
    if rows is None or isinstance(rows, Untold):
        return
    told = (
        (rows.unset, "without a moderation_status", "pending, or approved by their flag"),
        (rows.approved_before, "pending that is_approved calls approved, from before moderation", "approved"),
    )
    for number, words, should_be in told:
        if number:
            counted = f"{number:,} {'row' if number == 1 else 'rows'} {words}"
            mender = Mender.PERSON if survey.wrong_columns & files.ROWS_NEED else Mender.APPLY
            yield Difference(Problem.UNMIGRATED, MEDIA, counted, should_be, mender)


def _of_migrations(state: MigrationState) -> Iterator[Difference]:
    for migration in state.pending:
        yield Difference(Problem.PENDING, migration.label, "not applied", "applied", Mender.APPLY)
    for path in state.altered:
        yield Difference(
            Problem.ALTERED, path, "another text than the one that ran", "the text that ran", Mender.PROGRAM
        )
    for entry in newer_than_us(state.applied):
        allowed = entry.oldest_writer <= files.level()
        may = "programs as old as this one may still write" if allowed else "this lomi must not write any more"
        there = f"applied{f' by lomi {entry.program}' if entry.program else ''}; {may}"
        known = f"known to this lomi, whose last is {files.level():04}"
        yield Difference(Problem.NEWER, entry.label, there, known, Mender.PROGRAM)


def _of_schema(survey: Survey, state: MigrationState) -> Iterator[Difference]:
    """What is not as the last applied migration left it. What newer ones have made is theirs to judge."""
    if survey.trap:
        there = f"its search path {survey.trap} leads into the schema lomi first"
        yield Difference(Problem.SEARCH_PATH, "role lomi", there, "past it", Mender.APPLY)
    if survey.ours is not None and not state.newer:
        ours = (thing for thing in survey.ours if thing.kind is not Kind.INDEX or thing.name not in WIDE)
        yield from compare(files.shape(survey.version), ours, schema="lomi")


def _unread(survey: Survey) -> Iterator[Unread]:
    ground = survey.ground
    if ground.record and not ground.reads_record:
        why = f"the role {ground.role} may not read lomi.schema_migrations"
        yield Unread("schema lomi", why, may_read_record(ground.role))
    if isinstance(survey.rows, Untold):
        command = f"GRANT SELECT ON media TO {ground.role};" if survey.rows.denied else "lomi migrate verify"
        yield Unread("rows of media", survey.rows.why, command)
    status = survey.media_columns.get("moderation_status")
    if status is not None and not is_text(status):
        yield Unread("rows of media", f"moderation_status is {status.definition}", "lomi migrate verify")


def may_read_record(role: str) -> str:
    """The statements that let a role see what is applied."""
    return f"GRANT USAGE ON SCHEMA lomi TO {role}; GRANT SELECT ON lomi.schema_migrations TO {role};"
