"""A Postgres that a test may kill in every way and start again on the same data, and an S3 server with photos in it."""

from __future__ import annotations

import secrets
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from moto.backends import get_backend
from moto.server import ThreadedMotoServer

from lomi_ops.clients.objects.opening import endpoint_url
from lomi_ops.clients.objects.s3 import make_client
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.errors import StackError
from lomi_ops.ops.local import owner
from lomi_ops.ops.local.binaries import postgres_programs, wanted_source
from lomi_ops.ops.local.postgres import clear_stale_pid_file, hand_over, initialise
from tests.services import free_port, server_folder

START_S = 30.0
S3_KEY, S3_SECRET = "AKIDEXAMPLE", "s3cr3t-of-the-tests"


@dataclass
class PostgresServer:
    """A killed process loses nothing that was committed: the kernel has it, `fsync` or not."""

    program: Path
    data: Path
    port: int
    password: str
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql://lomi:{self.password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Backends of a killed server may still be on their way out: tried again until it answers."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                self._start()
                return
            except (StackError, psycopg.OperationalError):
                self.stop(signal.SIGKILL)
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self, number: int = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    def _start(self) -> None:
        clear_stale_pid_file(self.data)
        self.process = subprocess.Popen(
            [self.program, "-D", self.data, "-p", str(self.port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off",
             "-c", "max_connections=200"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **owner.spawn_options(owner.choose()),
        )  # fmt: skip
        deadline = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.02)


@contextmanager
def restartable_postgres() -> Iterator[PostgresServer]:
    user, password = owner.choose(), secrets.token_hex(8)
    with server_folder("lomi-pg-") as folder:
        program = owner.runnable(postgres_programs(wanted_source()), user, folder)
        data = folder / "postgres" / "data"
        hand_over(data.parent, user)
        initialise(program, data, password, user, durable=False)
        server = PostgresServer(program, data, free_port(), password)
        server.start()
        try:
            yield server
        finally:
            server.stop(signal.SIGQUIT)


def empty_s3() -> None:
    """All of a process share one memory: what others have left there would be in the way."""
    for account in get_backend("s3").values():
        account["aws"].reset()


@contextmanager
def running_s3(bucket: str, objects: Mapping[str, bytes]) -> Iterator[int]:
    """Moto's server with these objects; yields its port. All of a process share one memory: the bucket may be there and
    stays, since others may be at work on it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    section = ObjectsSection.model_validate(
        {"endpoint": f"http://{host}:{port}", "access_key": S3_KEY, "secret_key": S3_SECRET}
    )
    client = make_client(section, endpoint_url(section))
    try:
        with suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "auto"})
        for key, data in objects.items():
            client.put_object(Bucket=bucket, Key=key, Body=data)
        yield port
    finally:
        client.close()
        server.stop()
        if server._server is not None:
            server._server.server_close()
