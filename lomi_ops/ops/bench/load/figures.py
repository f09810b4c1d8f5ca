"""What a load has shown, as figures."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from lomi_ops.domain import bench_load
from lomi_ops.domain.bench import (
    ANSWER,
    BATCH,
    DATABASE_CPU,
    DUPLICATES,
    GROWTH,
    LOSS,
    PHOTOS,
    QUEUE,
    START,
    SUCCESS,
    WRITES,
    Area,
    Figure,
    Left,
    Outcome,
    Unit,
)
from lomi_ops.domain.bench_advice import LoadFacts, for_load
from lomi_ops.domain.bench_load import GROWN_UP, LEAST_PHOTOS, Sample
from lomi_ops.domain.statistics import percentile
from lomi_ops.domain.tally import quantile
from lomi_ops.ops.bench.load.track import Tracker

NO_CPU = "Postgres is not seen on this machine; where it runs: top, or the provider's own numbers"
NO_MEMORY = f"no worker on this machine was seen, or fewer than {GROWN_UP + LEAST_PHOTOS} photos were judged"
NO_WRITES = "workers of an earlier version do not tell what a write takes"


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen."""

    tracker: Tracker
    samples: tuple[Sample, ...]
    sent_s: float
    """How long photos came."""
    writes: tuple[int, ...]
    """Places of the workers' histogram of writes, of this time alone."""
    workers: int
    pushed_again: int
    tries: int
    late_s: float
    local: bool
    """The services are a local stack's."""


def outcome_of(seen: Seen, took_s: float, left: tuple[Left, ...]) -> Outcome:
    warm = bench_load.warm(seen.samples, seen.sent_s)
    offered = len(seen.tracker.photos) / seen.sent_s * 60 if seen.sent_s else 0.0
    growth = bench_load.queue_growth(warm)
    rate, grew = bench_load.sustained(warm, offered, growth)
    shares = [each.cpu for each in warm if each.cpu is not None]
    cpu = statistics.fmean(shares) if shares else None
    figures = (
        *_times(seen),
        *_counts(seen),
        Figure("database_cpu", "database CPU", cpu, Unit.SHARE, DATABASE_CPU, "" if cpu is not None else NO_CPU),
        _memory(seen.samples),
        *_queue(warm, growth),
        *_rates(offered, rate, seen, grew=grew),
    )
    facts = LoadFacts(seen.workers, offered, rate or 0.0, grew, cpu, seen.late_s, seen.local)
    return Outcome(Area.LOAD, figures, for_load(facts, figures), took_s, _did(seen), left)


def _did(seen: Seen) -> str:
    tracker = seen.tracker
    again = f", {seen.pushed_again} pushed twice" if seen.pushed_again else ""
    tries = f", {seen.tries} tries again" if seen.tries else ""
    return f"{len(tracker.photos):,} photos in {len(tracker.batches):,} batches{again}{tries}"


def _times(seen: Seen) -> tuple[Figure, ...]:
    batches = seen.tracker.batches
    answers = [each.sent.accepted_s for each in batches]
    starts = [each.started_s for each in batches if each.started_s is not None]
    whole = [max(0.0, b.last_s - b.started_s) for b in batches if b.started_s is not None and not b.open]
    after = seen.tracker.after_s()
    writes = quantile(seen.writes, 0.95)
    return (
        Figure("answer_p95", "answer to the user, p95", _at(answers, 0.95), Unit.SECONDS, ANSWER),
        Figure("start_p95", "queue to worker, p95", _at(starts, 0.95), Unit.SECONDS, START),
        Figure("batch_p95", "claim to last decision of a batch, p95", _at(whole, 0.95), Unit.SECONDS, BATCH),
        Figure("decision_p50", "push to decision, median", _at(after, 0.5), Unit.SECONDS),
        Figure("decision_p95", "push to decision, p95", _at(after, 0.95), Unit.SECONDS),
        Figure("decision_p99", "push to decision, p99", _at(after, 0.99), Unit.SECONDS),
        Figure(
            "write_p95", "batch write of a worker, p95", writes, Unit.SECONDS, WRITES,
            "" if writes is not None else NO_WRITES,
        ),
    )  # fmt: skip


def _counts(seen: Seen) -> tuple[Figure, ...]:
    tracker = seen.tracker
    whole, lost = len(tracker.photos), len(tracker.open)
    well = (whole - lost - tracker.failed) / whole if whole else None
    return (
        Figure("success", "photos decided, none failed", well, Unit.SHARE, SUCCESS),
        Figure("lost", "photos without a decision at the end", float(lost), Unit.NUMBER, LOSS),
        Figure("duplicates", "photos published twice", float(tracker.twice), Unit.NUMBER, DUPLICATES),
    )


def _memory(samples: Sequence[Sample]) -> Figure:
    """Of all looks: a worker that is behind judges most photos after the last was sent."""
    growth = bench_load.memory_growth(samples)
    return Figure(
        "memory_growth", "worker memory, per 1,000 photos", growth, Unit.SHARE, GROWTH,
        "" if growth is not None else NO_MEMORY,
    )  # fmt: skip


def _queue(warm: Sequence[Sample], growth: float | None) -> tuple[Figure, ...]:
    waiting = _middle([float(each.waiting) for each in warm])
    return (
        Figure("queue_waiting", "jobs that waited, median", waiting, Unit.NUMBER, QUEUE),
        Figure("queue_growth", "growth of the queue, jobs", growth, Unit.PER_MINUTE),
    )


def _rates(offered: float, rate: float | None, seen: Seen, *, grew: bool) -> tuple[Figure, ...]:
    late = f"the driver was {seen.late_s:.1f} s behind at worst" if seen.late_s >= 1 else ""
    # What was offered was sustained; whether more would be is not known, so less than promised is not missed.
    target = PHOTOS if grew or (rate or 0.0) >= PHOTOS.limit else None
    text = "sustainable rate" if grew else "sustainable rate, at least"
    return (
        Figure("offered", "photos that were sent", offered, Unit.PER_MINUTE, None, late),
        Figure("sustainable", text, rate, Unit.PER_MINUTE, target),
    )


def _at(values: Sequence[float], share: float) -> float | None:
    return percentile([(value, 1) for value in values], share)


def _middle(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
