"""Side by side with the real docker-compose: it takes what we made for its own, and what it made we scale."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.docker_engine import Fleet
from tests.integration.scale.conftest import WORK, WORKERS, Lomi, Registrar, names

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

FILE = """
version: "3.8"
services:
  moderator-worker:
    image: lomi-test/busybox:1
    network_mode: none
    command: ["/bin/sh", "-c", "{script}"]
    labels: {{lomi-test: {project}}}
    environment: {{REDIS_PASSWORD: canary-of-the-env}}
    mem_reservation: 32m
    scale: ${{LOMI_WORKERS:-2}}
"""
Compose = Callable[..., str]


@pytest.fixture
def compose(project: Fleet, tmp_path: Path) -> Iterator[Compose]:
    """docker-compose in the project's folder."""
    need(shutil.which("docker-compose"), "docker-compose")
    project.image()
    (tmp_path / "docker-compose.prod.yml").write_text(
        FILE.format(script=WORK.replace('"', ""), project=project.project)
    )
    (tmp_path / ".env.production").write_text("LOMI_WORKERS=2\n")

    def call(*words: str) -> str:
        whole = ["docker-compose", "-p", project.project, "-f", "docker-compose.prod.yml",
                 "--env-file", ".env.production", *words]  # fmt: skip
        done = subprocess.run(
            whole,
            cwd=tmp_path,
            env=os.environ | {"DOCKER_HOST": project.url},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    yield call
    call("down", "-t", "2")


def numbered(*numbers: int) -> list[str]:
    return [f"{WORKERS}_{number}" for number in numbers]


def ours(project: Fleet) -> list[str]:
    return [name.removeprefix(f"{project.project}_") for name in names(project)]


def test_compose_takes_what_lomi_made_for_its_own(
    lomi: Lomi, project: Fleet, compose: Compose, registrar: Registrar, tmp_path: Path
) -> None:
    compose("up", "-d")
    registrar.once()

    said = lomi("scale", 4)

    assert said.code == 0, said.err
    assert ours(project) == numbered(1, 2, 3, 4)
    assert (tmp_path / ".env.production").read_text() == "LOMI_WORKERS=4\n"
    assert f"LOMI_WORKERS=4 is in {tmp_path}/.env.production now" in said.err
    assert "canary" not in said.err + said.out
    listed = compose("ps")
    assert all(name in listed for name in numbered(1, 2, 3, 4))

    before = {each["Id"] for each in project.api.containers()}
    compose("up", "-d")
    assert {each["Id"] for each in project.api.containers()} == before, "a plain up changes nothing"

    compose("up", "-d", "--scale", f"{WORKERS}=5")
    assert ours(project) == numbered(1, 2, 3, 4, 5)
    assert before < {each["Id"] for each in project.api.containers()}, "and makes none anew"


def test_lomi_takes_away_what_compose_made_and_the_number_stays(
    lomi: Lomi, project: Fleet, compose: Compose, registrar: Registrar
) -> None:
    compose("up", "-d", "--scale", f"{WORKERS}=3")
    registrar.once()

    said = lomi("scale", 1)

    assert said.code == 0, said.err
    compose("up", "-d")
    assert ours(project) == numbered(1)


def test_the_command_that_is_told_keeps_the_number(
    lomi: Lomi, project: Fleet, compose: Compose, registrar: Registrar, tmp_path: Path
) -> None:
    file = tmp_path / "docker-compose.prod.yml"
    file.write_text(file.read_text().replace("${LOMI_WORKERS:-2}", "2"))
    compose("up", "-d")
    registrar.once()

    said = lomi("scale", 3)

    (command,) = [line.removeprefix("  try: ") for line in said.err.splitlines() if line.startswith("  try: ")]
    assert "goes by the file of Compose" in said.err
    subprocess.run(command, shell=True, check=True, env=os.environ | {"DOCKER_HOST": project.url}, timeout=60, cwd="/")
    assert ours(project) == numbered(1, 2, 3)
