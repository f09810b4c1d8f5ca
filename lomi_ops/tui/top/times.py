"""A moment as somebody types it into the live view. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

_FORMS = ("%H:%M", "%H:%M:%S")
_DATED = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def moment(text: str, now: datetime) -> datetime | None:
    """`14:05`, today or, where that is still to come, yesterday; or with its date. In the zone of `now`; None for
    anything else."""
    for form in _DATED:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=now.tzinfo)
        except ValueError:
            continue
    for form in _FORMS:
        try:
            found = datetime.strptime(text.strip(), form).replace(tzinfo=now.tzinfo)
        except ValueError:
            continue
        today = now.replace(hour=found.hour, minute=found.minute, second=found.second, microsecond=0)
        return today if today <= now else today - timedelta(days=1)
    return None
