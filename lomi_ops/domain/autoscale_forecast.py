"""What the present number of workers comes to, and what another one would."""

from __future__ import annotations

from lomi_ops.domain.autoscale import Forecast, Observation, Rules


def utilisation(seen: Observation, workers: int, rules: Rules) -> float | None:
    """Share of the slots of so many workers that is busy by the end of the cool-down, if what waits is to be through
    within `drain_s`. None where nobody notes what comes and goes, or old workers take jobs that nobody counts."""
    slots = _slots(seen, workers)
    if slots is None or seen.traffic is None:
        return None
    needed = seen.traffic.load(rules.cooldown_up_s) + seen.waiting * (seen.traffic.job_s or 0.0) / rules.drain_s
    return needed / slots if slots else (0.0 if not needed else float("inf"))


def drain_s(seen: Observation, workers: int) -> float | None:
    """Until nothing waits, at the rate that is expected; None where that is never, or unknown."""
    slots = _slots(seen, workers)
    if not seen.waiting:
        return 0.0
    if slots is None or seen.traffic is None or not seen.traffic.job_s:
        return None
    net = slots / seen.traffic.job_s - seen.traffic.in_per_s
    return seen.waiting / net if net > 0 else None


def _slots(seen: Observation, workers: int) -> float | None:
    if seen.old or not seen.ready or not seen.slots:
        return None
    return workers * seen.slots / seen.ready + seen.elsewhere


def forecast(seen: Observation, target: int, rules: Rules) -> Forecast:
    after = seen.ready + target - seen.workers
    return Forecast(
        used=utilisation(seen, seen.ready, rules),
        used_after=utilisation(seen, after, rules),
        drain_s=drain_s(seen, seen.ready),
        drain_after_s=drain_s(seen, after),
    )


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"
