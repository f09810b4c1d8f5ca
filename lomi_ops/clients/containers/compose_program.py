"""Compose itself, run with a project's own files: to build an image, and to make a service's containers anew.

Either of the two programs will do; the one that has made the project goes first, since it knows its containers best.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lomi_ops.domain.container import ComposeFile, one_line
from lomi_ops.errors import ContainerError, DockerUnavailable, NotFound

_LAST_WORDS = 15
_ASK_S = 60.0
_OLD, _NEW = ("docker-compose",), ("docker", "compose")


@dataclass(frozen=True, slots=True)
class Project:
    """Which project is meant, and where Compose was called for it."""

    name: str
    compose: ComposeFile
    old: bool
    """docker-compose 1.29 has made its containers: their names have underscores."""


@dataclass(frozen=True, slots=True)
class Defined:
    """A service as the files define it."""

    image: str
    """Empty where they name none: Compose makes one up for what it builds."""
    builds: bool


class ComposeProgram:
    """Runs on this machine, where the files are, and tells the engine at `place`."""

    def __init__(self, project: Project, place: str | None, environ: Mapping[str, str]) -> None:
        """Raises NotFound where the files are not here, or neither program is."""
        self._project = project
        self._environ = dict(environ) | _engine(place)
        self._folder = _folder(project.compose)
        self._program = _program(self._environ, old=project.old)

    @property
    def old(self) -> bool:
        """Whether docker-compose 1.29 has made the project."""
        return self._project.old

    @property
    def words(self) -> tuple[str, ...]:
        """The program with the project's files, as it stands before a command."""
        said = [*self._program, "-p", self._project.name]
        for option, files in (("-f", self._project.compose.files), ("--env-file", self._project.compose.env_files)):
            for file in files:
                said += [option, file]
        return tuple(said)

    def said(self, *more: str) -> str:
        """As an operator types it."""
        return shlex.join([*self.words, *more])

    def service(self, name: str) -> Defined | None:
        """None where the files have no such service. Raises ContainerError where they cannot be read."""
        import yaml

        # It holds every password that the files lead to: nothing else of it is kept.
        found: Any = yaml.safe_load(self._ask("config"))
        said = ((found or {}).get("services") or {}).get(name)
        if said is None:
            return None
        return Defined(str(said.get("image") or ""), builds="build" in said)

    def hash(self, service: str) -> str:
        """What Compose compares a container with to see whether it is up to date; empty where it does not tell."""
        for line in self._ask("config", "--hash", service).splitlines():
            name, _, value = line.partition(" ")
            if name == service:
                return value.strip()
        return ""

    def build(self, service: str, tell: Callable[[str], None]) -> None:
        self._run(tell, "build", service)

    def up(self, service: str, tell: Callable[[str], None]) -> None:
        """Makes the containers of one service that are not as they should be anew, and waits for none."""
        self._run(tell, "up", "-d", "--no-deps", service)

    def _ask(self, *words: str) -> str:
        try:
            done = subprocess.run(
                [*self.words, *words], cwd=self._folder, env=self._environ, capture_output=True, text=True,
                errors="replace", timeout=_ASK_S, stdin=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise DockerUnavailable(f"{self.said(*words)}: no answer in {_ASK_S:g} s", hint="docker ps -a") from None
        if done.returncode != 0:
            raise self._failed(words, done.returncode, done.stderr.splitlines()[-_LAST_WORDS:])
        return done.stdout

    def _run(self, tell: Callable[[str], None], *words: str) -> None:
        """Each line is told as it comes; the last ones are part of the error. A signal ends Compose, too."""
        last: deque[str] = deque(maxlen=_LAST_WORDS)
        with subprocess.Popen(
            [*self.words, *words], cwd=self._folder, env=self._environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        ) as process:  # fmt: skip
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    last.append(one_line(line))
                    tell(last[-1])
            except BaseException:
                process.terminate()
                raise
        if process.returncode != 0:
            raise self._failed(words, process.returncode, [line for line in last if line])

    def _failed(self, words: Sequence[str], code: int, last: Sequence[str]) -> ContainerError:
        said = " / ".join(one_line(line) for line in last[-3:]) or "it says nothing"
        return ContainerError(f"{self.said(*words)} ended with {code}: {said}", hint=self.said(*words))


def _engine(place: str | None) -> dict[str, str]:
    if place is None:
        return {}
    kind, _, name = place.partition(":")
    return {"DOCKER_CONTEXT": name} if kind == "context" else {"DOCKER_HOST": place}


def _folder(compose: ComposeFile) -> Path | None:
    """Where Compose was called; relative names of files start there."""
    folder = Path(compose.folder) if compose.folder else None
    if folder is not None and not folder.is_dir():
        folder = None
    base = folder or Path.cwd()
    missing = [file for file in compose.files if not (base / file).is_file()]
    if missing or not compose.files:
        named = ", ".join(missing) or "the Compose file"
        where = f" ({compose.folder})" if compose.folder and folder is None else ""
        raise NotFound(f"{named} of the project is not on this machine{where}", hint="run lomi where it is")
    return folder


def _program(environ: Mapping[str, str], *, old: bool) -> tuple[str, ...]:
    order = (_OLD, _NEW) if old else (_NEW, _OLD)
    for words in order:
        if shutil.which(words[0], path=environ.get("PATH", os.defpath)) and _answers(words, environ):
            return words
    raise NotFound(
        "neither docker-compose nor `docker compose` is installed here", hint="apt-get install docker-compose"
    )


def _answers(words: tuple[str, ...], environ: Mapping[str, str]) -> bool:
    if words == _OLD:
        return True
    try:
        done = subprocess.run([*words, "version"], env=dict(environ), capture_output=True, timeout=_ASK_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
