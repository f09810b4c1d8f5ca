"""What a worker imports while it does all that it can do: that much, and no more, is in its image."""

from __future__ import annotations

import os
import platform
import re
import runpy
import signal
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from tests.chaos.servers import S3_KEY, S3_SECRET, running_s3
from tests.doubles.compreface import CompreFaceDouble
from tests.integration.worker.conftest import BUCKET, Cluster
from tests.integration.worker.test_worker import until

ROOT = Path(__file__).parents[3]
LOCK: dict[str, Any] = runpy.run_path(str(ROOT / "worker" / "image" / "lock.py"))
HERE = LOCK["holding"]((ROOT / "worker" / "requirements.lock").read_text(), platform.python_version())
NAMES = frozenset(name for name, _ in LOCK["blocks"](HERE))
FOREIGN = ("LOMI_", "REDIS_", "DB_", "S3_", "COMPREFACE_", "COVERAGE_", "COV_")
LINE = re.compile(r"^import time:[^|]*\|[^|]*\| +([\w.]+)$", re.MULTILINE)
TRIED = frozenset({"click", "cryptography", "pygments", "rich"})
"""Taken where they are, and done without elsewhere: httpx has a command line, redis-py can ask for OCSP."""


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return kept | {"PYTHONPROFILEIMPORTTIME": "1"} | more


def packages(trace: str) -> set[str]:
    """The distributions whose modules were imported."""
    owners = packages_distributions()
    tops = {module.partition(".")[0] for module in LINE.findall(trace)}
    return {re.sub(r"[-_.]+", "-", owner).lower() for top in tops for owner in owners.get(top, ())}


def test_a_worker_imports_what_its_lock_names(cluster: Cluster, weights: None, portrait: bytes, tmp_path: Path) -> None:
    """On S3, with CompreFace and an environment file, from its start to its end: the judging process, too."""
    upload = cluster.upload([portrait])
    secrets = tmp_path / "worker.env"
    secrets.write_text(f"S3_ACCESS_KEY={S3_KEY}\nS3_SECRET_KEY={S3_SECRET}\n")
    with CompreFaceDouble() as faces, running_s3(BUCKET, {upload.keys[0]: portrait}) as port:
        trace = tmp_path / "trace"
        with trace.open("wb") as out:
            worker = subprocess.Popen(
                [sys.executable, "-m", "lomi_ops", "worker"],
                env=environment(
                    LOMI_REDIS_URL=cluster.redis_url, LOMI_DATABASE_URL=cluster.database_url,
                    S3_ENDPOINT=f"http://127.0.0.1:{port}", LOMI_ENV_FILE=str(secrets),
                    COMPREFACE_URL=faces.url, LOMI_LOG__FORMAT="json",
                    LOMI_WORKER__HEALTH_FILE=str(tmp_path / "health"),
                ),
                stdout=subprocess.DEVNULL, stderr=out, cwd=tmp_path,
            )  # fmt: skip
        try:
            cluster.push(upload)
            until(lambda: cluster.standing(upload) == [("approved", None)])
        finally:
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) == 0
    bare = subprocess.run(
        [sys.executable, "-c", "pass"], env=environment(), capture_output=True, text=True, check=True
    ).stderr

    found = packages(trace.read_text()) - packages(bare) - {"lomi-ops"}

    assert found - NAMES - TRIED == set(), "imported, but not in worker/requirements.in"
    assert NAMES - found == set(), "in worker/requirements.in, but never imported"
