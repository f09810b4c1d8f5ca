"""`lomi metrics print`: what a textfile collector finds, beside what is so."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from lomi_ops.domain.measure import MEASURES
from lomi_ops.domain.tally import Tally
from lomi_ops.queue.workers import WorkerRegistry
from tests.commands import Lomi
from tests.conftest import need
from tests.integration.ops.conftest import worker
from tests.integration.ops.old_cluster import OldCluster, scores
from tests.integration.queue.conftest import Bench
from tests.services import free_port

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples(text: str, *, open_: bool = False) -> Samples:
    families: Any = (openmetrics if open_ else prometheus)(text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families for sample in family.samples
    }  # fmt: skip


@pytest.fixture
def busy(cluster: OldCluster, bench: Bench, registry: WorkerRegistry) -> OldCluster:
    """Three jobs wait, one is done, photos wait, a worker is there."""
    registry.register(worker("b1"))
    for _ in range(4):
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
    tally = Tally()
    for seconds in (0.004, 0.12, 2000.0):
        tally.time(seconds, "engine", "faces")
    tally.count("photo", "rejected", 'blurry"\\')
    held = bench.take("b1/0")
    bench.queue.finish(held.job_id, held.token, b"x", str(tally))
    cluster.photo("pending", "needs_review", scores(), batch=uuid.uuid4())
    return cluster


def test_both_formats_and_json_say_the_same_and_the_truth(busy: OldCluster, lomi: Lomi) -> None:
    plain = lomi("metrics", "print")
    open_ = lomi("metrics", "print", "-o", "openmetrics")
    document = lomi("metrics", "print", "-o", "json").document
    assert (plain.code, plain.err) == (0, "")

    told, again = samples(plain.out), samples(open_.out, open_=True)
    assert set(told) == set(again)
    assert open_.out.endswith("# EOF\n")
    assert told["lomi_queue_jobs", (("state", "ready"),)] == 3
    assert told["lomi_claims_total", ()] == 1
    assert told["lomi_photos_undecided", (("waits", "person"),)] == 1
    assert told["lomi_photos_decided_total", (("reason", "other"), ("status", "rejected"))] == 1
    assert told["lomi_results_unheard", ()] == 1
    assert document["schema"] == "lomi.metrics/v1"
    listed = {
        (each["name"], tuple(sorted(each["labels"].items())))
        for metric in document["metrics"] for each in metric["samples"]
    }  # fmt: skip
    assert listed == set(told)


def test_a_histogram_counts_upwards_and_ends_with_everything(busy: OldCluster, lomi: Lomi) -> None:
    text = lomi("metrics", "print").out
    told = samples(text)
    buckets = [line for line in text.splitlines() if line.startswith("lomi_engine_seconds_bucket")]
    values = [float(line.rpartition(" ")[2]) for line in buckets]

    assert values == sorted(values)
    assert 'le="+Inf"' in buckets[-1]
    assert told["lomi_engine_seconds_bucket", (("engine", "faces"), ("le", "0.005"))] == 1
    assert told["lomi_engine_seconds_bucket", (("engine", "faces"), ("le", "0.15"))] == 2
    assert told["lomi_engine_seconds_bucket", (("engine", "faces"), ("le", "1800"))] == 2
    assert told["lomi_engine_seconds_count", (("engine", "faces"),)] == 3
    assert told["lomi_engine_seconds_sum", (("engine", "faces"),)] == pytest.approx(2000.124)


def test_promtool_has_nothing_to_say_of_names_and_help(busy: OldCluster, lomi: Lomi) -> None:
    promtool = shutil.which("promtool")
    need(promtool, "promtool (Debian's prometheus)")
    assert promtool
    done = subprocess.run(
        [promtool, "check", "metrics"], input=lomi("metrics", "print").out, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_a_file_is_replaced_in_one_step_and_may_be_read_by_a_collector(
    busy: OldCluster, lomi: Lomi, tmp_path: Path
) -> None:
    file = tmp_path / "lomi.prom"
    file.write_text("old")
    with file.open() as reader:
        said = lomi("metrics", "print", "--output-file", file)
        assert reader.read() == "old", "whoever reads it has the old one to the end"

    assert (said.code, said.out) == (0, "")
    assert samples(file.read_text())["lomi_queue_jobs", (("state", "ready"),)] == 3
    assert file.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []
    assert lomi("metrics", "print", "-o", "json", "--output-file", file).code == 2
    assert lomi("metrics", "print", "--output-file", tmp_path / "no" / "where.prom").code == 3


def test_a_source_that_is_away_is_told_and_the_rest_is_printed(
    busy: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://x:canary-password@127.0.0.1:{free_port()}/lomi")
    said = lomi("metrics", "print")
    told = samples(said.out)

    assert said.code == 3
    assert said.err.startswith("warning: postgres is silent: Postgres at 127.0.0.1:")
    assert told["lomi_up", (("service", "postgres"),)] == 0
    assert told["lomi_queue_jobs", (("state", "ready"),)] == 3
    assert not [name for name, _ in told if name == "lomi_photos_undecided"]
    assert "canary-password" not in said.out + said.err + lomi("metrics", "print", "-o", "json").out


def test_a_profile_is_a_label(busy: OldCluster, lomi: Lomi, tmp_path: Path) -> None:
    config = tmp_path / "lomi.yaml"
    config.write_text("profiles: {staging: {checks: {workers: 2}}}\n")
    told = samples(lomi("--env", "staging", "metrics", "print", "--config", config).out)

    assert {dict(labels).get("profile") for _, labels in told} == {"staging"}
    assert told["lomi_workers_expected", (("profile", "staging"),)] == 2


def test_an_unswapped_cluster_has_numbers(old: OldCluster, lomi: Lomi) -> None:
    old.push(old.job(uuid.uuid4(), [uuid.uuid4()]))
    said = lomi("metrics", "print")

    assert (said.code, said.err) == (0, "")
    assert samples(said.out)["lomi_queue_jobs", (("state", "ready"),)] == 1


def test_a_price_makes_costs_of_seconds(busy: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    with busy.sql() as pg:
        pg.execute(
            "INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, settled_at, took_ms,"
            " approved) VALUES ('p', gen_random_uuid(), gen_random_uuid(), 1, '{}', now(), now(), 9000, 5)"
        )
    monkeypatch.setenv("LOMI_METRICS__PRICE_PER_WORKER_HOUR", "0.08")
    told = samples(lomi("metrics", "print").out)

    assert told["lomi_worker_seconds_per_1000_photos", (("window", "1h"),)] == 1800
    assert told["lomi_cost_per_1000_photos", (("window", "1h"),)] == pytest.approx(0.04)


def test_every_name_of_the_table_can_be_had(busy: OldCluster) -> None:
    """Each is put somewhere in the code: none is a promise only."""
    root = Path(__file__).parents[3] / "lomi_ops" / "ops" / "measuring"
    code = "".join(each.read_text("utf-8") for each in root.glob("*.py"))
    assert [measure.name for measure in MEASURES if f'"{measure.name}"' not in code] == []
