"""`lomi bench worker`: real judging processes; and its counting, with engines whose answers a test chooses."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest

from lomi_ops.domain.bench import Unit
from lomi_ops.domain.bench_photos import as_judged
from lomi_ops.domain.remoderate import Fate, Rejudged
from lomi_ops.errors import FacesUnavailable
from lomi_ops.ops.bench.judging import WorkerProbe, largest_child
from tests.commands import Lomi, lomi, quiet_machine
from tests.integration.bench.conftest import figures
from tests.integration.db.conftest import POLICY

__all__ = ["lomi", "quiet_machine"]


class Stub:
    """Fine photos, but for every tenth."""

    width = 2

    def __init__(self, fate: Fate | None = None, *, outage: bool = False) -> None:
        self.fate, self.outage, self.seen = fate, outage, 0

    def judge(self, photos: Sequence[tuple[uuid.UUID, bytes]]) -> list[Rejudged]:
        time.sleep(0.002)
        return [self._one(media_id) for media_id, _ in photos]

    def _one(self, media_id: uuid.UUID) -> Rejudged:
        self.seen += 1
        if self.outage and self.seen > 5:
            return Rejudged(media_id, None, outage=True)
        if self.fate and self.seen % 10 == 0:
            return Rejudged(media_id, None, self.fate)
        return Rejudged(media_id, as_judged(media_id, POLICY))


def test_photos_of_a_local_stack_are_judged_by_real_processes(lomi: Lomi, tmp_path: Path) -> None:
    said = lomi("bench", "worker", "--photos", 3, "--for", "10s", "-o", "json")
    if said.code == 2:
        pytest.skip("no model is installed")
    found = figures(said)
    assert found["photo_p50"]
    assert found["memory"] is not None
    assert found["memory"] > 30e6
    assert found["errors"] == 0


def test_a_photo_without_a_verdict_counts_as_an_error() -> None:
    outcome = WorkerProbe(Stub(Fate.UNREADABLE), [b"a", b"b"], 50, 10).run(lambda _: None)
    found = {figure.name: figure.value for figure in outcome.figures}
    assert found["errors"] == pytest.approx(0.1, abs=0.02)
    assert "errors" in [figure.name for figure in outcome.missed]


def test_an_engine_that_goes_away_in_the_middle_is_named() -> None:
    with pytest.raises(FacesUnavailable) as broken:
        WorkerProbe(Stub(outage=True), [b"a"], 50, 10).run(lambda _: None)
    assert (int(broken.value.exit_code), broken.value.hint) == (3, "lomi doctor compreface")


def test_what_the_system_does_not_tell_of_memory_is_unknown_and_missed_by_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lomi_ops.ops.bench.judging.PROC", tmp_path)
    outcome = WorkerProbe(Stub(), [b"a"], 20, 10).run(lambda _: None)
    (memory,) = [figure for figure in outcome.figures if figure.unit is Unit.BYTES]
    assert (memory.value, memory.met) == (None, None)
    assert memory.note
    assert outcome.unknown == (memory,)


def test_the_memory_of_a_process_that_we_started_is_found() -> None:
    text = "import sys; x = bytearray(150_000_000); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = largest_child()
        child.communicate()
    assert found is not None
    assert found > 150e6
