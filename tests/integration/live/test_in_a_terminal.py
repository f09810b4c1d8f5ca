"""`lomi top` as a person has it: the command, in a terminal, on real services."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import redis

from lomi_ops.domain.frame import packed
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from tests.integration.live.conftest import Environ, opened
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.tui.terminal import Terminal
from tests.services import RedisServer, running_postgres

SIZES = [(80, 24), (120, 40), (200, 60)]


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pushed(client: redis.Redis, number: int = 1) -> list[str]:
    """Jobs as the backend pushes them; their ids."""
    ids, pipe = [str(uuid.uuid4()) for _ in range(number)], client.pipeline()
    for job_id in ids:
        photo = {"media_id": str(uuid.uuid4()), "url": "users/u/photo/1.jpg"}
        body = {"job_id": job_id, "batch_id": str(uuid.uuid4()), "user_id": str(uuid.uuid4()), "telegram_id": 7,
                "media": [photo], "created_at": "2026-11-20T12:00:00Z"}  # fmt: skip
        pipe.lpush(Keys().ready, json.dumps(body))
    pipe.execute()
    return ids


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_session(environ: Environ, client: redis.Redis, recorded: Path, size: tuple[int, int]) -> None:
    (job_id,) = pushed(client)

    with Terminal("top", size=size, environ=environ) as terminal:
        terminal.until("LIVE", "1 Queue", "ready", "workers_none")
        pushed(client, 1233)
        terminal.until("1,234")
        terminal.press("8")
        terminal.until("8 Jobs", job_id)
        terminal.press("/")
        terminal.until("state:dead error:timeout")
        terminal.press("state:dead\r")
        terminal.until("8 Jobs  state:dead  none")
        terminal.press("5")
        terminal.until("answers", "postgres", "connections")
        terminal.press("p")
        terminal.until("PAUSED")
        terminal.press("?")
        terminal.until("a panel alone", "with --write")
        terminal.press("x")
        terminal.until("PAUSED")
        terminal.press("[")
        terminal.until("PAST")
        terminal.press("l")
        terminal.until("LIVE")
        terminal.press("q")
        assert terminal.end() == 0
        assert terminal.settings == terminal.before

    span = opened(recorded).span
    assert span is not None


def test_without_write_no_key_changes_anything(environ: Environ, client: redis.Redis) -> None:
    with Terminal("top", size=(80, 24), environ=environ) as terminal:
        terminal.until("ready")
        terminal.press("PRQS")
        terminal.until("this view only looks: lomi top --write")
        terminal.press("q")
        assert terminal.end() == 0

    assert client.keys("*pause*") == []


def test_with_write_a_key_shows_its_command_runs_it_on_enter_and_the_audit_knows_it(
    environ: Environ, client: redis.Redis, prepared_url: str
) -> None:
    with Terminal("top", "--write", size=(100, 30), environ=environ) as terminal:
        terminal.until("WRITE", "ready")
        terminal.press("P")
        terminal.until("Enter runs this", "lomi queue pause --reason")
        terminal.press("\x1b")
        terminal.until("ready")
        terminal.press("P")
        terminal.until("Enter runs this")
        terminal.press("\r")
        terminal.until("PAUSED: nothing is taken")
        terminal.press("P")
        terminal.until("lomi queue resume")
        terminal.press("\r")
        until(lambda: client.keys("*paused*") == [])
        terminal.press("S")
        terminal.until("how many workers there shall be")
        terminal.press("many\r")
        terminal.until("how many workers? a number")
        terminal.press("q")
        assert terminal.end() == 0

    with psycopg.connect(prepared_url) as pg:
        rows = pg.execute("SELECT actor, action FROM lomi.audit ORDER BY id").fetchall()
    assert rows == [("hana", "queue.pause"), ("hana", "queue.resume")]


def test_what_a_command_changed_is_seen_at_the_next_look(environ: Environ, client: redis.Redis) -> None:
    engines = (EngineInfo("nsfw", "nudenet-320n", "ab"),)
    WorkerRegistry(client).register(WorkerInfo("b1", "web", 7, "0.1.0", 1, engines, "local@1"))
    with Terminal("top", "--write", "--every", "60s", size=(100, 30), environ=environ) as terminal:
        terminal.until("WRITE", "web/7")
        terminal.press("2")
        terminal.until("2 Workers")
        terminal.press("Q")
        terminal.until("lomi workers quiet web/7")
        terminal.press("\r")
        terminal.until("takes no more", "web/7   quiet")
        terminal.press("Q")
        terminal.until("lomi workers resume web/7")
        terminal.press("\x03")
        assert terminal.end() == 0


def test_redis_goes_away_and_comes_back_and_the_rest_ticks_on(environ: Environ, own_redis: RedisServer) -> None:
    environ["LOMI_REDIS_URL"] = own_redis.url
    with Terminal("top", "--every", "500ms", size=(160, 45), environ=environ) as terminal:
        terminal.until("ready", "all well")
        own_redis.stop(signal.SIGKILL)
        terminal.press("")
        terminal.until("1 silent", "stale", "redis is silent")
        terminal.press("5")
        terminal.until("connections")  # Postgres answers on
        own_redis.start()
        terminal.press("7")
        terminal.until("redis answers again")
        terminal.press("q")
        assert terminal.end() == 0


def test_postgres_goes_away_and_comes_back_and_the_rest_ticks_on(environ: Environ, client: redis.Redis) -> None:
    from lomi_ops.db.bootstrap import prepare

    with running_postgres() as url:
        prepare(url)
        environ["LOMI_DATABASE_URL"] = url
        with Terminal("top", "--every", "500ms", size=(160, 45), environ=environ) as terminal:
            terminal.until("ready", "all well")
            with psycopg.connect(url, autocommit=True) as admin:
                admin.execute("ALTER SYSTEM SET max_connections = 100")
                admin.execute("ALTER USER CURRENT_USER NOLOGIN")
                admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
                terminal.until("postgres is silent")
                terminal.press("1")
                pushed(client, 1234)
                terminal.until("1,234")
                admin.execute("ALTER USER CURRENT_USER LOGIN")
            terminal.press("7")
            terminal.until("postgres answers again")
            terminal.press("q")
            assert terminal.end() == 0


def test_what_was_seen_is_shown_again_without_asking_anybody(
    environ: Environ, client: redis.Redis, recorded: Path
) -> None:
    pushed(client, 3)
    with Terminal("top", size=(80, 24), environ=environ) as terminal:
        terminal.until("ready")
        terminal.press("q")
        assert terminal.end() == 0
    environ = environ | {"LOMI_REDIS_URL": "redis://127.0.0.1:1/0", "LOMI_DATABASE_URL": "postgresql://127.0.0.1:1/x"}

    with Terminal("top", "--replay", size=(80, 24), environ=environ) as terminal:
        terminal.until("PAST", "ready", " ago")
        terminal.press("]")
        terminal.until("this is the last look")
        terminal.press("g")
        terminal.until("in UTC")
        terminal.press("1999-01-01 00:00\r")
        terminal.until("nothing is recorded before")
        terminal.press("l")
        terminal.until("this is a recording only")
        terminal.press("q")
        assert terminal.end() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_whoever_ends_it_from_outside_finds_the_terminal_as_it_was(
    environ: Environ, recorded: Path, number: int, code: int
) -> None:
    with Terminal("top", size=(80, 24), environ=environ) as terminal:
        terminal.until("ready")
        terminal.process.send_signal(number)
        assert terminal.end() == code
        assert terminal.settings == terminal.before

    assert opened(recorded).span is not None


def test_a_small_window_says_what_it_needs(environ: Environ) -> None:
    with Terminal("top", size=(50, 12), environ=environ) as terminal:
        terminal.until("lomi top needs 60 columns and 16 lines; here are", "50 and 12")
        terminal.press("q")
        assert terminal.end() == 0


def test_without_colours_and_in_ascii_every_word_is_still_there(environ: Environ) -> None:
    plain = environ | {"NO_COLOR": "1", "LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0"}
    with Terminal("top", size=(100, 30), environ=plain) as terminal:
        terminal.until("LIVE", "ready", "workers_none")
        terminal.press("q")
        assert terminal.end() == 0


def test_no_secret_is_in_the_recording(environ: Environ, recorded: Path, client: redis.Redis) -> None:
    canaries = {
        "LOMI_BACKEND__TOKEN": "canary-backend-token", "TELEGRAM_BOT_TOKEN": "777:canary-telegram-token",
        "LOMI_DATABASE_URL": environ["LOMI_DATABASE_URL"].replace("@", "canary-password@"),
    }  # fmt: skip
    with Terminal("top", size=(160, 45), environ=environ | canaries) as terminal:
        terminal.until("1 silent")
        terminal.press("q")
        assert terminal.end() == 0
        assert "canary" not in terminal.text

    recording = opened(recorded)
    span = recording.span
    assert span is not None
    frame = recording.at(span[1])
    assert frame is not None
    assert "canary" not in packed([frame])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("top", "the app needs a terminal"), ("top -o json", "-o json is for one look"),
        ("top --replay --write", "--replay shows the past"), ("top --every never", "no span of time"),
    ],
)  # fmt: skip
def test_without_a_terminal_or_with_what_contradicts_itself_it_says_what_to_run(
    environ: Environ, line: str, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lomi_ops", *line.split()], env=environ, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "try: " in done.stderr


@pytest.mark.parametrize("moderation", [True, False], ids=["old workers", "before any migration"])
def test_on_an_unswapped_cluster_it_shows_what_can_be_known(
    environ: Environ, client: redis.Redis, redis_url: str, database_url: str, tmp_path: Path, moderation: bool
) -> None:
    old = OldCluster(redis_url, database_url, tmp_path / "old")
    old.build(moderation=moderation)
    pushed(client, 1234)
    plain = environ | {"LOMI_DATABASE_URL": database_url, "LOMI_OBJECTS": str(old.objects)}

    with Terminal("top", size=(120, 40), environ=plain) as terminal:
        terminal.until("LIVE", "1,234", "old workers do not register", *(["photos for a worker"] if moderation else []))
        terminal.press("6")
        terminal.until("queue_backlog")
        terminal.press("q")
        assert terminal.end() == 0
