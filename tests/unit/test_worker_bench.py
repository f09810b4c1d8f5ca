"""What the figures of the worker's benchmark come to."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from benchmarks.queue.figures import Figure
from benchmarks.worker import memory, peers, throughput
from benchmarks.worker.load import Span
from benchmarks.worker.memory import Seen
from benchmarks.worker.results import QUIET, Report, Sample, against, judged
from benchmarks.worker.stack import Stack
from benchmarks.worker.throughput import Case, Measured, Model, figures

CASE = Case("jpeg", 9)


def span(photos: float, cpu_s: float, others_s: float = 0.0) -> Span:
    return Span(photos, 10.0, {"all": cpu_s}, others_s)


def measured(*, others_s: float) -> Measured:
    ceiling = [span(400, 20), span(200, 20, others_s)]
    ours = [span(360, 20), span(170, 20, others_s)]
    return Measured(ceiling, {"lomi": ours}, [{"decode": 1.0}] * 2)


def by_name(found: list[Figure]) -> dict[str, Figure]:
    return {figure.what: figure for figure in found}


def test_rounds_are_compared_with_the_round_of_their_own_time() -> None:
    assert Sample((90.0, 45.0, 30.0)).over(Sample((100.0, 50.0, 30.0))).values == (0.9, 0.9, 1.0)


def test_a_busy_machine_answers_by_processor_time_alone() -> None:
    busy = by_name(figures(CASE, measured(others_s=30.0), per_min=1.0))
    ratio, thrift = (busy[f"jpeg, batches of 9: lomi / ceiling{end}"] for end in ("", ", by processor time"))

    assert (ratio.meets, busy["jpeg, batches of 9: lomi"].meets) == (None, None)
    assert "others took 1.50 cores" in ratio.note
    assert thrift.meets is True


def test_a_quiet_machine_answers_by_both() -> None:
    quiet = by_name(figures(CASE, measured(others_s=0.0), share=0.9, per_min=10_000.0))

    assert quiet["jpeg, batches of 9: lomi / ceiling"].meets is False
    assert quiet["jpeg, batches of 9: lomi"].meets is False
    assert round(quiet["jpeg, batches of 9: lomi / ceiling"].value, 3) == 0.875


def test_fresh_rounds_start_and_stop_all_workers_each_time_and_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[object] = []

    class Recorded:
        def __init__(self, name: str) -> None:
            self.name = name

        def start(self, count: int) -> None:
            told.append((self.name, count))

        def stop(self) -> None:
            told.append((self.name, "stopped"))

    def one(stacks: dict[str, Stack], *_: object) -> Measured:
        told.append(list(stacks))
        return Measured([span(4, 2)], {name: [span(4, 2)] for name in stacks}, [{"decode": 1.0}])

    monkeypatch.setattr(throughput, "rounds", one)
    stacks = {name: cast("Stack", Recorded(name)) for name in ("ours", "theirs")}
    found = throughput.fresh_rounds(stacks, CASE, cast("Model", None), 2, 1.0, None, workers=2)

    started, stopped = [("ours", 2), ("theirs", 2)], [("ours", "stopped"), ("theirs", "stopped")]
    assert told == [*started, ["ours", "theirs"], *stopped, *started, ["theirs", "ours"], *stopped]
    assert len(found.ceiling) == len(found.stages) == len(found.stacks["ours"]) == len(found.stacks["theirs"]) == 2


def test_what_has_no_goal_stays_as_it_is_beside_others() -> None:
    plain, asked = Figure("a", 1.0, "s"), Figure("b", 1.0, "s", "≤ 2 s", True)

    assert judged(plain, 5.0) is plain
    assert judged(asked, QUIET) is asked
    assert judged(asked, 5.0).meets is None


def test_a_kept_run_is_set_beside_this_one(tmp_path: Path) -> None:
    Report([Figure("speed", 200.0, "/min"), Figure("gone", 1.0, "s")]).save(tmp_path / "run.json", {"cores": "2"})
    lines = against([Figure("speed", 250.0, "/min"), Figure("new", 1.0, "s")], tmp_path / "run.json").splitlines()

    assert lines[2:] == ["| speed | 200 | 250 /min | +25.0% |"]


def test_a_leak_shows_as_slope_and_growth_and_warm_up_does_not() -> None:
    grown = [
        Seen(0, 140.0),
        Seen(400, 280.0),
        *(Seen(count, 200 + count / 1000) for count in range(1000, 51_000, 1000)),
    ]
    flat = [Seen(0, 140.0), Seen(400, 280.0), *(Seen(count, 200.0) for count in range(1000, 51_000, 1000))]

    assert memory.slope(grown) == pytest.approx(10.0)
    assert by_name(memory.figures("mixed", grown))["memory of a worker, mixed, growth"].meets is False
    assert memory.slope(flat) == 0.0
    assert [figure.meets for figure in memory.figures("mixed", flat)] == [True, True, None]


def test_too_few_looks_are_no_line() -> None:
    assert memory.slope([Seen(0, 140.0), Seen(600, 280.0)]) == 0.0


def test_the_course_tells_start_warm_up_and_equal_steps() -> None:
    seen = [Seen(count, 100.0 + count % 300) for count in range(0, 1001, 100)]
    lines = memory.course("mixed", seen).splitlines()[4:]

    assert lines == [
        "| 0 | 100 | 100 |", "| 200 | 300 | 300 |", "| 400 | 200 | 300 |", "| 500 | 300 | 300 |",
        "| 600 | 100 | 300 |", "| 800 | 300 | 300 |", "| 1,000 | 200 | 300 |",
    ]  # fmt: skip


def test_a_python_without_torch_is_named_and_not_run(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text("#!/bin/sh\necho 'ModuleNotFoundError: No module named torch' >&2\nexit 1\n")
    bare.chmod(0o755)

    assert "--torch-python" in peers.why_no_torch(None)
    assert peers.why_no_torch(bare).endswith("No module named torch")
    assert "does not start" in peers.why_no_torch(tmp_path / "missing")
    assert peers.why_no_torch(Path("/bin/true")) == ""
