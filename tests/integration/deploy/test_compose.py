"""The rendered Compose file, read by a real docker-compose 1.29 and taken by a real engine."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lomi_ops.config.schema import Settings
from lomi_ops.domain.deployment import SECRETS, Target
from lomi_ops.ops.deploy.render import render
from lomi_ops.ops.deploy.values import Named, values
from tests.conftest import need
from tests.docker_engine import Fleet

SERVICES = {"postgres", "redis", "backend", "compreface", "moderator-worker"}
ENV_FILE = """\
DB_PASSWORD=geheim88
DB_USER=lomi
REDIS_PASSWORD=geheim77
S3_ENDPOINT=https://r2.test
"""


@dataclass
class Project:
    """A folder with the rendered file and what belongs beside it."""

    folder: Path
    name: str = "lomi"
    engine: str = ""

    @property
    def env_file(self) -> Path:
        return self.folder / ".env.production"

    def compose(self, *words: str) -> str:
        program = shutil.which("docker-compose")
        need(program, "docker-compose")
        environ = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        if self.engine:
            environ["DOCKER_HOST"] = self.engine
        done = subprocess.run(
            [str(program), "-p", self.name, "-f", "docker-compose.prod.yml", "--env-file", ".env.production", *words],
            cwd=self.folder, capture_output=True, text=True, env=environ, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def config(self) -> dict[str, Any]:
        found: dict[str, Any] = yaml.safe_load(self.compose("config"))
        return found


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (file,) = render(Target.COMPOSE, values(Target.COMPOSE, Settings(), Named()))
    (tmp_path / file.name).write_text(file.text)
    (tmp_path / ".env.production").write_text(ENV_FILE)
    for folder in ("backend", "secrets"):
        (tmp_path / folder).mkdir()
    for secret in SECRETS:
        (tmp_path / "secrets" / secret.name).write_text("x")
    return Project(tmp_path)


def test_docker_compose_reads_it(project: Project) -> None:
    services = project.config()["services"]

    assert SERVICES <= set(services) <= {*SERVICES, "lomi-metrics", "lomi-alerts"}
    worker = services["moderator-worker"]
    assert worker["scale"] == 4
    assert worker["environment"]["REDIS_PASSWORD_FILE"] == "/run/secrets/redis_password"
    assert worker["environment"]["S3_ENDPOINT"] == "https://r2.test"
    assert "geheim" not in str(worker)
    assert services["backend"]["environment"]["DB_PASSWORD"] == "geheim88"


def test_who_notices_is_read_where_the_env_file_asks_for_it(project: Project) -> None:
    project.env_file.write_text(ENV_FILE + "COMPOSE_PROFILES=watch\n")

    names = project.compose("config", "--services").split()

    assert set(names) == {*SERVICES, "lomi-metrics", "lomi-alerts"}


def test_the_number_of_workers_is_the_env_files(project: Project) -> None:
    project.env_file.write_text(ENV_FILE + "LOMI_WORKERS=7\n")

    assert project.config()["services"]["moderator-worker"]["scale"] == 7


def with_command(fleet: Fleet) -> str:
    """The small image, with something to run where nobody says what."""
    container = fleet.run("model", "sleep 600", start=False, labels={})
    fleet.api.commit(container, repository="lomi-test/with-command", tag="1")
    return "lomi-test/with-command:1"


@pytest.fixture
def on_engine(project: Project, fleet: Fleet) -> Iterator[Project]:
    """The same on an engine that has one small image for all."""
    image = with_command(fleet)
    names = ("POSTGRES_IMAGE", "REDIS_IMAGE", "BACKEND_IMAGE", "COMPREFACE_IMAGE", "WORKER_IMAGE")
    doors = ("DB_PUBLISH", "REDIS_PUBLISH", "COMPREFACE_PUBLISH", "BACKEND_PUBLISH")
    lines = [f"{name}={image}" for name in names] + [f"{name}=0" for name in doors]
    project.env_file.write_text(ENV_FILE + "LOMI_WORKERS=2\n" + "\n".join(lines) + "\n")
    project.name, project.engine = fleet.project, fleet.url
    yield project
    project.compose("down", "-v", "-t", "0")


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_the_engine_makes_of_it_what_it_says(on_engine: Project, fleet: Fleet) -> None:
    on_engine.compose("up", "--no-start", "--no-build")

    listed = fleet.api.containers(all=True, filters={"label": f"com.docker.compose.project={fleet.project}"})
    by_service: dict[str, list[Any]] = {}
    for each in listed:
        by_service.setdefault(each["Labels"]["com.docker.compose.service"], []).append(fleet.state(each["Id"]))
    assert {name: len(found) for name, found in by_service.items()} == {
        "postgres": 1, "redis": 1, "backend": 1, "compreface": 1, "moderator-worker": 2,
    }  # fmt: skip
    worker = by_service["moderator-worker"][0]
    host, config = worker["HostConfig"], worker["Config"]
    assert (host["Memory"], host["MemoryReservation"]) == (1 << 30, 512 << 20)
    assert (host["ReadonlyRootfs"], host["Init"], host["CapDrop"]) == (True, True, ["ALL"])
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert host["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "5"}}
    assert host["Tmpfs"] == {"/tmp": "size=64m"}
    assert config["StopTimeout"] == 60
    assert config["Healthcheck"]["Test"] == ["CMD", "lomi", "worker", "--healthcheck"]
    mounted = {mount["Destination"]: mount["RW"] for mount in worker["Mounts"]}
    assert mounted == {"/models": False} | {f"/run/secrets/{secret.name}": False for secret in SECRETS}
    redis = by_service["redis"][0]
    assert redis["Config"]["User"] == "redis"
    assert "geheim77" not in str(redis)
