"""`lomi check` on containers that are really broken."""

from __future__ import annotations

from typing import Any

import pytest

from lomi_ops.domain.worker_log import READY_LINE
from lomi_ops.queue.workers import WorkerRegistry
from tests.commands import Lomi, Said
from tests.docker_engine import Fleet
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.conftest import lomi, old, point, quiet_machine, registry, worker
from tests.integration.ops.old_cluster import OldCluster
from tests.services import free_port

__all__ = ["lomi", "old", "point", "quiet_machine", "registry"]

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"
READY = f"echo '{READY_LINE}'; {FOREVER}"
GUIDE: dict[str, Any] = {
    "mem_limit": "1g", "mem_reservation": "512m", "restart_policy": {"Name": "unless-stopped"},
}  # fmt: skip
KEPT: dict[str, Any] = {"restart_policy": {"Name": "unless-stopped"}}
OTHERS = ("postgres", "redis", "backend", "compreface")


@pytest.fixture
def production(old: OldCluster, fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The guide's cluster is to be looked at; its containers are made by each test."""
    monkeypatch.setenv("LOMI_DOCKER__HOST", fleet.url)
    monkeypatch.setenv("LOMI_DOCKER__PROJECT", fleet.project)
    return fleet


def services(fleet: Fleet, *but: str) -> dict[str, str]:
    """Every service of the guide but some."""
    return {name: fleet.run(name, FOREVER, **KEPT) for name in OTHERS if name not in but}


def workers(fleet: Fleet, number: int = 4, script: str = READY, **host: Any) -> list[str]:
    return [fleet.run(WORKERS, script, number=each + 1, **GUIDE | host) for each in range(number)]


def checked(lomi: Lomi) -> tuple[Said, dict[str, dict[str, Any]]]:
    said = lomi("check", "--only", "docker", "-o", "json")
    return said, {check["slug"].partition(".")[2]: check for check in said.document["checks"]}


def statuses(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: check["status"] for name, check in found.items() if check["status"] != "pass"}


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_the_guides_cluster_passes(production: Fleet, lomi: Lomi) -> None:
    services(production)
    made = workers(production)
    for each in made:
        production.await_that(each, lambda said: READY_LINE.encode() in production.api.logs(said["Id"]))

    said, found = checked(lomi)

    assert (said.code, statuses(found)) == (0, {})
    assert found["containers"]["detail"] == f"8 containers, project {production.project}"
    assert found["workers"]["observed"] == found["workers"]["expected"] == "4"
    assert found["models"]["detail"] == "4 of 4 have loaded their model"


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_in_the_middle_of_a_swap_old_workers_count_among_those_that_are_wanted(
    production: Fleet, registry: WorkerRegistry, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in workers(production, 2):
        production.await_that(each, lambda said: READY_LINE.encode() in production.api.logs(said["Id"]))
    registry.register(worker("b1"))

    def said(wanted: int) -> tuple[str, str, str]:
        monkeypatch.setenv("LOMI_CHECKS__WORKERS", str(wanted))
        (check,) = (
            each
            for each in lomi("check", "--only", "workers.expected", "-o", "json").document["checks"]
            if each["slug"] == "workers.expected"
        )
        return check["status"], check["detail"], check["observed"]

    assert said(3) == ("pass", "1 of 3 workers beat, 2 old ones are at work beside it", "3")
    assert said(4) == ("fail", "1 of 4 workers beat, 2 old ones are at work beside it", "1")


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_each_service_that_is_broken_is_told_by_its_own_check(production: Fleet, lomi: Lomi) -> None:
    made = services(production, "backend", "compreface")
    ill = {"test": ["CMD-SHELL", "echo core is gone; false"], "interval": 10**8, "timeout": 10**9, "retries": 1,
           "start_period": 0}  # fmt: skip
    face = production.run("compreface", FOREVER, healthcheck=ill, **KEPT)
    production.await_that(face, lambda said: said["State"]["Health"]["Status"] == "unhealthy")
    production.api.kill(made["postgres"])
    production.await_state(made["postgres"], "exited")
    workers(production, 3)

    said, found = checked(lomi)

    assert said.code == 1
    assert {name for name, status in statuses(found).items() if status == "fail"} >= {
        "postgres", "backend", "compreface", "workers",
    }  # fmt: skip
    name = production.project
    assert found["postgres"]["detail"] == f"{name}-postgres-1 has stopped: exit code 137, SIGKILL"
    assert found["backend"]["detail"] == "there is no container of service backend"
    assert "docker-compose.prod.yml up -d backend" in found["backend"]["hint"]
    assert found["compreface"]["detail"].endswith("failed health checks: core is gone")
    assert found["workers"]["detail"].startswith("3 of 4 run; 4 containers of service moderator-worker are due")
    assert found["redis"]["status"] == "pass"


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_a_worker_without_its_model_is_told_with_its_own_words(production: Fleet, lomi: Lomi) -> None:
    services(production)
    workers(production, 3)
    broken = production.run(
        WORKERS, f"echo \"OSError: We couldn't connect to 'https://huggingface.co'\" >&2; {FOREVER}", number=4, **GUIDE
    )
    production.await_that(broken, lambda said: b"OSError" in production.api.logs(said["Id"]))

    said, found = checked(lomi)

    assert said.code == 1
    assert statuses(found) == {"models": "fail"}
    assert found["models"]["detail"].startswith("3 of 4 have loaded their model; ")
    assert "its model does not load: OSError: We couldn't connect" in found["models"]["detail"]


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_one_that_still_loads_is_not_yet_known(production: Fleet, lomi: Lomi) -> None:
    services(production)
    workers(production, 3)
    production.run(WORKERS, f"echo Loading NSFW model; {FOREVER}", number=4, **GUIDE)

    said, found = checked(lomi)

    assert (said.code, statuses(found)) == (3, {"models": "unknown"})
    assert "is still loading" in found["models"]["detail"]


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_kills_and_loops_are_told_with_their_containers(production: Fleet, lomi: Lomi) -> None:
    services(production)
    workers(production, 3)
    production.starve(WORKERS, number=4)
    loop = production.run(WORKERS, "exit 1", number=5, **KEPT)
    production.await_that(loop, lambda said: said["RestartCount"] >= 3)

    _, found = checked(lomi)

    assert found["memory"]["status"] == found["restarts"]["status"] == "fail"
    name = f"{production.project}-{WORKERS}"
    assert found["memory"]["detail"] == f"{name}-4 was killed for want of memory, with 16 MiB"
    assert f"{name}-5 was restarted" in found["restarts"]["detail"]


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_what_the_guide_asks_for_and_is_not_there_is_warned_about(production: Fleet, lomi: Lomi) -> None:
    services(production)
    workers(production, 2)
    production.run(WORKERS, READY, number=3, tag="2", mem_limit="1g", mem_reservation="512m")
    production.run(WORKERS, READY, number=4, **KEPT)

    said, found = checked(lomi)

    name = f"{production.project}-{WORKERS}"
    assert statuses(found) == {"limits": "warn", "restart_policy": "warn", "images": "warn"}
    assert said.code == 0
    assert f"no memory limit, 1024 MiB is due: {name}-4" in found["limits"]["detail"]
    assert found["restart_policy"]["hint"] == f"docker update --restart unless-stopped {name}-3"
    assert found["images"]["detail"].startswith("2 images at work: ")


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_an_engine_without_the_cluster_is_skipped_unless_a_setting_says_it_is_there(
    old: OldCluster, fleet: Fleet, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lomi_ops.clients.containers import place

    monkeypatch.setattr(place, "SOCKET", fleet.url.removeprefix("unix://"))
    said, found = checked(lomi)
    assert said.code == 0
    assert {name for name, status in statuses(found).items() if status == "skip"} == found.keys() - {"engine"}

    monkeypatch.setenv("LOMI_DOCKER__PROJECT", fleet.project)
    said, found = checked(lomi)
    assert said.code == 1
    assert statuses(found)["containers"] == "fail"
    assert set(statuses(found).values()) == {"fail", "blocked"}


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_a_service_that_the_settings_place_elsewhere_is_not_missed(
    production: Fleet, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", "postgresql://u:p@db.example.org:5432/x")
    monkeypatch.setenv("LOMI_DOCKER__COMPREFACE_SERVICE", "faces")
    services(production, "postgres", "compreface")
    production.run("faces", FOREVER, **KEPT)
    workers(production)

    _, found = checked(lomi)

    assert statuses(found).keys() <= {"postgres", "models"}
    assert found["postgres"]["detail"] == "it runs elsewhere: db.example.org"


def test_a_machine_without_docker_skips_them_all(old: OldCluster, lomi: Lomi) -> None:
    said, found = checked(lomi)

    assert said.code == 0
    assert set(statuses(found).values()) == {"skip"}
    assert len(statuses(found)) == len(found) >= 14


def test_an_engine_that_is_gone_is_one_failure(old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{free_port()}")

    said, found = checked(lomi)

    assert said.code == 1
    assert sorted(set(statuses(found).values())) == ["blocked", "fail"]
    assert statuses(found)["engine"] == "fail"
    assert [name for name, status in statuses(found).items() if status == "fail"] == ["engine"]


def test_an_engine_that_never_answers_is_a_timeout(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    with black_hole() as hole:
        monkeypatch.setenv("LOMI_DOCKER__HOST", f"tcp://127.0.0.1:{hole.port}")
        monkeypatch.setenv("LOMI_DOCKER__TIMEOUT_S", "0.3")
        said, found = checked(lomi)

    assert said.code == 3
    assert found["engine"]["status"] == "unknown"
    assert found["engine"]["detail"].startswith("timeout: ")
