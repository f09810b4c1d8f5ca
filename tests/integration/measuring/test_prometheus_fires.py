"""A real Prometheus with our rules scrapes our exporter of a real queue, and fires for as long as the cause is real."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.commands import Lomi
from tests.conftest import need
from tests.integration.measuring.test_serve import PATIENCE_S, service
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.queue.conftest import Bench
from tests.services import free_port

BACKLOG = "LomiQueueBacklog"
SETTINGS = {
    "profile": "staging",
    "profiles": {"staging": {}},
    "alerts": {"rules": {"queue_backlog": {"threshold": 2, "clear": 1, "for_s": 0.4, "keep_firing_for_s": 4}}},
}


@contextmanager
def prometheus(folder: Path, target: str) -> Iterator[int]:
    """Its port."""
    program = shutil.which("prometheus")
    need(program, "prometheus (Debian's package)")
    assert program
    config = {
        "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "200ms"},
        "rule_files": [str(folder / "lomi.rules.yml")],
        "scrape_configs": [{"job_name": "lomi", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))
    port = free_port()
    process = subprocess.Popen(
        [program, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
         f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
    )  # fmt: skip
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def answer(port: int, path: str) -> Any:
    """None where it does not answer yet."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=PATIENCE_S) as body:
            return json.load(body)["data"]
    except OSError:
        return None


def alerts(port: int, state: str) -> dict[str, dict[str, str]]:
    """Labels of those in a state, by name."""
    found = (answer(port, "alerts") or {"alerts": []})["alerts"]
    return {each["labels"]["alertname"]: each["labels"] for each in found if each["state"] == state}


def asked(port: int, query: str) -> int | None:
    found = (answer(port, "query?" + urllib.parse.urlencode({"query": query})) or {"result": []})["result"]
    return int(found[0]["value"][1]) if found else None


def looks(port: int) -> int:
    """How many scrapes of ours it has kept, up to now."""
    return asked(port, "count_over_time(lomi_build_info[10m])") or 0


def waiting(port: int) -> int | None:
    return asked(port, 'lomi_queue_jobs{state="ready",profile="staging"}')


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_backlog_fires_in_prometheus_until_it_is_well_again(
    cluster: OldCluster, bench: Bench, lomi: Lomi, tmp_path: Path
) -> None:
    config = tmp_path / "lomi.yaml"
    config.write_text(yaml.safe_dump(SETTINGS))
    rules = lomi("alerts", "rules", "-o", "prometheus", "--config", config)
    (tmp_path / "lomi.rules.yml").write_text(rules.out)
    with service(LOMI_CONFIG=str(config)) as (_, url), prometheus(tmp_path, url.split("/")[2]) as port:
        until(lambda: looks(port) > 2)
        assert BACKLOG not in alerts(port, "firing")

        for number in range(3):
            bench.push(b'{"job_id": "%d"}' % number)
        until(lambda: BACKLOG in alerts(port, "firing"))
        wanted = {"rule": "queue_backlog", "severity": "warning", "cause": "queue.backlog", "profile": "staging"}
        assert wanted.items() <= alerts(port, "firing")[BACKLOG].items()

        bench.client.lpop(bench.keys.ready)
        until(lambda: waiting(port) == 2)
        seen = looks(port)
        until(lambda: looks(port) > seen + 3)
        assert BACKLOG in alerts(port, "firing"), "two are not too many, and not yet well"

        bench.client.delete(bench.keys.ready)
        until(lambda: BACKLOG not in alerts(port, "firing"))
        assert waiting(port) == 0, "it is over, and not unknown"
