"""What the workers' shared counters are called for people."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import accumulate

from lomi_ops.domain import tally
from lomi_ops.domain.finding import Engine, EngineStatus
from lomi_ops.domain.measure import OTHER, REASONS
from lomi_ops.domain.tally import BOUNDS_S, Histogram
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.measuring.reader import Bag

TIMES = {
    tally.WRITE: "lomi_database_write_seconds",
    tally.OBJECT: "lomi_object_read_seconds",
    tally.WAIT: "lomi_job_wait_seconds",
    tally.JOB: "lomi_job_seconds",
}
ENGINES, STATUSES, ANSWERS = frozenset(Engine), frozenset(MediaStatus), frozenset(EngineStatus)


def put(bag: Bag, measured: Mapping[str, int]) -> None:
    """What this version does not know, a newer worker has counted: it is left out."""
    for name, histogram in tally.histograms(measured).items():
        match name:
            case (what,) if what in TIMES:
                _put(bag, TIMES[what], histogram)
            case (tally.ENGINE, engine) if engine in ENGINES:
                _put(bag, "lomi_engine_seconds", histogram, engine=engine)
    for words, number in tally.numbers(measured).items():
        match words:
            case (tally.REPORT, engine, status) if engine in ENGINES and status in ANSWERS:
                bag.put("lomi_engine_reports_total", number, engine=engine, status=status)
            case (tally.PHOTO, status, reason) if status in STATUSES:
                bag.add(
                    "lomi_photos_decided_total", number, status=status, reason=reason if reason in REASONS else OTHER
                )
            case (tally.FAILED, upstream):
                bag.put("lomi_attempts_failed_total", number, upstream=upstream)
            case (tally.REUSE, result) if result in (tally.HIT, tally.MISS):
                bag.put("lomi_reuse_total", number, result=result)
            case (tally.SAVED, "us"):
                bag.put("lomi_reuse_saved_seconds_total", number / 1_000_000)


def _put(bag: Bag, name: str, histogram: Histogram, **labels: str) -> None:
    bounds = (*(f"{bound:g}" for bound in BOUNDS_S), "+Inf")
    for bound, number in zip(bounds, accumulate(histogram.places), strict=True):
        bag.put(f"{name}_bucket", number, **labels, le=bound)
    bag.put(f"{name}_sum", histogram.sum_s, **labels)
    bag.put(f"{name}_count", histogram.count, **labels)
