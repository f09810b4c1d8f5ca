"""What is known of alerts already: how `lomi alerts run` saw them last, and who has acknowledged or silenced them. Read
beside the looks, now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_incident import ALL
from lomi_ops.domain.alert_state import Track
from lomi_ops.errors import LomiError

EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Known:
    """Empty where `lomi` has no schema."""

    acked: Mapping[str, str] = field(default_factory=dict)
    """Rules with an incident that somebody knows of, and who."""
    silenced: Mapping[str, str] = field(default_factory=dict)
    """Rules that nobody is told of, or all, and by whom."""
    tracks: Mapping[str, Track] = field(default_factory=dict)

    def by(self, rule: str) -> str:
        """`acknowledged by hana`, `silenced by abel`."""
        if (who := self.acked.get(rule)) is not None:
            return f"acknowledged by {who}"
        who = self.silenced.get(rule, self.silenced.get(ALL))
        return "" if who is None else f"silenced by {who}"


@dataclass(slots=True)
class Attention:
    """`known` never waits: it tells what the last answer said and lets the next question begin."""

    database: Database
    clock: Callable[[], float] = time.monotonic
    _known: Known = field(default_factory=Known)
    _due_at: float = float("-inf")
    _asking: threading.Thread | None = None

    def known(self) -> Known:
        if self.clock() >= self._due_at and (self._asking is None or not self._asking.is_alive()):
            self._due_at = self.clock() + EVERY_S
            self._asking = threading.Thread(target=self._ask, name="who knows of alerts", daemon=True)
            self._asking.start()
        return self._known

    def awaited(self, patience_s: float) -> Known:
        """For whoever looks once: what the answer says that is on its way."""
        self.known()
        if self._asking is not None:
            self._asking.join(patience_s)
        return self._known

    def _ask(self) -> None:
        try:
            self._known = self._read()
        except LomiError:
            return  # what it was before is more than nothing; that the database is silent is told elsewhere

    def _read(self) -> Known:
        if not alerts.has_alerts(self.database):
            return Known()
        acked = {each.rule: each.acked_by for each in alerts.incidents(self.database) if each.acked}
        silences = alerts.silences(self.database, at=self.database.now())
        return Known(acked, {each.rule: each.actor for each in silences}, alerts.tracks(self.database))
