"""Looking again at what becomes true by itself, until it is or the time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from lomi_ops.domain.check import CheckResult, Status
from lomi_ops.domain.check_choice import Chosen

Runner = Callable[[Sequence[Chosen]], Iterable[CheckResult]]


def until_well(
    chosen: Sequence[Chosen],
    run: Runner,
    *,
    pause: Callable[[], bool],
    tell: Callable[[CheckResult], None] = lambda result: None,
) -> list[CheckResult]:
    """Runs once, and again what is worth it. `pause` waits a moment and says whether there is time for another look;
    `tell` hears, before each further look, what is not yet well. In the declared order, with how often each was tried.
    """
    results = {result.spec.slug: result for result in run(chosen)}
    while retried := worth_another_look(chosen, results):
        for each in retried:
            tell(results[each.spec.slug])
        if not pause():
            break
        for result in run(_with_ground(chosen, retried)):
            before = results[result.spec.slug]
            results[result.spec.slug] = replace(result, attempts=before.attempts + 1)
    return [results[each.spec.slug] for each in chosen]


def worth_another_look(chosen: Sequence[Chosen], results: dict[str, CheckResult]) -> list[Chosen]:
    """What is not well and may become so by itself, and what waits for it."""
    found: list[Chosen] = []
    slugs: set[str] = set()
    for each in chosen:
        result = results[each.spec.slug]
        troubled = result.status in (Status.FAIL, Status.UNKNOWN, Status.WARN) and each.spec.eventual
        waits = result.status is Status.BLOCKED and any(need in slugs for need in each.spec.needs)
        if troubled or waits:
            found.append(each)
            slugs.add(each.spec.slug)
    return found


def _with_ground(chosen: Sequence[Chosen], wanted: Sequence[Chosen]) -> list[Chosen]:
    """What is looked at again needs no second look at what it rests on and what is well."""
    slugs = {each.spec.slug for each in wanted}
    return [each for each in chosen if each.spec.slug in slugs]
