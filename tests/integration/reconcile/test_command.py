"""`lomi reconcile` as an operator types it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import typer

from lomi_ops.cli.reconcile import reconcile
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.errors import DatabaseUnavailable, ExitCode, RedisUnavailable, UsageError
from tests.integration.reconcile.conftest import LONG_AGO, Cluster, now

Lomi = Callable[..., int]
POISON = Failure(ErrorClass.POISON, "not_json", "the element is not a JSON object")


@pytest.fixture
def lomi(cluster: Cluster, prepared_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lomi:
    """Runs the command on the cluster; its exit code."""
    for name in os.environ:
        if name.startswith(("LOMI_", "REDIS_", "DB_", "S3_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lomi-photos").mkdir()
    for name, value in (("REDIS_URL", redis_url), ("DATABASE_URL", prepared_url), ("OBJECTS", str(tmp_path))):
        monkeypatch.setenv(f"LOMI_{name}", value)
    app = typer.Typer()
    app.command()(reconcile)

    def run(*arguments: str) -> int:
        code: int = app(list(arguments), standalone_mode=False)
        return code

    return run


def test_a_run_says_what_it_found_and_did(cluster: Cluster, lomi: Lomi, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.upload(3)
    cluster.old_upload(2)
    logged = cluster.upload(1)
    cluster.approve(logged, at=LONG_AGO)
    cluster.reset(logged.photos[0].media_id)
    cluster.upload(1, at=now())

    assert lomi("--as", "sara") == ExitCode.OK

    lines = capsys.readouterr().out.splitlines()
    assert lines[:5] == [
        "7 photos pending",
        "        1  uploaded a moment ago",
        "        3  without a job",
        "        2  without a batch, never queued",
        "        1  decided, but media does not show it",
    ]
    assert lines[5:9] == [
        "queued: 5 photos in 2 jobs",
        "given a batch: 2 photos",
        "written into media, without a message: 1 photo",
        "nothing is forgotten",
    ]
    assert {entry["actor"] for entry in cluster.audit()} == {"sara"}
    assert lomi() == ExitCode.OK
    assert "queued:" not in capsys.readouterr().out


def test_a_dry_run_with_findings_is_exit_1_and_without_any_exit_0(
    cluster: Cluster, lomi: Lomi, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lomi("--dry-run") == ExitCode.OK
    assert "nothing is forgotten" in capsys.readouterr().out
    cluster.upload(2)
    before = cluster.state()

    assert lomi("--dry-run") == ExitCode.BAD

    out = capsys.readouterr().out
    assert "would be queued: 2 photos in 1 job" in out
    assert "nothing was changed" in out
    assert cluster.state() == before


def test_the_document_names_every_job(cluster: Cluster, lomi: Lomi, capsys: pytest.CaptureFixture[str]) -> None:
    lost = cluster.upload(2)
    old = cluster.old_upload(1)

    def document(*arguments: str) -> dict[str, Any]:
        lomi(*arguments, "-o", "json")
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    dry, real = document("--dry-run"), document()

    assert dry["schema"] == real["schema"] == "lomi.reconcile/v1"
    assert (dry["dry_run"], dry["wrong"], real["dry_run"], real["wrong"]) == (True, True, False, False)
    assert real["found"] | {"lost": 2, "never_queued": 1} == real["found"]
    assert (real["pending"], real["queued"], real["adopted"], real["left"]) == (3, 3, 1, 0)
    assert [job["media_ids"] for job in real["jobs"]] == [
        sorted(str(photo.media_id) for photo in lost.photos), [str(old[0])],
    ]  # fmt: skip
    assert dry["jobs"][0] == real["jobs"][0]
    assert dry["jobs"][1] | {"media_ids": []} == {"job_id": None, "batch_id": None, "media_ids": []}
    assert [job["job_id"] for job in cluster.waiting()] == [job["job_id"] for job in real["jobs"]]


def test_dead_letters_and_missing_objects_stay_wrong(
    cluster: Cluster, lomi: Lomi, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.push(cluster.upload(2))
    cluster.queue.fail(cluster.claim(), POISON)

    assert lomi() == ExitCode.BAD
    assert "2  in dead letters only: lomi queue dead" in capsys.readouterr().out
    assert lomi("--include-dead", "--objects") == ExitCode.BAD
    out = capsys.readouterr().out
    assert "queued: 2 photos in 1 job" in out
    assert "not in the object store: 2 photos" in out
    assert lomi("--objects") == ExitCode.OK


def test_the_limit_and_the_age_are_options(cluster: Cluster, lomi: Lomi, capsys: pytest.CaptureFixture[str]) -> None:
    cluster.upload(1)
    cluster.upload(1)

    assert lomi("--older-than", "3h") == ExitCode.OK
    assert "2  uploaded a moment ago" in capsys.readouterr().out
    assert lomi("--limit", "1") == ExitCode.BAD
    assert "beyond --limit: 1 photo; run again" in capsys.readouterr().out
    assert lomi("--limit", "1") == ExitCode.OK
    with pytest.raises(UsageError):
        lomi("--older-than", "soon")


def test_what_cannot_be_reached_is_exit_3_and_changes_nothing(
    cluster: Cluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.old_upload(1)
    before = cluster.state()

    with monkeypatch.context() as patched:
        patched.setenv("LOMI_REDIS_URL", "redis://127.0.0.1:1/0")
        with pytest.raises(RedisUnavailable) as no_redis:
            lomi()
    with monkeypatch.context() as patched:
        patched.setenv("LOMI_DATABASE_URL", "postgresql://a:b@127.0.0.1:1/c")
        with pytest.raises(DatabaseUnavailable) as no_database:
            lomi()

    assert no_redis.value.exit_code == no_database.value.exit_code == ExitCode.UNKNOWN
    assert cluster.state() == before


def test_a_run_beside_another_is_told_so(cluster: Cluster, lomi: Lomi, prepared_url: str) -> None:
    from lomi_ops.errors import LockHeld

    with psycopg.connect(prepared_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('lomi reconcile', 0))")
        with pytest.raises(LockHeld) as held:
            lomi()
    assert held.value.exit_code == ExitCode.LOCKED


def test_everything_that_needs_a_person_has_its_line(
    cluster: Cluster, lomi: Lomi, capsys: pytest.CaptureFixture[str]
) -> None:
    (keyless,) = cluster.old_upload(1)
    (approved,) = cluster.old_upload(1, None)
    rows = cluster.backend.connection
    rows.execute("UPDATE media SET url = %s WHERE id = %s", ["k" * 3000, keyless])
    rows.execute("UPDATE media SET is_approved = true WHERE id = %s", [approved])
    queued = cluster.upload(1)
    cluster.push(queued)
    cluster.client.lpush(cluster.queue.keys.ready, b'{"photos":[{"media_id":"%s"}]}' % str(uuid4()).encode())

    assert lomi() == ExitCode.BAD

    out = capsys.readouterr().out
    assert "1  on their way" in out
    assert "1  without an object's key" in out
    assert "1  approved before there was moderation: lomi migrate apply" in out
    assert "nothing is forgotten" not in out
