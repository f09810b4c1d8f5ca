"""The judging process itself, and what a slot makes of its deaths."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lomi_ops.domain.golden import misjudged
from lomi_ops.errors import ModelError, PhotoError
from lomi_ops.queue.replies import JobState
from tests.conftest import need
from tests.integration.worker.conftest import Bench, Cluster, MakeBench, judging_process, settings_of
from tests.onnx_models import classifier, sha256
from worker.judging.host import JudgeCrash, JudgeDown, JudgingProcess
from worker.judging.judge import look_twice

HUNG = b"\xff\xd8\xff HANGS" + bytes(1 << 20)
"""More than the pipe holds: a process that stands still does not even take it."""
DEADLY = b"\xff\xd8\xff KILLS"
MANIFEST = {
    "name": "toy", "version": "1", "file": "toy.onnx", "licence": "MIT", "source": "the tests",
    "input": {"name": "pixels", "size": 8, "layout": "nchw", "scale": 1 / 255,
              "resize": {"mode": "squash", "resample": "bilinear"}},
    "output": {"kind": "classifier", "name": "scores", "values": "logits"},
    "labels": ["nsfw", "sfw"], "mapping": {"nsfw": "porn", "sfw": "neutral"},
}  # fmt: skip


class Touchy(JudgingProcess):
    """Stands still over some photos and is killed over others, as a decoder would do it."""

    looks = 0

    def look(self, data: bytes, *, canonical: bool) -> object:  # type: ignore[override]
        self.looks += 1
        if data in (HUNG, DEADLY):
            if self.pid is None:
                self.start()
            assert self.pid is not None
            os.kill(self.pid, signal.SIGSTOP)
        if data == DEADLY:
            threading.Timer(0.05, os.kill, (self.pid, signal.SIGKILL)).start()
        return super().look(data, canonical=canonical)


@pytest.fixture
def touchy(make_bench: MakeBench) -> Bench:
    return make_bench(process=Touchy, images={"decode_timeout_s": 1.0})


@pytest.fixture
def process(weights: None) -> Iterator[JudgingProcess]:
    made = judging_process(settings_of())
    yield made
    made.close()


def gone(pid: int) -> bool:
    """Reaped, not a zombie."""
    return not Path(f"/proc/{pid}").exists()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- deaths in a batch ------------------------------------------------------------------------------------------------


# Named, since pytest puts the name into the environment: with a megabyte in it no program starts.
@pytest.mark.parametrize("bad", [HUNG, DEADLY], ids=["hangs", "kills"])
def test_a_photo_that_hangs_or_kills_twice_goes_to_a_person_and_the_rest_is_decided(
    touchy: Bench, cluster: Cluster, portrait: bytes, bad: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    upload = cluster.upload([portrait, bad, portrait])

    touchy.moderate(upload)

    assert cluster.standing(upload) == [("approved", None), ("pending", "needs_review"), ("approved", None)]
    grounds = cluster.rows(upload)[1]["moderation_scores"]["grounds"]
    assert [ground["reason"] for ground in grounds] == ["crash"]
    told = [record.__dict__ for record in caplog.records if record.__dict__.get("action") == "judge_crashed"]
    assert [fields["crashes"] for fields in told if fields["media_id"] == str(upload.media[1])] == [1, 2]
    assert touchy.queue.job(upload.id).attempt == 1  # type: ignore[union-attr]
    assert len(cluster.messages()[0]["results"]) == 2


def test_a_process_that_dies_between_photos_blames_no_photo(
    touchy: Bench, cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    touchy.moderate(cluster.upload([portrait]))
    first = touchy.process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    upload = cluster.upload([portrait])

    touchy.moderate(upload)

    assert cluster.standing(upload) == [("approved", None)]
    assert not [record for record in caplog.records if record.__dict__.get("action") == "judge_crashed"]
    assert gone(first)


def test_a_beat_that_crosses_the_end_of_a_job_does_not_kill_the_process_over_the_next(
    touchy: Bench, cluster: Cluster, portrait: bytes
) -> None:
    touchy.queue.crossing = touchy.beat
    touchy.moderate(cluster.upload([portrait]))
    first = touchy.process.pid

    touchy.moderate(cluster.upload([portrait]))

    assert touchy.process.pid == first


def test_a_job_cancelled_while_its_process_starts_does_not_stop_the_worker(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes
) -> None:
    class Slow(JudgingProcess):
        meanwhile = staticmethod(lambda: None)

        def _spawn(self) -> None:
            super()._spawn()
            self.meanwhile()

    bench = make_bench(process=Slow)
    upload = cluster.upload([portrait])

    def cancelled() -> None:
        bench.queue.cancel(upload.id)
        bench.beat()

    bench.process.meanwhile = cancelled  # type: ignore[attr-defined]

    bench.moderate(upload)

    assert bench.signals.fatal == []
    assert bench.queue.job(upload.id).state is JobState.CANCELLED  # type: ignore[union-attr]


def test_a_machine_that_cannot_start_a_judge_gives_the_job_back_and_stops(
    make_bench: MakeBench, cluster: Cluster, portrait: bytes
) -> None:
    class Broken(JudgingProcess):
        def _spawn(self) -> None:
            raise JudgeDown("no memory")

    bench = make_bench(process=Broken)
    upload = cluster.upload([portrait])

    bench.moderate(upload)

    record = bench.queue.job(upload.id)
    assert record is not None
    assert (record.state, record.attempt) == (JobState.READY, 0)
    assert [str(failure) for failure in bench.signals.fatal] == ["no memory"]
    assert bench.signals.drain.is_set()


# --- the process ------------------------------------------------------------------------------------------------------


def test_a_child_knows_no_secret_and_leaves_no_core(process: JudgingProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PASSWORD", "hunter2-redis")
    process.start()

    environment = Path(f"/proc/{process.pid}/environ").read_bytes()
    limits = Path(f"/proc/{process.pid}/limits").read_text()

    assert b"hunter2" not in environment
    assert "Max core file size        0" in limits


def test_a_child_starts_in_a_folder_of_somebody_elses_modules(
    process: JudgingProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken over')")
    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "__init__.py").write_text("raise SystemExit('taken over')")
    monkeypatch.chdir(tmp_path)

    assert process.start()


def test_a_child_ends_with_its_parent(process: JudgingProcess) -> None:
    process.start()
    child = process._child
    assert child is not None
    assert process._pipe is not None

    process._pipe.close()

    assert child.wait(30) == 0


def test_nothing_is_left_of_a_closed_process(process: JudgingProcess) -> None:
    before = open_files()
    for _ in range(2):
        process.start()
        pid = process.pid
        assert pid is not None
        process.close()
        assert gone(pid)

    assert open_files() == before
    assert process.pid is None
    process.kill()


def test_a_process_that_is_killed_while_it_loads_is_down(process: JudgingProcess) -> None:
    process._spawn()
    process.kill()

    with pytest.raises(JudgeCrash):
        process._receive(30, "loading the models")


def test_a_missing_model_is_told_with_the_command_that_installs_it(tmp_path: Path) -> None:
    process = judging_process(settings_of(models={"dir": tmp_path}))

    with pytest.raises(ModelError) as caught:
        process.start()

    assert "lomi models add nudenet-320n" in caught.value.hint
    assert process.pid is None


def test_a_broken_photo_leaves_the_process_alive(shared_process: JudgingProcess, portrait: bytes) -> None:
    pid = shared_process.pid

    with pytest.raises(PhotoError) as caught:
        shared_process.look(portrait[: len(portrait) // 2], canonical=False)

    assert caught.value.code == "truncated"
    assert shared_process.look(portrait, canonical=True).canonical.startswith(b"\xff\xd8")
    assert shared_process.pid == pid


def test_an_answer_of_several_megabytes_comes_through(shared_process: JudgingProcess) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (1600, 1600, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=90)

    look = shared_process.look(file.getvalue(), canonical=True)

    assert len(look.canonical) > 2_000_000
    assert (look.width, look.height, look.scale) == (1600, 1600, 1.0)


@pytest.fixture(scope="module")
def fifty_megapixels() -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((8000, 6250)).convert("RGB").save(file, "JPEG", quality=60)
    return file.getvalue()


def test_a_photo_of_fifty_megapixels_is_judged(shared_process: JudgingProcess, fifty_megapixels: bytes) -> None:
    look = shared_process.look(fifty_megapixels, canonical=True)

    assert (look.width, look.height) == (8000, 6250)


def test_a_photo_fails_for_want_of_memory_only_in_a_process_that_has_all_of_it(weights: None, portrait: bytes) -> None:
    """What earlier photos have left behind must not be blamed on this one. Colours of print are held twice."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize((8000, 6250)).convert("CMYK").save(file, "JPEG", quality=60)
    process = judging_process(settings_of(images={"memory_mb": 600}))
    deaths: list[str] = []

    def crashed(crash: JudgeCrash) -> int:
        deaths.append(crash.message)
        return len(deaths)

    try:
        process.look(portrait, canonical=False)
        with pytest.raises(PhotoError) as caught:
            look_twice(process, file.getvalue(), canonical=True, crashed=crashed)
        assert caught.value.code == "too_large"
        assert deaths == ["the judging process ran out of memory while judging a photo"]
        assert process.look(portrait, canonical=False).width == 512
    finally:
        process.close()


