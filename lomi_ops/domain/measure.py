"""What is measured of a cluster: one table of names, units and meanings, which the exporter, the alert rules and the
live view share, so that they can never disagree about a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from lomi_ops.domain.verdict import NEEDS_REVIEW, FailureCode, Reason

Labels = tuple[tuple[str, str], ...]
"""Sorted by name."""
Values = dict[tuple[str, Labels], float]

OTHER = "other"
"""Stands for whatever is not in a table: labels are bounded."""
REASONS = frozenset({"", NEEDS_REVIEW, *Reason, *FailureCode})
"""Why a photo has its status; empty for no reason."""


class Source(StrEnum):
    """Where a number comes from. Each may fall silent alone."""

    REDIS = "redis"
    POSTGRES = "postgres"
    OBJECTS = "objects"
    COMPREFACE = "compreface"
    BACKUPS = "backups"
    LOMI = "lomi"
    """Settings, and what `lomi` knows of itself."""


class Kind(StrEnum):
    """As Prometheus has them."""

    GAUGE = "gauge"
    COUNTER = "counter"
    """Only rises, and begins again at 0 where its memory was lost."""
    HISTOGRAM = "histogram"
    """Its numbers are called `_bucket` (with a label `le`), `_sum` and `_count`."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One name of a number. Names follow Prometheus: base units, `_total` for counters."""

    name: str
    kind: Kind
    source: Source
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """The numbers of one moment. What is not in it could not be known: that is never zero."""

    at: datetime
    values: Mapping[tuple[str, Labels], float] = field(default_factory=dict)
    silent: Mapping[Source, str] = field(default_factory=dict)
    """Sources that did not answer, and why."""

    def get(self, name: str, **labels: str) -> float | None:
        return self.values.get((name, tuple(sorted(labels.items()))))

    def each(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Every label set of a name, in order."""
        for labels, value in sorted((labels, value) for (known, labels), value in self.values.items() if known == name):
            yield dict(labels), value


def _gauge(name: str, source: Source, help_: str, *labels: str) -> Measure:
    return Measure(name, Kind.GAUGE, source, help_, labels)


def _histogram(name: str, source: Source, help_: str, *labels: str) -> Measure:
    return Measure(name, Kind.HISTOGRAM, source, help_, labels)


def _counter(name: str, source: Source, help_: str, *labels: str) -> Measure:
    return Measure(name, Kind.COUNTER, source, help_, labels)


MEASURES: tuple[Measure, ...] = (
    _gauge("lomi_queue_jobs", Source.REDIS, "Jobs of the queue by state: ready, high, bulk, delayed, running, dead.",
           "state"),
    _gauge("lomi_queue_oldest_age_seconds", Source.REDIS, "Age of the job that is next; absent where none waits."),
    _gauge("lomi_queue_age_seconds", Source.REDIS, "Age of the oldest job by state: ready, high, bulk since its "
           "upload, running since its claim (looked at once a minute), dead since it was given up; absent where there "
           "is none, and for delayed ones, which have a time to wait for.", "state"),
    _gauge("lomi_queue_jobs_per_minute", Source.REDIS, "Jobs that came in and that ended by the minute, over the last "
           "ten minutes as workers note them: in, out; absent where none does.", "way"),
    _gauge("lomi_queue_paused", Source.REDIS, "1 while somebody has paused the queue."),
    _gauge("lomi_queue_stuck_jobs", Source.REDIS, "Jobs that run for longer than an hour, or whose lease ran out a "
           "minute ago without being taken back."),
    _gauge("lomi_upstream_held", Source.REDIS, "1 while no job is claimed since an upstream fails, by upstream.",
           "upstream"),
    _gauge("lomi_upstream_limited", Source.REDIS, "1 while an upstream has asked for fewer calls.", "upstream"),
    _gauge("lomi_results_unheard", Source.REDIS, "Results that no subscriber has heard yet."),
    _gauge("lomi_workers", Source.REDIS, "Registered workers by state: running, quiet, draining, silent, failing; "
           "absent where only old ones were ever seen, which do not register.", "state"),
    _gauge("lomi_workers_expected", Source.LOMI, "Workers that there should be; absent where it is not configured."),
    _gauge("lomi_photos_undecided", Source.POSTGRES, "Photos without a decision by what they wait for: worker, person, "
           "or never_queued, of which no worker hears. Each is in one of them.", "waits"),
    _gauge("lomi_rejection_ratio", Source.POSTGRES, "Rejected photos of those that were approved or rejected for the "
           "first time in the window (1h, 7d), 0..1; absent where none was.", "window"),
    _gauge("lomi_decided_photos", Source.POSTGRES, "Photos that were approved or rejected for the first time in the "
           "window (1h, 7d).", "window"),
    _gauge("lomi_batches_failed_ratio", Source.POSTGRES, "Jobs that were given up of all that ended in the window "
           "(5m), 0..1; absent where none ended.", "window"),
    _gauge("lomi_batches_ended", Source.POSTGRES, "Jobs that ended in the window (5m).", "window"),
    _gauge("lomi_duplicate_attempts", Source.REDIS, "Copies of jobs that were known already and were dropped in the "
           "window (1h).", "window"),
    _gauge("lomi_database_write_p95_seconds", Source.REDIS, "What 95 % of the workers' transactions that settle a job "
           "took at most in the window (5m), as workers tell it; absent where there was none.", "window"),
    _gauge("lomi_database_writes", Source.REDIS, "The transactions that it is told of, in the window (5m).", "window"),
    _gauge("lomi_storage_errors", Source.REDIS, "Attempts that failed for the object store in the window (5m).",
           "window"),
    _gauge("lomi_up", Source.LOMI, "1 where a service answered: redis, postgres, objects, compreface.", "service"),
    _gauge("lomi_review_oldest_age_seconds", Source.POSTGRES, "Age of the oldest photo that waits for a person."),
    _gauge("lomi_backup_age_seconds", Source.BACKUPS, "Age of the last complete backup."),
    _gauge("lomi_backup_found", Source.BACKUPS, "1 where there is a complete backup, 0 where there is none."),
    _counter("lomi_claims_total", Source.REDIS, "Jobs that workers have taken."),
    _counter("lomi_job_events_total", Source.REDIS, "What became of jobs and attempts: finished, retried (an attempt "
             "failed), postponed (an upstream was out, the attempt is refunded), buried, reaped (the lease ran out), "
             "released, withdrawn, adopted, requeued, duplicate, lost. A reaped job may be buried as well.", "event"),
    _counter("lomi_messages_unheard_total", Source.REDIS, "Results that were published while nobody listened."),
    _counter("lomi_photos_decided_total", Source.REDIS, "Photos that workers have decided, by status and reason; "
             "pending ones went to a person.", "reason", "status"),
    _counter("lomi_engine_reports_total", Source.REDIS, "Photos that an engine (blur, faces, nsfw) was asked about, by "
             "whether it answered (answered, unavailable).", "engine", "status"),
    _counter("lomi_attempts_failed_total", Source.REDIS, "Attempts that failed for an upstream, by its name.",
             "upstream"),
    _counter("lomi_reuse_total", Source.REDIS, "Photos that were decided while worker.reuse_days is set, by whether "
             "findings on the same bytes were taken again (hit) or engines were asked (miss).", "result"),
    _counter("lomi_reuse_saved_seconds_total", Source.REDIS, "How long the looks took whose findings were taken again, "
             "less the time that it took to find them."),
    _histogram("lomi_engine_seconds", Source.REDIS, "How long an engine took for a photo.", "engine"),
    _histogram("lomi_object_read_seconds", Source.REDIS, "How long workers waited for the object of a photo."),
    _histogram("lomi_database_write_seconds", Source.REDIS, "How long the transaction took that settles a job."),
    _histogram("lomi_job_wait_seconds", Source.REDIS, "From the upload of a batch until a worker took it first."),
    _histogram("lomi_job_seconds", Source.REDIS, "From the claim of a job until it was settled."),
    _gauge("lomi_worker_slots", Source.REDIS, "Jobs that the workers that are there can have in hand at once."),
    _gauge("lomi_upstream_limit_photos_per_second", Source.REDIS, "What all machines together claim at most since an "
           "upstream asked for fewer calls; absent while none did.", "upstream"),
    _gauge("lomi_redis_memory_bytes", Source.REDIS, "Memory that Redis uses."),
    _gauge("lomi_redis_connections", Source.REDIS, "Clients that are connected to Redis."),
    _counter("lomi_redis_lookups_total", Source.REDIS, "Keys that were looked up in Redis, by whether they were there "
             "(hit, miss).", "result"),
    _gauge("lomi_decisions", Source.POSTGRES, "Decisions of the window (1h) by who made them (worker, person), status "
           "and reason, in review included.", "actor", "reason", "status", "window"),
    _gauge("lomi_worker_seconds_per_1000_photos", Source.POSTGRES, "Time that workers had photos of the window (1h) in "
           "hand, for 1,000 of them.", "window"),
    _gauge("lomi_cost_per_1000_photos", Source.POSTGRES, "The same in money, by metrics.price_per_worker_hour.",
           "window"),
    _gauge("lomi_database_connections", Source.POSTGRES, "Clients that are connected to Postgres: lomi, others.", "of"),
    _gauge("lomi_database_connections_allowed", Source.POSTGRES, "Connections that Postgres gives to ordinary roles."),
    _counter("lomi_database_blocks_total", Source.POSTGRES, "Blocks that Postgres found in its memory (hit) or had to "
             "read (miss).", "result"),
    _gauge("lomi_compreface_endpoints", Source.COMPREFACE, "Endpoints of CompreFace by state: well, down.", "state"),
    _gauge("lomi_backup_timestamp_seconds", Source.BACKUPS, "When the last complete backup was, since 1970."),
    _gauge("lomi_probe_seconds", Source.LOMI, "How long a service took for the question of whoever measures: redis, "
           "postgres, objects, compreface.", "service"),
    _gauge("lomi_source_age_seconds", Source.LOMI, "How old the numbers of a source are.", "source"),
    _gauge("lomi_build_info", Source.LOMI, "1, with the version of the lomi that measures.", "version"),
)  # fmt: skip
"""All of them."""
