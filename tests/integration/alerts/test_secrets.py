"""Everything that holds a secret fails at once: none of it is in an answer, on stderr, in a log or in Postgres."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
import pytest
import yaml

from tests.commands import Lomi
from tests.conftest import need
from tests.doubles.receiver import Receiver
from tests.services import free_port

CANARY = "canary"
KEPT: tuple[LiteralString, ...] = (
    "alert_run",
    "alert_tracks",
    "alert_incidents",
    "alert_deliveries",
    "alert_silences",
    "audit",
)
LINES = (
    "alerts check", "alerts check -o json", "alerts list", "alerts list -o json", "alerts list -o jsonl",
    "alerts rules", "alerts rules -o json", "alerts rules -o prometheus", "alerts test", "alerts test -o json",
    "alerts silence all --for 1h --reason tests", "audit list -o json",
    "metrics print", "metrics print -o json", "metrics print -o openmetrics", "metrics dashboard",
    "top --once -o text", "top --once -o json",
)  # fmt: skip


@pytest.fixture
def leaky(
    redis_url: str, prepared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> str:
    """A cluster whose services and routes all refuse; only Postgres is well. Its URL."""
    receiver.status = 500
    dead, port = f"127.0.0.1:{free_port()}", urlsplit(redis_url).port
    hook = f"http://canary-user:canary-pass@{urlsplit(receiver.url).netloc}/canary-path?token=canary-query"
    routes = {
        "rejects": {"webhook": hook, "key": "canary-key-of-16-characters"},
        "is_gone": {"webhook": f"http://{dead}/canary-path-2", "key": "canary-key-of-16-characters"},
        "is_a_messenger": {"apprise": f"json://canary-user:canary-pass@{dead}/canary-path-3", "timeout_s": 5},
    }
    config = {
        "alerts": {
            "routes": routes,
            "heartbeat_url": f"http://{dead}/canary-beat",
            "rules": {name: {"for_s": 0} for name in ("redis_down", "objects_down", "compreface_down", "backup_none")},
        },
        "backup": {"command": "/bin/false"},
    }
    (tmp_path / "lomi.yaml").write_text(yaml.safe_dump(config))
    environ = {
        "LOMI_CONFIG": str(tmp_path / "lomi.yaml"), "LOMI_DATABASE_URL": prepared_url,
        "LOMI_REDIS_URL": f"redis://:canary-redis@127.0.0.1:{port}/0",
        "S3_ENDPOINT": f"http://{dead}", "S3_ACCESS_KEY": "canary-access", "S3_SECRET_KEY": "canary-secret",
        "S3_BUCKET_PHOTOS": "photos", "COMPREFACE_URL": f"http://{dead}", "LOMI_COMPREFACE__API_KEY": "canary-face",
        "LOMI_BACKEND__TOKEN": "canary-backend", "TELEGRAM_BOT_TOKEN": "777:canary-telegram",
    }  # fmt: skip
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return prepared_url


def stored(url: str) -> str:
    """Every row of what is kept of alerts."""
    found: list[Any] = []
    with psycopg.connect(url, autocommit=True) as pg:
        for table in KEPT:
            found += pg.execute(f"SELECT to_jsonb(t)::text FROM lomi.{table} AS t").fetchall()
    return "\n".join(text for (text,) in found)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_secret_is_said_logged_or_kept(lomi: Lomi, leaky: str, caplog: pytest.LogCaptureFixture) -> None:
    need(importlib.util.find_spec("apprise"), "Apprise")
    caplog.set_level("INFO")
    said = {line: lomi(*line.split()) for line in LINES}
    leaks = {line for line, each in said.items() if CANARY in each.out + each.err}
    kept = stored(leaky)
    assert 2 not in {each.code for each in said.values()}
    assert leaks == set()
    assert CANARY not in kept
    assert CANARY not in caplog.text
    for told in ("it answered HTTP 500", "there is no connection to it", "Apprise could not send it"):
        assert f'"error": "{told}"' in kept
    assert {"redis_down", "objects_down", "compreface_down"} <= set(re.findall(r'"rule": "(\w+)"', kept))
    assert set(said["alerts check -o json"].document["silent"]) >= {"redis", "objects", "compreface"}
