"""The shipped rules. Their limits are defaults: `alerts.rules` changes any of them.

A rule stands behind those that explain it: while one further up holds that the same check, or one that it needs, hangs
on, it starts no incident of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from lomi_ops.domain.alert_rule import Guard, How, Query, Rule, Side
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.measure import Labels, Measured

_CRITICAL, _WARNING = AlertSeverity.CRITICAL, AlertSeverity.WARNING
_MINUTE, _HOUR = 60.0, 3600.0

_AT_WORK = ("workers_none", "compreface_down", "postgres_down", "objects_down")
"""What lets photos pile up."""


def _up(service: str) -> Query:
    return Query("lomi_up", (("service", (service,)),), How.MAX)


def _window(measure: str, window: str) -> Query:
    return Query(measure, (("window", (window,)),))


def _jobs(*states: str) -> Query:
    return Query("lomi_queue_jobs", (("state", states),))


def _workers(*states: str) -> Query:
    return Query("lomi_workers", (("state", states),))


def _down(service: str, name: str, cause: str, command: str, setting: str = "") -> Rule:
    return Rule(f"{service}_down", _up(service), 1, _CRITICAL, cause, f"{name} does not answer", command,
                side=Side.BELOW, for_s=30, keep_firing_for_s=_MINUTE, setting=setting)  # fmt: skip


RULES: tuple[Rule, ...] = (
    _down("redis", "Redis", "redis.ping", "lomi check --only redis"),
    _down("postgres", "Postgres", "postgres.ping", "lomi check --only postgres"),
    _down("objects", "the object store", "objects.read", "lomi check --only objects"),
    _down("compreface", "CompreFace", "faces.health", "lomi doctor compreface", "compreface.urls"),
    Rule("workers_none", _workers("running", "quiet", "draining"), 1, _CRITICAL, "workers.alive",
         "no worker is at work: photos wait", "lomi doctor workers", "workers", Side.BELOW),
    Rule("workers_missing", Query("lomi_workers_expected"), 0, _CRITICAL, "workers.expected",
         "{value} fewer than there should be", "lomi workers list", "workers", for_s=2 * _MINUTE,
         less=_workers("running", "quiet"), follows=("workers_none",), setting="checks.workers"),
    Rule("workers_failing", _workers("silent", "failing"), 0, _WARNING, "workers.alive",
         "silent or failing: {value}", "lomi workers list", "workers", for_s=2 * _MINUTE),
    Rule("jobs_stuck", Query("lomi_queue_stuck_jobs"), 0, _WARNING, "queue.stuck",
         "standing still for more than an hour: {value}", "lomi queue list state:running", "jobs", for_s=5 * _MINUTE,
         follows=_AT_WORK),
    Rule("photos_pending", Query("lomi_photos_undecided", (("waits", ("worker", "never_queued")),)), 500, _CRITICAL,
         "postgres.pending", "{value} wait for a worker, more than {limit}", "lomi doctor", "photos", clear=400,
         for_s=5 * _MINUTE, follows=_AT_WORK),
    Rule("queue_backlog", _jobs("ready", "high", "bulk"), 50, _WARNING, "queue.backlog",
         "{value} wait in the queue, more than {limit}", "lomi autoscale --dry-run", "jobs", clear=25,
         for_s=2 * _MINUTE, follows=(*_AT_WORK, "photos_pending")),
    Rule("rejections", _window("lomi_rejection_ratio", "1h"), 0.30, _WARNING, "postgres.media",
         "{value} of the photos of the last hour were rejected, more than {limit} and twice this week's share",
         "lomi doctor rejections", "%", clear=0.25, for_s=5 * _MINUTE, guards=(
             Guard(_window("lomi_decided_photos", "1h"), 20),
             Guard(_window("lomi_rejection_ratio", "1h"), _window("lomi_rejection_ratio", "7d"), 2),
         )),
    Rule("upstream_limited", Query("lomi_upstream_limited", how=How.MAX), 0, _WARNING, "queue.open",
         "something that photos are judged with asks for fewer calls", "lomi doctor", for_s=_MINUTE,
         keep_firing_for_s=5 * _MINUTE),
    Rule("batches_failing", _window("lomi_batches_failed_ratio", "5m"), 0.05, _WARNING, "rates.errors",
         "{value} of the batches of the last 5 min failed, more than {limit}", "lomi jobs history", "%", clear=0.02,
         for_s=0, keep_firing_for_s=5 * _MINUTE, guards=(Guard(_window("lomi_batches_ended", "5m"), 9),)),
    Rule("database_slow", _window("lomi_database_write_p95_seconds", "5m"), 0.2, _WARNING, "postgres.writable",
         "the slowest 5 % of the database writes take {value} or more, the limit is {limit}",
         "lomi check --only postgres", "s", clear=0.15, keep_firing_for_s=5 * _MINUTE,
         guards=(Guard(_window("lomi_database_writes", "5m"), 0),)),
    Rule("duplicates", _window("lomi_duplicate_attempts", "1h"), 10, _WARNING, "queue.keys",
         "{value} were tried twice within the last hour, more than {limit}", "lomi jobs history", "jobs", for_s=0,
         keep_firing_for_s=5 * _MINUTE),
    Rule("results_unheard", Query("lomi_results_unheard"), 0, _WARNING, "queue.heard",
         "published and heard by nobody: {value}; users wait for their answer", "lomi queue stats", "results",
         for_s=5 * _MINUTE),
    Rule("storage_errors", _window("lomi_storage_errors", "5m"), 0, _WARNING, "objects.read",
         "failed within the last 5 min because the object store did: {value}", "lomi check --only objects", "attempts",
         keep_firing_for_s=5 * _MINUTE),
    Rule("dead_letters", _jobs("dead"), 0, _WARNING, "queue.dead", "given up on: {value}", "lomi queue dead",
         "jobs", for_s=0),
    Rule("backup_none", Query("lomi_backup_found"), 1, _WARNING, "backup.young",
         "there is no backup where the settings look", "lomi backup create", side=Side.BELOW, for_s=5 * _MINUTE,
         setting="backup.to"),
    Rule("backup_old", Query("lomi_backup_age_seconds"), 26 * _HOUR, _WARNING, "backup.young",
         "the last backup is {value} old, the limit is {limit}", "lomi backup create", "s", for_s=5 * _MINUTE,
         setting="backup.to"),
    Rule("review_age", Query("lomi_review_oldest_age_seconds"), 12 * _HOUR, _WARNING, "postgres.media",
         "a photo has waited {value} for a person, the limit is {limit}", "lomi review list", "s",
         for_s=5 * _MINUTE, nothing_is_well=True),
)  # fmt: skip
"""In the order of what explains what: the ground first."""

SLUGS = tuple(rule.slug for rule in RULES)
_BY_SLUG = {rule.slug: rule for rule in RULES}


def missing_workers(measured: Measured) -> float | None:
    """How many fewer are at work than there should be, as `workers_missing` counts them; None where that is not known,
    or nobody has said how many."""
    return _BY_SLUG["workers_missing"].value(measured)


@cache
def watching(key: tuple[str, Labels]) -> tuple[str, ...]:
    """The rules that judge this number, the ground first."""
    name, labels = key
    said = dict(labels)
    return tuple(
        rule.slug
        for rule in RULES
        if rule.query.measure == name and all(said.get(label) in values for label, values in rule.query.wanted)
    )


def grounds(rules: Sequence[Rule], needs: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """For each rule those further up that explain it: they hang on the same check, or on one that its check needs.

    `needs` are the checks that each check needs.
    """
    found: dict[str, frozenset[str]] = {}
    for place, rule in enumerate(rules):
        below = _all_needed(rule.cause, needs)
        nearest = {other.slug for other in rules[:place] if other.cause in below or other.slug in rule.follows}
        found[rule.slug] = frozenset(nearest.union(*(found[slug] for slug in nearest)))
    return found


def _all_needed(check: str, needs: Mapping[str, Sequence[str]]) -> set[str]:
    """The check itself, and what it needs, and what that needs."""
    found: set[str] = set()
    left = [check]
    while left:
        slug = left.pop()
        if slug not in found:
            found.add(slug)
            left += needs.get(slug, ())
    return found
