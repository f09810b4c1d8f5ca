"""`lomi e2e` on a stack with workers that really look at the photos."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from typing import Any

from tests.acceptance.conftest import Cluster, environment, lomi


def test_nine_photographs_are_decided_as_they_should_be_and_nothing_remains(cluster: Cluster) -> None:
    before = remains(cluster)

    body = json.loads(lomi("e2e", 9, "--data", cluster.data, "-o", "json").stdout)

    (batch,) = body["batches"]
    assert [photo["as_expected"] for photo in batch["photos"]] == [True] * 9
    assert len({photo["decision"] for photo in batch["photos"]}) == 2
    assert body["targets_s"] == {"accepted": 0.2, "started": 5.0, "judged": 1.8, "batch": 3.0}
    assert all(photo["legs_s"]["judged"] > 0 for photo in batch["photos"])
    assert remains(cluster) == before


def remains(cluster: Cluster) -> tuple[Any, ...]:
    rows = cluster.pg.execute(
        "SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM media) AS media,"
        " (SELECT count(*) FROM lomi.jobs) AS jobs"
    ).fetchone()
    files = sorted(path for path in cluster.objects.rglob("*") if path.is_file())
    jobs = sorted(cluster.redis.keys("{photo_moderation_queue}:job:*"))
    return rows, files, jobs, cluster.redis.llen("photo_moderation_queue")


def test_on_a_terminal_the_way_is_drawn_on_stderr_alone(cluster: Cluster) -> None:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "e2e", "2", "--data", str(cluster.data), "-o", "json"],
        env=environment(COLUMNS="80", TERM="xterm"), stdout=subprocess.PIPE, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    drawn = b""
    while chunk := _read(ours):
        drawn += chunk
    out, _ = running.communicate(timeout=60)
    os.close(ours)

    assert running.returncode == 0, drawn.decode()
    assert json.loads(out)["ok"]
    assert b"where it is" in drawn
    assert b"cleaning up" in drawn
    assert b"\x1b[" in drawn


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # nobody writes to it any more
        return b""
