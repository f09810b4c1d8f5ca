"""Numbers over a window. They come from `media` alone, so they hold for what the old workers did as well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lomi_ops.db.pool import Database
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window


@dataclass(frozen=True, slots=True)
class Summary:
    """The photos uploaded in a window, as they stand now."""

    window: Window
    uploads: int
    statuses: Mapping[str, int]
    """Photos by status; the four of the contract are always there."""
    reasons: Mapping[str, int]
    """Photos by reason, the most frequent first."""
    processing_ms: float | None
    """Mean over the photos whose scores say how long judging took; None where none does."""

    @property
    def rejection_rate(self) -> float | None:
        """Rejected among approved and rejected, 0..1; None where neither exists. A failed photo was not judged."""
        rejected, approved = self.statuses[MediaStatus.REJECTED], self.statuses[MediaStatus.APPROVED]
        return rejected / (rejected + approved) if rejected + approved else None


@dataclass(frozen=True, slots=True)
class _Group:
    status: str
    reason: str | None
    photos: int
    timed: int
    total_ms: float


def summary(db: Database, window: Window) -> Summary:
    """Counts, reasons and mean time of the photos uploaded in a window."""
    return _summed(window, db.all(_Group, "report_summary", start=window.start, end=window.end))


def _summed(window: Window, groups: Iterable[_Group]) -> Summary:
    statuses = Counter({status.value: 0 for status in MediaStatus})
    reasons: Counter[str] = Counter()
    timed, total_ms = 0, 0.0
    for group in groups:
        statuses[group.status] += group.photos
        if group.reason:
            reasons[group.reason] += group.photos
        timed, total_ms = timed + group.timed, total_ms + group.total_ms
    ranked = dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    return Summary(window, sum(statuses.values()), dict(statuses), ranked, total_ms / timed if timed else None)


@dataclass(frozen=True, slots=True)
class Work:
    """What workers decided in a window."""

    decided: int
    failed: int
    """Photos that could not be judged, which people are asked to upload again."""
    mean_ms: float | None
    """Per photo; None where nothing says how long it took."""

    @property
    def error_rate(self) -> float | None:
        """0..1; None where nothing was decided."""
        return self.failed / self.decided if self.decided else None


def work(db: Database, window: Window, *, logged: bool) -> Work:
    """From the decision log where there is one (`logged`), else from the photos that were uploaded in the window."""
    if logged:
        found = db.one(Work, "work_decided", start=window.start, end=window.end)
        assert found is not None
        return found
    seen = summary(db, window)
    decided = seen.uploads - seen.statuses[MediaStatus.PENDING]
    return Work(decided, seen.statuses[MediaStatus.FAILED], seen.processing_ms)
