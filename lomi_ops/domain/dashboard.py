"""A dashboard of the cluster as data: what is drawn of which numbers. Whoever draws it adds the profile."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.domain.promql import scoped

PROFILE = 'profile=~"$profile"'
"""Also true of numbers without a profile, where all are chosen."""


@dataclass(frozen=True, slots=True)
class Line:
    """An expression in PromQL, and what its lines are called."""

    expr: str
    legend: str = ""

    @property
    def scoped(self) -> str:
        """Of the chosen profile alone."""
        return scoped(self.expr, PROFILE)


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    lines: tuple[Line, ...]
    unit: str = "short"
    """As Grafana calls it."""
    about: str = ""
    rule: str = ""
    """The alert rule whose limit is drawn in."""
    stat: bool = False
    """A number of this moment, and no lines over time."""
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


def _p95(histogram: str, *by: str, share: float = 0.95) -> str:
    labels = ", ".join((*by, "le"))
    return f"histogram_quantile({share:g}, sum by ({labels}) (rate({histogram}_bucket[$__rate_interval])))"


def _per_minute(counter: str, by: str) -> str:
    return f"60 * sum by ({by}) (rate({counter}[$__rate_interval]))"


def _one(title: str, expr: str, unit: str = "short", *, rule: str = "", about: str = "") -> Panel:
    return Panel(title, (Line(expr),), unit, about, rule, stat=True)


ROWS: tuple[Row, ...] = (
    Row("Now", (
        _one("Jobs that wait", 'sum(lomi_queue_jobs{state=~"ready|high|bulk"})', rule="queue_backlog"),
        _one("Photos for a worker", 'sum(lomi_photos_undecided{waits=~"worker|never_queued"})', rule="photos_pending"),
        _one("Photos for a person", 'sum(lomi_photos_undecided{waits="person"})'),
        _one("Workers at work", 'sum(lomi_workers{state=~"running|quiet|draining"})'),
        _one("Services that are down", "count(lomi_up == 0) or vector(0)"),
        _one("Dead letters", 'sum(lomi_queue_jobs{state="dead"})', rule="dead_letters"),
    )),
    Row("Queue", (
        Panel("Jobs by state", (Line("sum by (state) (lomi_queue_jobs)", "{{state}}"),), stacked=True),
        Panel("Age of the next job, and of the oldest by state", (
            Line("max(lomi_queue_oldest_age_seconds)", "next job"),
            Line('max by (state) (lomi_queue_age_seconds{state!~"ready|dead"})', "{{state}}"),
        ), "s"),
        Panel("Jobs a minute", (
            Line("60 * sum(rate(lomi_claims_total[$__rate_interval]))", "claimed"),
            Line(_per_minute('lomi_job_events_total{event="finished"}', "event"), "{{event}}"),
            Line("max by (way) (lomi_queue_jobs_per_minute)", "{{way}}, over 10 min"),
        )),
        Panel("What went wrong, a minute", (
            Line(_per_minute('lomi_job_events_total{event!~"finished|adopted|requeued"}', "event"), "{{event}}"),
            Line("60 * sum(rate(lomi_messages_unheard_total[$__rate_interval]))", "unheard"),
        ), stacked=True),
        Panel("Jobs given up, of all that ended", (Line("max(lomi_batches_failed_ratio)", "5 min"),), "percentunit",
              rule="batches_failing"),
        Panel("Stopped and stuck", (
            Line("max(lomi_queue_paused)", "paused"),
            Line("max by (upstream) (lomi_upstream_held)", "held: {{upstream}}"),
            Line("max by (upstream) (lomi_upstream_limited)", "limited: {{upstream}}"),
            Line("sum(lomi_queue_stuck_jobs)", "stuck jobs"),
        )),
        Panel("Results that nobody heard", (Line("sum(lomi_results_unheard)", "unheard"),), rule="results_unheard"),
        Panel("Copies of known jobs, in an hour", (Line("sum(lomi_duplicate_attempts)", "copies"),), rule="duplicates"),
    )),
    Row("Photos", (
        Panel("Photos a minute by status", (Line(_per_minute("lomi_photos_decided_total", "status"), "{{status}}"),),
              stacked=True, about="What workers decided; pending ones went to a person."),
        Panel("Rejections a minute by reason",
              (Line(_per_minute('lomi_photos_decided_total{status="rejected"}', "reason"), "{{reason}}"),),
              stacked=True),
        Panel("Rejected, of all decided", (Line("max by (window) (lomi_rejection_ratio)", "{{window}}"),),
              "percentunit", rule="rejections"),
        Panel("Undecided", (Line("sum by (waits) (lomi_photos_undecided)", "for {{waits}}"),), stacked=True),
        Panel("Age of the oldest photo for a person", (Line("max(lomi_review_oldest_age_seconds)", "oldest"),), "s",
              rule="review_age"),
        Panel("Taken again for the same bytes, of all decided", (Line(
            'sum(rate(lomi_reuse_total{result="hit"}[$__rate_interval]))'
            " / sum(rate(lomi_reuse_total[$__rate_interval]))", "hits"),), "percentunit",
            about="Only while worker.reuse_days is set."),
        Panel("Decisions of the last hour, by whom",
              (Line("sum by (actor, status) (lomi_decisions)", "{{actor}}: {{status}}"),), stacked=True),
    )),
    Row("Speed", (
        Panel("95 % of the photos within, by engine",
              (Line(_p95("lomi_engine_seconds", "engine"), "{{engine}}"),), "s"),
        Panel("Half of the photos within, by engine",
              (Line(_p95("lomi_engine_seconds", "engine", share=0.5), "{{engine}}"),), "s"),
        Panel("Engines that gave no answer, of all photos", (Line(
            'sum by (engine) (rate(lomi_engine_reports_total{status="unavailable"}[$__rate_interval]))'
            " / sum by (engine) (rate(lomi_engine_reports_total[$__rate_interval]))", "{{engine}}"),), "percentunit"),
        Panel("From upload to a worker", (
            Line(_p95("lomi_job_wait_seconds"), "95 %"), Line(_p95("lomi_job_wait_seconds", share=0.5), "50 %"),
        ), "s"),
        Panel("A job, from claim to settling", (
            Line(_p95("lomi_job_seconds"), "95 %"), Line(_p95("lomi_job_seconds", share=0.5), "50 %"),
        ), "s"),
        Panel("95 % of the writes within", (
            Line("max(lomi_database_write_p95_seconds)", "5 min"), Line(_p95("lomi_database_write_seconds"), "now"),
        ), "s", rule="database_slow"),
        Panel("95 % of the objects within", (Line(_p95("lomi_object_read_seconds"), "95 %"),), "s"),
        Panel("Attempts that failed, a minute, by upstream",
              (Line(_per_minute("lomi_attempts_failed_total", "upstream"), "{{upstream}}"),), stacked=True),
    )),
    Row("Workers and costs", (
        Panel("Workers by state", (
            Line("sum by (state) (lomi_workers)", "{{state}}"), Line("max(lomi_workers_expected)", "expected"),
        )),
        Panel("Slots in use", (
            Line('sum(lomi_queue_jobs{state="running"})', "in use"), Line("sum(lomi_worker_slots)", "slots"),
        )),
        Panel("Worker-seconds for 1,000 photos", (Line("max(lomi_worker_seconds_per_1000_photos)", "1 h"),), "s"),
        Panel("Cost of 1,000 photos", (Line("max(lomi_cost_per_1000_photos)", "1 h"),)),
    )),
    Row("Services", (
        Panel("Answers", (Line("min by (service) (lomi_up)", "{{service}}"),)),
        Panel("Time for a harmless question", (Line("max by (service) (lomi_probe_seconds)", "{{service}}"),), "s"),
        Panel("Connections", (
            Line("sum by (of) (lomi_database_connections)", "Postgres: {{of}}"),
            Line("max(lomi_database_connections_allowed)", "Postgres: allowed"),
            Line("sum(lomi_redis_connections)", "Redis"),
        )),
        Panel("Found in memory", (
            Line('sum(rate(lomi_database_blocks_total{result="hit"}[$__rate_interval]))'
                 " / sum(rate(lomi_database_blocks_total[$__rate_interval]))", "blocks of Postgres"),
            Line('sum(rate(lomi_redis_lookups_total{result="hit"}[$__rate_interval]))'
                 " / sum(rate(lomi_redis_lookups_total[$__rate_interval]))", "keys of Redis"),
        ), "percentunit"),
        Panel("Memory of Redis", (Line("max(lomi_redis_memory_bytes)", "used"),), "bytes"),
        Panel("Endpoints of CompreFace", (Line("sum by (state) (lomi_compreface_endpoints)", "{{state}}"),)),
        Panel("Failures of the object store, in 5 min", (Line("sum(lomi_storage_errors)", "attempts"),),
              rule="storage_errors"),
        Panel("Photos a second that an upstream bears",
              (Line("min by (upstream) (lomi_upstream_limit_photos_per_second)", "{{upstream}}"),)),
        Panel("Age of the last backup", (Line("max(lomi_backup_age_seconds)", "backup"),), "s", rule="backup_old"),
        Panel("Age of the numbers", (Line("max by (source) (lomi_source_age_seconds)", "{{source}}"),), "s"),
    )),
)  # fmt: skip
