"""`lomi scale` on a real engine and a real Redis."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.cli import asking
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.ops import fleet_lock
from lomi_ops.ops.scale import order, prepare
from lomi_ops.queue.fleet import Claimant, FleetLease
from tests.docker_engine import Fleet
from tests.integration.scale.conftest import OLD, SMALL, WORK, WORKERS, Lomi, Registrar, made, names, numbered, until
from tests.patience import Patience
from tests.services import free_port

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]


@contextmanager
def meanwhile(deed: Callable[[], None]) -> Any:
    """Somebody else does this while the command runs."""
    failures: list[BaseException] = []

    def act() -> None:
        try:
            deed()
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()
    assert failures == []


# --- more -------------------------------------------------------------------------------------------------------------


def test_two_become_four_and_all_are_ready(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    made(project, 2)
    registrar.once()

    said = lomi("scale", 4)

    assert said.code == 0, said.err
    assert said.out.startswith("4 of 4 workers are ready (2 started in ")
    assert names(project) == numbered(1, 2, 3, 4)
    assert f"{project.project}-{WORKERS}-4 is ready" in said.err


def test_as_many_as_there_are_is_said_and_nothing_is_done(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    before = made(project, 2)
    registrar.once()

    said = lomi("scale", 2)

    assert (said.code, said.out) == (0, "2 of 2 workers are ready\n")
    assert [each["Id"] for each in project.api.containers()] == before[::-1]


def test_a_dry_run_shows_the_plan_and_changes_nothing(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    made(project, 2)
    registrar.once()

    said = lomi("scale", 3, "--dry-run")

    assert said.code == 0
    assert ["1", "new", "create", "like"] in [line.split()[:4] for line in said.out.splitlines()]
    assert f"{WORKERS}: 2 to 3 workers; nothing was changed" in said.out
    assert names(project) == numbered(1, 2)
    found = lomi("scale", 1, "--dry-run", "-o", "json").document
    assert (found["schema"], found["before"], found["target"]) == ("lomi.scale/v1", 2, 1)
    assert found["steps"] == [{"what": "drain", "worker": f"{project.project}-{WORKERS}-2", "why": "it is idle"}]


def test_one_that_has_stopped_is_started_before_another_is_made(
    lomi: Lomi, project: Fleet, registrar: Registrar
) -> None:
    first, second = made(project, 2)
    other = project.run(WORKERS, WORK, number=3, tag="other", start=False, **SMALL)
    project.api.stop(second, timeout=5)
    registrar.once()

    said = lomi("scale", 3, "-o", "json")

    assert said.code == 0, said.err
    assert said.document["started"] == [f"{project.project}-{WORKERS}-2"]
    assert said.document["created"] == [f"{project.project}-{WORKERS}-4"]
    assert f"{project.project}-{WORKERS}-3" in said.document["notes"][0]
    assert project.state(other)["State"]["Status"] == "created"
    assert project.state(first)["State"]["Running"]


def test_whoever_is_quiet_is_needed_and_takes_jobs_again(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    first, _ = made(project, 2)
    registrar.once()
    registrar.registry.set_mode(registrar.boots[first], WorkerMode.QUIET)

    said = lomi("scale", 2, "-o", "json")

    assert said.document["resumed"] == [f"{project.project}-{WORKERS}-1"]
    assert registrar.modes()[first] is WorkerMode.RUNNING


def test_old_workers_are_ready_when_they_log_it(lomi: Lomi, project: Fleet) -> None:
    made(project, 1, OLD)

    said = lomi("scale", 2)

    assert said.code == 0, said.err
    assert said.out.startswith("2 of 2 workers are ready (1 started")


def test_where_nothing_tells_that_they_are_ready_that_is_said(lomi: Lomi, project: Fleet) -> None:
    made(project, 1, WORK, log_config={"type": "none"})

    said = lomi("scale", 2)

    assert said.code == 3
    assert "its log cannot be read, and it has no health check" in said.err
    assert names(project) == numbered(1, 2)


def test_one_that_dies_on_start_is_shown_with_its_last_lines_and_taken_away(
    lomi: Lomi, project: Fleet, registrar: Registrar, tmp_path: Path
) -> None:
    script = f"[ -e /switch/broken ] && echo 'no model here' && exit 3; {WORK}"
    made(project, 1, script, binds=[f"{tmp_path}:/switch:ro"])
    registrar.once()
    (tmp_path / "broken").touch()
    registrar.knows = lambda name: name.endswith("-1")

    said = lomi("scale", 2)

    assert said.code == 1
    assert "it ended with exit code 3" in said.err
    assert "| no model here" in said.err
    assert said.out.startswith("1 of 2 workers is ready")
    assert names(project, every=True) == numbered(1)

    kept = lomi("scale", 2, "--keep")

    assert kept.code == 1
    assert names(project, every=True) == numbered(1, 2)


def test_one_that_its_policy_starts_again_and_again_does_not_count(
    lomi: Lomi, project: Fleet, registrar: Registrar, tmp_path: Path
) -> None:
    script = f"[ -e /switch/broken ] && exit 3; {WORK}"
    made(project, 1, script, binds=[f"{tmp_path}:/switch:ro"], restart_policy={"Name": "unless-stopped"})
    registrar.once()
    (tmp_path / "broken").touch()
    registrar.knows = lambda name: name.endswith("-1")

    said = lomi("scale", 2)

    assert said.code == 1
    assert names(project, every=True) == numbered(1)


def test_what_cannot_be_started_at_all_leaves_nothing_behind(
    lomi: Lomi, project: Fleet, registrar: Registrar, tmp_path: Path
) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    first = project.api.create_container(
        project.image(), ["/bin/sh", "-c", WORK], name=f"{project.project}-{WORKERS}-1",
        labels={"lomi-test": project.project, "com.docker.compose.project": project.project,
                "com.docker.compose.service": WORKERS, "com.docker.compose.container-number": "1"},
        host_config=project.api.create_host_config(
            network_mode="none", mounts=[{"Type": "bind", "Source": str(folder), "Target": "/models"}]
        ),
    )["Id"]  # fmt: skip
    project.made.append(first)
    project.api.start(first)
    registrar.once()
    folder.rmdir()

    said = lomi("scale", 2)

    assert said.code == 1
    assert "models" in said.err
    assert names(project, every=True) == numbered(1)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Of `lomi scale` in this process."""
    found = Patience()
    monkeypatch.setattr(order, "Handles", partial(order.Handles, clock=found.clock))
    return found


