"""The rendered stack, deployed to a real Swarm of one machine by Docker's own command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError

from lomi_ops.config.schema import Settings
from lomi_ops.domain.deployment import SECRETS, Target
from lomi_ops.ops.deploy.render import render
from lomi_ops.ops.deploy.values import Named, values
from tests.conftest import need
from tests.docker_engine import Fleet

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]
SECOND_NS = 10**9


@pytest.fixture
def swarm(fleet: Fleet) -> Iterator[Fleet]:
    fleet.api.init_swarm("127.0.0.1", "127.0.0.1:0")
    yield fleet
    fleet.api.leave_swarm(force=True)
    with suppress(APIError):
        fleet.api.remove_network("docker_gwbridge")


def deploy(fleet: Fleet, folder: Path) -> dict[str, dict[str, Any]]:
    """The services as the manager knows them, by name."""
    program = shutil.which("docker")
    need(program, "docker")
    named = Named(project=fleet.project, workers=3)
    (file,) = render(Target.SWARM, values(Target.SWARM, Settings(), named))
    (folder / file.name).write_text(file.text)
    (folder / ".env.production").write_text("JWT_SECRET=geheim55\n")
    for secret in SECRETS:
        fleet.api.create_secret(f"{fleet.project}_{secret.name}", b"x")
    names = ("POSTGRES_IMAGE", "REDIS_IMAGE", "BACKEND_IMAGE", "COMPREFACE_IMAGE", "WORKER_IMAGE")
    environ = {name: fleet.image() for name in names} | {"BACKEND_PUBLISH": "18080", "HOME": str(folder)}
    done = subprocess.run(
        [str(program), "-H", fleet.url, "stack", "deploy", "--resolve-image", "never", "-c", file.name, fleet.project],
        cwd=folder, env=environ | {"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "gnoring" not in done.stderr
    listed = fleet.api.services(filters={"label": f"com.docker.stack.namespace={fleet.project}"})
    return {each["Spec"]["Name"].removeprefix(f"{fleet.project}_"): each["Spec"] for each in listed}


def test_the_swarm_takes_every_service_as_it_is_written(swarm: Fleet, tmp_path: Path) -> None:
    found = deploy(swarm, tmp_path)

    assert set(found) == {"postgres", "redis", "backend", "compreface", "moderator-worker"}
    worker = found["moderator-worker"]
    container = worker["TaskTemplate"]["ContainerSpec"]
    assert worker["Mode"] == {"Replicated": {"Replicas": 3}}
    assert (worker["UpdateConfig"]["Order"], worker["UpdateConfig"]["FailureAction"]) == ("stop-first", "rollback")
    assert worker["UpdateConfig"]["Parallelism"] == 1
    assert container["StopGracePeriod"] == 60 * SECOND_NS
    assert (container["Init"], container["ReadOnly"]) == (True, True)
    assert container["CapabilityDrop"] in (["ALL"], ["CAP_ALL"])
    assert container["Healthcheck"]["Test"] == ["CMD", "lomi", "worker", "--healthcheck"]
    assert {each["File"]["Name"] for each in container["Secrets"]} == {secret.name for secret in SECRETS}
    resources = worker["TaskTemplate"]["Resources"]
    assert resources["Limits"]["MemoryBytes"] == 1 << 30
    assert resources["Reservations"]["MemoryBytes"] == 512 << 20
    assert worker["TaskTemplate"]["Placement"]["Preferences"] == [{"Spread": {"SpreadDescriptor": "node.id"}}]
    for name in ("postgres", "redis"):
        assert found[name]["TaskTemplate"]["Placement"]["Constraints"] == [f"node.labels.{swarm.project}.data == true"]
        assert found[name]["UpdateConfig"]["Order"] == "stop-first"
    assert "geheim55" not in str(worker)


def test_deploying_it_again_changes_nothing(swarm: Fleet, tmp_path: Path) -> None:
    deploy(swarm, tmp_path)
    before = versions(swarm)
    program = shutil.which("docker")
    names = ("POSTGRES_IMAGE", "REDIS_IMAGE", "BACKEND_IMAGE", "COMPREFACE_IMAGE", "WORKER_IMAGE")
    environ = {name: swarm.image() for name in names} | {"BACKEND_PUBLISH": "18080", "HOME": str(tmp_path)}

    subprocess.run(
        [str(program), "-H", swarm.url, "stack", "deploy", "--resolve-image", "never", "-c", "stack.yml",
         swarm.project],
        cwd=tmp_path, env=environ | {"PATH": os.environ["PATH"]}, capture_output=True, check=True,
    )  # fmt: skip

    assert versions(swarm) == before


def versions(fleet: Fleet) -> dict[str, Any]:
    """Which tasks each service is to run: another description makes other ones."""
    listed = fleet.api.services(filters={"label": f"com.docker.stack.namespace={fleet.project}"})
    return {each["Spec"]["Name"]: each["Spec"]["TaskTemplate"].get("ForceUpdate", 0) for each in listed} | {
        "specs": sorted(str(each["Spec"]) for each in listed)
    }
