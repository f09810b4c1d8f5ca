"""Facts about rejections: how many, hour by hour, and the photos behind the latest ones."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta

from lomi_ops.db import decisions
from lomi_ops.db.rejections import DecidedHour, decided_hours, latest_rejected
from lomi_ops.domain.diagnosis import Failure
from lomi_ops.domain.diagnosis_rejections import HourOfReasons, Rejected, RejectionFacts
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.domain.window import Window
from lomi_ops.ops.doctor.handles import Handles, asked

RECENT = timedelta(hours=24)
BEFORE = timedelta(days=7)
LATEST = 200
"""Rejected photos that are looked at one by one."""


def facts(at: Handles) -> RejectionFacts:
    """Raises nothing: what could not be asked is in the facts."""
    found = asked("postgres", lambda: _found(at))
    return RejectionFacts(failure=found) if isinstance(found, Failure) else found


def _found(at: Handles) -> RejectionFacts:
    now = at.database.now()
    recent = Window(now - RECENT, now + timedelta(minutes=1))
    whole = Window(now - RECENT - BEFORE, recent.end)
    logged = decisions.cover(at.database, whole)
    return RejectionFacts(
        hours=_joined(decided_hours(at.database, whole, logged=logged)),
        recent_from=recent.start.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1),
        rejected=_rejected(at, recent, logged=logged),
        policy=at.settings.active_policy() if _ours(at) else None,
    )


def _joined(hours: list[DecidedHour]) -> tuple[HourOfReasons, ...]:
    photos: dict[datetime, int] = defaultdict(int)
    reasons: dict[datetime, dict[str, int]] = defaultdict(dict)
    for each in hours:
        photos[each.hour] += each.photos
        if each.status == MediaStatus.REJECTED:
            reason = each.reason or "no reason"
            reasons[each.hour][reason] = reasons[each.hour].get(reason, 0) + each.photos
    return tuple(HourOfReasons(hour, number, reasons.get(hour, {})) for hour, number in sorted(photos.items()))


def _rejected(at: Handles, recent: Window, *, logged: bool) -> dict[str, list[Rejected]]:
    found: dict[str, list[Rejected]] = defaultdict(list)
    for row in latest_rejected(at.database, recent, LATEST, logged=logged):
        found[row.reason or "no reason"].append(Rejected(row.user_id, row.url, row.scores or {}))
    return found


def _ours(at: Handles) -> bool:
    """Whether workers of lomi decide; old ones have thresholds of their own."""
    records = asked("redis", at.registry.list)
    return not isinstance(records, Failure) and bool(records)
