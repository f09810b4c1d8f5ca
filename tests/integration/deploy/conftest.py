"""Command lines in this process, on a machine that has no settings; for those who ask a real Docker Engine, and a
project that a real docker-compose has made on it."""

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

from lomi_ops.ops.deploy import roll
from tests.commands import Lomi, Said, lomi, quiet_machine
from tests.conftest import need
from tests.docker_engine import LABEL, Fleet
from tests.integration.ops.conftest import cluster, point
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.scale.conftest import registrar

__all__ = ["Lomi", "Said", "cluster", "lomi", "point", "quiet_machine", "registrar"]

WORKERS = "moderator-worker"
WORK = """\
[ "$(cat /tag)" != broken ] || { echo "no model: the image is broken"; exit 2; }
trap 'exit 0' TERM
while true; do sleep 0.05; done
"""
SERVE = """\
[ "$(cat /tag)" != broken ] || { echo "cannot bind"; exit 1; }
trap 'exit 0' TERM
while true; do sleep 0.05; done
"""
ACCEPTED = "- check: '*'\n  reason: only shells are at work here\n  until: 2099-01-01\n"


@dataclass
class Live:
    """A project on the engine: what its services run, and under which name."""

    fleet: Fleet
    folder: Path

    @property
    def name(self) -> str:
        return self.fleet.project

    def image(self, service: str) -> str:
        return f"{self.name}/{service}:live"

    def lead(self, service: str, tag: str) -> str:
        """From now on the name of the service's image leads to another one; its id."""
        repository, _, name = self.image(service).rpartition(":")
        self.fleet.api.tag(self.fleet.image(tag), repository, name)
        return self.id_of(self.image(service))

    def id_of(self, image: str) -> str:
        return str(self.fleet.api.inspect_image(image)["Id"])

    def running(self, service: str) -> dict[str, str]:
        """Image ids by name, of those that run."""
        wanted = [f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}"]
        listed = self.fleet.api.containers(filters={"label": wanted, "status": "running"})
        return {each["Names"][0].lstrip("/"): each["ImageID"] for each in listed}

    def all(self, service: str) -> list[str]:
        wanted = [f"com.docker.compose.project={self.name}", f"com.docker.compose.service={service}"]
        return [each["Names"][0].lstrip("/") for each in self.fleet.api.containers(all=True, filters={"label": wanted})]

    def change(self, service: str, **values: Any) -> None:
        """The Compose file says something else from now on."""
        path = self.folder / "docker-compose.prod.yml"
        found = yaml.safe_load(path.read_text())
        found["services"][service] |= values
        path.write_text(yaml.safe_dump(found, sort_keys=False))

    def compose(self, *words: str) -> str:
        done = subprocess.run(
            ["docker-compose", "-p", self.name, "-f", "docker-compose.prod.yml", "--env-file", ".env.production",
             *words],
            cwd=self.folder, capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "DOCKER_HOST": self.fleet.url},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def live(fleet: Fleet, cluster: OldCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    """Three workers and a backend, made by docker-compose; the commands look at them, and at real services."""
    need(shutil.which("docker-compose"), "docker-compose")
    folder = tmp_path / "app"
    folder.mkdir()
    found = Live(fleet, folder)
    (folder / "docker-compose.prod.yml").write_text(_file(found))
    (folder / ".env.production").write_text("GREETING=hello\n")
    (folder / "accepted.yaml").write_text(ACCEPTED)
    for name, value in {
        "LOMI_DOCKER__HOST": fleet.url, "LOMI_DOCKER__PROJECT": fleet.project,
        "LOMI_CHECKS__SUPPRESSIONS": str(folder / "accepted.yaml"), "LOMI_POLICY": "local",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(roll, "LOOK_S", 0.05)
    for service in (WORKERS, "backend"):
        found.lead(service, "1")
    found.compose("up", "-d", "--no-build", "--scale", f"{WORKERS}=3")
    yield found
    found.compose("down", "-t", "0")


def _file(found: Live) -> str:
    def service(name: str, script: str, **more: Any) -> dict[str, Any]:
        return {
            "image": found.image(name),
            "command": ["/bin/sh", "-c", script.replace("$", "$$")],
            "network_mode": "none",
            "restart": "unless-stopped",
            "labels": {LABEL: found.name},
        } | more

    alive = {"test": ["CMD", "/bin/true"], "interval": "1s", "retries": 2, "start_period": "1s"}
    services = {
        "backend": service("backend", SERVE, healthcheck=alive),
        WORKERS: service(WORKERS, WORK, mem_limit="64m", stop_grace_period="20s"),
    }
    return yaml.safe_dump({"services": services}, sort_keys=False)
