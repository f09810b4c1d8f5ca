"""What is measured of a cluster: one table of names, units and meanings, which the exporter, the alert rules and the
live view share, so that they can never disagree about a number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

Labels = tuple[tuple[str, str], ...]
"""Sorted by name."""


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
        for (known, labels), value in sorted(self.values.items()):
            if known == name:
                yield dict(labels), value


def _gauge(name: str, source: Source, help_: str, *labels: str) -> Measure:
    return Measure(name, Kind.GAUGE, source, help_, labels)


MEASURES: tuple[Measure, ...] = (
    _gauge("lomi_queue_jobs", Source.REDIS, "Jobs of the queue by state: ready, high, bulk, delayed, running, dead.",
           "state"),
    _gauge("lomi_queue_oldest_age_seconds", Source.REDIS, "Age of the job that is next; absent where none waits."),
    _gauge("lomi_queue_paused", Source.REDIS, "1 while somebody has paused the queue."),
    _gauge("lomi_queue_stuck_jobs", Source.REDIS, "Running jobs older than an hour, or than their lease allows."),
    _gauge("lomi_upstream_held", Source.REDIS, "1 while no job is claimed since an upstream fails, by upstream.",
           "upstream"),
    _gauge("lomi_upstream_limited", Source.REDIS, "1 while an upstream has asked for fewer calls.", "upstream"),
    _gauge("lomi_results_unheard", Source.REDIS, "Results that no subscriber has heard yet."),
    _gauge("lomi_workers", Source.REDIS, "Workers by state: running, quiet, draining, silent, failing.", "state"),
    _gauge("lomi_workers_expected", Source.LOMI, "Workers that there should be; absent where it is not configured."),
    _gauge("lomi_photos_undecided", Source.POSTGRES, "Photos without a decision: waiting for a worker, in review for a "
           "person, never_queued.", "waits"),
    _gauge("lomi_rejection_ratio", Source.POSTGRES, "Rejected photos of all decided in the window (1h, 7d), 0..1.",
           "window"),
    _gauge("lomi_decided_photos", Source.POSTGRES, "Photos decided in the window (1h, 7d).", "window"),
    _gauge("lomi_batches_failed_ratio", Source.POSTGRES, "Jobs that ended in failure of all that ended in the window "
           "(5m), 0..1.", "window"),
    _gauge("lomi_batches_ended", Source.POSTGRES, "Jobs that ended in the window (5m).", "window"),
    _gauge("lomi_duplicate_attempts", Source.REDIS, "Jobs in the window (1h) that were submitted or claimed twice.",
           "window"),
    _gauge("lomi_database_write_p95_seconds", Source.POSTGRES, "95th percentile of the workers' writes of the window "
           "(5m).", "window"),
    _gauge("lomi_storage_errors", Source.POSTGRES, "Attempts that failed for the object store in the window (5m).",
           "window"),
    _gauge("lomi_up", Source.LOMI, "1 where a service answered: redis, postgres, objects, compreface.", "service"),
    _gauge("lomi_review_oldest_age_seconds", Source.POSTGRES, "Age of the oldest photo that waits for a person."),
    _gauge("lomi_backup_age_seconds", Source.BACKUPS, "Age of the last complete backup."),
)  # fmt: skip
"""The numbers that rules are made of."""
