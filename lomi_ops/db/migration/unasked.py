"""Indexes that `lomi migrate apply` builds although nothing needs them: which are not there, and what is in the way.

None of them is worth a refusal: whoever ran `apply` without the rights for them is as well off as before. Pure; the
facts come from `survey`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lomi_ops.db.migration.proposed import FOLDER, UNASKED, Built, Proposed
from lomi_ops.db.migration.step import Step, index_step
from lomi_ops.db.migration.survey import Survey
from lomi_ops.domain.drift import MEDIA

APPLY = "lomi migrate apply"
VERIFY = "lomi migrate verify"


@dataclass(frozen=True, slots=True)
class Absent:
    """Some of them that are not there for the same reason."""

    names: tuple[str, ...]
    built: Built
    why: str
    """What keeps `apply` from building them here; empty where nothing does."""
    command: str
    """What to do next."""

    @property
    def line(self) -> str:
        verb = "makes" if len(self.names) == 1 else "make"
        why = f"; {self.why}" if self.why else ""
        return f"{self.built.value}: {', '.join(self.names)}, which {verb} lomi review quick{why}: {self.command}"


def absent(survey: Survey) -> tuple[Absent, ...]:
    """What is not there; nothing where there is no `media`."""
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


def _built(each: Proposed, survey: Survey) -> Built:
    """By the name alone, as `lomi migrate indexes` knows them."""
    there = next((thing for thing in survey.unasked if thing.name == each.name and thing.parent == MEDIA), None)
    if there is None:
        return Built.MISSING
    return Built.THERE if there.valid else Built.INVALID


def _in_the_way(each: Proposed, survey: Survey) -> tuple[str, str] | None:
    """Why nobody can build it here as things are, and what to do."""
    ground = survey.ground
    if ground.standby:
        return f"the database {ground.database} is a standby", f"{APPLY}, at the primary"
    if ground.read_only:
        return f"the database {ground.database} takes no changes", f"{APPLY}, where it does"
    if any(thing.name == each.name and thing.parent != MEDIA for thing in survey.unasked):
        return "something else in this schema has that name", f"rename it: \\d {each.name} in psql"
    if wrong := sorted(survey.wrong_columns & each.columns):
        return f"another type has media.{' and media.'.join(wrong)}", VERIFY
    return None


def _no_right(survey: Survey) -> tuple[str, str] | None:
    """Why this role cannot, and what the owner runs: as that role `apply` itself may not, which needs the schema."""
    ground = survey.ground
    if ground.owns_media:
        return None
    return f"the role {ground.role} does not own media", f"{APPLY} --dry-run prints what {ground.media_owner} runs"
