"""Phrases and small judgements that several checks share."""

from __future__ import annotations

from lomi_ops.domain.check import Found, Metric, Status


def counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def percent(share: float) -> str:
    return "under 0.1 %" if 0 < share < 0.001 else f"{100 * share:.3g} %"


def below(metric: Metric, text: str, hint: str = "") -> Found:
    """Judges a number by its own limits: the larger, the worse."""
    if metric.fail is not None and metric.value >= metric.fail:
        return Found(Status.FAIL, text, hint, metric=metric)
    if metric.warn is not None and metric.value >= metric.warn:
        return Found(Status.WARN, text, hint, metric=metric)
    return Found(Status.PASS, text, metric=metric)
