"""What a real Docker Engine tells about real containers."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.clients.containers import Engine
from lomi_ops.domain.container import ContainerState, Health
from lomi_ops.domain.worker_log import READY_LINE
from lomi_ops.errors import ConfigError, DockerUnavailable
from tests.docker_engine import Fleet
from tests.integration.containers.conftest import Open
from tests.services import free_port

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]

WORKERS = "moderator-worker"
FOREVER = "trap 'exit 0' TERM; while true; do sleep 0.1; done"


def test_the_engine_says_who_it_is(engine: Engine) -> None:
    said = engine.version()

    assert said.version
    assert tuple(int(part) for part in said.api.split(".")) >= (1, 41)


def test_a_container_of_compose_is_read_as_it_is(engine: Engine, fleet: Fleet) -> None:
    made = fleet.run(
        WORKERS, FOREVER, number=3, mem_limit="64m", mem_reservation="32m",
        restart_policy={"Name": "unless-stopped"},
    )  # fmt: skip

    cluster = engine.cluster()

    (found,) = cluster.containers
    assert (found.id, found.name, found.place.number) == (made, f"{fleet.project}-{WORKERS}-3", 3)
    assert (found.state, found.health, found.up) == (ContainerState.RUNNING, Health.NONE, True)
    assert (found.memory_limit, found.memory_reservation) == (64 << 20, 32 << 20)
    assert (found.restart_policy, found.restart_count) == ("unless-stopped", 0)
    assert found.image == "lomi-test/busybox:1"
    assert found.image_digest == fleet.api.inspect_image("lomi-test/busybox:1")["Id"]
    assert found.compose.files == ("/srv/app/docker-compose.prod.yml",)
    assert found.started_at is not None
    assert abs(cluster.at - found.started_at) < timedelta(minutes=1)
    assert abs(cluster.at - datetime.now(UTC)) < timedelta(minutes=1)


def test_containers_come_by_service_and_number_and_others_do_not_come(engine: Engine, fleet: Fleet) -> None:
    for service, number in ((WORKERS, 10), ("redis", 1), (WORKERS, 2)):
        fleet.run(service, FOREVER, number=number, start=False)
    fleet.run("grafana", FOREVER, start=False)

    found = [(each.service, each.place.number) for each in engine.containers()]

    assert found == [(WORKERS, 2), (WORKERS, 10), ("redis", 1)]
    assert engine.containers("another") == ()


def test_without_labels_a_container_is_known_by_its_name(open_engine: Open, fleet: Fleet) -> None:
    fleet.run("redis", FOREVER, name=f"{fleet.project}_redis_1", labels={})
    engine = open_engine(fleet.url)

    found = [each for each in engine.containers() if each.name.startswith(fleet.project)]

    assert [(each.service, each.place.labelled) for each in found] == [("redis", False)]


def test_two_projects_with_workers_are_not_chosen_between(open_engine: Open, fleet: Fleet) -> None:
    other = Fleet(fleet.url)
    try:
        for each in (fleet, other):
            each.run(WORKERS, FOREVER)
        with pytest.raises(ConfigError, match=f"(?=.*{fleet.project})(?=.*{other.project})") as refusal:
            open_engine(fleet.url).cluster()
    finally:
        other.close()

    assert "docker.project" in refusal.value.hint
    assert open_engine(fleet.url).cluster().project == fleet.project


def test_a_failing_health_check_is_shown_with_what_it_said(engine: Engine, fleet: Fleet) -> None:
    check = {"test": ["CMD-SHELL", "echo no answer from the core; false"], "interval": 10**8, "timeout": 10**9,
             "retries": 2, "start_period": 0}  # fmt: skip
    made = fleet.run("compreface", FOREVER, healthcheck=check)
    fleet.await_that(made, lambda said: said["State"]["Health"]["Status"] == "unhealthy")

    (found,) = engine.cluster().of("compreface")

    assert found.health is Health.UNHEALTHY
    assert found.health_failures >= 2
    assert found.health_output == "no answer from the core"


def test_a_container_that_exited_keeps_its_code_and_its_times(engine: Engine, fleet: Fleet) -> None:
    made = fleet.run("backend", "exit 3")
    fleet.await_state(made, "exited")

    (found,) = engine.cluster().of("backend")

    assert (found.state, found.exit_code, found.up) == (ContainerState.EXITED, 3, False)
    assert found.started_at is not None
    assert found.finished_at is not None
    assert abs(found.finished_at - found.started_at) < timedelta(seconds=5)


def test_one_that_the_policy_restarts_over_and_over_counts_its_restarts(engine: Engine, fleet: Fleet) -> None:
    made = fleet.run("backend", "exit 1", restart_policy={"Name": "always"})
    fleet.await_that(made, lambda said: said["RestartCount"] >= 3)

    (found,) = engine.cluster().of("backend")

    assert found.restart_count >= 3
    assert found.state in (ContainerState.RESTARTING, ContainerState.RUNNING)


def test_what_ate_its_memory_is_said_to_have_been_killed_for_it(engine: Engine, fleet: Fleet) -> None:
    fleet.starve(WORKERS)

    (found,) = engine.cluster().of(WORKERS)

    assert (found.oom_killed, found.exit_code) == (True, 137)


def test_a_paused_one_and_one_that_was_never_started_are_told_apart(engine: Engine, fleet: Fleet) -> None:
    fleet.api.pause(fleet.run("redis", FOREVER))
    fleet.run("postgres", FOREVER, start=False)

    found = {each.service: each.state for each in engine.cluster().containers}

    assert found == {"redis": ContainerState.PAUSED, "postgres": ContainerState.CREATED}


def test_one_that_cannot_be_started_says_why(engine: Engine, fleet: Fleet) -> None:
    from docker.errors import APIError

    made = fleet.run("redis", FOREVER, start=False, binds={"/nowhere/at/all": {"bind": "/proc/self", "mode": "rw"}})
    with pytest.raises(APIError):
        fleet.api.start(made)

    (found,) = engine.cluster().of("redis")

    assert found.error


def test_one_that_was_removed_since_it_was_listed_is_left_out(engine: Engine, fleet: Fleet) -> None:
    from lomi_ops.domain.compose import Chosen

    made = fleet.run("redis", FOREVER)
    (container,) = engine.cluster().containers
    fleet.api.remove_container(made, force=True)

    assert engine._inspected(Chosen(fleet.project, (made,)), {made: container.place}) == ()


def test_a_published_port_is_read_with_the_address_it_is_open_on(engine: Engine, fleet: Fleet) -> None:
    network = fleet.network()
    ports = {6379: ("127.0.0.1", free_port()), 8000: ("0.0.0.0", free_port())}
    fleet.run("redis", FOREVER, network_mode=network, port_bindings=ports)

    (found,) = engine.cluster().of("redis")

    assert {(port.port, port.host, port.host_port) for port in found.ports} == {
        (inside, *outside) for inside, outside in ports.items()
    }  # fmt: skip
    assert [port.port for port in found.ports if port.open_to_all] == [8000]


# --- logs -------------------------------------------------------------------------------------------------------------


def test_the_last_lines_of_both_streams_come_with_their_times(engine: Engine, fleet: Fleet) -> None:
    made = fleet.run("backend", "for n in 1 2 3; do echo out $n; echo err $n >&2; sleep 0.05; done")
    fleet.await_state(made, "exited")
    (container,) = engine.cluster().of("backend")

    found = engine.logs(container, tail=4)

    assert sorted(line.text for line in found) == ["err 2", "err 3", "out 2", "out 3"]
    assert all(line.at and abs(line.at - datetime.now(UTC)) < timedelta(minutes=1) for line in found)


def test_a_log_can_be_read_from_a_moment_on(engine: Engine, fleet: Fleet) -> None:
    made = fleet.run("backend", "echo early; sleep 0.5; echo late")
    fleet.await_state(made, "exited")
    (container,) = engine.cluster().of("backend")
    early, _ = engine.logs(container)
    assert early.at is not None

    found = engine.logs(container, since=early.at + timedelta(milliseconds=250))

    assert [line.text for line in found] == ["late"]


def test_the_log_of_a_terminal_is_read_as_well(engine: Engine, fleet: Fleet) -> None:
    made = fleet.run("backend", "echo one; echo two", tty=True)
    fleet.await_state(made, "exited")
    (container,) = engine.cluster().of("backend")

    assert [line.text for line in engine.logs(container)] == ["one", "two"]


def test_a_long_log_is_searched_from_the_start_of_the_run(engine: Engine, fleet: Fleet) -> None:
    made = fleet.run(WORKERS, f"echo '{READY_LINE}'; seq 1 20000; {FOREVER}")
    fleet.await_that(made, lambda said: True)
    (container,) = engine.cluster().of(WORKERS)
    deadline = time.monotonic() + 20
    while not any(line.text == "20000" for line in engine.logs(container, tail=1)):
        assert time.monotonic() < deadline

    found = engine.search(container, READY_LINE)

    assert found.found is not None
    assert found.found.text == READY_LINE
    assert engine.search(container, "never said").found is None


def test_what_an_earlier_run_logged_is_not_taken_for_this_one(engine: Engine, fleet: Fleet) -> None:
    """The first run says it is ready; the second one does not."""
    script = f"[ -e /once ] && {{ echo starting; {FOREVER}; }}; echo > /once; echo '{READY_LINE}'; {FOREVER}"
    made = fleet.run(WORKERS, script)
    (container,) = engine.cluster().of(WORKERS)
    deadline = time.monotonic() + 20
    while engine.search(container, READY_LINE).found is None:
        assert time.monotonic() < deadline
    fleet.api.restart(made, timeout=5)

    (again,) = engine.cluster().of(WORKERS)
    while engine.search(again, "starting").found is None:
        assert time.monotonic() < deadline

    assert engine.search(again, READY_LINE).found is None


def test_what_a_short_run_logged_is_found_after_its_end(engine: Engine, fleet: Fleet) -> None:
    """The engine may note its end before its start."""
    made = fleet.run(WORKERS, f"echo '{READY_LINE}'")
    fleet.await_state(made, "exited")
    (container,) = engine.cluster().of(WORKERS)

    assert engine.search(container, READY_LINE).found is not None


def test_a_log_that_goes_elsewhere_cannot_be_read_and_the_engine_says_why(engine: Engine, fleet: Fleet) -> None:
    fleet.run(WORKERS, FOREVER, log_config={"type": "none"})
    (container,) = engine.cluster().of(WORKERS)

    with pytest.raises(DockerUnavailable, match="logging driver"):
        engine.logs(container)


def test_nothing_is_changed_by_looking(engine: Engine, fleet: Fleet) -> None:
    fleet.run(WORKERS, f"echo '{READY_LINE}'; {FOREVER}")

    def events() -> list[object]:
        now = int(time.time()) + 1
        return list(fleet.api.events(since=1, until=now, filters={"label": f"lomi-test={fleet.project}"}, decode=True))

    before = events()
    assert before

    for container in engine.cluster().containers:
        engine.logs(container)
        engine.search(container, READY_LINE)
    engine.version()

    assert events() == before
