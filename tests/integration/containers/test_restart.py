"""`lomi workers restart` on real containers: one after another, none with a job in its hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from lomi_ops.domain.worker_log import READY_LINE
from lomi_ops.ops.workers import restart
from lomi_ops.queue.fleet import Claimant, FleetLease
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.workers import WorkerInfo, WorkerMode, WorkerRegistry
from tests.commands import Lomi
from tests.docker_engine import Fleet
from tests.integration.containers.crew import Crew
from tests.integration.containers.test_swarm import swarm
from tests.integration.containers.test_workers import crew as seen
from tests.integration.containers.test_workers import queue, registry
from tests.integration.ops.conftest import cluster, lomi, old, point, quiet_machine
from tests.integration.ops.old_cluster import OldCluster
from tests.patience import Patience

__all__ = ["cluster", "lomi", "old", "point", "queue", "quiet_machine", "registry", "seen", "swarm"]

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
ONCE = f"[ -e /once ] && {{ echo 'MemoryError'; exit 1; }}; echo > /once; {FOREVER}"
"""Works, and never again after that."""


@pytest.fixture
def crew(seen: Fleet, registry: WorkerRegistry, queue: JobQueue) -> Iterator[Crew]:
    with Crew(seen, registry, queue) as found:
        yield found


def three(fleet: Fleet, crew: Crew, script: str = FOREVER) -> list[str]:
    made = [fleet.run(WORKERS, script, number=number) for number in (1, 2, 3)]
    crew.has(*made)
    for each in made:
        until(crew, ("began", each))
    return made


def until(crew: Crew, event: tuple[str, str]) -> None:
    for _ in range(600):
        if event in crew.story:
            return
        crew._over.wait(0.05)
    raise AssertionError((event, crew.story))


def test_each_finishes_its_job_and_is_ready_again_before_the_next_ones_turn(
    seen: Fleet, crew: Crew, lomi: Lomi, cluster: OldCluster, registry: WorkerRegistry
) -> None:
    made = three(seen, crew)
    cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
    crew.takes(made[0])
    runs = [seen.state(each)["State"]["StartedAt"] for each in made]
    crew.story.clear()

    said = lomi("workers", "restart", "--as", "Hana", "--reason", "leak", "-o", "json")

    assert said.code == 0, said.err
    assert [each["exit_code"] for each in said.document["workers"]] == [0, 0, 0]
    # An idle one may end before it has heard that it should be quiet.
    deeds = [each for each in crew.story if each[0] != "quiet"]
    idle = [[(what, each) for what in ("ended", "began")] for each in made[1:]]
    busy = [(what, made[0]) for what in ("finished", "ended", "began")]
    assert deeds == [*idle[0], *idle[1], *busy], "the busy one last, and never two at once"
    assert crew.story.index(("quiet", made[0])) < crew.story.index(("finished", made[0]))
    assert all(seen.state(each)["State"]["StartedAt"] != run for each, run in zip(made, runs, strict=True))
    assert [each.mode for each in registry.list()] == [WorkerMode.RUNNING] * 3
    with cluster.sql() as pg:
        rows = pg.execute("SELECT actor, subject, reason FROM lomi.audit WHERE action = 'workers.restart'").fetchall()
    assert len(rows) == 3
    assert {row["actor"] for row in rows} == {"Hana"}


def test_it_stops_at_the_first_that_does_not_come_back_and_says_why(
    seen: Fleet, crew: Crew, lomi: Lomi, registry: WorkerRegistry
) -> None:
    made = three(seen, crew, ONCE)
    crew.story.clear()

    said = lomi("workers", "restart")

    assert (said.code, said.out) == (1, "")
    assert f"{seen.project}-{WORKERS}-1 does not come back: it ended with exit code 1" in said.err
    assert "  | MemoryError" in said.err
    assert "0 of 3 restarted" in said.err
    assert said.err.splitlines()[-1].startswith(f"  try: lomi workers logs {seen.project}-{WORKERS}-1")
    assert {each for _, each in crew.story} == {made[0]}, "the others were left alone"
    assert {each[:12] for each in made[1:]} <= {each.info.host for each in registry.list()}


NEVER_YET = 3600 * 10**9
"""Docker would make its first health check so much later."""


def test_what_a_health_check_says_is_known_at_once_and_not_when_its_interval_is_over(
    seen: Fleet, crew: Crew, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = {"test": ["CMD-SHELL", "[ -e /once ] && echo 'no note' && exit 1 || exit 0"], "interval": NEVER_YET}
    made = [seen.run(WORKERS, FOREVER, number=1, healthcheck={"test": ["CMD", "true"], "interval": NEVER_YET}),
            seen.run(WORKERS, f"echo > /once; {FOREVER}", number=2, healthcheck=check),
            seen.run(WORKERS, FOREVER, number=3, healthcheck=check)]  # fmt: skip
    crew.has(*made)
    for each in made:
        until(crew, ("began", each))
    crew.story.clear()
    patience = Patience(until=lambda: ("began", made[1]) in crew.story)
    monkeypatch.setattr(restart, "Roller", partial(restart.Roller, clock=patience.clock))

    said = lomi("workers", "restart", "--timeout", "2s")

    assert said.code == 1
    assert f"{seen.project}-{WORKERS}-1 is ready after" in said.err
    assert f"{WORKERS}-2 does not come back: its health check fails: no note, after 2 s" in said.err
    assert ("ended", made[2]) not in crew.story, "its turn never came"


def test_one_that_ends_after_it_came_back_stops_the_restart_before_the_next_ones_turn(
    seen: Fleet, crew: Crew, lomi: Lomi, cluster: OldCluster
) -> None:
    until_told = "while [ ! -e /end ]; do sleep 0.1; done; echo 'MemoryError'; exit 3"
    made = [seen.run(WORKERS, f"trap 'exit 0' TERM; {until_told}", number=1)]
    made += [seen.run(WORKERS, FOREVER, number=number) for number in (2, 3)]
    crew.has(*made)
    for each in made:
        until(crew, ("began", each))
    for each in made[1:]:
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
        crew.takes(each)
    crew.story.clear()

    def end_the_first(boot: str) -> None:
        if boot not in crew.hands:
            return  # The first one itself, on its way out.
        seen.api.exec_start(seen.api.exec_create(made[0], ["/bin/sh", "-c", "echo > /end"])["Id"])
        seen.await_state(made[0], "exited")
        crew.finish(boot)

    crew.when_quiet = end_the_first
    said = lomi("workers", "restart")

    assert said.code == 1
    assert f"{seen.project}-{WORKERS}-1 does not come back: it ended with exit code 3" in said.err
    assert "  | MemoryError" in said.err
    assert "2 of 3 restarted" in said.err
    assert ("ended", made[2]) not in crew.story


def test_one_that_is_down_is_started_and_one_that_was_quiet_stays_so(
    seen: Fleet, crew: Crew, lomi: Lomi, registry: WorkerRegistry
) -> None:
    made = three(seen, crew)
    seen.api.stop(made[2], timeout=5)
    until(crew, ("ended", made[2]))
    assert lomi("workers", "quiet", f"{WORKERS}-1").code == 0

    said = lomi("workers", "restart", f"{WORKERS}-1", f"{WORKERS}-3")

    assert said.code == 0, said.err
    assert said.out.startswith("2 workers restarted in ")
    assert "was quiet, and is again" in said.err
    modes = {each.info.host: each.mode for each in registry.list()}
    assert modes == {
        made[0][:12]: WorkerMode.QUIET, made[1][:12]: WorkerMode.RUNNING, made[2][:12]: WorkerMode.RUNNING,
    }  # fmt: skip


def test_a_dry_run_shows_whose_turn_it_is_and_changes_nothing(seen: Fleet, crew: Crew, lomi: Lomi) -> None:
    three(seen, crew)
    crew.story.clear()

    said = lomi("workers", "restart", "--dry-run")

    assert (said.code, crew.story) == (0, [])
    assert "would restart 3 workers one after another; nothing was changed" in said.out


def test_old_workers_are_restarted_only_by_force(seen: Fleet, lomi: Lomi) -> None:
    made = seen.run(WORKERS, f"echo '{READY_LINE}'; {FOREVER}")
    seen.await_log(made, READY_LINE)
    run = seen.state(made)["State"]["StartedAt"]

    refused = lomi("workers", "restart")

    assert refused.code == 5
    assert "a job in their hand would be lost" in refused.err
    assert seen.state(made)["State"]["StartedAt"] == run
    forced = lomi("workers", "restart", "--force")
    assert (forced.code, forced.out[:18]) == (0, "1 worker restarted"), forced.err
    assert seen.state(made)["State"]["StartedAt"] != run


def test_two_operators_do_not_restart_at_the_same_time(
    seen: Fleet, crew: Crew, lomi: Lomi, registry: WorkerRegistry
) -> None:
    three(seen, crew)
    crew.story.clear()
    lease = FleetLease(registry._client)
    assert lease.take("another", Claimant("Abel", "lomi scale 6", "web-3"), 60) is None

    said = lomi("workers", "restart")

    assert (said.code, crew.story) == (75, [])
    assert "Abel changes the workers: lomi scale 6, on web-3" in said.err


def test_a_process_that_runs_in_no_container_is_left_alone(seen: Fleet, lomi: Lomi, registry: WorkerRegistry) -> None:
    registry.register(WorkerInfo("b1", "web-9", 4711, "0.1.0", 1))

    said = lomi("workers", "restart")

    assert said.code == 5
    assert "in no container of this engine: web-9/4711" in said.err


def test_whoever_interrupts_a_drain_lets_the_worker_go_on(
    seen: Fleet, crew: Crew, cluster: OldCluster, registry: WorkerRegistry
) -> None:
    (made, *_) = three(seen, crew)
    cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
    crew.takes(made)
    crew.when_quiet = lambda boot: os.kill(running.pid, signal.SIGINT)
    running = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "workers", "restart", f"{WORKERS}-1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip

    out, err = running.communicate(timeout=60)

    assert (running.returncode, out) == (130, "")
    assert "takes jobs again" in err
    assert "Traceback" not in err
    assert {each.mode for each in registry.list()} == {WorkerMode.RUNNING}
    assert ("ended", made) not in crew.story


def test_whoever_interrupts_a_stop_finds_the_worker_started_again(seen: Fleet, crew: Crew) -> None:
    made = seen.run(WORKERS, "trap 'echo told; sleep 2; exit 0' TERM; while true; do sleep 0.1; done")
    crew.has(made)
    until(crew, ("began", made))
    with subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "workers", "restart"],
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        seen.await_log(made, "told")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)

    assert running.returncode == 130
    assert "is on its way out: it is started again first" in err
    said = seen.state(made)["State"]
    assert said["Running"]
    assert said["ExitCode"] == 0
    until(crew, ("ended", made))


def test_a_job_that_takes_too_long_does_not_hold_up_the_others(
    seen: Fleet, crew: Crew, lomi: Lomi, cluster: OldCluster
) -> None:
    made = seen.run(WORKERS, FOREVER)
    crew.has(made).when_quiet = lambda boot: None
    until(crew, ("began", made))
    cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
    job = crew.takes(made)

    said = lomi("workers", "restart", "--drain-timeout", "1s")

    assert said.code == 0, said.err
    assert f"finishes {job}" in said.err
    assert "has not finished in 1 s: it gives its job back when its grace is over" in said.err


def test_a_swarm_restarts_its_tasks_by_itself_and_only_where_they_have_time(
    swarm: Fleet, seen: Fleet, lomi: Lomi
) -> None:
    from docker.types import ContainerSpec, ServiceMode, TaskTemplate

    labels = {"com.docker.stack.namespace": swarm.project}

    def spec(grace_s: int) -> TaskTemplate:
        return TaskTemplate(ContainerSpec(
            swarm.image(), ["/bin/sh", "-c", f"echo '{READY_LINE}'; {FOREVER}"], labels=labels,
            stop_grace_period=grace_s * 10**9,
        ))  # fmt: skip

    def tasks() -> set[str]:
        wanted = swarm.api.tasks(filters={"service": name, "desired-state": "running"})
        return {each["ID"] for each in wanted if each["Status"]["State"] == "running"}

    name = f"{swarm.project}_{WORKERS}"
    made = swarm.api.create_service(spec(10), name=name, labels=labels, mode=ServiceMode("replicated", 2))
    deadline = time.monotonic() + 30
    while len(tasks()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    before = tasks()

    refused = lomi("workers", "restart")

    assert refused.code == 5
    assert f"the Swarm kills a task of {name} after 10 s" in refused.err
    assert "docker service update --stop-grace-period 60s" in refused.err
    one = lomi("workers", "restart", f"{name}.1", "--force")
    assert (one.code, tasks()) == (5, before)
    assert "a Swarm restarts all tasks of a service or none" in one.err
    forced = lomi("workers", "restart", "--force", "--timeout", "30s", "-o", "json")
    assert forced.code == 0, forced.err
    assert len(forced.document["workers"]) == 2
    assert len(tasks()) == 2
    assert not tasks() & before
    swarm.api.remove_service(made["ID"])