def test_when_time_is_up_the_new_one_stays_and_may_go_on_loading(
    lomi: Lomi, project: Fleet, registrar: Registrar, patience: Patience
) -> None:
    made(project, 1)
    registrar.once()
    registrar.knows = lambda name: name.endswith("-1")
    patience.until = lambda: names(project) == numbered(1, 2)

    said = lomi("scale", 2, "--timeout", "1s")

    assert said.code == 3
    assert "it has not loaded its model yet" in said.err
    assert said.out.startswith("1 of 2 workers is ready")
    assert names(project) == numbered(1, 2)


# --- fewer ------------------------------------------------------------------------------------------------------------


def test_the_idle_go_first_and_the_highest_numbers_of_them(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    *_, busy = made(project, 4)
    registrar.once()
    job = registrar.gives_a_job_to(busy)

    said = lomi("scale", 2, "-o", "json")

    assert said.code == 0, said.err
    left = [f"{project.project}-{WORKERS}-{number}" for number in (3, 2)]
    assert said.document["left"] == [{"name": name, "exit_code": 0} for name in left]
    assert names(project, every=True) == numbered(1, 4)
    registrar.finishes(job)


def test_a_job_in_hand_is_finished_first(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    first, second = made(project, 2)
    registrar.once()
    jobs = [registrar.gives_a_job_to(each) for each in (first, second)]
    seen: list[bool] = []

    def finish() -> None:
        until(lambda: registrar.modes().get(second) is WorkerMode.QUIET)
        seen.append(bool(project.state(second)["State"]["Running"]))
        registrar.finishes(jobs[1])

    with meanwhile(finish):
        said = lomi("scale", 1)

    assert (said.code, seen) == (0, [True]), said.err
    assert f"finishes {jobs[1].job_id}" in said.err
    assert names(project, every=True) == numbered(1)
    assert registrar.modes() == {first: WorkerMode.RUNNING}
    registrar.finishes(jobs[0])


def test_one_that_does_not_finish_in_time_stays_and_takes_jobs_again(
    lomi: Lomi, project: Fleet, registrar: Registrar, patience: Patience
) -> None:
    first, second = made(project, 2)
    registrar.once()
    for each in (first, second):
        registrar.gives_a_job_to(each)
    patience.until = lambda: registrar.modes()[second] is WorkerMode.QUIET

    said = lomi("scale", 1, "--timeout", "1s")

    assert said.code == 3
    assert "it has not finished its job in 1 s, and stays" in said.err
    assert names(project) == numbered(1, 2)
    assert set(registrar.modes().values()) == {WorkerMode.RUNNING}


def test_whoever_interrupts_lets_those_go_on_that_were_to_leave(
    lomi: Lomi, project: Fleet, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = made(project, 2)
    registrar.once()
    for each in (first, second):
        registrar.gives_a_job_to(each)

    def interrupt(_: float) -> None:
        assert registrar.modes()[second] is WorkerMode.QUIET
        raise KeyboardInterrupt

    build = order.Handles
    monkeypatch.setattr(order, "Handles", lambda **known: build(**known, sleep=interrupt))
    said = lomi("scale", 1)

    assert said.code == 130
    assert f"{WORKERS}-2 takes jobs again" in said.err
    assert "try: lomi workers list, or again: lomi scale 1" in said.err
    assert set(registrar.modes().values()) == {WorkerMode.RUNNING}
    assert FleetLease(registrar.registry._client).tenure() is None


def test_what_leaves_with_another_code_than_0_stays_to_be_looked_at(
    lomi: Lomi, project: Fleet, registrar: Registrar
) -> None:
    made(project, 2, "trap 'exit 4' TERM; while true; do sleep 0.05; done")
    registrar.once()

    said = lomi("scale", 1)

    assert said.code == 1
    assert f"left with exit code 4: docker logs {project.project}-{WORKERS}-2" in said.err
    assert names(project, every=True) == numbered(1, 2)


def test_an_old_worker_is_not_stopped_for_nobody_knows_what_it_holds(lomi: Lomi, project: Fleet) -> None:
    made(project, 2, OLD)

    refused = lomi("scale", 1)

    assert refused.code == 5
    assert "a job in their hand would be lost" in refused.err
    assert names(project) == numbered(1, 2)

    assert lomi("scale", 1, "--force").code == 0
    assert names(project, every=True) == numbered(1)


@pytest.mark.parametrize(("role", "code"), [(None, 5), ("worker", 0)])
def test_only_a_label_of_our_image_tells_that_an_unregistered_one_finishes_its_job(
    lomi: Lomi, project: Fleet, role: str | None, code: int
) -> None:
    labels = {
        "com.docker.compose.project": project.project, "com.docker.compose.service": WORKERS,
        "com.docker.compose.oneoff": "False",
    } | ({"org.lomi.role": role} if role else {})  # fmt: skip
    for number in (1, 2):
        place = {"com.docker.compose.container-number": str(number)}
        project.run(WORKERS, WORK, number=number, labels=labels | place, log_config={"type": "none"}, **SMALL)

    said = lomi("scale", 1)

    assert len(names(project)) == (1 if code == 0 else 2)
    assert (code == 5) is ("a job in their hand would be lost" in said.err)


def test_a_frozen_one_is_no_ones_to_stop(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    first, second = made(project, 2)
    registrar.once()
    for each in (first, second):
        project.api.pause(each)

    said = lomi("scale", 1)

    assert said.code == 5
    assert f"docker unpause {project.project}-{WORKERS}-2" in said.err
    for each in (first, second):
        project.api.unpause(each)


def test_none_at_all_is_asked_about_and_the_last_container_stays_to_be_started_again(
    lomi: Lomi, project: Fleet, registrar: Registrar
) -> None:
    made(project, 2)
    registrar.once()

    refused = lomi("scale", 0)

    assert refused.code == 5
    assert "try: lomi scale 0 --yes" in refused.err
    assert names(project) == numbered(1, 2)

    said = lomi("scale", 0, "--yes")

    assert (said.code, names(project), names(project, every=True)) == (0, [], numbered(1))
    assert said.out.startswith("no worker runs (2 left in ")

    again = lomi("scale", 2)

    assert again.code == 0, again.err
    assert names(project) == numbered(1, 2)


@pytest.mark.parametrize(("typed", "code"), [("moderator-worker\n", 0), ("yes\n", 5), ("", 5)])
def test_only_the_name_of_the_service_stops_the_last_one(
    lomi: Lomi, project: Fleet, registrar: Registrar, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    made(project, 1)
    registrar.once()
    monkeypatch.setattr(asking, "somebody", lambda: True)
    read, write = os.pipe()
    os.write(write, typed.encode())
    os.close(write)
    with os.fdopen(read) as answers:
        monkeypatch.setattr(sys, "stdin", answers)
        assert lomi("scale", 0).code == code


# --- what stands in the way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", ["-1", "1001", "1000000000000", "many"])
def test_a_number_that_is_none_is_a_misuse(lomi: Lomi, project: Fleet, number: str) -> None:
    said = lomi("scale", number)

    assert said.code == 2
    assert number in said.err.splitlines()[0]


def test_a_service_with_a_typo_is_told_the_nearest(lomi: Lomi, project: Fleet) -> None:
    made(project, 1)

    said = lomi("scale", 2, "--service", "moderator-wroker")

    assert said.code == 1
    assert "no service moderator-wroker, did you mean moderator-worker?" in said.err
    assert "try: lomi scale N --service moderator-worker" in said.err


def test_another_service_of_workers_can_be_named(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    made(project, 1)
    project.run("night-worker", WORK, **SMALL)
    registrar.once()

    said = lomi("scale", 2, "--service", "night-worker")

    assert said.code == 0, said.err
    assert names(project) == [*numbered(1), "night-worker-1", "night-worker-2"]


@pytest.mark.parametrize("service", ["postgres", "redis", "backend"])
def test_what_is_no_worker_is_not_doubled(lomi: Lomi, project: Fleet, service: str) -> None:
    project.run(service, WORK)

    said = lomi("scale", 2, "--service", service)

    assert said.code == 5
    assert f"{service} is no service of workers" in said.err


def test_where_there_are_no_containers_the_command_that_makes_them_is_told(lomi: Lomi, project: Fleet) -> None:
    project.run("redis", WORK)

    said = lomi("scale", 2)

    assert said.code == 1
    assert "it has redis" in said.err
    assert f"-p {project.project} -f /srv/app/docker-compose.prod.yml up -d moderator-worker" in said.err


def test_containers_that_somebody_made_by_hand_are_left_to_them(
    lomi: Lomi, project: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOMI_DOCKER__PROJECT")
    project.run(WORKERS, WORK, name=f"{project.project}_{WORKERS}_1", labels={})

    said = lomi("scale", 2)

    assert said.code == 5
    assert "made by hand" in said.err


def test_two_operators_do_not_scale_at_once(lomi: Lomi, project: Fleet, registrar: Registrar) -> None:
    made(project, 1)
    registrar.once()

    with fleet_lock.held(FleetLease(registrar.registry._client), Claimant("ben", "lomi scale 9", "ops-2")):
        said = lomi("scale", 2)

    assert said.code == 75
    assert "ben changes the workers: lomi scale 9, on ops-2, for " in said.err
    assert names(project) == numbered(1)


def test_the_workers_of_a_local_stack_are_another_commands(
    lomi: Lomi, project: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOMI_DOCKER__HOST")
    monkeypatch.delenv("LOMI_DOCKER__PROJECT")
    monkeypatch.delenv("LOMI_REDIS_URL")
    ports = {"redis_port": 1, "postgres_port": 2, "redis_password": "a", "postgres_password": "b"}
    (tmp_path / "stack.json").write_text(json.dumps({"schema": "lomi.stack/v1"} | ports))

    said = lomi("scale", 3, "--data", tmp_path)

    assert said.code == 5
    assert "try: lomi up --workers 3" in said.err


def test_without_an_engine_that_is_said(lomi: Lomi, project: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOMI_DOCKER__HOST")

    said = lomi("scale", 2)

    assert said.code == 3
    assert "this machine has no socket of one" in said.err
    assert "docker.host, DOCKER_HOST" in said.err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_without_the_right_to_the_socket_the_group_is_named(lomi: Lomi, project: Fleet) -> None:
    assert lomi("scale", 2).code == 1, "what it needs is imported while we may read it"
    path = project.url.removeprefix("unix://")
    before = Path(path).stat().st_mode
    Path(path).chmod(0o600)
    os.seteuid(65534)
    try:
        said = lomi("scale", 2)
    finally:
        os.seteuid(0)
        Path(path).chmod(before)

    assert said.code == 3
    assert "usermod -aG docker" in said.err


def test_without_redis_nobody_knows_who_else_is_at_work(
    lomi: Lomi, project: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(project, 1)
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    said = lomi("scale", 2)

    assert said.code == 3
    assert names(project) == numbered(1)


def test_what_memory_cannot_hold_is_refused_with_the_numbers(
    lomi: Lomi, project: Fleet, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = project.api.info()["MemTotal"]
    made(project, 1, mem_limit=total // 3, mem_reservation=total // 3)
    registrar.once()

    refused = lomi("scale", 4)

    assert refused.code == 5
    assert "3 more workers need" in refused.err
    assert "are reserved by" in refused.err
    assert "the most that fits; or --force" in refused.err
    assert lomi("scale", 4, "--force").code == 0
    monkeypatch.setattr(prepare, "_available", lambda: 1 << 20)
    scarce = lomi("scale", 5)
    assert scarce.code == 5


def test_what_is_free_on_this_machine_counts_as_well(
    lomi: Lomi, project: Fleet, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(project, 1)
    registrar.once()
    monkeypatch.setattr(prepare, "_available", lambda: 16 << 20)

    said = lomi("scale", 2)

    assert said.code == 5
    assert "1 more worker needs 32 MiB; 16 MiB of" in said.err


def test_a_port_of_the_host_keeps_them_alone_and_a_dry_run_says_so(
    lomi: Lomi, project: Fleet, registrar: Registrar
) -> None:
    project.run(
        WORKERS, WORK, network_mode=project.network(), port_bindings={9100: ("127.0.0.1", free_port())}, **SMALL
    )
    registrar.once()

    for words in ((), ("--dry-run",)):
        said = lomi("scale", 2, *words)
        assert said.code == 5
        assert "of the host, which only one can have" in said.err
