"""Known trouble that somebody accepts for a while: which check, why, and until when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from lomi_ops.domain.check import CheckResult, Status
from lomi_ops.domain.check_choice import matches

_HIDDEN = frozenset({Status.WARN, Status.FAIL, Status.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry of the file."""

    check: str
    """Id, slug, category or pattern."""
    reason: str
    until: date
    """The last day, UTC, on which it holds."""

    def holds(self, today: date) -> bool:
        return today <= self.until


def suppress(results: Iterable[CheckResult], known: Sequence[Suppression], today: date) -> Iterator[CheckResult]:
    """The results, as they come, with what is accepted today marked so, and what only waits for something accepted.

    What a check needs must come before it.
    """
    hidden: set[str] = set()
    for result in results:
        marked = _marked(result, known, today, hidden)
        if marked.status is Status.SUPPRESSED:
            hidden.add(marked.spec.slug)
        yield marked


def expired(known: Iterable[Suppression], today: date) -> list[Suppression]:
    return [each for each in known if not each.holds(today)]


def _marked(result: CheckResult, known: Sequence[Suppression], today: date, hidden: set[str]) -> CheckResult:
    if result.status is Status.BLOCKED:
        cause = next((slug for slug in result.spec.needs if slug in hidden), None)
        return _as(result, f"needs {cause}, which is suppressed") if cause else result
    if result.status not in _HIDDEN:
        return result
    for each in known:
        if each.holds(today) and matches(result.spec, each.check):
            return _as(result, f"{result.found.detail} (until {each.until}: {each.reason})")
    return result


def _as(result: CheckResult, detail: str) -> CheckResult:
    return replace(result, found=replace(result.found, status=Status.SUPPRESSED, detail=detail))
