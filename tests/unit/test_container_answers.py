"""The engine's answers, at the edge: what is left out is empty, and nothing crashes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.clients.containers import answers, place
from lomi_ops.clients.containers.lines import LONGEST, lines
from lomi_ops.clients.containers.tunnel import command
from lomi_ops.config.sections.services import DockerSection
from lomi_ops.domain.container import ContainerState, Health, Place, Port

HERE = Place("app", "redis")


def test_an_empty_answer_is_a_container_of_which_nothing_is_known() -> None:
    found = answers.container({}, HERE)

    assert (found.state, found.health, found.ports) == (ContainerState.UNKNOWN, Health.NONE, ())
    assert found.started_at is None


def test_what_an_operator_cares_about_is_read() -> None:
    said = {
        "Id": "ab" * 32, "Name": "/app-redis-1", "Image": "sha256:cd", "RestartCount": 3,
        "State": {"Status": "running", "StartedAt": "2026-11-26T10:00:00.123456789Z", "OOMKilled": True,
                  "FinishedAt": "0001-01-01T00:00:00Z",
                  "Health": {"Status": "unhealthy", "FailingStreak": 4,
                             "Log": [{"ExitCode": 0, "Output": "fine"}, {"ExitCode": 1, "Output": "no\nanswer"}]}},
        "Config": {"Image": "redis:7-alpine", "Tty": False, "Env": ["REDIS_PASSWORD=canary"],
                   "Labels": {"com.docker.compose.project.working_dir": "/srv", "org.lomi.role": "worker"}},
        "HostConfig": {"Memory": 1 << 30, "MemoryReservation": 1 << 29, "RestartPolicy": {"Name": "always"}},
        "NetworkSettings": {"Ports": {"6379/tcp": [{"HostIp": "0.0.0.0", "HostPort": "16379"}], "99/udp": None}},
    }  # fmt: skip

    found = answers.container(said, HERE)

    assert (found.name, found.short_id, found.image_digest) == ("app-redis-1", "ab" * 6, "sha256:cd")
    assert found.started_at == datetime(2026, 11, 26, 10, 0, 0, 123456, UTC)
    assert found.finished_at is None
    assert (found.health, found.health_failures, found.health_output) == (Health.UNHEALTHY, 4, "no answer")
    assert (found.oom_killed, found.restart_count, found.restart_policy) == (True, 3, "always")
    assert (found.memory_limit, found.memory_reservation) == (1 << 30, 1 << 29)
    assert found.ports == (Port("0.0.0.0", 16379, 6379, "tcp"),)
    assert found.ours
    assert "canary" not in repr(found)


def test_a_health_check_that_has_passed_again_has_no_last_failure() -> None:
    said = {"State": {"Health": {"Status": "healthy", "Log": [{"ExitCode": 1, "Output": "no"}, {"ExitCode": 0}]}}}

    assert answers.container(said, HERE).health_output == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-26T10:00:00Z", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ("2026-11-26T12:00:00.5+02:00", datetime(2026, 11, 26, 10, 0, 0, 500000, UTC)),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_are_read_as_go_writes_them(text: object, found: datetime | None) -> None:
    assert answers.moment(text) == found


def test_a_swarm_service_counts_its_tasks_and_keeps_what_failed() -> None:
    said = {"Spec": {"Name": "prod_moderator-worker", "Labels": {"com.docker.stack.namespace": "prod"},
                     "Mode": {"Replicated": {"Replicas": 3}}}}  # fmt: skip
    tasks = [
        {"DesiredState": "running", "Status": {"State": "running", "Timestamp": "2026-11-26T10:00:00Z"}},
        {"DesiredState": "running", "Status": {"State": "starting", "Timestamp": "2026-11-26T10:02:00Z"}},
        {"DesiredState": "shutdown", "Status": {"State": "failed", "Timestamp": "2026-11-26T10:01:00Z",
                                               "Err": "task: non-zero exit (1)"}},
        {"DesiredState": "shutdown", "Status": {"State": "rejected", "Timestamp": "2026-11-26T10:03:00Z",
                                               "Err": "No such image"}},
    ]  # fmt: skip

    found = answers.swarm_service(said, tasks)

    assert (found.name, found.project, found.desired, found.running) == ("moderator-worker", "prod", 3, 1)
    assert found.failures == ("No such image", "task: non-zero exit (1)")


# --- logs -------------------------------------------------------------------------------------------------------------


def frame(source: int, data: bytes) -> bytes:
    return bytes([source, 0, 0, 0]) + len(data).to_bytes(4, "big") + data


STAMP = b"2026-11-26T10:00:00.000000001Z "


def test_halves_of_lines_of_stdout_and_stderr_are_not_joined() -> None:
    stream = frame(1, STAMP + b"loading ") + frame(2, STAMP + b"warning\n") + frame(1, b"done\n")

    assert [line.text for line in lines([stream], tty=False)] == ["warning", "loading done"]


@given(st.lists(st.integers(1, 40), max_size=8))
def test_however_the_network_cuts_it_the_lines_are_the_same(cuts: list[int]) -> None:
    whole = frame(1, STAMP + b"one\n" + STAMP + b"two\n") + frame(2, STAMP + b"three") + frame(1, b"")
    chunks, at = [], 0
    for cut in cuts:
        chunks.append(whole[at : at + cut])
        at += cut
    chunks.append(whole[at:])

    assert [line.text for line in lines(chunks, tty=False)] == ["one", "two", "three"]


def test_a_terminals_log_has_no_frames() -> None:
    (line,) = lines([STAMP + b"hel", b"lo\r\n"], tty=True)

    assert (line.text, line.at) == ("hello", datetime(2026, 11, 26, 10, tzinfo=UTC))


def test_a_line_without_end_is_not_kept_without_end() -> None:
    (line,) = lines([frame(1, STAMP + b"x" * 10_000)] * 20, tty=False)

    assert len(line.text) <= LONGEST


def test_a_line_without_a_time_is_kept_as_it_is() -> None:
    (line,) = lines([frame(1, b"no time here\n")], tty=False)

    assert (line.at, line.text) == (None, "no time here")


# --- where it is ------------------------------------------------------------------------------------------------------


def test_the_engine_is_looked_for_as_docker_itself_does(tmp_path: Path) -> None:
    nothing = {"HOME": str(tmp_path)}
    there = DockerSection(host="tcp://h:2375")
    assert place.place(there, {"DOCKER_HOST": "ssh://other"}) == "tcp://h:2375"
    assert place.place(DockerSection(), {"DOCKER_HOST": "ssh://ops@h"}) == "ssh://ops@h"
    assert place.place(DockerSection(), {"DOCKER_CONTEXT": "prod"}) == "context:prod"
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"currentContext": "rootless"}))
    assert place.place(DockerSection(), nothing) == "context:rootless"
    (tmp_path / ".docker" / "config.json").write_text("{broken")
    assert place.place(DockerSection(), nothing) in (None, f"unix://{place.SOCKET}")


def test_ssh_is_called_so_that_it_never_asks() -> None:
    assert command("ssh://ops@db1:2222") == [
        "ssh", "-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-l", "ops", "-p", "2222", "--", "db1",
        "docker system dial-stdio",
    ]  # fmt: skip


def listed(name: str, stack: str = "") -> dict[str, object]:
    labels = {"com.docker.stack.namespace": stack} if stack else {}
    return {"Spec": {"Name": f"{stack}_{name}" if stack else name, "Labels": labels}}


def test_the_stack_with_the_workers_is_the_cluster_and_of_two_none_is() -> None:
    app = [listed("moderator-worker", "app"), listed("redis", "app")]
    others = [listed("web", "shop"), listed("redis")]

    assert answers.stack_with([*others, *app], "moderator-worker") == app
    assert answers.stack_with([*app, listed("moderator-worker", "test")], "moderator-worker") == []
    assert answers.stack_with([*others, listed("moderator-worker")], "moderator-worker") == [listed("moderator-worker")]
    assert answers.stack_with(others, "moderator-worker") == []


def test_a_service_tells_its_kind_its_grace_and_what_keeps_a_task_from_running() -> None:
    said = {"Spec": {"Name": "w", "Mode": {"Global": {}},
                     "TaskTemplate": {"ContainerSpec": {"StopGracePeriod": 60_000_000_000}}}}  # fmt: skip
    tasks = [
        {"DesiredState": "running", "Status": {"State": "running", "ContainerStatus": {"ContainerID": "ab" * 32}}},
        {"DesiredState": "running", "Status": {"State": "pending", "Err": "no suitable node"}},
        {"DesiredState": "remove", "Status": {"State": "running"}},
        {"DesiredState": "shutdown", "Status": {"State": "shutdown"}},
    ]

    found = answers.swarm_service(said, tasks)

    assert (found.kind, found.stop_grace_s, found.leaving, found.full_name) == ("global", 60.0, 1, "w")
    assert {(task.short_id, task.running, task.words) for task in found.tasks} == {
        ("ab" * 6, True, ""), ("", False, "no suitable node"),
    }  # fmt: skip
    assert answers.swarm_service({"Spec": {"Name": "w"}}, ()).stop_grace_s == 10.0


def test_the_label_by_which_ours_are_known_is_the_one_of_our_image() -> None:
    dockerfile = (Path(__file__).parents[2] / "worker" / "Dockerfile").read_text()

    assert f'{answers.ROLE}="{answers.WORKER_ROLE}"' in dockerfile
