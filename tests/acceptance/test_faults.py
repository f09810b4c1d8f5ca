"""The real thing, broken: killed workers, lost models, a face service that does not answer."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from lomi_ops.ops.demo.samples import Sample
from tests.acceptance.conftest import QUEUE, Cluster, StartWorker, Subscriber, lomi, wait_until
from tests.doubles.compreface import CompreFaceDouble

pytestmark = pytest.mark.xdist_group("faults")

Samples = dict[str, Sample]
LEASES = "{photo_moderation_queue}:lease"
DELAYED = "{photo_moderation_queue}:delayed"


def claimed(cluster: Cluster) -> bool:
    return bool(cluster.redis.zcard(LEASES))


def test_a_worker_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    first = start_worker()
    upload = bare.upload([samples["12 megapixels"].data] * 9)

    bare.push(upload)
    wait_until(lambda: claimed(bare))
    os.kill(first.pid, signal.SIGKILL)
    assert bare.statuses(upload) == ["pending"] * 9
    second = start_worker()

    assert ear.wait_for(upload)["summary"]["approved"] == 9
    second.wait_for("job_done")
    ear.listen(1.0)
    assert len(ear.of(upload)) == 1
    assert bare.redis.llen(QUEUE) == 0
    assert {row["retry_count"] for row in bare.rows(upload)} == {1}


def test_a_judging_process_that_is_killed_costs_no_photo(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    worker = start_worker()
    upload = bare.upload([samples["12 megapixels"].data] * 6)

    bare.push(upload)
    wait_until(lambda: claimed(bare))
    for child in Path(f"/proc/{worker.pid}/task/{worker.pid}/children").read_text().split():
        os.kill(int(child), signal.SIGKILL)

    assert ear.wait_for(upload)["summary"]["approved"] == 6
    assert worker.process.poll() is None


def test_sigterm_finishes_the_job_in_hand_and_takes_no_other(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    worker = start_worker()
    in_hand, waiting = (bare.upload([samples["12 megapixels"].data] * 4) for _ in range(2))

    bare.push(in_hand)
    wait_until(lambda: claimed(bare))
    worker.process.send_signal(signal.SIGTERM)
    bare.push(waiting)

    assert worker.process.wait(60) == 0
    assert ear.wait_for(in_hand)["summary"]["approved"] == 4
    assert bare.redis.llen(QUEUE) == 1
    assert bare.statuses(waiting) == ["pending"] * 4


def test_a_second_sigterm_gives_the_job_back_unharmed(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    worker = start_worker()
    upload = bare.upload([samples["12 megapixels"].data] * 9)

    bare.push(upload)
    wait_until(lambda: claimed(bare))
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for("drain")
    worker.process.send_signal(signal.SIGTERM)

    assert worker.process.wait(60) == 0
    assert bare.redis.llen(QUEUE) == 1
    assert not claimed(bare)
    start_worker()
    assert ear.wait_for(upload)["summary"]["approved"] == 9
    assert {row["retry_count"] for row in bare.rows(upload)} == {0}


def test_without_its_model_a_worker_does_not_start(bare: Cluster, start_worker: StartWorker, tmp_path: Path) -> None:
    worker = start_worker(ready=False, LOMI_MODELS=str(tmp_path / "empty"))

    assert worker.process.wait(60) == 2
    assert "lomi models add nudenet-320n" in worker.log.read_text()


def test_with_an_altered_model_a_worker_does_not_start(
    bare: Cluster, start_worker: StartWorker, samples: Samples, tmp_path: Path
) -> None:
    from lomi_ops.config import model_files

    _, path, _ = model_files.require("nudenet-320n", None)
    folder = tmp_path / "models"
    shutil.copytree(path.parent, folder)
    altered = bytearray(path.read_bytes())
    altered[len(altered) // 2] ^= 0xFF
    (folder / path.name).write_bytes(altered)
    upload = bare.upload([samples["portrait"].data])
    bare.push(upload)

    worker = start_worker(ready=False, LOMI_MODELS=str(folder))

    assert worker.process.wait(60) == 2
    assert "sha256" in worker.log.read_text()
    assert bare.statuses(upload) == ["pending"]
    assert bare.redis.llen(QUEUE) == 1


def test_a_policy_that_requires_ages_does_not_start_without_an_age_engine(start_worker: StartWorker) -> None:
    worker = start_worker("--policy", "default", ready=False)

    assert worker.process.wait(60) == 2
    assert "COMPREFACE_URL" in worker.log.read_text()


def test_with_adult_ages_the_default_policy_approves(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    with CompreFaceDouble() as faces:
        start_worker("--policy", "default", LOMI_COMPREFACE_URL=faces.url)
        upload = bare.upload([samples["portrait"].data])
        bare.push(upload)

        message = ear.wait_for(upload)

    assert message["results"][0]["status"] == "approved"
    assert message["results"][0]["scores"]["estimated_age"] >= 18


def test_a_face_service_that_is_down_approves_nothing_and_costs_no_attempt(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    with CompreFaceDouble() as faces:
        worker = start_worker("--policy", "default", LOMI_COMPREFACE_URL=faces.url)
        faces.go_down()
        upload = bare.upload([samples["portrait"].data])
        bare.push(upload)

        wait_until(lambda: bare.redis.zcard(DELAYED) == 1)
        assert bare.statuses(upload) == ["pending"]
        assert "job_failed" in worker.actions()
        faces.come_up()

        assert ear.wait_for(upload)["summary"]["approved"] == 1
    assert {row["retry_count"] for row in bare.rows(upload)} == {0}


def test_after_the_outage_limit_a_person_gets_the_photo(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    with CompreFaceDouble() as faces:
        start_worker("--policy", "default", LOMI_COMPREFACE_URL=faces.url, LOMI_WORKER__OUTAGE_LIMIT_S="0.5")
        faces.go_down()
        upload = bare.upload([samples["portrait"].data])
        bare.push(upload)

        wait_until(lambda: bare.rows(upload)[0]["moderation_reason"] == "needs_review")

    assert bare.statuses(upload) == ["pending"]
    assert bare.rows(upload)[0]["is_approved"] is False
    assert ear.of(upload) == []


def test_a_database_that_restarts_costs_a_delay_and_nothing_else(
    bare: Cluster, ear: Subscriber, start_worker: StartWorker, samples: Samples
) -> None:
    start_worker()
    postgres = bare.status()["postgres"]["pid"]
    upload = bare.upload([samples["portrait"].data])
    bare.pg.close()

    os.kill(postgres, signal.SIGKILL)
    bare.push(upload)

    assert ear.wait_for(upload)["summary"]["approved"] == 1
    wait_until(lambda: bare.status()["postgres"]["state"] == "running")
    bare.connect()


def test_a_health_check_tells_a_living_worker_from_a_dead_one(start_worker: StartWorker, tmp_path: Path) -> None:
    note = tmp_path / "health.json"
    worker = start_worker("--health-file", str(note))

    assert lomi("worker", "--healthcheck", "--health-file", note).stdout == "healthy\n"
    worker.process.kill()
    worker.process.wait()
    gone = lomi("worker", "--healthcheck", "--health-file", note, check=1)

    assert "gone" in gone.stderr
