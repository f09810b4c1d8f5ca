"""What the load asks for: more workers, fewer, or neither, since it says nothing about workers. Pure.

Whatever keeps jobs from being taken (a pause, an outage) is no reason for workers.
"""

from __future__ import annotations

from lomi_ops.domain import span
from lomi_ops.domain.autoscale import Held, Observation, Rules
from lomi_ops.domain.autoscale_forecast import percent, utilisation


def stopped(seen: Observation, rules: Rules) -> tuple[Held, str, str] | None:
    """Why the numbers say nothing about workers."""
    if because := _stale(seen, rules):
        return Held.STALE, because, "lomi doctor workers"
    if seen.paused:
        return Held.PAUSED, seen.paused, "lomi queue resume"
    if seen.outages:
        what = f"{_are(seen.outages)} out: more workers would wait, too"
        return Held.OUTAGE, what, "lomi queue stats"
    if seen.throttled:
        what = f"{', '.join(seen.throttled)} asked for fewer calls: more workers would wait, too"
        return Held.THROTTLED, what, "lomi queue stats"
    return None


def _stale(seen: Observation, rules: Rules) -> str:
    if seen.beat_age_s is not None and seen.beat_age_s > rules.stale_s and not seen.ready:
        return f"no worker was heard of for {span.said(seen.beat_age_s)}"
    if seen.ready > seen.old and seen.sample_age_s is not None and seen.sample_age_s > rules.stale_s:
        return f"what comes and goes was last noted {span.said(seen.sample_age_s)} ago"
    return ""


def rise(seen: Observation, rules: Rules) -> tuple[int, tuple[str, ...]]:
    """How many more are due, and what asks for them."""
    step, why = 0, []
    if seen.waiting > rules.queue:
        step = 1
        why.append(f"{seen.waiting} jobs wait (more than {rules.queue})")
    if slow(seen, rules):
        step = 1
        why.append(f"{seen.photo_s:.1f} s per photo (more than {rules.photo_s:g})")
    used = utilisation(seen, seen.ready, rules)
    if used is not None and (staged := _stage(used, rules)):
        step = max(step, staged)
        why.append(f"{percent(used)} of the slots needed ({staged} more from {percent(_stage_at(staged, rules))})")
    return step, tuple(why)


def slow(seen: Observation, rules: Rules) -> bool:
    """Photos take long while somebody waits for them. A worker more makes no single photo quicker."""
    busy = seen.waiting > 0 or seen.running >= max(1, seen.slots)
    return seen.photo_s is not None and seen.photo_s > rules.photo_s and busy


def _stage(used: float, rules: Rules) -> int:
    return next((more for more in (5, 2, 1) if used >= _stage_at(more, rules)), 0)


def _stage_at(more: int, rules: Rules) -> float:
    return {1: rules.one_more_at, 2: rules.two_more_at, 5: rules.five_more_at}[more]


def quick(seen: Observation, rules: Rules) -> bool:
    return seen.photo_s is not None and seen.photo_s <= rules.photo_s


def idle(seen: Observation, rules: Rules) -> tuple[str, ...]:
    """Why one fewer would do; empty where it would not, or nobody knows."""
    if not calm(seen, rules):
        return ()
    if seen.old:
        return ("nothing waits",)
    used = utilisation(seen, max(0, seen.ready - 1), rules)
    if used is None or used >= rules.fewer_below:
        return ()
    return ("nothing waits", f"{percent(used)} of the slots needed with one fewer")


def calm(seen: Observation, rules: Rules) -> bool:
    """Whatever waits came just now."""
    if seen.high or seen.bulk or seen.waiting > rules.queue:
        return False
    return not seen.ready_jobs or (seen.oldest_s is not None and seen.oldest_s <= rules.calm_s)


def _are(names: tuple[str, ...]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"
