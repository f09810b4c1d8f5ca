"""Indexes that `lomi migrate apply` builds although nothing needs them: which are not there, and what is in the way.

None of them is worth a refusal: whoever ran `apply` without the rights for them is as well off as before. Pure; the
facts come from `survey`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lomi_ops.db.fingerprints import WIDE
from lomi_ops.db.migration.proposed import FOLDER, UNASKED, Built, Proposed
from lomi_ops.db.migration.step import Step, index_step
from lomi_ops.db.migration.survey import Looks, Survey
from lomi_ops.domain.drift import MEDIA

ENOUGH = 200_000
"""Hashes; of so many the search without wide bands compares 800."""
HASHES = "lomi.photo_hashes"
LOOKS = "looks"
"""The folder of what builds its indexes."""
SEARCH = "the search for the same picture"
APPLY = "lomi migrate apply"
VERIFY = "lomi migrate verify"
_MANY = 4


@dataclass(frozen=True, slots=True)
class Absent:
    """Some of them that are not there for the same reason."""

    names: tuple[str, ...]
    built: Built
    why: str
    """What keeps `apply` from building them here; empty where nothing does."""
    command: str
    """What to do next."""
    quick: str = "lomi review"
    """What they make quick."""

    @property
    def line(self) -> str:
        verb = "makes" if len(self.names) == 1 else "make"
        why = f"; {self.why}" if self.why else ""
        return f"{self.built.value}: {self._named}, which {verb} {self.quick} quick{why}: {self.command}"

    @property
    def _named(self) -> str:
        return ", ".join(self.names) if len(self.names) < _MANY else f"{self.names[0]} … {self.names[-1]}"


def absent(survey: Survey) -> tuple[Absent, ...]:
    """What is not there and would be of use; nothing of `media` where there is none."""
    return (*_of_media(survey), *_of_looks(survey))


def _of_media(survey: Survey) -> tuple[Absent, ...]:
    groups: dict[tuple[Built, str, str], list[str]] = {}
    for each in UNASKED if survey.ground.media else ():
        built = _built(each, survey)
        if built is not Built.THERE:
            why, command = _in_the_way(each, survey) or _no_right(survey) or ("", APPLY)
            groups.setdefault((built, why, command), []).append(each.name)
    return tuple(Absent(tuple(names), *said) for said, names in groups.items())


def steps(survey: Survey) -> Iterator[Step]:
    """What builds those that nothing but a right may be in the way of: whoever has it can run what is shown."""
    for each in UNASKED:
        built = _built(each, survey)
        if built is not Built.THERE and _in_the_way(each, survey) is None:
            yield index_step(each.name, FOLDER, invalid=built is Built.INVALID, serves=each.serves, optional=True)
    for name, built in wide(survey):
        if built is not Built.THERE and _no_changes(survey) is None:
            yield index_step(name, LOOKS, invalid=built is Built.INVALID, serves=SEARCH, optional=True, table=HASHES)


def _of_looks(survey: Survey) -> tuple[Absent, ...]:
    """By themselves: without one of them the search goes by none."""
    groups: dict[Built, list[str]] = {}
    for name, built in wide(survey):
        if built is not Built.THERE:
            groups.setdefault(built, []).append(name)
    why, command = _no_changes(survey) or _no_right_of_ours(survey) or ("", APPLY)
    return tuple(Absent(tuple(names), built, why, command, SEARCH) for built, names in groups.items())


def wide(survey: Survey) -> tuple[tuple[str, Built], ...]:
    """How the indexes of wide bands stand where there are enough hashes for them; elsewhere what every database has
    serves as well, and costs less."""
    looks = survey.looks
    if looks is None or looks.rows < ENOUGH:
        return ()
    return tuple((name, _standing(name, looks)) for name in WIDE)


def _standing(name: str, looks: Looks) -> Built:
    if name in looks.valid:
        return Built.THERE
    return Built.INVALID if name in looks.invalid else Built.MISSING


def _built(each: Proposed, survey: Survey) -> Built:
    """By the name alone, as `lomi migrate indexes` knows them."""
    there = next((thing for thing in survey.unasked if thing.name == each.name and thing.parent == MEDIA), None)
    if there is None:
        return Built.MISSING
    return Built.THERE if there.valid else Built.INVALID


def _in_the_way(each: Proposed, survey: Survey) -> tuple[str, str] | None:
    """Why nobody can build it here as things are, and what to do."""
    if refused := _no_changes(survey):
        return refused
    if any(thing.name == each.name and thing.parent != MEDIA for thing in survey.unasked):
        return "something else in this schema has that name", f"rename it: \\d {each.name} in psql"
    if wrong := sorted(survey.wrong_columns & each.columns):
        return f"another type has media.{' and media.'.join(wrong)}", VERIFY
    return None


def _no_changes(survey: Survey) -> tuple[str, str] | None:
    ground = survey.ground
    if ground.standby:
        return f"the database {ground.database} is a standby", f"{APPLY}, at the primary"
    if ground.read_only:
        return f"the database {ground.database} takes no changes", f"{APPLY}, where it does"
    return None


def _no_right_of_ours(survey: Survey) -> tuple[str, str] | None:
    ground = survey.ground
    if ground.owns_record:
        return None
    return f"the role {ground.role} does not own the schema lomi", f"{APPLY}, as {ground.schema_owner}"


def _no_right(survey: Survey) -> tuple[str, str] | None:
    """Why this role cannot, and what the owner runs: as that role `apply` itself may not, which needs the schema."""
    ground = survey.ground
    if ground.owns_media:
        return None
    return f"the role {ground.role} does not own media", f"{APPLY} --dry-run prints what {ground.media_owner} runs"
