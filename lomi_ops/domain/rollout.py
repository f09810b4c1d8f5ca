"""Putting a new image on running services: what stands, what is to be done, and the way back. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

PREVIOUS = "lomi-previous"
"""The tag under which the image from before is kept."""
_SHORT = 12


class Source(StrEnum):
    """Where the new image of a service comes from."""

    BUILD = "build"
    PULL = "pull"
    HERE = "here"
    """It is on the engine already, under its name."""
    BACK = "back"
    """It is the one from before."""


class Kind(StrEnum):
    """What a step of a deploy is."""

    CHECK = "check"
    IMAGE = "image"
    RESTART = "restart"
    """A service whose containers are replaced all at once, by Compose."""
    ROLL = "roll"
    """Workers, one after another, each after the job in its hand."""
    UPDATE = "update"
    """A service of a Swarm, which does it by itself."""


@dataclass(frozen=True, slots=True)
class Runs:
    """A container of a service, and on what."""

    id: str
    name: str
    image_id: str
    up: bool = True


@dataclass(frozen=True, slots=True)
class Standing:
    """A service as it is before anything is changed."""

    service: str
    image: str
    """As its file or its containers name it."""
    source: Source
    tagged: str
    """Id of the image that has this name now; empty where there is none."""
    kept: str
    """Id of the image from before, where one is kept; else empty."""
    containers: tuple[Runs, ...] = ()
    workers: bool = False
    swarm: str = ""
    """Its full name, where a Swarm runs it."""

    def stale(self, wanted: str) -> tuple[Runs, ...]:
        """The containers that run something else."""
        return tuple(each for each in self.containers if each.image_id != wanted)

    def from_before(self, wanted: str) -> str:
        """Id of the image to go back to; empty where nothing else runs and none was kept.

        While some containers still run what was kept, it stays that: a second try must not take a broken first one
        for the way back.
        """
        others = [each.image_id for each in self.containers if each.image_id != wanted]
        if not others or self.kept in others:
            return self.kept if self.kept != wanted else ""
        return Counter(others).most_common(1)[0][0]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a deploy does."""

    kind: Kind
    service: str
    """Empty for checks."""
    what: str
    command: str
    """What an operator would type for it."""


def previous_name(image: str) -> str:
    """`team/worker:1.2` is kept as `team/worker:lomi-previous`."""
    return f"{repository(image)}:{PREVIOUS}"


def repository(image: str) -> str:
    name = image.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def pinned(image: str) -> bool:
    """Whether it is named by its digest: then no tag can lead somewhere else."""
    return "@" in image or re.fullmatch(r"(sha256:)?[0-9a-f]{64}", image) is not None


def short(image_id: str) -> str:
    """As `docker images` shows it."""
    return image_id.removeprefix("sha256:")[:_SHORT] or "-"


def steps(found: Sequence[Standing], compose: str, *, stop_s: int, skip_check: bool = False) -> Iterator[Step]:
    """In the order in which they are done. `compose` is the program with the project's files."""
    if not skip_check:
        text = "everything that a deploy rests on; a failed check stops it here"
        yield Step(Kind.CHECK, "", text, "lomi check --scope pre-deploy")
    for each in found:
        yield _image_step(each, compose)
    for each in found:
        yield _change_step(each, compose, stop_s)
    yield Step(Kind.CHECK, "", "the same afterwards, and that every worker is there", "lomi check --scope post-deploy")


def _image_step(each: Standing, compose: str) -> Step:
    kept = f"; the one from before stays as {previous_name(each.image)}"
    match each.source:
        case Source.BUILD:
            return Step(Kind.IMAGE, each.service, f"build {each.image}{kept}", f"{compose} build {each.service}")
        case Source.PULL:
            return Step(Kind.IMAGE, each.service, f"pull {each.image}{kept}", f"docker pull {each.image}")
        case Source.HERE:
            return Step(
                Kind.IMAGE, each.service, f"take {each.image} as it is here{kept}", f"docker images {each.image}"
            )
        case Source.BACK:
            text = f"{each.image} becomes {short(each.kept)} again, and {PREVIOUS} what it is now"
            return Step(Kind.IMAGE, each.service, text, f"docker tag {previous_name(each.image)} {each.image}")


def _change_step(each: Standing, compose: str, stop_s: int) -> Step:
    if each.swarm:
        text = "the Swarm replaces its tasks one after another, as the service says"
        return Step(Kind.UPDATE, each.service, text, f"docker service update --force --image {each.image} {each.swarm}")
    many = len(each.containers)
    if each.workers:
        text = f"one at a time of {many}: takes no more jobs, finishes the one in hand, goes; the new one is ready"
        return Step(Kind.ROLL, each.service, text, f"lomi workers quiet NAME; docker stop -t {stop_s} NAME; …")
    text = f"replace {many} container{'s' if many != 1 else ''} where the image is new, and wait until healthy"
    return Step(Kind.RESTART, each.service, text, f"{compose} up -d --no-deps {each.service}")


def whereabouts(found: Sequence[Standing], wanted: dict[str, str]) -> Iterator[str]:
    """Who runs what, a sentence for each service; `wanted` has the new image's id by service, as far as it is known."""
    for each in found:
        new = wanted.get(each.service, "")
        running = [one for one in each.containers if one.up]
        if not new:
            yield f"{each.service}: nothing changed, {len(running)} running"
            continue
        on_new = sum(one.image_id == new for one in running)
        yield f"{each.service}: {on_new} of {len(running)} on the new image {short(new)}"
