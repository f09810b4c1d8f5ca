"""`lomi deploy plan|apply|back` on a real engine, a real Redis and Postgres, and a project of a real docker-compose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from lomi_ops.cli import diagnostics
from lomi_ops.clients.containers import Control, Engine
from lomi_ops.clients.containers.successors import REPLACES
from lomi_ops.config.sections.services import DockerSection
from lomi_ops.domain.rollout import PREVIOUS, previous_name
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.ops import fleet_lock
from lomi_ops.queue.fleet import Claimant, FleetLease
from tests.docker_engine import Fleet, root_file_system
from tests.doubles.registry import running_registry
from tests.integration.deploy.conftest import WORKERS, Live, Lomi
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.scale.conftest import Registrar
from tests.services import free_port

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(180)]

WORKERS_ONLY = ("--service", WORKERS, "--no-fetch")
UNCHECKED = ("--skip-check", "a test")


@contextmanager
def watched(live: Live) -> Iterator[list[int]]:
    """How many workers ran, looked at all the time."""
    counts: list[int] = []
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            counts.append(len(live.running(WORKERS)))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield counts
    finally:
        over.set()
        thread.join()


def audit(cluster: OldCluster) -> list[tuple[str, str, str]]:
    with psycopg.connect(cluster.database_url) as pg:
        return pg.execute("SELECT action, subject, reason FROM lomi.audit ORDER BY at").fetchall()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_plan_names_each_step_with_its_command_and_changes_nothing(
    lomi: Lomi, live: Live, registrar: Registrar
) -> None:
    before = live.running(WORKERS) | live.running("backend")

    said = lomi("deploy", "plan", "--no-fetch", "-o", "json")

    assert said.code == 0, said.err
    assert [(step["kind"], step["service"]) for step in said.document["steps"]] == [
        ("check", ""), ("image", "backend"), ("image", WORKERS),
        ("restart", "backend"), ("roll", WORKERS), ("check", ""),
    ]  # fmt: skip
    command = said.document["steps"][3]["command"]
    assert command.startswith(f"docker-compose -p {live.name} -f ")
    assert command.endswith(" up -d --no-deps backend")
    assert live.running(WORKERS) | live.running("backend") == before
    assert "nothing was changed" in lomi("deploy", "apply", "--no-fetch", "--dry-run").out


def test_workers_are_replaced_one_after_another_and_compose_and_a_second_run_leave_them_alone(
    lomi: Lomi, live: Live, registrar: Registrar, cluster: OldCluster
) -> None:
    old, names = live.id_of(live.image(WORKERS)), set(live.running(WORKERS))
    new = live.lead(WORKERS, "2")

    with watched(live) as counts:
        said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED, "--reason", "release 41", "--as", "ada")

    assert said.code == 0, said.err
    assert live.running(WORKERS) == dict.fromkeys(names, new), "the names and numbers that they had"
    assert len(live.all(WORKERS)) == 3
    assert min(counts) >= 2
    assert said.out.startswith("deployed in ")
    assert len(said.out.splitlines()) == 1
    assert live.id_of(f"{live.name}/{WORKERS}:{PREVIOUS}") == old
    assert audit(cluster) == [("deploy.apply", f"service:{WORKERS}", "release 41; check left out: a test")]
    there = live.running(WORKERS)

    again = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED, "-o", "json")
    said_by_compose = live.compose("up", "-d", "--no-build", "--no-deps", "--scale", f"{WORKERS}=3", WORKERS)

    assert again.code == 0, again.err
    rolled = next(step for step in again.document["steps"] if step["kind"] == "roll")
    assert rolled["said"] == f"all 3 run {new.removeprefix('sha256:')[:12]} already"
    assert "Recreating" not in said_by_compose
    assert live.running(WORKERS) == there


@pytest.mark.parametrize("came", ["made", "started", "alone"])
def test_what_a_killed_run_left_is_ended_first(lomi: Lomi, live: Live, registrar: Registrar, came: str) -> None:
    """It was killed after it had stopped an old worker: before or after the start of its successor, or when that one
    had everything but its name."""
    names = set(live.running(WORKERS))
    new = live.lead(WORKERS, "2")
    old = live.fleet.state(min(live.running(WORKERS)))["Id"]
    engine = Engine(DockerSection.model_validate({"host": live.fleet.url}), {})
    control = Control(engine)
    made = control.succeed(old, image=live.image(WORKERS), labels={REPLACES: old})
    control.stop(old, 20)
    if came != "made":
        control.start(made.id)
    if came == "alone":
        control.remove(old)
    engine.close()

    said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)

    assert said.code == 0, said.err
    assert len(live.all(WORKERS)) == 3
    assert live.running(WORKERS) == dict.fromkeys(names, new)
    assert ("is taken away" in said.err) is (came != "alone")


def test_a_job_in_hand_is_finished_first(
    lomi: Lomi, live: Live, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    registrar.once()
    first = live.fleet.state(min(live.running(WORKERS)))["Id"]
    job = registrar.gives_a_job_to(first)
    live.lead(WORKERS, "2")
    waiting, note = threading.Event(), diagnostics.note
    seen: list[str] = []

    def hear(text: str) -> None:
        note(text)
        if f"finishes {job.job_id}" in text:
            waiting.set()

    def finish() -> None:
        assert waiting.wait(30)
        seen.append(live.fleet.state(first)["State"]["Status"])
        assert registrar.modes()[first] is WorkerMode.QUIET
        registrar.finishes(job)

    monkeypatch.setattr(diagnostics, "note", hear)
    thread = threading.Thread(target=finish)
    thread.start()
    said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)
    thread.join()

    assert said.code == 0, said.err
    assert seen == ["running"]
    assert not registrar.queue.stats().dead


def test_an_image_that_does_not_start_stops_it_and_the_way_back_works(
    lomi: Lomi, live: Live, registrar: Registrar
) -> None:
    old = live.id_of(live.image(WORKERS))
    before = live.running(WORKERS)
    live.lead(WORKERS, "broken")

    said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)

    assert said.code == 1
    assert "no model: the image is broken" in said.err
    assert f"{WORKERS}: 0 of 3 on the new image" in said.err
    assert said.err.rstrip().endswith(f"try: lomi deploy back --service {WORKERS}")
    until(lambda: live.running(WORKERS) == before)
    assert len(live.all(WORKERS)) == 3

    back = lomi("deploy", "back", "--service", WORKERS)

    assert back.code == 0, back.err
    assert live.id_of(live.image(WORKERS)) == old
    assert live.running(WORKERS) == before


def test_going_back_rolls_to_the_image_from_before_and_forward_again(
    lomi: Lomi, live: Live, registrar: Registrar
) -> None:
    old = live.id_of(live.image(WORKERS))
    new = live.lead(WORKERS, "2")
    assert lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED).code == 0

    assert lomi("deploy", "back").code == 0
    assert set(live.running(WORKERS).values()) == {old}

    assert lomi("deploy", "back").code == 0
    assert set(live.running(WORKERS).values()) == {new}


def test_nothing_to_go_back_to_is_said(lomi: Lomi, live: Live, registrar: Registrar) -> None:
    said = lomi("deploy", "back")

    assert said.code == 1
    assert "no image from before is kept" in said.err


def test_a_failed_check_stops_it_before_anything_is_changed(
    lomi: Lomi, live: Live, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOMI_CHECKS__SUPPRESSIONS")
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://a:b@127.0.0.1:{free_port()}/none")
    before = live.running(WORKERS)
    live.lead(WORKERS, "2")

    said = lomi("deploy", "apply", *WORKERS_ONLY)

    assert said.code == 1
    assert "postgres.ping" in said.err
    assert "lomi check --scope pre-deploy; then again, or: lomi deploy apply --skip-check REASON" in said.err
    assert live.running(WORKERS) == before


def test_a_check_that_fails_afterwards_shows_the_way_back(
    lomi: Lomi, live: Live, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOMI_CHECKS__SUPPRESSIONS")
    monkeypatch.setattr("lomi_ops.ops.deploy.checking.PATIENCE_S", 0.0)
    live.lead(WORKERS, "2")

    said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)

    assert said.code == 1
    assert f"{WORKERS}: 3 of 3 on the new image" in said.err
    assert f"lomi deploy back --service {WORKERS}" in said.err


def test_somebody_else_who_changes_the_workers_is_named(lomi: Lomi, live: Live, registrar: Registrar) -> None:
    live.lead(WORKERS, "2")
    before = live.running(WORKERS)

    with fleet_lock.held(FleetLease(registrar.queue._client), Claimant("grace", "lomi scale 6", "other")):
        said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)

    assert said.code == 75
    assert "grace changes the workers: lomi scale 6, on other" in said.err
    assert live.running(WORKERS) == before


def test_a_typo_in_a_service_names_the_nearest(lomi: Lomi, live: Live) -> None:
    said = lomi("deploy", "apply", "--service", "moderator-wroker", "--no-fetch")

    assert said.code == 1
    assert f"did you mean {WORKERS}?" in said.err


def test_old_workers_are_refused_unless_a_job_may_be_lost(lomi: Lomi, live: Live, fleet: Fleet, redis_url: str) -> None:
    old = "echo NSFW model loaded successfully; trap 'exit 0' TERM; while true; do sleep 0.05; done"
    live.change(WORKERS, command=["/bin/sh", "-c", old])
    live.compose("up", "-d", "--no-build", "--scale", f"{WORKERS}=3", "-t", "1")
    live.lead(WORKERS, "2")
    before = live.running(WORKERS)

    said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)

    assert said.code == 5
    assert "a job in their hand would be lost" in said.err
    assert live.running(WORKERS) == before

    forced = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED, "--force")
    assert forced.code == 0, forced.err
    assert set(live.running(WORKERS).values()) == {live.id_of(live.image(WORKERS))}


def test_the_backend_is_made_anew_and_waited_for(lomi: Lomi, live: Live, registrar: Registrar) -> None:
    new = live.lead("backend", "2")
    workers = live.running(WORKERS)

    said = lomi("deploy", "apply", "--no-fetch", *UNCHECKED)

    assert said.code == 0, said.err
    assert set(live.running("backend").values()) == {new}
    assert live.running(WORKERS) == workers
    assert "backend on" in said.out


def test_a_backend_that_does_not_start_stops_it_before_the_workers(
    lomi: Lomi, live: Live, registrar: Registrar
) -> None:
    old = live.id_of(live.image("backend"))
    live.lead("backend", "broken")
    live.lead(WORKERS, "2")
    workers = live.running(WORKERS)

    said = lomi("deploy", "apply", "--no-fetch", *UNCHECKED)

    assert said.code == 1
    assert "cannot bind" in said.err
    assert live.running(WORKERS) == workers

    back = lomi("deploy", "back", "--service", "backend")
    assert back.code == 0, back.err
    assert set(live.running("backend").values()) == {old}


def test_images_are_built_by_compose_from_the_projects_own_file(lomi: Lomi, live: Live, registrar: Registrar) -> None:
    old = live.id_of(live.image(WORKERS))
    (live.folder / "worker").mkdir()
    (live.folder / "worker" / "tag").write_text("built")
    (live.folder / "worker" / "Dockerfile").write_text(f"FROM {live.fleet.image('1')}\nCOPY tag /tag\n")
    live.change(WORKERS, build="./worker")

    said = lomi("deploy", "apply", "--service", WORKERS, *UNCHECKED)

    assert said.code == 0, said.err
    built = live.id_of(live.image(WORKERS))
    assert built != old
    assert set(live.running(WORKERS).values()) == {built}


def test_an_image_without_a_build_is_pulled_and_a_tag_that_is_gone_stops_it(
    lomi: Lomi, live: Live, registrar: Registrar
) -> None:
    with running_registry() as registry:
        image = registry.publish("team/worker", "live", root_file_system("1"))
        live.change(WORKERS, image=image)
        live.compose("up", "-d", "--no-build", "--no-deps", "--scale", f"{WORKERS}=3", "-t", "1", WORKERS)
        registry.publish("team/worker", "live", root_file_system("2"))

        said = lomi("deploy", "apply", "--service", WORKERS, *UNCHECKED)
        pulled = live.id_of(image)
        registry.manifests.clear()
        gone = lomi("deploy", "apply", "--service", WORKERS, *UNCHECKED)

    assert said.code == 0, said.err
    assert "  | live Pulling from team/worker" in said.err
    assert set(live.running(WORKERS).values()) == {pulled}
    assert live.id_of(previous_name(image)) != pulled
    assert gone.code == 1
    assert f"{image} cannot be pulled: " in gone.err
    assert "docker login" in gone.err
    assert set(live.running(WORKERS).values()) == {pulled}


def test_an_interruption_brings_the_old_worker_back(
    lomi: Lomi, live: Live, registrar: Registrar, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the worst moment: the old one has stopped, the new one has not yet started."""
    before = live.running(WORKERS)
    live.lead(WORKERS, "2")
    start = Control.start

    def interrupted(control: Control, container: str) -> None:
        monkeypatch.setattr(Control, "start", start)
        raise KeyboardInterrupt

    monkeypatch.setattr(Control, "start", interrupted)
    said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)

    assert said.code == 130
    assert "runs again" in said.err
    assert f"lomi deploy apply --service {WORKERS}, to go on; or: lomi deploy back --service {WORKERS}" in said.err
    until(lambda: live.running(WORKERS) == before)
    assert len(live.all(WORKERS)) == 3


def test_without_the_compose_file_workers_can_be_rolled_and_a_build_cannot(
    lomi: Lomi, live: Live, registrar: Registrar
) -> None:
    path = live.folder / "docker-compose.prod.yml"
    away = path.rename(live.folder / "elsewhere.yml")
    new = live.lead(WORKERS, "2")
    try:
        said = lomi("deploy", "apply", *WORKERS_ONLY, *UNCHECKED)
        backend = lomi("deploy", "apply", "--service", "backend", "--no-fetch", *UNCHECKED)
    finally:
        away.rename(path)

    assert said.code == 0, said.err
    assert "is not on this machine" in said.err
    assert set(live.running(WORKERS).values()) == {new}
    assert backend.code == 0, "nothing is new for it"


def test_no_engine_is_one_sentence(
    lomi: Lomi, cluster: OldCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DOCKER__HOST", f"unix://{tmp_path}/none.sock")

    said = lomi("deploy", "apply")

    assert said.code == 3
    assert "error: " in said.err