def test_a_worker_may_be_process_1_of_a_container(weights: None) -> None:
    alone = ["unshare", "--pid", "--fork", "--kill-child"]
    need(shutil.which("unshare"), "unshare")
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make process namespaces")
    script = (
        "import os\n"
        "from tests.integration.worker.conftest import judging_process, settings_of\n"
        "process = judging_process(settings_of())\n"
        "print(os.getpid(), len(process.start()))\n"
        "process.close()\n"
    )

    done = subprocess.run(
        [*alone, sys.executable, "-c", script],
        capture_output=True, text=True, timeout=60, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip

    assert done.stdout == "1 2\n", done.stderr


# --- the portrait -----------------------------------------------------------------------------------------------------


def test_a_process_that_is_ready_has_seen_the_portrait(shared_process: JudgingProcess) -> None:
    assert shared_process.golden is not None
    assert shared_process.golden.faces == 1
    assert misjudged(shared_process.golden, settings_of().active_policy()) == ""


def test_a_model_that_sees_what_is_not_there_gives_itself_away(weights: None, tmp_path: Path) -> None:
    """It loads, its file is the right one, and everything is porn to it."""
    classifier(tmp_path / "toy.onnx", [[0, 0]] * 3, bias=[9, 0])
    body = MANIFEST | {"sha256": sha256(tmp_path / "toy.onnx")}
    (tmp_path / "toy.yaml").write_text(json.dumps(body))
    process = judging_process(settings_of(models={"nsfw": [str(tmp_path / "toy.yaml")]}))
    try:
        process.start()
        assert process.golden is not None
        assert misjudged(process.golden, settings_of().active_policy()).startswith("scores porn 1.00")
    finally:
        process.close()


def test_limits_that_the_portrait_exceeds_leave_the_worker_without_that_word(weights: None) -> None:
    process = judging_process(settings_of(images={"max_side": 400}))
    try:
        assert process.start()
        assert process.golden is None
    finally:
        process.close()
