"""Canary passwords in every source, services that refuse all of them, every reading command with its trace."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.conftest import environment, lomi

READS = (
    "check", "check -o json", "top --once", "queue stats", "queue show x", "queue dead", "review list", "report",
    "workers list", "workers list -o json", "workers quiet --all", "workers logs",
    "migrate verify", "config show --origin", "config show -o json", "models list", "demo",
    "review approve 00000000-0000-0000-0000-000000000001 --reason x", "moderate --policy default PHOTO",
    "alerts rules", "alerts rules -o prometheus", "alerts check", "alerts list", "alerts test", "alerts test -o json",
)  # fmt: skip
CANARY = "sesame"


class Refuses(BaseHTTPRequestHandler):
    """An object store and a face service that repeat what they were told while they refuse it."""

    def _refuse(self) -> None:
        said = f"{self.headers.get('authorization')} {self.headers.get('x-api-key')} {self.path}"
        body = f"<Error><Code>InvalidAccessKeyId</Code><Message>{said}</Message></Error>".encode()
        self.rfile.read(int(self.headers.get("content-length") or 0))
        self.send_response(403)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT = _refuse  # noqa: N815 - the library's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Not on the tests' stderr."""


@dataclass
class Refusal:
    """Arguments and variables of a cluster that lets nobody in."""

    words: list[str]
    variables: dict[str, str]
    photo: Path


@pytest.fixture
def http() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Refuses)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def refusal(http: str, redis_url: str, postgres_server: str, tmp_path: Path) -> Refusal:
    """Secrets from an env file, from variables, from a file that a variable names, and from the YAML file."""
    at, database = urlsplit(redis_url), urlsplit(postgres_server)
    env = tmp_path / ".env.production"
    env.write_text(
        f"REDIS_HOST={at.hostname}\nREDIS_PORT={at.port}\nREDIS_PASSWORD='{CANARY}-redis #7'\n"
        f"S3_ENDPOINT=http://{http}\nS3_ACCESS_KEY={CANARY}-access\nS3_USE_SSL=false\n"
        f"TELEGRAM_BOT_TOKEN=1:{CANARY}-bot\nJWT_SECRET={CANARY}-jwt\nCOMPREFACE_DB_PASSWORD={CANARY}-faces-db\n"
    )
    secret = tmp_path / "secret"
    secret.write_text(f"{CANARY}-secret-key\n")
    config = tmp_path / "lomi.yaml"
    config.write_text(
        f"compreface: {{api_key: {CANARY}-api-key}}\nbackend: {{token: {CANARY}-token}}\nalerts:\n  routes:\n"
        f"    hook: {{webhook: 'http://u:{CANARY}-pw@{http}/{CANARY}-path', key: {CANARY}-key-of-webhooks}}\n"
        f"    chat: {{apprise: 'json://{CANARY}user:{CANARY}word@{http}/{CANARY}-token-1'}}\n"
        f"    odd: {{apprise: 'tgram://{CANARY}-is-no-token/{CANARY}-chat-1'}}\n"
    )
    variables = {
        "LOMI_DATABASE_URL": f"postgresql://lomi:{CANARY}%20db@{database.hostname}:{database.port}/postgres",
        "S3_SECRET_KEY_FILE": str(secret),
        "LOMI_COMPREFACE_URL": f"http://{http}",
    }
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"no photo at all")
    return Refusal(["--env-file", str(env), "--config", str(config)], variables, photo)


def test_no_command_ever_shows_a_secret(refusal: Refusal, weights: None) -> None:
    variables: dict[str, Any] = dict(refusal.variables)
    codes = {}
    for line in READS:
        words = line.replace("PHOTO", str(refusal.photo)).split()
        done = lomi("--debug", *words, *refusal.words, check=None, **variables)
        codes[line] = done.returncode
        shown = done.stdout + done.stderr
        assert CANARY not in shown.replace(str(refusal.photo), ""), shown
        assert shown

    assert codes["check"] == codes["check -o json"] == 1
    assert {codes[line] for line in READS if line.startswith(("queue", "report", "migrate", "review"))} == {3}
    assert codes["demo"] == 5
    assert codes["config show --origin"] == codes["models list"] == 0


def test_a_worker_that_waits_for_services_does_not_show_what_it_offers_them(refusal: Refusal, weights: None) -> None:
    running = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "--debug", "worker", "--policy", "default", *refusal.words],
        env=environment(**refusal.variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    first = running.stdout.readline()
    running.terminate()
    rest, _ = running.communicate(timeout=60)

    assert first.startswith("{")
    assert CANARY not in first + rest


def test_mistaken_settings_are_all_told_without_their_values(refusal: Refusal) -> None:
    wrong: dict[str, Any] = refusal.variables | {
        "LOMI_REDIS_URL": f"http://{CANARY}:{CANARY}@x", "LOMI_WORKER__SLOTS": "many", "LOMI_REDIS__PASWORD": CANARY,
        "LOMI_COMPREFACE_URL": f"http://user:{CANARY}@127.0.0.1:9",
    }  # fmt: skip

    done = lomi("check", *refusal.words, check=2, **wrong)

    assert CANARY not in done.stdout + done.stderr
    assert done.stdout == "no check ran\n"
    told = "\n".join(line for line in done.stderr.splitlines() if line.startswith("  - "))
    for key in ("redis.url", "worker.slots", "LOMI_REDIS__PASWORD", "compreface.urls"):
        assert key in told
    assert told.count("\n") == 3
    assert done.stderr.splitlines()[-1].startswith("  try: lomi config example")
