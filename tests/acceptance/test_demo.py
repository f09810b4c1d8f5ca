"""`lomi demo` and the stack commands, on a stack that a configuration file names."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from tests.acceptance.conftest import BUCKET, Cluster, environment, lomi, wait_until

pytestmark = pytest.mark.xdist_group("stack")


@pytest.fixture
def portrait(tmp_path: Path, samples: dict[str, Sample]) -> Path:
    path = tmp_path / "mine.jpg"
    path.write_bytes(samples["portrait"].data)
    return path


@pytest.fixture
def configured(weights: None) -> Iterator[Path]:
    """A configuration file with a stack of its own, whose policy takes every photo for blurred."""
    folder = Path(tempfile.mkdtemp(prefix="lomi-configured-"))
    folder.chmod(0o755)
    file = folder / "lomi.yaml"
    file.write_text(
        "stack: {data: stack, workers: 2}\n"
        "policy: {policies: {local: {version: 2, blur: {reject_below: 9e3, review_below: 9e3, face_sharp_at: 9e3}}}}\n"
    )
    yield file
    lomi("down", "--config", file, check=None)
    shutil.rmtree(folder, ignore_errors=True)


def test_a_policy_that_decides_otherwise_makes_the_demo_fail_and_nothing_stays(configured: Path) -> None:
    stack = configured.parent / "stack"

    done = lomi("demo", "--config", configured, "-o", "json", check=1)

    body = json.loads(done.stdout)
    wrong = {photo["name"]: photo["reason"] for photo in body["photos"] if not photo["ok"]}
    assert not body["ok"]
    assert wrong["portrait"] == "blurry"
    assert "text as .jpg" not in wrong
    stopped = json.loads(lomi("status", "--config", configured, "-o", "json", check=1).stdout)
    assert (stopped["data"], stopped["redis"]["state"]) == (str(stack), "stopped")

    up = lomi("up", "--config", configured, "-o", "json")
    assert len(json.loads(up.stdout)["workers"]) == 2, "as the file says"
    listed = json.loads(lomi("workers", "list", "--config", configured, "-o", "json").stdout)
    assert [each["name"] for each in listed["workers"]] == ["worker-1", "worker-2"], "as their logs"
    told = lomi("workers", "quiet", "worker-2", "--dry-run", "--config", configured)
    assert told.stdout.startswith("worker-2 ")
    where = json.loads(lomi("env", "--config", configured, "-o", "json").stdout)
    assert where["objects"] == f"file://{stack}/objects"
    assert lomi("demo", "--data", stack, "--timeout", 60, check=1).stdout.count("expected approved") >= 10
    found = Cluster(stack, where["redis_url"], where["database_url"], stack / "objects")
    rows = found.pg.execute("SELECT count(*) AS n FROM media").fetchone()
    found.close()
    assert rows == {"n": 0}
    assert list((stack / "objects" / BUCKET).rglob("*.*")) == []
    lomi("up", "--config", configured, "--workers", 0)
    alone = lomi("demo", "--config", configured, check=5)
    assert alone.stderr.splitlines()[-1] == f"  try: lomi up --workers 1 --data {stack}"
    assert lomi("down", "--config", configured, "--purge").stderr.splitlines()[-1] == f"removed {stack}"
    assert not stack.exists()


def test_photos_of_ones_own_are_shown_and_kept_where_that_is_asked_for(cluster: Cluster, portrait: Path) -> None:
    done = lomi("demo", portrait, "--keep", "--data", cluster.data, "-o", "json")

    body = json.loads(done.stdout)
    assert [(photo["name"], photo["decision"], photo["expected"]) for photo in body["photos"]] == [
        ("mine.jpg", "approved", None)
    ]
    assert body["kept"]
    kept = cluster.pg.execute("SELECT id FROM users WHERE name = 'lomi demo'").fetchall()
    assert len(kept) == 1
    cluster.pg.execute("DELETE FROM users WHERE id = %s", (kept[0]["id"],))
    assert cluster.status()["healthy"], "a stack that ran before goes on"


def test_ctrl_c_in_the_middle_cleans_up(cluster: Cluster, portrait: Path) -> None:
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
    queue = JobQueue(client)
    queue.pause("test", "the demo waits for ever")
    try:
        running = subprocess.Popen(
            [sys.executable, "-m", "lomi_ops", "demo", portrait, "--data", cluster.data],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_until(lambda: queue.stats().ready == 1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    finally:
        queue.resume()
        client.close()

    assert (running.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert cluster.pg.execute("SELECT count(*) AS n FROM users WHERE name = 'lomi demo'").fetchone() == {"n": 0}
    wait_until(lambda: cluster.redis.llen("photo_moderation_queue") == 0)
    assert cluster.redis.pubsub_numsub("moderation_results") == [(b"moderation_results", 0)]


def test_settings_that_name_other_services_are_refused(cluster: Cluster, portrait: Path, tmp_path: Path) -> None:
    others: dict[str, Any] = {"LOMI_REDIS_URL": cluster.redis_url, "LOMI_DATA": str(tmp_path / "nowhere")}

    done = lomi("demo", portrait, "-o", "json", check=5, **others)

    assert done.stdout == ""
    assert "runs on a local stack only" in done.stderr
    assert not (tmp_path / "nowhere").exists()
