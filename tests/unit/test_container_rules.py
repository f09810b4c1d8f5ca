"""What containers tell about the services in them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lomi_ops.domain.check import Status
from lomi_ops.domain.container import Cluster, ContainerState, Health, Port, SwarmService
from lomi_ops.domain.container_rules import (
    Fault,
    exposure_troubles,
    image_troubles,
    limit_troubles,
    loop_troubles,
    oom_troubles,
    policy_troubles,
    service_troubles,
)
from tests.unit.containers import NOW, WORKERS, cluster, container, stopped


def test_a_service_that_runs_and_is_healthy_has_no_trouble() -> None:
    assert service_troubles(cluster(container("redis")), "redis") == ()
    assert service_troubles(cluster(container("backend", health=Health.NONE)), "backend") == ()


def test_a_service_without_a_container_is_missing_and_the_command_makes_it() -> None:
    (trouble,) = service_troubles(cluster(container("redis")), "backend")

    assert (trouble.fault, trouble.status) == (Fault.MISSING, Status.FAIL)
    assert trouble.what == "there is no container of service backend"
    assert trouble.next.endswith("up -d backend")


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0, it ended by itself"), (1, "exit code 1"), (137, "exit code 137, SIGKILL"),
     (127, "exit code 127, its command does not exist")],
)  # fmt: skip
def test_a_stopped_service_tells_how_it_ended(code: int, words: str) -> None:
    (trouble,) = service_troubles(cluster(stopped("postgres", exit_code=code)), "postgres")

    assert (trouble.fault, trouble.status) == (Fault.STOPPED, Status.FAIL)
    assert trouble.what == f"app-postgres-1 has stopped: {words}"
    assert trouble.next == ("docker logs --tail 50 app-postgres-1" if code else "docker start app-postgres-1")


def test_a_container_that_the_engine_could_not_start_says_why() -> None:
    broken = stopped("redis", state=ContainerState.CREATED, exit_code=128, error="port is already allocated")

    assert service_troubles(cluster(broken), "redis")[0].what == "app-redis-1 has stopped: port is already allocated"


def test_one_that_restarts_again_and_again_is_not_taken_for_running() -> None:
    looping = container("backend", state=ContainerState.RESTARTING, exit_code=1, restart_count=12)

    (trouble,) = service_troubles(cluster(looping), "backend")

    assert trouble.fault is Fault.RESTARTING
    assert trouble.what == "app-backend-1 restarts again and again: exit code 1, 12 times so far"


def test_an_unhealthy_one_shows_what_its_health_check_said() -> None:
    ill = container("compreface", health=Health.UNHEALTHY, health_failures=5, health_output="curl: (7)\x1b[2J refused")

    (trouble,) = service_troubles(cluster(ill), "compreface")

    assert trouble.status is Status.FAIL
    assert trouble.what == "app-compreface-1 is unhealthy after 5 failed health checks: curl: (7) [2J refused"


def test_one_that_has_passed_no_health_check_yet_is_not_known_to_be_well() -> None:
    (trouble,) = service_troubles(cluster(container("redis", health=Health.STARTING)), "redis")

    assert (trouble.fault, trouble.status) == (Fault.STARTING, Status.UNKNOWN)


def test_a_paused_one_is_woken() -> None:
    (trouble,) = service_troubles(cluster(container("redis", state=ContainerState.PAUSED)), "redis")

    assert trouble.next == "docker unpause app-redis-1"


def test_three_of_four_workers_are_too_few() -> None:
    three = cluster(*(container(WORKERS, number) for number in (1, 2, 4)))

    (trouble,) = service_troubles(three, WORKERS, 4)

    assert trouble.what == "4 containers of service moderator-worker are due, there are 3"
    assert "--scale moderator-worker=4" in trouble.next


def test_a_stopped_one_among_four_names_itself() -> None:
    four = cluster(stopped(WORKERS, 1), *(container(WORKERS, number) for number in (2, 3, 4)))

    (trouble,) = service_troubles(four, WORKERS, 4)

    assert (trouble.status, trouble.names) == (Status.FAIL, ("app-moderator-worker-1",))


def test_a_stopped_one_beyond_those_that_are_needed_is_only_mentioned() -> None:
    five = cluster(stopped(WORKERS, 5), *(container(WORKERS, number) for number in (1, 2, 3, 4)))

    (trouble,) = service_troubles(five, WORKERS, 4)

    assert trouble.status is Status.WARN


def test_of_a_swarm_the_manager_counts() -> None:
    swarm = SwarmService(WORKERS, "app", 4, 2, ("task: non-zero exit (1)",))
    said = replace(cluster(container(WORKERS)), swarm=(swarm,))

    (trouble,) = service_troubles(said, WORKERS, 4)

    assert trouble.what == "2 of 4 tasks run: task: non-zero exit (1)"
    assert trouble.next == "docker service ps --no-trunc app_moderator-worker"
    enough = replace(said, swarm=(SwarmService(WORKERS, "app", 2, 2),))
    assert service_troubles(enough, WORKERS, 2) == ()
    assert service_troubles(enough, WORKERS, 4)[0].next == "docker service scale app_moderator-worker=4"


def test_what_was_killed_for_want_of_memory_is_told_with_its_limit() -> None:
    killed = stopped(WORKERS, 2, oom_killed=True, exit_code=137)

    (trouble,) = oom_troubles([container("redis"), killed], NOW)

    assert trouble.what == "app-moderator-worker-2 was killed for want of memory, with 1024 MiB"


@pytest.mark.parametrize(
    ("ago", "status"),
    [(timedelta(minutes=5), Status.FAIL), (timedelta(hours=5), Status.WARN), (timedelta(days=2), None)],
)
def test_a_kill_is_forgotten_once_the_container_runs_again_for_long(ago: timedelta, status: Status | None) -> None:
    again = container(WORKERS, oom_killed=True, started_at=NOW - ago, finished_at=NOW - ago)

    assert [trouble.status for trouble in oom_troubles([again], NOW)] == ([status] if status else [])


@pytest.mark.parametrize(
    ("restarts", "ran_for", "loops"),
    [(0, timedelta(seconds=5), False), (2, timedelta(seconds=5), False), (3, timedelta(seconds=5), True),
     (40, timedelta(minutes=9), True), (40, timedelta(minutes=11), False)],
)  # fmt: skip
def test_a_loop_is_several_restarts_and_a_short_life(restarts: int, ran_for: timedelta, loops: bool) -> None:
    each = container(WORKERS, restart_count=restarts, started_at=NOW - ran_for)

    assert bool(loop_troubles([each], NOW)) is loops


def test_one_that_gave_up_after_its_restarts_is_a_loop_that_ended() -> None:
    (trouble,) = loop_troubles([stopped(WORKERS, restart_count=5, started_at=NOW - timedelta(days=2))], NOW)

    assert trouble.what == "app-moderator-worker-1 was restarted 5 times: exit code 1"


def test_workers_without_the_guides_limits_are_named_with_the_command_that_sets_them() -> None:
    loose = container(WORKERS, 1, memory_limit=0, memory_reservation=0)
    tight = container(WORKERS, 2, memory_limit=600 << 20)
    roomy = container(WORKERS, 3, memory_limit=2 << 30, memory_reservation=1 << 30)

    found = {trouble.what: trouble.next for trouble in limit_troubles([loose, tight, roomy])}

    assert found == {
        "no memory limit, 1024 MiB is due: app-moderator-worker-1":
            "docker update --memory 1g --memory-swap 1g app-moderator-worker-1",
        "a memory limit below 1024 MiB: app-moderator-worker-2":
            "docker update --memory 1g --memory-swap 1g app-moderator-worker-2",
        "less than 512 MiB reserved: app-moderator-worker-1":
            "docker update --memory-reservation 512m app-moderator-worker-1",
    }  # fmt: skip


def test_what_nobody_starts_again_is_named() -> None:
    kept = container("redis", restart_policy="always")
    loose = container("backend", restart_policy="on-failure")

    (trouble,) = policy_troubles([kept, loose, container("postgres")])

    assert trouble.what == "not started again by itself: app-backend-1 (on-failure)"
    assert policy_troubles([kept]) == ()


def test_workers_made_from_two_images_are_told_apart() -> None:
    mixed = cluster(container(WORKERS, 1), container(WORKERS, 2, image_digest="sha256:" + "b" * 64))

    (trouble,) = image_troubles(mixed, WORKERS)

    assert trouble.what == (
        "2 images at work: aaaaaaaaaaaa in app-moderator-worker-1; bbbbbbbbbbbb in app-moderator-worker-2"
    )
    assert image_troubles(cluster(container(WORKERS, 1), container(WORKERS, 2)), WORKERS) == ()


def test_a_port_that_everybody_can_reach_is_told_and_a_private_one_is_not() -> None:
    open_one = container("redis", ports=(Port("0.0.0.0", 6379, 6379), Port("::", 6379, 6379)))
    private = container("postgres", ports=(Port("127.0.0.1", 5432, 5432),))

    (trouble,) = exposure_troubles([open_one, private])

    assert trouble.what == "app-redis-1 is published on every address: 6379"


def test_an_empty_cluster_breaks_no_rule_but_that_its_services_are_missing() -> None:
    nothing = Cluster("", (), NOW)

    assert service_troubles(nothing, "redis")[0].fault is Fault.MISSING
    assert image_troubles(nothing, WORKERS) == limit_troubles([]) == oom_troubles([], NOW) == ()
