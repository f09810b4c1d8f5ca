"""A folder as an operator has it: an env file and a Compose file, whose services are real ones on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.commands import Lomi, Said, lomi, quiet_machine
from tests.doubles.compreface import CompreFaceDouble
from tests.integration.objects.conftest import ACCESS_KEY, SECRET_KEY, S3Server, s3, s3_server
from tests.services import free_port

__all__ = ["Lomi", "Said", "lomi", "quiet_machine", "s3", "s3_server"]

COMPOSE = """\
services:
  redis:
    image: redis:7-alpine
    command: redis-server --requirepass ${{REDIS_PASSWORD}} --appendonly yes
    ports: ["127.0.0.1:{redis}:6379"]
  postgres:
    image: postgres:15
    ports: ["127.0.0.1:{postgres}:5432"]
  backend:
    build: ./backend
    ports: ["{backend}:8080"]
  compreface:
    image: exadel/compreface:1.2.0
    ports: ["{compreface}:3000"]
  moderator-worker:
    build: ./moderator
    restart: unless-stopped
    deploy:
      replicas: 4
"""
ENV = """\
REDIS_HOST=redis.compose.invalid
REDIS_PORT=6379
REDIS_PASSWORD={redis_password}
DB_HOST=postgres.compose.invalid
DB_USER={user}
DB_PASSWORD={db_password}
DB_NAME={name}
S3_ENDPOINT={s3}
S3_ACCESS_KEY={access}
S3_SECRET_KEY={secret}
COMPREFACE_URL=http://compreface.compose.invalid:3000
JWT_SECRET=geheim-jwt
"""


@dataclass
class Project:
    """What stands in the folder."""

    folder: Path
    ports: dict[str, int]
    secrets: tuple[str, ...]

    @property
    def compose(self) -> Path:
        return self.folder / "docker-compose.prod.yml"

    @property
    def env(self) -> Path:
        return self.folder / ".env.production"

    def publish(self, **ports: int) -> None:
        """Another Compose file, with services elsewhere."""
        self.ports = self.ports | ports
        text = COMPOSE.format(**self.ports)
        for name in ("redis", "postgres", "compreface"):
            # Names that no resolver knows: `redis` may well be one on the machine that runs this.
            text = text.replace(f"  {name}:\n", f"  {name}:\n    container_name: {name}.compose.invalid\n", 1)
        self.compose.write_text(text)


class Backend(BaseHTTPRequestHandler):
    """As far as contract.md says it of a call without a token."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/v1/health" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing into the tests' output."""


@pytest.fixture
def backend_port() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def faces_port() -> Iterator[int]:
    with CompreFaceDouble() as double:
        yield urlsplit(double.url).port or 0


@pytest.fixture
def project(
    tmp_path: Path, redis_url: str, database_url: str, s3: S3Server, backend_port: int, faces_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:  # fmt: skip
    """Everything is up."""
    folder = tmp_path / "app"
    folder.mkdir()
    redis, postgres = urlsplit(redis_url), urlsplit(database_url)
    ports = {
        "redis": redis.port or 0, "postgres": postgres.port or 0, "backend": backend_port, "compreface": faces_port,
    }  # fmt: skip
    secrets = (redis.password or "", postgres.password or "", SECRET_KEY, "geheim-jwt")
    found = Project(folder, ports, secrets)
    found.publish()
    found.env.write_text(
        ENV.format(
            redis_password=secrets[0], user=postgres.username, db_password=secrets[1], name=postgres.path[1:],
            s3=s3.url, access=ACCESS_KEY, secret=SECRET_KEY,
        )
    )  # fmt: skip
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(folder)
    return found


@pytest.fixture
def nobody() -> int:
    """A port where nobody listens."""
    return free_port()
