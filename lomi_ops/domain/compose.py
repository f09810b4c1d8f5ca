"""Which containers are the cluster's: by labels of Compose or Swarm, and where there are none, by their names. Pure."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from lomi_ops.domain.container import Cluster, ComposeFile, Place

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
_ONEOFF = "com.docker.compose.oneoff"
_FOLDER = "com.docker.compose.project.working_dir"
_FILES = "com.docker.compose.project.config_files"
_ENV_FILE = "com.docker.compose.project.environment_file"
_VERSION = "com.docker.compose.version"
STACK = "com.docker.stack.namespace"
SWARM_SERVICE = "com.docker.swarm.service.name"
_TASK = "com.docker.swarm.task.name"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A container that may be one of ours."""

    id: str
    place: Place
    up: bool


@dataclass(frozen=True, slots=True)
class Chosen:
    """Whose containers to look at."""

    project: str
    """Empty where only names tell."""
    ids: tuple[str, ...]
    others: tuple[str, ...] = ()
    """Where this is not empty, several projects might be meant, and none was chosen."""


def sighting(
    container_id: str, name: str, labels: Mapping[str, str], services: Collection[str], *, up: bool
) -> Sighting | None:
    """A container among all of an engine, or None: it belongs to none of these services.

    A Swarm keeps containers of tasks that are over, as history: they are nobody's.
    """
    if SWARM_SERVICE in labels and not up:
        return None
    place = place_of(name, labels, services)
    return Sighting(container_id, place, up) if place else None


def place_of(name: str, labels: Mapping[str, str], services: Collection[str]) -> Place | None:
    """Where a container belongs, or None: not to one of these services. `docker compose run` makes no member."""
    if labels.get(_ONEOFF, "").casefold() == "true":
        return None
    if SERVICE in labels:
        place = Place(labels.get(PROJECT, ""), labels[SERVICE], _number(labels.get(NUMBER, "")))
    elif SWARM_SERVICE in labels:
        stack = labels.get(STACK, "")
        service = labels[SWARM_SERVICE].removeprefix(f"{stack}_")
        slot = labels.get(_TASK, "").removeprefix(f"{labels[SWARM_SERVICE]}.").partition(".")[0]
        place = Place(stack, service, _number(slot))
    else:
        return _by_name(name, services)
    return place if place.service in services else None


def _by_name(name: str, services: Collection[str]) -> Place | None:
    """`redis`, `app_redis_1`, `app-redis-1`: as Compose would name them, or as somebody does by hand."""
    for service in sorted(services, key=len, reverse=True):
        match = re.fullmatch(rf"(?:(?P<project>[\w.-]+)[_-])?{re.escape(service)}(?:[_-](?P<number>\d+))?", name)
        if match:
            return Place(match["project"] or "", service, _number(match["number"] or ""), labelled=False)
    return None


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 1


def service_names(project: str, labels: Iterable[Mapping[str, str]]) -> tuple[str, ...]:
    """The services of a Compose project, or of a Swarm stack, by the labels of their containers."""
    found = set()
    for each in labels:
        if SERVICE in each and each.get(PROJECT, "") == project:
            found.add(each[SERVICE])
        elif SWARM_SERVICE in each and each.get(STACK, "") == project:
            found.add(each[SWARM_SERVICE].removeprefix(f"{project}_"))
    return tuple(sorted(found))


def choose(seen: Iterable[Sighting], wanted: str | None, workers: str) -> Chosen:
    """The containers of the project that is wanted, else of the only one that can be meant.

    That is the one that has the workers' service, if possible one that runs. A service that has labelled containers has
    no others: a name alone is a guess.
    """
    found = list(seen)
    project = wanted
    if project is None:
        candidates = _candidates(found, workers)
        if len(candidates) > 1:
            return Chosen("", (), candidates)
        project = candidates[0] if candidates else ""
    return Chosen(project, _members(found, project))


def _candidates(seen: Sequence[Sighting], workers: str) -> tuple[str, ...]:
    """The projects that may be meant; more than one where nothing tells them apart."""
    labelled = [each for each in seen if each.place.labelled]
    for among in (
        [each for each in labelled if each.place.service == workers and each.up],
        [each for each in labelled if each.place.service == workers],
        [each for each in labelled if each.up],
        labelled,
    ):
        if among:
            return tuple(sorted({each.place.project for each in among}))
    return ()


def _members(seen: Sequence[Sighting], project: str) -> tuple[str, ...]:
    ours = [each for each in seen if each.place.labelled and each.place.project == project]
    known = {each.place.service for each in ours}
    guessed = [each for each in seen if not each.place.labelled and each.place.service not in known]
    if project:
        guessed = [each for each in guessed if each.place.project in ("", project)]
    members = sorted([*ours, *guessed], key=lambda each: (each.place.service, each.place.number, each.id))
    return tuple(each.id for each in members)


def compose_file(labels: Mapping[str, str]) -> ComposeFile:
    """Where Compose was called. The labels separate several files by commas."""
    files = tuple(part for part in labels.get(_FILES, "").split(",") if part)
    env_files = tuple(part for part in labels.get(_ENV_FILE, "").split(",") if part)
    folder = labels.get(_FOLDER, "")
    start = _called_from(folder, files)
    files, env_files = (tuple(posixpath.join(start, each) for each in kind) for kind in (files, env_files))
    return ComposeFile(folder, files, env_files, labels.get(_VERSION, ""))


def _called_from(folder: str, files: Sequence[str]) -> str:
    """The folder that relative names start from. Version 1 writes names down as they were typed, and the folder of a
    project is that of its first file: called from `/srv` with `-f app/compose.yml` it is `/srv/app`."""
    below = posixpath.dirname(files[0]) if files else ""
    if below and not below.startswith("/") and folder.endswith(f"/{below}"):
        return folder.removesuffix(below)
    return folder


def up_command(cluster: Cluster, service: str, scale: int = 1) -> str:
    """The command that makes a service's missing containers, with the files that the cluster was made from."""
    words = [*_compose(cluster.project, cluster.compose), "up", "-d"]
    if scale > 1:
        words += ["--scale", f"{service}={scale}"]
    return shlex.join([*words, service])


def scale_command(project: str, compose: ComposeFile, service: str, count: int) -> str:
    """The command that brings up the whole project with so many containers of a service, and makes none anew."""
    return shlex.join([*_compose(project, compose), "up", "-d", "--no-recreate", "--scale", f"{service}={count}"])


def _compose(project: str, compose: ComposeFile) -> list[str]:
    """Compose, called as it was; version 1 is a program of its own."""
    words = ["docker-compose"] if compose.version.startswith("1.") else ["docker", "compose"]
    if project:
        words += ["-p", project]
    for option, files in (("-f", compose.files), ("--env-file", compose.env_files)):
        for file in files:
            words += [option, file]
    return words
