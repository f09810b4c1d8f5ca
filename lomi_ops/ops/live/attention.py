"""What people know of alerts already: who has acknowledged or silenced them. Read beside the looks, now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from lomi_ops.errors import LomiError

EVERY_S = 5.0


@dataclass(slots=True)
class Attention:
    """`by_rule` never waits: it tells what the last answer said and lets the next question begin."""

    database: Database
    clock: Callable[[], float] = time.monotonic
    _known: Mapping[str, str] = field(default_factory=dict)
    _due_at: float = float("-inf")
    _asking: threading.Thread | None = None

    def by_rule(self) -> Mapping[str, str]:
        """`acknowledged by hana`, `silenced by abel`; empty where `lomi` has no schema."""
        if self.clock() >= self._due_at and (self._asking is None or not self._asking.is_alive()):
            self._due_at = self.clock() + EVERY_S
            self._asking = threading.Thread(target=self._ask, name="who knows of alerts", daemon=True)
            self._asking.start()
        return self._known

    def _ask(self) -> None:
        try:
            self._known = self._read()
        except LomiError:
            return  # what it was before is more than nothing; that the database is silent is told elsewhere

    def _read(self) -> dict[str, str]:
        if not alerts.has_alerts(self.database):
            return {}
        silences = alerts.silences(self.database, at=self.database.now())
        said = {each.rule: f"silenced by {each.actor}" for each in silences}
        return said | {
            each.rule: f"acknowledged by {each.acked_by}" for each in alerts.incidents(self.database) if each.acked
        }
