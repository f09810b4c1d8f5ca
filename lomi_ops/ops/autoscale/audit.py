"""The journal of autoscaling as the audit of Postgres has it, as far as there is one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lomi_ops.domain.audit import Action, service_subject
from lomi_ops.domain.autoscale_words import Entry, Event
from lomi_ops.ops.operations import Journal


def recorder(journal: Journal, service: str) -> Callable[[Entry], None]:
    """Writes entries down. What cannot be written is told by the journal, and stops nobody: the one in Redis has it."""

    def record(told: Entry) -> None:
        values: dict[str, Any] = {"before": {"workers": told.workers}, "after": {"numbers": dict(told.numbers or {})}}
        if told.event is Event.STEP:
            values["after"]["workers"] = told.target
        else:
            values["after"][told.event.value] = told.held or told.target
        at = datetime.fromtimestamp(told.at_ms / 1000, UTC)
        journal.note(told.by, Action.AUTOSCALE, service_subject(service), at, told.text, **values)

    return record
