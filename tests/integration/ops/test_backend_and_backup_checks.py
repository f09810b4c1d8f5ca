"""The backend and the backups, each in trouble in turn."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.domain.backup import VERIFIED, verified_text
from tests.doubles.backend import BackendDouble
from tests.doubles.faults import Html, Stall
from tests.integration.ops.conftest import Lomi
from tests.integration.ops.old_cluster import BUCKET, OldCluster
from tests.services import running_redis


@pytest.fixture
def backend(cluster: OldCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackendDouble]:
    store = DirectoryStore(cluster.objects, Buckets(frozenset({BUCKET})))
    with BackendDouble(database_url=cluster.database_url, redis_url=cluster.redis_url, store=store) as found:
        monkeypatch.setenv("LOMI_BACKEND__URL", found.url)
        monkeypatch.setenv("LOMI_BACKEND__TOKEN", found.app.token(cluster.user, admin=True))
        yield found


def found(lomi: Lomi, pattern: str) -> dict[str, dict[str, Any]]:
    said = lomi("check", "--only", pattern, "-o", "json")
    return {each["slug"]: each for each in said.document["checks"] if each["slug"].startswith(pattern.rstrip("*"))}


def statuses(lomi: Lomi, pattern: str) -> dict[str, str]:
    return {slug: each["status"] for slug, each in found(lomi, pattern).items()}


# --- backend ----------------------------------------------------------------------------------------------------------


def test_a_backend_that_is_well_passes(backend: BackendDouble, lomi: Lomi) -> None:
    assert statuses(lomi, "backend.*") == {
        "backend.health": "pass", "backend.queue_stats": "pass", "backend.dashboard": "pass",
    }  # fmt: skip


def test_without_a_backend_or_a_token_it_is_skipped_with_the_setting(
    cluster: OldCluster, backend: BackendDouble, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOMI_BACKEND__TOKEN")
    assert found(lomi, "backend.*")["backend.dashboard"]["detail"] == "no backend.token is configured"
    monkeypatch.delenv("LOMI_BACKEND__URL")
    assert {each["detail"] for each in found(lomi, "backend.*").values()} == {"no backend.url is configured"}


def test_a_backend_that_is_down_fails_and_blocks_what_stands_on_it(backend: BackendDouble, lomi: Lomi) -> None:
    backend.go_down()

    assert statuses(lomi, "backend.*") == {
        "backend.health": "fail", "backend.queue_stats": "blocked", "backend.dashboard": "blocked",
    }  # fmt: skip


def test_a_backend_that_is_silent_is_a_timeout(
    backend: BackendDouble, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_BACKEND__TIMEOUT_S", "0.3")
    backend.inject(Stall(30), on="health")

    seen = found(lomi, "backend.*")["backend.health"]

    assert seen["status"] == "unknown"
    assert seen["detail"].startswith("timeout: ")


def test_a_web_page_is_no_dashboard(backend: BackendDouble, lomi: Lomi) -> None:
    backend.inject(Html(502), on="dashboard")

    seen = statuses(lomi, "backend.*")

    assert (seen["backend.health"], seen["backend.dashboard"]) == ("pass", "fail")


def test_a_token_that_is_no_admins_is_named_and_never_shown(
    cluster: OldCluster, backend: BackendDouble, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = backend.app.token(cluster.user, admin=False)
    monkeypatch.setenv("LOMI_BACKEND__TOKEN", token)

    said = lomi("check", "--only", "backend", "-o", "json")

    seen = {each["slug"]: each for each in said.document["checks"]}
    assert seen["backend.queue_stats"]["status"] == seen["backend.dashboard"]["status"] == "fail"
    assert "backend.token" in seen["backend.dashboard"]["hint"]
    assert token not in said.out + said.err


def test_a_backend_on_another_redis_is_found_out(cluster: OldCluster, backend: BackendDouble, lomi: Lomi) -> None:
    with running_redis() as elsewhere:
        for _ in range(51):
            cluster.push(cluster.job(cluster.user, [cluster.user]))
        backend.app.redis_url = elsewhere.url

        seen = found(lomi, "backend.*")["backend.queue_stats"]

    assert seen["status"] == "fail"
    assert (seen["observed"], seen["expected"]) == ("0", "51")


# --- backups ----------------------------------------------------------------------------------------------------------


def test_a_cluster_whose_backups_nobody_names_is_warned(cluster: OldCluster, lomi: Lomi) -> None:
    assert statuses(lomi, "backup.*") == {"backup.young": "warn", "backup.tried": "skip"}


def test_a_file_of_somebody_elses_backup_counts_by_its_age(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    dump = tmp_path / "nightly.dump"
    monkeypatch.setenv("LOMI_BACKUP__FILE", str(dump))
    assert found(lomi, "backup.*")["backup.young"]["detail"] == "there is none where the settings look"
    dump.write_bytes(b"x")
    assert statuses(lomi, "backup.*")["backup.young"] == "pass"
    days_ago = time.time() - 3 * 86400
    os.utime(dump, (days_ago, days_ago))

    seen = found(lomi, "backup.*")["backup.young"]

    assert seen["status"] == "fail"
    assert seen["detail"].startswith("3 d old, ")


def test_a_command_that_fails_is_not_taken_for_a_backup(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_BACKUP__COMMAND", "false")

    assert statuses(lomi, "backup.*")["backup.young"] == "fail"


def test_a_backup_is_a_hope_until_it_was_restored(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOMI_BACKUP__TO", str(tmp_path / "kept"))
    assert lomi("backup", "create").code == 0
    assert statuses(lomi, "backup.*") == {"backup.young": "pass", "backup.tried": "warn"}

    assert lomi("backup", "verify").code == 0

    assert statuses(lomi, "backup.*") == {"backup.young": "pass", "backup.tried": "pass"}
    assert lomi("backup", "create").code == 0
    assert statuses(lomi, "backup.*")["backup.tried"] == "pass", "tried once a week, made every night"


def test_a_trial_of_long_ago_is_a_warning_with_its_day(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOMI_BACKUP__TO", str(tmp_path / "kept"))
    name = lomi("backup", "create", "-o", "json").document["name"]
    (tmp_path / "kept" / name / VERIFIED).write_text(verified_text(datetime(2026, 1, 2, tzinfo=UTC), "here", "0"))

    said = found(lomi, "backup.*")["backup.tried"]

    assert said["status"] == "warn"
    assert said["detail"] == f"{name} was restored for a trial on 2026-01-02, and none since"
