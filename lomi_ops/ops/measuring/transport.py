"""What Redis says: the queue, its breakers, its workers."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lomi_ops.domain.measure import Source, Values
from lomi_ops.domain.pace import Pace
from lomi_ops.domain.tally import quantile
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.domain.worker_state import WorkerState, worker_state
from lomi_ops.ops.measuring import shared
from lomi_ops.ops.measuring.reader import Bag
from lomi_ops.queue.meter import Meter
from lomi_ops.queue.pulse import Pulse

UPSTREAMS = ("compreface", "objects", "postgres", "lomi")
"""What workers wait for (`Upstream` in worker/weather.py)."""
EVENTS = {
    "adopted": "adopted",
    "finished": "finished",
    "retried": "retried",
    "refunded": "postponed",
    "buried": "buried",
    "reaped": "reaped",
    "released": "released",
    "withdrawn": "withdrawn",
    "requeued": "requeued",
    "duplicates": "duplicate",
    "lost": "lost",
}
"""The counters of the queue, and what the exporter calls them."""


@dataclass(slots=True)
class TransportReader:
    """Each tick."""

    meter: Meter
    lease_s: float
    source: Source = Source.REDIS
    pace: Pace = field(default_factory=lambda: Pace(0.0))
    pulse: Pulse | None = None
    """The last answer; None before the first."""

    @property
    def workers(self) -> tuple[WorkerRecord, ...]:
        """Those of the last answer."""
        return () if self.pulse is None else self.pulse.workers

    def read(self) -> Values:
        began = time.monotonic()
        self.pulse = pulse = self.meter.read()
        bag = Bag()
        bag.put("lomi_probe_seconds", time.monotonic() - began, service="redis")
        _queue(bag, pulse)
        _upstreams(bag, pulse)
        _counters(bag, pulse.counters)
        _server(bag, pulse)
        _lately(bag, pulse)
        shared.put(bag, pulse.measured)
        if pulse.workers or pulse.counters.get("claimed"):
            # Old workers do not register: where none of ours was ever seen, none is not an answer.
            _workers(bag, pulse, self.lease_s)
        return bag.values


def _queue(bag: Bag, pulse: Pulse) -> None:
    for state in ("ready", "high", "bulk", "delayed", "running", "dead"):
        bag.put("lomi_queue_jobs", getattr(pulse, state), state=state)
    bag.put("lomi_queue_oldest_age_seconds", pulse.ages_s.get("ready"))
    for state, age_s in pulse.ages_s.items():
        bag.put("lomi_queue_age_seconds", age_s, state=state)
    if pulse.flow is not None:
        bag.put("lomi_queue_jobs_per_minute", pulse.flow.in_per_min, way="in")
        bag.put("lomi_queue_jobs_per_minute", pulse.flow.out_per_min, way="out")
    bag.put("lomi_queue_paused", pulse.pause is not None)
    bag.put("lomi_queue_stuck_jobs", pulse.stuck)
    bag.put("lomi_results_unheard", pulse.unsent)


def _upstreams(bag: Bag, pulse: Pulse) -> None:
    held = {hold.upstream for hold in pulse.holds if not hold.throttled}
    throttled = {hold.upstream for hold in pulse.holds if hold.throttled} | {rate.upstream for rate in pulse.rates}
    for upstream in UPSTREAMS:
        bag.put("lomi_upstream_held", upstream in held, upstream=upstream)
        bag.put("lomi_upstream_limited", upstream in throttled, upstream=upstream)
    for rate in pulse.rates:
        if rate.upstream in UPSTREAMS:
            bag.put("lomi_upstream_limit_photos_per_second", rate.per_s, upstream=rate.upstream)


def _counters(bag: Bag, counters: Mapping[str, int]) -> None:
    if not counters:
        return
    bag.put("lomi_claims_total", counters.get("claimed", 0))
    for counter, event in EVENTS.items():
        bag.put("lomi_job_events_total", counters.get(counter, 0), event=event)
    bag.put("lomi_messages_unheard_total", counters.get("unheard", 0))


def _lately(bag: Bag, pulse: Pulse) -> None:
    lately = pulse.lately
    bag.put("lomi_duplicate_attempts", lately.duplicates, window="1h")
    bag.put("lomi_storage_errors", lately.storage, window="5m")
    if lately.writes is not None:
        bag.put("lomi_database_write_p95_seconds", quantile(lately.writes, 0.95), window="5m")
        bag.put("lomi_database_writes", sum(lately.writes), window="5m")


def _server(bag: Bag, pulse: Pulse) -> None:
    server = pulse.server
    bag.put("lomi_redis_memory_bytes", server.memory_bytes)
    bag.put("lomi_redis_connections", server.connections)
    bag.put("lomi_redis_lookups_total", server.hits, result="hit")
    bag.put("lomi_redis_lookups_total", server.misses, result="miss")


def _workers(bag: Bag, pulse: Pulse, lease_s: float) -> None:
    states: Sequence[WorkerState] = [worker_state(worker, lease_s) for worker in pulse.workers]
    number = Counter(states)
    for state in WorkerState:
        bag.put("lomi_workers", number[state], state=state.value)
    there = [each.info.slots for each, state in zip(pulse.workers, states, strict=True) if state.there]
    bag.put("lomi_worker_slots", sum(there))
