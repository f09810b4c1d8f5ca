"""A check is a sentence that should be true. Definitions are data; what was found is a `CheckResult`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from lomi_ops.errors import ExitCode


class Status(StrEnum):
    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"
    """It could not be told: no answer in time, or the cluster does not say."""
    SKIP = "skip"
    """It does not apply here; the detail says why."""
    BLOCKED = "blocked"
    """Something it needs has failed; the detail names it."""
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """What is asserted, and what it rests on."""

    id: str
    """Stable, e.g. `LOMI-REDIS-003`."""
    slug: str
    """Stable, e.g. `redis.maxmemory_policy`."""
    category: str
    sentence: str
    """What should be true."""
    needs: tuple[str, ...] = ()
    """Slugs that must pass first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe saw."""

    status: Status
    detail: str = ""
    hint: str = ""
    """The next command, where something is to be done."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    spec: CheckSpec
    found: Found
    duration_ms: float = 0.0

    @property
    def status(self) -> Status:
        return self.found.status


_OBSTACLES = frozenset({Status.FAIL, Status.UNKNOWN, Status.BLOCKED})
_URGENCY = (Status.WARN, Status.UNKNOWN, Status.FAIL)
"""The last one is read first: it stands where the eye rests."""


def blocked_by(spec: CheckSpec, results: Mapping[str, CheckResult]) -> str | None:
    """The first need that did not pass, or None. What was skipped or only warned about blocks nothing."""
    for slug in spec.needs:
        result = results.get(slug)
        if result is not None and result.status in _OBSTACLES:
            return slug
    return None


def exit_code(results: Iterable[CheckResult]) -> ExitCode:
    """Failure beats doubt, doubt beats fine; a warning is fine."""
    statuses = {result.status for result in results}
    if Status.FAIL in statuses:
        return ExitCode.BAD
    if statuses & {Status.UNKNOWN, Status.BLOCKED}:
        return ExitCode.UNKNOWN
    return ExitCode.OK


def summary(results: Iterable[CheckResult]) -> dict[str, int]:
    """How many checks ended how, in the order of `Status`; every status is there."""
    counts = Counter(result.status for result in results)
    return {status.value: counts[status] for status in Status}


def to_do(results: Iterable[CheckResult]) -> list[CheckResult]:
    """What somebody has to look at, the most urgent last."""
    return sorted((result for result in results if result.status in _URGENCY), key=_urgency)


def _urgency(result: CheckResult) -> int:
    return _URGENCY.index(result.status)
