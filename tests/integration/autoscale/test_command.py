"""`lomi autoscale` on a real engine: steps, refusals, and what it says of them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lomi_ops.db import audit
from lomi_ops.db.pool import Database
from lomi_ops.domain.worker_log import READY_LINE
from lomi_ops.queue.fleet import Claimant, FleetLease
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.keys import Keys
from tests.commands import Lomi
from tests.integration.autoscale.conftest import FOREVER, WORKERS, Shop
from tests.integration.ops.old_cluster import OldCluster, scores
from tests.services import RedisServer

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker")]


def test_a_dry_run_says_what_it_would_do_with_the_numbers(shop: Shop, lomi: Lomi) -> None:
    shop.hire(4)
    shop.note(1.0, 3)
    shop.push(14)
    shop.remember(4, due_ms=600)

    said = lomi("autoscale", "--dry-run")

    assert said.code == 0, said.err
    first, *_ = said.out.splitlines()
    assert first.startswith("would go from 4 to 5 workers: 14 jobs wait (more than 10); then ")
    assert "4 of 4 ready" in said.out
    assert "without --dry-run it is done" in said.out
    assert shop.count() == 4
    assert lomi("autoscale", "--history", "-o", "json").document["entries"] == []


def test_a_step_up_and_a_step_down_are_made_and_written_down(shop: Shop, lomi: Lomi, cluster: OldCluster) -> None:
    shop.hire(4)
    shop.note(1.0, 3)
    shop.push(14)
    shop.remember(4, due_ms=600)

    up = lomi("autoscale", "--once", "-o", "json")

    assert up.code == 0, up.err
    assert (up.document["workers"], up.document["target"], up.document["done"]) == (4, 5, True)
    assert up.document["numbers"]["waiting"] == 14
    assert shop.count() == 5

    shop.beat()
    again = lomi("autoscale", "--once", "-o", "json").document
    assert (again["held"], again["because"][:18]) == ("starting", "4 of 5 workers rea")

    shop.client.delete(Keys().ready, Keys().samples)
    shop.note(0.1, 0)
    shop.boots.clear()
    shop.adopt()
    shop.remember(5, idle_ms=3600)
    down = lomi("autoscale", "--once", "--as", "ada", "-o", "json")

    assert down.code == 0, down.err
    assert (down.document["target"], down.document["done"]) == (4, True)
    assert shop.count() == 4
    entries = lomi("autoscale", "--history", "-o", "json").document["entries"]
    assert [(each["event"], each["by"], each["target"]) for each in entries] == [
        ("step", "ada", 4), ("held", "autoscale", 5), ("step", "autoscale", 5),
    ]  # fmt: skip
    with Database(cluster.database_url) as db:
        told = [(each.actor, each.action) for each in audit.entries(db) if each.action == "autoscale"]
    assert told == [("ada", "autoscale"), ("autoscale", "autoscale"), ("autoscale", "autoscale")]


def test_numbers_that_nobody_has_noted_for_a_minute_change_nothing(shop: Shop, lomi: Lomi) -> None:
    shop.hire(4)
    shop.note(5.0, 4, until_s=70)
    shop.remember(4, due_ms=600)
    said = lomi("autoscale", "--once")
    assert said.code == 3
    assert (last := re.search(r"held \(stale\): what comes and goes was last noted (\d+) s ago", said.out))
    assert 80 <= int(last[1]) < 110
    assert shop.count() == 4


def test_a_paused_queue_and_an_open_breaker_hold_the_number(shop: Shop, lomi: Lomi) -> None:
    shop.hire(4)
    shop.note(5.0, 4)
    shop.push(50)
    queue = JobQueue(shop.client)
    queue.pause("ada", "deploy")
    shop.remember(4, due_ms=600)
    said = lomi("autoscale", "--once", "-o", "json")
    assert (said.code, said.document["held"], said.document["next"]) == (0, "paused", "lomi queue resume")
    assert "by ada: deploy" in said.document["because"]

    queue.resume()
    queue.hold("compreface", 30, "no endpoint answers")
    shop.remember(4, due_ms=600)
    said = lomi("autoscale", "--once", "-o", "json")
    assert (said.code, said.document["held"]) == (0, "outage")
    assert lomi("autoscale", "--once", "--quiet").out == ""
    assert shop.count() == 4


def test_a_second_autoscaler_and_one_that_meets_somebody_at_work_end_with_75(shop: Shop, lomi: Lomi) -> None:
    shop.hire(4)
    other = Claimant("ada", "lomi autoscale", "machine-b")
    lease = FleetLease(shop.client, at=Keys().autoscale_lease)
    assert lease.take("other", other, 60) is None
    said = lomi("autoscale", "--once")
    assert said.code == 75
    assert "lomi autoscale, on machine-b" in said.err
    lease.leave("other")

    assert FleetLease(shop.client).take("other", Claimant("ada", "lomi scale 6", "machine-b"), 60) is None
    said = lomi("autoscale", "--once")
    assert said.code == 75
    assert "held (locked): ada changes the workers: lomi scale 6, on machine-b" in said.out


def test_a_number_outside_of_the_bounds_is_left_and_told(shop: Shop, lomi: Lomi) -> None:
    shop.hire(2)
    shop.note(0.1, 0)
    said = lomi("autoscale", "--once")
    assert said.code == 0
    assert "2 workers below min 4; somebody has set that, and it is left so" in said.out
    assert "next: lomi scale 4, or lomi autoscale --enforce" in said.out
    assert shop.count() == 2
    said = lomi("autoscale", "--once", "--enforce", "--min", 3, "-o", "json")
    assert (said.code, said.document["target"]) == (0, 3), said.err
    assert shop.count() == 3


def test_without_redis_or_docker_nothing_is_changed_and_exit_is_3(
    shop: Shop, lomi: Lomi, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.hire(1)
    redis_server.stop()
    try:
        said = lomi("autoscale", "--once")
    finally:
        redis_server.start()
    assert said.code == 3
    assert said.err.startswith("error: ")
    monkeypatch.setenv("LOMI_DOCKER__HOST", "unix:///nonexistent.sock")
    said = lomi("autoscale", "--once")
    assert said.code == 3
    assert "there is no such socket" in said.err
    assert shop.count() == 1
    assert shop.client.exists(Keys().autoscale) == 0


def test_a_service_that_is_not_there_is_told_with_those_that_are(shop: Shop, lomi: Lomi, tmp_path: Path) -> None:
    shop.containers.run("redis", FOREVER)
    said = lomi("autoscale", "--once")
    assert said.code == 1
    assert "has no container of service moderator-worker; it has redis" in said.err
    config = tmp_path / "c.yaml"
    config.write_text("docker: {workers_service: ''}")
    said = lomi("autoscale", "--once", "--config", config)
    assert said.code == 2
    assert "docker.workers_service is empty" in said.err


def test_before_the_swap_the_queue_alone_decides_and_what_is_not_known_is_told(old_shop: Shop, lomi: Lomi) -> None:
    for number in (1, 2, 3, 4, 5):
        container = old_shop.containers.run(WORKERS, f"echo '{READY_LINE}'; {FOREVER}", number=number)
        old_shop.containers.await_that(
            container, lambda said: READY_LINE.encode() in old_shop.containers.api.logs(said["Id"])
        )
    old_shop.remember(5, idle_ms=3600)
    said = lomi("autoscale", "--once")
    assert said.code == 0
    assert "held (old workers): nothing waits; an old worker loses the job in its hand" in said.out
    assert "the length of the queue decides alone: lomi worker" in said.out

    old_shop.push(11)
    old_shop.remember(5, due_ms=600)
    said = lomi("autoscale", "--once", "-o", "json")
    assert said.code == 0, said.err
    assert (said.document["target"], said.document["numbers"]["used"]) == (6, None)
    assert old_shop.count() == 6
    assert "there is no schema lomi here" in said.err
    assert len(lomi("autoscale", "--history", "-o", "json").document["entries"]) == 2


def test_slow_photos_are_seen_in_media_and_without_postgres_the_rest_decides(
    old_shop: Shop, old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_shop.hire(4)
    old_shop.note(0.5, 2)
    old_shop.push(2)
    for _ in range(20):
        old.photo("approved", found=scores() | {"processing_time_ms": 3600})
    old_shop.remember(4, due_ms=600)
    said = lomi("autoscale", "--dry-run", "-o", "json").document
    assert (said["target"], said["why"]) == (5, ["3.6 s per photo (more than 3)"])

    assert lomi("autoscale", "--once", "-o", "json").document["numbers"]["photo_s"] == 3.6
    with old.sql() as pg:
        pg.execute("DELETE FROM media")
    again = lomi("autoscale", "--once", "-o", "json").document
    assert again["numbers"]["photo_s"] == 3.6, "the app's table is not read at every look"

    monkeypatch.setenv("LOMI_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/nothing")
    said = lomi("autoscale", "--dry-run", "-o", "json").document
    assert (said["step"], said["numbers"]["photo_s"]) == (0, None)
    assert said["unknown"][0]["what"].startswith("how long a photo takes is not known: ")


def test_the_journal_reads_as_lines(shop: Shop, lomi: Lomi) -> None:
    assert lomi("autoscale", "--history").out.startswith("the journal is empty: ")
    shop.hire(4)
    shop.note(0.1, 0)
    JobQueue(shop.client).pause("ada", "deploy")
    lomi("autoscale", "--once")
    said = lomi("autoscale", "--history")
    assert "4 workers, held (paused): by ada: deploy" in said.out
    (line,) = lomi("autoscale", "--history", "-o", "jsonl").out.splitlines()
    assert json.loads(line)["held"] == "paused"


def test_a_service_gives_no_single_document(shop: Shop, lomi: Lomi) -> None:
    assert lomi("autoscale", "-o", "json").code == 2


def test_the_service_tells_each_other_reason_once_and_ends_between_two_looks(shop: Shop, lomi: Lomi) -> None:
    shop.hire(4)
    shop.note(1.0, 3)
    JobQueue(shop.client).pause("ada", "deploy")
    environ = os.environ | {"LOMI_AUTOSCALE__EVERY_S": "0.05"}
    service = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "autoscale", "-o", "jsonl"],
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with service:
        assert service.stdout is not None
        first, second = (json.loads(service.stdout.readline()) for _ in range(2))
        assert (first["held"], second["held"]) == ("paused", "paused")
        said = lomi("autoscale", "--once")
        assert said.code == 75
        assert "autoscale changes the workers: lomi autoscale, on " in said.err
        service.send_signal(signal.SIGTERM)
        _, told = service.communicate(timeout=20)
    assert service.returncode == 0
    assert told.count("held (paused)") == 1
    assert told.splitlines()[0].startswith("autoscale: 4 to 12 workers of moderator-worker, a look every 0.05 s")
    assert told.splitlines()[-1] == "autoscale stopped; the number of workers stays as it is"
    assert FleetLease(shop.client, at=Keys().autoscale_lease).tenure() is None
