"""What stands still and should not: to be told, never to be repaired by age alone.

A rescue by age would take jobs from workers that are really at them; leases are for that. These are the alarms behind
the leases, for what no lease sees.
"""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.domain import span

RUNS_S = WAITS_S = 3600.0
OVERDUE_S = 60.0
UNHEARD_S = 300.0


@dataclass(frozen=True, slots=True)
class Ages:
    """The oldest of everything, in seconds; None where there is none."""

    running_s: tuple[tuple[str, float], ...] = ()
    """Job id and time since its claim, of every job that runs."""
    waits_s: float | None = None
    """Of the element that is next, by its upload."""
    overdue: int = 0
    """Delayed jobs that should have been promoted `OVERDUE_S` ago."""
    unheard_s: float | None = None
    """Since the oldest message was published to nobody."""
    moving: bool = True
    """False while the queue is paused or an upstream is on hold: then waiting is no wonder."""


@dataclass(frozen=True, slots=True)
class Stuck:
    """One thing that stands still."""

    what: str
    command: str
    """The next one to type."""


def stuck(now: Ages) -> tuple[Stuck, ...]:
    """The worst first."""
    found = []
    long = sorted((each for each in now.running_s if each[1] > RUNS_S), key=lambda each: -each[1])
    if long:
        job_id, age_s = long[0]
        text = f"{_jobs(len(long))} run for more than {span.said(RUNS_S)}, the longest for {span.said(age_s)}"
        found.append(Stuck(text, f"lomi queue show {job_id}"))
    if now.overdue:
        text = f"{_jobs(now.overdue)} overdue for another try: no worker promotes them"
        found.append(Stuck(text, "lomi top --once"))
    if now.waits_s is not None and now.waits_s > WAITS_S and now.moving:
        found.append(Stuck(f"the next job has waited for {span.said(now.waits_s)}", "lomi top --once"))
    if now.unheard_s is not None and now.unheard_s > UNHEARD_S:
        text = f"results are not heard for {span.said(now.unheard_s)}: nobody listens on moderation_results"
        found.append(Stuck(text, "see whether the backend runs"))
    return tuple(found)


def _jobs(number: int) -> str:
    return f"{number} job" if number == 1 else f"{number} jobs"
