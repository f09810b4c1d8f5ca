"""`lomi deploy` where a real Swarm runs the workers: it replaces the tasks, and is waited for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from docker.types import ContainerSpec, RestartPolicy, ServiceMode, TaskTemplate, UpdateConfig

from tests.docker_engine import Fleet
from tests.integration.deploy.conftest import ACCEPTED, WORK, WORKERS, Lomi
from tests.integration.ops.old_cluster import OldCluster

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(180)]

WORDS = ("--service", WORKERS, "--no-fetch", "--skip-check", "a test")
BACK = ("deploy", "back", "--service", WORKERS, "--force")


@dataclass
class Stack:
    """A service of two tasks, as `docker stack deploy` makes it."""

    fleet: Fleet
    grace_s: int = 60

    @property
    def image(self) -> str:
        return f"{self.fleet.project}/worker:live"

    @property
    def service(self) -> str:
        return f"{self.fleet.project}_{WORKERS}"

    def lead(self, tag: str) -> str:
        self.fleet.api.tag(self.fleet.image(tag), *self.image.split(":"))
        return str(self.fleet.api.inspect_image(self.image)["Id"])

    def make(self) -> None:
        labels = {"com.docker.stack.namespace": self.fleet.project}
        spec = ContainerSpec(self.image, ["/bin/sh", "-c", WORK], labels=labels, stop_grace_period=self.grace_s * 10**9)
        self.fleet.api.create_service(
            TaskTemplate(spec, restart_policy=RestartPolicy("any", delay=10**9)),
            name=self.service,
            labels=labels | {"com.docker.stack.image": self.image},
            mode=ServiceMode("replicated", 2),
            # Without a delay a slow machine begins with the second task before it has heard that the first one failed.
            update_config=UpdateConfig(parallelism=1, delay=3 * 10**9, failure_action="pause", monitor=10**9),
        )
        self.await_running(2)

    def running(self) -> list[str]:
        """Image ids of the tasks' containers."""
        wanted = {"label": f"com.docker.swarm.service.name={self.service}", "status": "running"}
        return [each["ImageID"] for each in self.fleet.api.containers(filters=wanted)]

    def await_running(self, number: int) -> None:
        deadline = time.monotonic() + 40
        while len(self.running()) != number:
            assert time.monotonic() < deadline, self.fleet.api.tasks(filters={"service": self.service})
            time.sleep(0.1)

    def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = self.fleet.api.inspect_service(self.service)["Spec"]
        return found


@pytest.fixture
def stack(fleet: Fleet, cluster: OldCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    (tmp_path / "accepted.yaml").write_text(ACCEPTED)
    for name, value in {
        "LOMI_DOCKER__HOST": fleet.url, "LOMI_DOCKER__PROJECT": fleet.project,
        "LOMI_CHECKS__SUPPRESSIONS": str(tmp_path / "accepted.yaml"), "LOMI_POLICY": "local",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    fleet.api.init_swarm("127.0.0.1", "127.0.0.1:0")
    found = Stack(fleet)
    found.lead("1")
    found.make()
    yield found
    fleet.api.leave_swarm(force=True)
    with suppress(APIError):
        fleet.api.remove_network("docker_gwbridge")


def test_the_swarm_replaces_its_tasks_and_takes_it_back(lomi: Lomi, stack: Stack) -> None:
    old = stack.running()[0]
    new = stack.lead("2")

    planned = lomi("deploy", "plan", "--service", WORKERS, "--no-fetch", "-o", "json")
    said = lomi("deploy", "apply", *WORDS, "--force")

    assert planned.document["steps"][2]["kind"] == "update"
    assert planned.document["steps"][2]["command"].startswith("docker service update --force --image ")
    assert said.code == 0, said.err
    assert "the Swarm says completed" in said.err
    stack.await_running(2)
    assert stack.running() == [new, new]
    assert stack.spec()["Mode"] == {"Replicated": {"Replicas": 2}}

    back = lomi(*BACK)

    assert back.code == 0, back.err
    stack.await_running(2)
    assert stack.running() == [old, old]


def test_an_update_that_fails_is_told_with_the_swarms_words_and_can_be_taken_back(lomi: Lomi, stack: Stack) -> None:
    old = stack.running()[0]
    stack.lead("broken")

    said = lomi("deploy", "apply", *WORDS, "--force")

    assert said.code == 1
    assert "the Swarm ended the update of moderator-worker with paused" in said.err
    assert said.err.rstrip().endswith(f"try: lomi deploy back --service {WORKERS}")
    assert old in stack.running()

    back = lomi(*BACK)

    assert back.code == 0, back.err
    stack.await_running(2)
    assert stack.running() == [old, old]


def test_workers_of_which_nobody_knows_what_they_hold_are_refused_before_anything_is_changed(
    lomi: Lomi, stack: Stack
) -> None:
    stack.lead("2")
    before = stack.running()

    said = lomi("deploy", "apply", *WORDS)

    assert (said.code, said.out) == (5, "")
    assert "2 of 2 tasks are not registered: a job in their hand would be lost" in said.err
    assert "repeat it with --force" in said.err
    restart = lomi("workers", "restart")
    assert restart.code == 5
    assert "2 of 2 tasks are not registered" in restart.err
    assert stack.running() == before
