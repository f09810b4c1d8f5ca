"""A run with something of everything, drawn on this process's stdout: `python -m tests.unit.check.drawn text`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from lomi_ops.cli import output
from lomi_ops.cli.check_formats import CheckFormat, writer
from lomi_ops.domain.check import CheckResult, CheckSpec, Cost, Found, Metric, Severity, Status
from lomi_ops.ops.checks.report import Report

NOW = datetime(2026, 11, 26, 4, 30, tzinfo=UTC)


def _result(number: int, slug: str, status: Status, detail: str = "", hint: str = "", **more: object) -> CheckResult:
    new = bool(more.pop("new", False))
    needs = tuple(str(more.pop("needs", "")).split())
    id_ = f"LOMI-{slug.partition('.')[0].upper()}-{number:03}"
    spec = CheckSpec(id_, slug, "it is so", "lomi config show --origin", needs, Severity.ERROR, Cost.CHEAP)
    return CheckResult(spec, Found(status, detail, hint, metric=_METRICS.get(slug)), 12.5, 1, new)


_METRICS = {"queue.backlog": Metric("jobs_waiting", 41, 11), "redis.memory": Metric("memory_share", 0.14, 0.8, 0.95)}

REPORT = Report(
    started=NOW,
    duration_ms=812.4,
    results=(
        _result(1, "config.complete", Status.PASS, "policy default, all services are named"),
        _result(1, "redis.ping", Status.PASS, "redis 7.4.2"),
        _result(3, "redis.maxmemory_policy", Status.FAIL, "allkeys-lru: jobs are thrown away when memory is full",
                "redis-cli CONFIG SET maxmemory-policy noeviction, and in its configuration file", new=True),
        _result(4, "redis.persistence", Status.SUPPRESSED,
                "a restart loses the queue (until 2026-12-05: the new disk comes on Friday)"),
        _result(6, "redis.memory", Status.PASS, "143 MiB, 14 % of maxmemory"),
        _result(1, "postgres.ping", Status.UNKNOWN,
                "timeout: Postgres at db.example.org:5432/app gave no answer in 2.0 s"),
        _result(2, "postgres.media", Status.BLOCKED, "needs postgres.ping", needs="postgres.ping"),
        _result(9, "postgres.backfill", Status.BLOCKED, "needs postgres.ping", needs="postgres.media"),
        _result(1, "faces.health", Status.PASS, "2 endpoints answer"),
        _result(4, "faces.canary", Status.SKIP, "only with --deep"),
        _result(1, "queue.backlog", Status.WARN, "41 jobs wait", "start more workers: lomi worker"),
        _result(3, "queue.dead", Status.FAIL,
                "3 dead letters; the last one says: የፎቶው ፋይል አልተገኘም (object_missing), and that "
                "users/0b1c/photo/very-long-key-of-an-object-that-nobody-has-any-more.jpg is gone", "lomi queue dead"),
        _result(4, "objects.canary", Status.SKIP, "only with --deep"),
        _result(1, "telegram.bot", Status.SKIP, "no telegram.bot_token is configured"),
    ),
    version="0.1.0",
    green_at=datetime(2026, 11, 25, 18, 5, tzinfo=UTC),
)  # fmt: skip

if __name__ == "__main__":
    output.text(writer(CheckFormat(sys.argv[1]))(REPORT))
