"""Profiles: sets of settings in the configuration file, of which one is chosen by name. Pure.

A flag chooses outright: then the profile wins over the environment, or a variable left over from the last job would
decide on which cluster `--env staging` acts. A variable or the file chooses softly: then the environment wins, as it
does over the rest of the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from lomi_ops.config import env
from lomi_ops.config.keys import Key, closest
from lomi_ops.config.layers import Entry, Layer, Rank, merged
from lomi_ops.config.problems import Problem
from lomi_ops.config.services import SERVICES

PROFILE: Key = ("profile",)
PROFILES: Key = ("profiles",)
ENV_FILE: Key = ("env_file",)
STACK: Key = ("stack", "data")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
"""Printed before every change, and typed: nothing that a terminal or a shell takes for its own."""
NAMES = "must be a name of small letters, digits, - and _"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which profile, and who says so."""

    entry: Entry

    @property
    def name(self) -> str:
        return str(self.entry.value)

    @property
    def outright(self) -> bool:
        return self.entry.rank is Rank.FLAG


class Named(Enum):
    """Who names the env file."""

    FLAG = auto()
    VARIABLE = auto()
    PROFILE = auto()
    FILE = auto()


@dataclass(frozen=True, slots=True)
class Sources:
    """What each source says. The names of the existing system and our own are layers of their own."""

    file: Layer
    profile: Layer
    filed: env.Variables
    """The env file's."""
    lived: env.Variables
    """The environment's."""
    named: Named
    outright: bool

    def ordered(self) -> list[Layer]:
        """All but the flags, weakest first.

        What a profile says wins over the existing system's names in an env file that it names, since those are the
        names of a network that we may not be in, and loses to an env file that somebody names from outside.
        """
        filed, lived, profile = self.filed, self.lived, self.profile
        outside = self.named in (Named.FLAG, Named.VARIABLE)
        if not self.outright:
            first = [profile, filed.contract] if outside else [filed.contract, profile]
            return [self.file, *first, lived.contract, filed.own, lived.own]
        if self.named is Named.FLAG:
            return [self.file, lived.contract, lived.own, profile, filed.contract, filed.own]
        if self.named is Named.PROFILE:
            return [self.file, lived.contract, lived.own, filed.contract, profile, filed.own]
        return [self.file, filed.contract, lived.contract, filed.own, lived.own, profile]

    @property
    def own(self) -> list[Layer]:
        """What the profile itself says where services are."""
        return [self.profile, *([self.filed.contract, self.filed.own] if self.named is Named.PROFILE else [])]


def choice(flag: str | None, environ: Mapping[str, str], file: Layer) -> Choice | None:
    """A flag before LOMI_ENV, and that before the file. None where nobody chooses."""
    if flag is not None:
        return Choice(Entry(flag, "command line", Rank.FLAG))
    if named := environ.get(env.PROFILE, "").strip():
        return Choice(Entry(named, f"environment {env.PROFILE}", Rank.ENVIRONMENT))
    return Choice(file[PROFILE]) if PROFILE in file else None


def label(chosen: Choice | None, profile: Layer, data: Path | None) -> Layer:
    """The chosen name, as the setting that it is. A stack that --data names is not what a profile stands for."""
    stands = profile.get(STACK)
    true = data is None or (stands is not None and stands.value == data)
    return {PROFILE: chosen.entry} if chosen and true else {}


def env_file(
    outside: tuple[Entry | None, Entry | None], outright: bool, profile: Layer, file: Layer
) -> tuple[Layer, Named]:
    """Which env file to read, and who names it. `outside` are a flag and a variable."""
    flag, variable = outside
    if flag is not None:
        return {ENV_FILE: flag}, Named.FLAG
    if variable is not None and not (outright and ENV_FILE in profile):
        return {ENV_FILE: variable}, Named.VARIABLE
    if ENV_FILE in profile:
        return {ENV_FILE: profile[ENV_FILE]}, Named.PROFILE
    return ({ENV_FILE: file[ENV_FILE]} if ENV_FILE in file else {}), Named.FILE


def unread(outside: tuple[Entry | None, Entry | None], naming: Layer) -> str:
    """The variable whose env file is not read, since another one is."""
    variable = outside[1]
    return variable.origin if variable is not None and naming[ENV_FILE].value != variable.value else ""


def unknown(chosen: Choice, known: Collection[str], place: str) -> Problem:
    """`place` is the configuration file, empty where there is none."""
    if known:
        there = f"there are {', '.join(known)} in {place}"
    else:
        there = f"{place} has no profiles" if place else "there is no configuration file"
    meant = closest(chosen.name, list(known))
    # An odd name is not repeated: it may be anything that was in that variable.
    name = chosen.name if NAME.fullmatch(chosen.name) else "of that name"
    return Problem(chosen.entry.origin, f"there is no profile {name}; {there}", nearest=meant)


def stands_on_a_stack(profile: Layer) -> bool:
    """Whether it names a local stack, and neither a service nor an env file."""
    elsewhere = {key for service in SERVICES for key in service.keys} | {ENV_FILE}
    return STACK in profile and not elsewhere.intersection(profile)


def doubts(chosen: Choice, sources: Sources, entries: Layer) -> Iterator[str]:
    """Warnings where variables and the profile do not agree where a service is: the profile's name stands before every
    change, and must be true."""
    live, own = merged([sources.lived.contract, sources.lived.own]), merged(sources.own)
    for service in SERVICES:
        given = [key for key in service.keys if key in live]
        won = [live[key].origin for key in given if entries.get(key) is live[key]]
        lost = [live[key].origin for key in given if key not in entries or entries[key].value != live[key].value]
        says = [own[key].origin for key in service.keys if key in own]
        if lost and chosen.outright:
            yield f"{lost[0]} is ignored: --env {chosen.name} was given"
        elif won and chosen.outright:
            yield f"{won[0]} says where {service.name} is; profile {chosen.name} does not"
        elif won and says:
            yield f"{won[0]} wins over profile {chosen.name} ({says[0]})"
