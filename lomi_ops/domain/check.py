"""A check is a sentence that should be true. Definitions are data; what was found is a `CheckResult`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
    """Known and accepted for a while; the detail says why and until when."""


class Severity(StrEnum):
    """The worst that a check can say."""

    ERROR = "error"
    WARNING = "warning"


class Cost(StrEnum):
    CHEAP = "cheap"
    """Reads what is there; may run every minute."""
    DEEP = "deep"
    """Writes something and takes it away again, or makes an engine work; only with --deep."""


class Scope(StrEnum):
    """When a check makes sense."""

    PRE_DEPLOY = "pre-deploy"
    """Before anything is changed: the old version is still at work."""
    POST_DEPLOY = "post-deploy"
    """Afterwards, on the running cluster."""
    WORKER = "worker"
    """On a machine that a worker is to run on: what it needs, and nothing about other machines."""


EVERYWHERE = frozenset(Scope)
CLUSTER = frozenset({Scope.PRE_DEPLOY, Scope.POST_DEPLOY})
RUNNING = frozenset({Scope.POST_DEPLOY})


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """What is asserted, and what it rests on."""

    id: str
    """Stable, e.g. `LOMI-REDIS-003`; also the name of its help page."""
    slug: str
    """Stable, e.g. `redis.maxmemory_policy`; the part before the dot is the category."""
    sentence: str
    """What should be true."""
    fix: str
    """The command that an operator runs first where it is not."""
    needs: tuple[str, ...] = ()
    """Slugs that must not have failed first."""
    severity: Severity = Severity.ERROR
    cost: Cost = Cost.CHEAP
    target: str = ""
    """Whom it asks; not too many checks ask the same one at once. Empty: the category."""
    timeout_s: float = 5.0
    eventual: bool = False
    """Becomes true by itself after a deploy: `--wait` looks again."""
    scopes: frozenset[Scope] = EVERYWHERE

    @property
    def category(self) -> str:
        return self.slug.partition(".")[0]

    @property
    def asks(self) -> str:
        return self.target or self.category


@dataclass(frozen=True, slots=True)
class Metric:
    """The number behind what was seen."""

    name: str
    """Snake case, with its unit at the end, e.g. `oldest_age_s`."""
    value: float
    warn: float | None = None
    """From here on it is warned about."""
    fail: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe saw."""

    status: Status
    detail: str = ""
    hint: str = ""
    """The next step, where something is to be done."""
    observed: str = ""
    expected: str = ""
    metric: Metric | None = None

    def seen(self, observed: str, expected: str = "") -> Found:
        """The same with what was seen and what should have been, for machines."""
        return replace(self, observed=observed, expected=expected)


@dataclass(frozen=True, slots=True)
class CheckResult:
    spec: CheckSpec
    found: Found
    duration_ms: float = 0.0
    attempts: int = 1
    new: bool = False
    """It was fine at the last green run."""

    @property
    def status(self) -> Status:
        return self.found.status

    @property
    def hint(self) -> str:
        return self.found.hint or self.spec.fix


WELL = frozenset({Status.PASS, Status.SKIP, Status.SUPPRESSED})
OBSTACLES = frozenset({Status.FAIL, Status.UNKNOWN, Status.BLOCKED})
_URGENCY = (Status.WARN, Status.UNKNOWN, Status.FAIL)
"""The last one is read first: it stands where the eye rests."""


def blocked_by(spec: CheckSpec, results: Mapping[str, CheckResult]) -> str | None:
    """What the first need that did not pass comes down to, or None: the check that failed by itself.

    What was skipped or only warned about blocks nothing.
    """
    for slug in spec.needs:
        result = results.get(slug)
        if result is not None and result.status in OBSTACLES:
            return blocked_by(result.spec, results) or slug
    return None


def tempered(spec: CheckSpec, found: Found) -> Found:
    """A check whose severity is a warning never fails."""
    if found.status is Status.FAIL and spec.severity is Severity.WARNING:
        return replace(found, status=Status.WARN)
    return found


def exit_code(results: Iterable[CheckResult], *, fail_on_warning: bool = False) -> ExitCode:
    """Failure beats doubt, doubt beats a warning; a warning is fine unless it is asked for."""
    statuses = {result.status for result in results}
    if Status.FAIL in statuses:
        return ExitCode.BAD
    if statuses & {Status.UNKNOWN, Status.BLOCKED}:
        return ExitCode.UNKNOWN
    if fail_on_warning and Status.WARN in statuses:
        return ExitCode.WARNINGS
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


def critical_path(results: Sequence[CheckResult]) -> tuple[str, ...]:
    """The chain of checks, each needing the one before, that the run could not be shorter than."""
    took: dict[str, float] = {}
    before: dict[str, str | None] = {}
    for result in results:
        slug = result.spec.slug
        known = [need for need in result.spec.needs if need in took]
        before[slug] = max(known, key=took.__getitem__, default=None)
        took[slug] = result.duration_ms + (took[before[slug] or ""] if before[slug] else 0.0)
    chain: list[str] = []
    at = max(took, key=took.__getitem__, default=None)
    while at is not None:
        chain.insert(0, at)
        at = before[at]
    return tuple(chain)
