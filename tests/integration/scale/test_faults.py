"""What happens while scaling, and what is left then."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from lomi_ops.clients.containers import Control, Engine
from lomi_ops.config.sections.services import DockerSection
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import Conflict, DockerUnavailable
from lomi_ops.ops import fleet_lock
from lomi_ops.ops.containers import Look
from lomi_ops.ops.operations import Journal
from lomi_ops.ops.scale import scaling
from lomi_ops.ops.scale.order import Handles, Order
from lomi_ops.ops.scale.run import ContainerRun
from lomi_ops.ops.workers.look import Fleet as Workers
from lomi_ops.ops.workers.look import members
from lomi_ops.queue.fleet import Claimant, FleetLease
from tests.docker_engine import Fleet
from tests.integration.scale.conftest import WORKERS, Lomi, Registrar, made, names, numbered, until

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

ADA = Claimant("ada", "lomi scale 4", "ops-1")
LEASE_S = 12.0


@pytest.fixture
def handles(project: Fleet, registrar: Registrar) -> Iterator[Handles]:
    engine = Engine(DockerSection.model_validate({"host": project.url, "project": project.project}), {})
    yield Handles(
        control=Control(engine),
        registry=registrar.registry,
        look=lambda: members(registrar.registry, Look(engine), WORKERS, LEASE_S),
        journal=Journal(None, lambda text: None),
        wall=lambda: datetime.now(UTC),
    )
    engine.close()


def scale(at: Handles, registrar: Registrar, target: int, **wanted: Any) -> scaling.Scaled:
    order = Order(target, "ada", grace_s=30, **{"patience_s": 20.0} | wanted)
    return scaling.scale(at, FleetLease(registrar.queue._client), ADA, WORKERS, order, {})


def test_whoever_loses_the_lease_changes_nothing_more(project: Fleet, registrar: Registrar, handles: Handles) -> None:
    made(project, 1)
    registrar.once()
    order = Order(4, "ada", grace_s=30)
    proposal = scaling.propose(handles, WORKERS, order, {})
    assert proposal.plan is not None

    with fleet_lock.held(FleetLease(registrar.queue._client), ADA) as ours:

        def steal(text: str) -> None:
            registrar.queue._client.delete(registrar.queue.keys.fleet)
            ours.renew()

        with pytest.raises(Conflict, match="nothing more is changed"):
            ContainerRun(replace(handles, tell=steal), order, proposal.plan, ours).run()

    assert names(project) == numbered(1, 2), "the one that was begun, and no other"


def test_an_engine_that_is_away_for_a_moment_is_waited_for(
    project: Fleet, registrar: Registrar, handles: Handles
) -> None:
    made(project, 1)
    registrar.once()
    looks = iter(range(100))
    away = DockerUnavailable("the Docker Engine is away")

    def look() -> Workers:
        found = handles.look()
        return replace(found, cluster=None, docker=away) if next(looks) in (1, 2) else found

    found = scale(replace(handles, look=look, sleep=lambda _: None), registrar, 2)

    assert (found.outcome.ready, found.outcome.running) == (2, 2)


def test_an_engine_that_stays_away_ends_it(project: Fleet, registrar: Registrar, handles: Handles) -> None:
    made(project, 1)
    registrar.once()
    looks = iter(range(10_000))
    away = DockerUnavailable("the Docker Engine is away")

    def look() -> Workers:
        found = handles.look() if not (number := next(looks)) else Workers((), datetime.now(UTC))
        return replace(found, cluster=None, docker=away) if number else found

    with pytest.raises(DockerUnavailable, match="is away"):
        scale(replace(handles, look=look), registrar, 2, patience_s=1.0)


def test_who_does_not_wait_only_starts_and_who_does_not_resume_leaves_the_quiet_alone(
    project: Fleet, registrar: Registrar, handles: Handles
) -> None:
    first, _ = made(project, 2)
    registrar.once()
    registrar.registry.set_mode(registrar.boots[first], WorkerMode.QUIET)

    found = scale(handles, registrar, 3, wait=False, resume=False).outcome

    assert (found.running, len(found.created), found.late, found.failed) == (3, 1, [], [])
    assert registrar.modes()[first] is WorkerMode.QUIET


def test_what_was_done_is_in_the_audit(
    lomi: Lomi, project: Fleet, registrar: Registrar, prepared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    made(project, 1)
    registrar.once()

    assert lomi("scale", 2, "--as", "ada", "--reason", "the evening").code == 0
    assert lomi("scale", 2, "--as", "ada").code == 0

    with psycopg.connect(prepared_url) as connection:
        noted = connection.execute(
            "SELECT actor, action, subject, reason, before, after FROM lomi.audit ORDER BY at, id"
        ).fetchall()
    assert [row[:4] for row in noted] == [("ada", "scale", f"service:{WORKERS}", "the evening")] * 2
    assert noted[0][4:] == ({"workers": 1}, {"wanted": 2})
    assert (noted[1][5]["running"], noted[1][5]["ready"]) == (2, 2)


def test_ctrl_c_while_a_job_is_finished_lets_its_worker_go_on(project: Fleet, registrar: Registrar) -> None:
    first, second = made(project, 2)
    registrar.once()
    for each in (first, second):
        registrar.gives_a_job_to(each)

    process = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "scale", "1"], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(lambda: registrar.modes().get(second) is WorkerMode.QUIET)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (130, "")
    assert f"{WORKERS}-2 takes jobs again" in err
    assert set(registrar.modes().values()) == {WorkerMode.RUNNING}
    assert FleetLease(registrar.queue._client).tenure() is None


def test_whoever_was_killed_is_in_the_way_no_longer_than_the_lease_and_a_second_run_goes_on(
    lomi: Lomi, project: Fleet, registrar: Registrar
) -> None:
    first, second = made(project, 2)
    registrar.once()
    jobs = [registrar.gives_a_job_to(each) for each in (first, second)]
    process = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "scale", "1"], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: registrar.modes().get(second) is WorkerMode.QUIET)
    process.kill()
    process.wait()

    assert lomi("scale", 1).code == 75
    registrar.queue._client.hset(registrar.queue.keys.fleet, "until", 1)
    registrar.finishes(jobs[1])

    said = lomi("scale", 1)

    assert said.code == 0, said.err
    assert names(project, every=True) == numbered(1)
    assert registrar.modes() == {first: WorkerMode.RUNNING}
    registrar.finishes(jobs[0])
