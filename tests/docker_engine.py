"""A Docker Engine of our own for the tests, with its data in a folder that goes away, and one tiny image in it.

Nothing is pulled: the image is a busybox that this machine has. An engine that somebody else runs is used only where
TEST_DOCKER_HOST names it, since the tests make and remove containers.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker
from docker.errors import APIError, DockerException, NotFound

from tests.services import open_folder

BUSYBOX = Path("/bin/busybox")
IMAGE = "lomi-test/busybox"
START_S = 60.0
LABEL = "lomi-test"


def lacking() -> str:
    """What this machine lacks for an engine; empty where it has all."""
    if not BUSYBOX.exists():
        return "busybox-static, for an image"
    if os.environ.get("TEST_DOCKER_HOST"):
        return ""
    if shutil.which("dockerd") is None:
        return "a Docker Engine (docker.io)"
    return "" if os.geteuid() == 0 else "root, to start a Docker Engine"


@contextmanager
def running_engine() -> Iterator[str]:
    """The URL of an engine. Raises OSError with the end of its log where it does not start."""
    if given := os.environ.get("TEST_DOCKER_HOST"):
        yield given
        return
    with own_engine() as own:
        yield own.url


@contextmanager
def own_engine(*, within: str = "") -> Iterator[Dockerd]:
    """One that a test may stop and start, with `within` in that network namespace. Raises OSError."""
    with open_folder("lomi-docker-") as folder:
        own = Dockerd(folder, within)
        own.start()
        try:
            yield own
        finally:
            own.stop()


class Dockerd:
    """An engine with its data in a folder."""

    def __init__(self, folder: Path, within: str = "") -> None:
        self.folder = folder
        self._entered = ["nsenter", f"--net=/run/netns/{within}", "--"] if within else []
        self.url = f"unix://{folder}/docker.sock"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = self.folder / "dockerd.log"
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                [*self._entered, "dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec",
                 "--pidfile", self.folder / "pid", "--host", self.url, "--iptables=false",
                 "--ip6tables=false", "--bridge=none"],
                stdout=out, stderr=out, cwd="/", start_new_session=True,
            )  # fmt: skip
        try:
            _await(self.url, self._process, log)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        if process.poll() is None:
            process.kill()
            process.wait(10)
        # The network of its host stays mounted there, and keeps the folder from going away.
        subprocess.run(["umount", self.folder / "exec" / "netns" / "default"], capture_output=True, check=False)


def _await(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    path = url.removeprefix("unix://")
    deadline = time.monotonic() + START_S
    while True:
        # The SDK leaves its socket open where nobody listens yet.
        if Path(path).exists():
            with suppress(DockerException):
                docker.DockerClient(base_url=url, timeout=5).close()
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise OSError("dockerd does not start: " + log.read_text(errors="replace")[-2000:])
        time.sleep(0.1)


@dataclass
class Fleet:
    """Makes containers as Compose does, and removes them all."""

    url: str
    project: str = field(default_factory=lambda: f"lomi{uuid4().hex[:8]}")
    made: list[str] = field(default_factory=list)
    networks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.api: Any = docker.DockerClient(base_url=self.url, timeout=20).api

    def image(self, tag: str = "1") -> str:
        """A busybox with /bin/sh, as an image of its own for each tag."""
        name = f"{IMAGE}:{tag}"
        with suppress(NotFound):
            self.api.inspect_image(name)
            return name
        self.api.import_image_from_data(root_file_system(tag), repository=IMAGE, tag=tag)
        return name

    def run(
        self,
        service: str,
        script: str,
        *,
        number: int = 1,
        name: str | None = None,
        labels: Mapping[str, str] | None = None,
        tag: str = "1",
        start: bool = True,
        tty: bool = False,
        healthcheck: Mapping[str, Any] | None = None,
        **host: Any,
    ) -> str:
        """A container that runs a shell script; its id. `host` is what the SDK's create_host_config takes."""
        compose = {
            "com.docker.compose.project": self.project,
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": str(number),
            "com.docker.compose.oneoff": "False",
            "com.docker.compose.project.working_dir": "/srv/app",
            "com.docker.compose.project.config_files": "/srv/app/docker-compose.prod.yml",
        }
        said = self.api.create_container(
            self.image(tag),
            ["/bin/sh", "-c", script],
            name=name or f"{self.project}-{service}-{number}",
            labels={LABEL: self.project, **(compose if labels is None else labels)},
            healthcheck=healthcheck,
            tty=tty,
            ports=list(host.get("port_bindings", ())),
            host_config=self.api.create_host_config(**{"network_mode": "none"} | host),
        )
        self.made.append(said["Id"])
        if start:
            self.api.start(said["Id"])
        return str(said["Id"])

    def starve(self, service: str, *, number: int = 1) -> str:
        """A container that the kernel kills for want of memory; its id. It eats only once the engine takes commands for
        it: of one that dies as it starts, the engine misses why."""
        greedy = self.run(
            service, "until [ -e /go ]; do sleep 0.05; done; tail /dev/zero",
            number=number, mem_limit="16m", memswap_limit="16m",
        )  # fmt: skip
        self.api.exec_start(self.api.exec_create(greedy, ["/bin/sh", "-c", "echo > /go"])["Id"])
        self.await_that(greedy, _killed)
        return greedy

    def network(self) -> str:
        """A network of its own, in which ports can be published."""
        said = self.api.create_network(self.project, driver="bridge", labels={LABEL: self.project})
        self.networks.append(said["Id"])
        return self.project

    def state(self, container: str) -> Mapping[str, Any]:
        said: Mapping[str, Any] = self.api.inspect_container(container)
        return said

    def await_state(self, container: str, wanted: str, within_s: float = 30.0) -> None:
        """Until the engine says so; where it does not, what it said last."""
        self.await_that(container, lambda said: said["State"]["Status"] == wanted, within_s)

    def await_that(self, container: str, holds: Any, within_s: float = 30.0) -> None:
        deadline = time.monotonic() + within_s
        while not holds(said := self.state(container)):
            assert time.monotonic() < deadline, said["State"]
            time.sleep(0.05)

    def await_log(self, container: str, words: str, within_s: float = 30.0) -> None:
        """Until it has said so."""
        deadline = time.monotonic() + within_s
        while words.encode() not in (said := self.api.logs(container)):
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def close(self) -> None:
        for container in self.made:
            with suppress(APIError):
                self.api.remove_container(container, force=True)
        for network in self.networks:
            with suppress(APIError):
                self.api.remove_network(network)
        self.api.close()


def _killed(said: Mapping[str, Any]) -> bool:
    """Whether a container has ended for want of memory: the engine notes the end and the mark one after the other."""
    return said["State"]["Status"] == "exited" and bool(said["State"]["OOMKilled"])


def root_file_system(tag: str) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        tar.add(BUSYBOX, "bin/busybox")
        for program in ("sh", "sleep", "echo", "cat", "tail", "kill", "true", "false", "date", "seq"):
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        mark = tarfile.TarInfo("tag")
        mark.size = len(tag)
        tar.addfile(mark, io.BytesIO(tag.encode()))
    return archive.getvalue()
