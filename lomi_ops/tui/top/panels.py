"""The panels in the order of their keys, and the strip above them."""

from __future__ import annotations

from collections.abc import Callable

from lomi_ops.domain.traces import Key
from lomi_ops.tui.top.numbers import decisions, latency, queue
from lomi_ops.tui.top.sheet import Column, Sheet
from lomi_ops.tui.top.states import alerts, events, services, workers
from lomi_ops.tui.top.view import View


def jobs(view: View) -> Sheet:
    return view.jobs or Sheet("Jobs", (Column("job", grows=True),), (), "is looked up")


PANELS: tuple[Callable[[View], Sheet], ...] = (queue, workers, decisions, latency, services, alerts, events, jobs)
"""In the order of their keys, 1 to 8."""
TITLES = ("Queue", "Workers", "Decided", "Latency", "Services", "Alerts", "Events", "Jobs")
STRIP: tuple[tuple[str, Key, str], ...] = (
    ("ready", ("lomi_queue_jobs", (("state", "ready"),)), ""),
    ("running", ("lomi_queue_jobs", (("state", "running"),)), ""),
    ("oldest", ("lomi_queue_oldest_age_seconds", ()), "s"),
    ("rejected", ("lomi_rejection_ratio", (("window", "1h"),)), "%"),
)
"""The last sixty minutes, whatever panel is open."""
