"""Engines that are not there, do not let us in, never answer, or are behind ssh."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lomi_ops.clients.containers import place
from lomi_ops.errors import DockerUnavailable
from tests.docker_engine import Fleet
from tests.integration.containers.conftest import Open
from tests.integration.ops.black_hole import black_hole
from tests.services import free_port, open_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, since the path of a Unix socket must be, and open to other users."""
    with open_folder("lomi-sock-") as found:
        yield found


def test_a_machine_without_docker_has_no_place_to_ask(open_engine: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place, "SOCKET", "/nowhere/docker.sock")
    engine = open_engine(None, {"HOME": "/nowhere"})

    assert engine.place is None
    with pytest.raises(DockerUnavailable, match="no Docker Engine is configured"):
        engine.version()


def test_a_socket_that_is_not_there_is_named_with_the_way_to_start_it(open_engine: Open, folder: Path) -> None:
    with pytest.raises(DockerUnavailable, match="there is no such socket") as told:
        open_engine(f"unix://{folder}/docker.sock").version()

    assert told.value.hint.startswith("sudo systemctl start docker")


def test_a_socket_that_nobody_listens_at_is_told_apart(open_engine: Open, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(folder / "docker.sock"))

    with pytest.raises(DockerUnavailable, match="nobody listens there"):
        open_engine(f"unix://{folder}/docker.sock").version()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_socket_that_does_not_let_us_in_names_the_group(open_engine: Open, folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "docker.sock"))
        door.listen()
        (folder / "docker.sock").chmod(0o600)
        engine = open_engine(f"unix://{folder}/docker.sock")
        with _somebody_else(), pytest.raises(DockerUnavailable, match="does not let this user in") as told:
            engine.version()

    assert "docker $USER" in told.value.hint
    assert isinstance(told.value.__cause__, PermissionError)


@contextmanager
def _somebody_else() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_engine_that_never_answers_is_given_up_on_in_time(open_engine: Open) -> None:
    with black_hole() as hole, pytest.raises(DockerUnavailable, match=r"gave no answer within 0\.3 s") as told:
        open_engine(f"tcp://127.0.0.1:{hole.port}", timeout_s=0.3).cluster()

    assert isinstance(told.value.__cause__, TimeoutError)


def test_an_engine_that_refuses_connections_is_named(open_engine: Open) -> None:
    port = free_port()

    with pytest.raises(DockerUnavailable, match=f"tcp://127.0.0.1:{port}: nobody listens there"):
        open_engine(f"tcp://127.0.0.1:{port}").version()


@contextmanager
def talker(answer: bytes) -> Iterator[int]:
    """Gives everybody the same answer."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            while True:
                try:
                    line, _ = door.accept()
                except OSError:
                    return
                with line:
                    line.recv(65536)
                    line.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield door.getsockname()[1]
        finally:
            door.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
     b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}", b"SSH-2.0-OpenSSH_9.2\r\n", b""],
)  # fmt: skip
def test_somebody_who_is_no_engine_is_one_error_of_ours(open_engine: Open, answer: bytes) -> None:
    with talker(answer) as port, pytest.raises(DockerUnavailable):
        open_engine(f"tcp://127.0.0.1:{port}", timeout_s=2).version()


# --- ssh --------------------------------------------------------------------------------------------------------------


def ssh_program(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """An ssh that is called as the real one is, and does not leave this machine."""
    program = folder / "ssh"
    program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/called\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.docker
@pytest.mark.xdist_group("docker")
def test_an_engine_behind_ssh_is_asked_through_it(
    open_engine: Open, fleet: Fleet, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.run("redis", "sleep 100")
    ssh_program(folder, monkeypatch, f"exec docker --host {fleet.url} system dial-stdio")

    engine = open_engine("ssh://ops@db1", project=fleet.project)

    assert [each.service for each in engine.cluster().containers] == ["redis"]
    assert "-l ops -- db1 docker system dial-stdio" in (folder / "called").read_text()


def test_what_ssh_complains_about_is_what_is_told(
    open_engine: Open, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ssh_program(folder, monkeypatch, "echo 'ops@db1: Permission denied (publickey).' >&2; exit 255")

    with pytest.raises(DockerUnavailable, match=r"ssh://ops@db1: ops@db1: Permission denied") as told:
        open_engine("ssh://ops@db1").version()

    assert told.value.hint == "ssh ssh://ops@db1 docker version"


def test_without_an_ssh_program_it_is_said_so(
    open_engine: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(DockerUnavailable, match="needs the program ssh"):
        open_engine("ssh://ops@db1").version()
