"""What the figures of the worker's benchmark come to."""

from __future__ import annotations

from pathlib import Path

from benchmarks.queue.figures import Figure
from benchmarks.worker.load import Span
from benchmarks.worker.results import QUIET, Report, Sample, against, judged
from benchmarks.worker.throughput import Case, Measured, figures

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


def test_what_has_no_goal_stays_as_it_is_beside_others() -> None:
    plain, asked = Figure("a", 1.0, "s"), Figure("b", 1.0, "s", "≤ 2 s", True)

    assert judged(plain, 5.0) is plain
    assert judged(asked, QUIET) is asked
    assert judged(asked, 5.0).meets is None


def test_a_kept_run_is_set_beside_this_one(tmp_path: Path) -> None:
    Report([Figure("speed", 200.0, "/min"), Figure("gone", 1.0, "s")]).save(tmp_path / "run.json", {"cores": "2"})
    lines = against([Figure("speed", 250.0, "/min"), Figure("new", 1.0, "s")], tmp_path / "run.json").splitlines()

    assert lines[2:] == ["| speed | 200 | 250 /min | +25.0% |"]
