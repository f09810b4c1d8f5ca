"""How well the cluster has worked lately: errors, time per photo, throughput."""

from __future__ import annotations

from datetime import timedelta

from lomi_ops.db import decisions, media, reports
from lomi_ops.domain import span
from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Metric, Severity, Status
from lomi_ops.domain.window import Window
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.postgres import MEDIA
from lomi_ops.ops.checks.queue import KEYS
from lomi_ops.ops.checks.words import below, percent

DAY = timedelta(days=1)
FEW = 20
"""Photos from which a share means something."""


def errors(at: Handles) -> Found:
    work = _work(at)
    if work.error_rate is None or work.decided < FEW:
        return Found(Status.SKIP, f"{work.decided} photos decided in 24 h: too few to tell")
    limit = at.settings.checks.error_rate
    text = f"{work.failed} of {work.decided} photos could not be judged in 24 h, {percent(work.error_rate)}"
    metric = Metric("error_rate", round(work.error_rate, 4), limit)
    return below(metric, text, "lomi report shows the reasons; lomi doctor flow looks for the cause")


def time_per_photo(at: Handles) -> Found:
    work = _work(at)
    if work.mean_ms is None:
        return Found(Status.SKIP, "no photo of the last 24 h says how long it took")
    mean_s = work.mean_ms / 1000
    text = f"{mean_s:.2f} s per photo in 24 h"
    return below(Metric("mean_s", round(mean_s, 3), at.settings.checks.mean_s), text, "lomi top --once")


def throughput(at: Handles) -> Found:
    stats = at.queue.stats()
    if stats.flow is None:
        return Found(Status.SKIP, "no worker has sampled the queue in the last ten minutes")
    flow = stats.flow
    drain_s = flow.drain_s(stats.waiting)
    text = f"{flow.in_per_min:.1f} jobs/min come in, {flow.out_per_min:.1f} go out"
    metric = Metric("jobs_out_per_min", round(flow.out_per_min, 2))
    if stats.waiting <= at.settings.checks.backlog or (drain_s is not None and drain_s <= at.settings.checks.drain_s):
        return Found(Status.PASS, text, metric=metric)
    when = "it does not get less" if drain_s is None else f"{span.said(drain_s)} until they are through"
    return Found(Status.WARN, f"{text}; {stats.waiting} wait, {when}", "start more workers: lomi worker", metric=metric)


def _work(at: Handles) -> reports.Work:
    """From the decision log, unless workers of lomi have not decided anything yet: the old ones write none."""
    now = at.database.now()
    window = Window(now - DAY, now)
    if media.has_lomi_schema(at.database):
        logged = reports.work(at.database, window, logged=True)
        if logged.decided or decisions.cover(at.database, window):
            return logged
    return reports.work(at.database, window, logged=False)


CHECKS = (
    Check(CheckSpec("LOMI-RATE-001", "rates.errors", "few photos cannot be judged", "lomi report", (MEDIA,),
                    Severity.WARNING, target="postgres", scopes=CLUSTER), errors),
    Check(CheckSpec("LOMI-RATE-002", "rates.time", "photos are judged quickly", "lomi top --once", (MEDIA,),
                    Severity.WARNING, target="postgres", scopes=CLUSTER), time_per_photo),
    Check(CheckSpec("LOMI-RATE-003", "rates.throughput", "the queue empties as fast as it fills", "lomi queue stats",
                    (KEYS,), Severity.WARNING, target="redis", scopes=CLUSTER), throughput),
)  # fmt: skip
