"""Telling workers to take no more jobs, or to go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lomi_ops.domain.audit import Action, worker_subject
from lomi_ops.domain.fleet import Member
from lomi_ops.domain.member_choice import Answer, Reply, reply
from lomi_ops.domain.worker import WorkerMode
from lomi_ops.errors import NotFound
from lomi_ops.ops.operations import Journal
from lomi_ops.queue.workers import WorkerRegistry

ACTIONS = {WorkerMode.QUIET: Action.QUIET, WorkerMode.RUNNING: Action.RESUME}


def tell(
    registry: WorkerRegistry, journal: Journal, members: Sequence[Member], mode: WorkerMode, *, by: str, at: datetime,
    reason: str = "",
) -> tuple[Reply, ...]:  # fmt: skip
    """Tells those that can be told; one audit entry for each. Raises RedisUnavailable, perhaps in the middle: what was
    told until then holds, and telling it again does no harm."""
    return tuple(_told(registry, journal, reply(each, mode), mode, by, at, reason) for each in members)


def _told(
    registry: WorkerRegistry, journal: Journal, wanted: Reply, mode: WorkerMode, by: str, at: datetime, reason: str
) -> Reply:
    record = wanted.member.registered
    if wanted.answer is not Answer.TOLD or record is None:
        return wanted
    try:
        registry.set_mode(record.info.boot, mode)
    except NotFound:
        return Reply(wanted.member, Answer.NOBODY, "it has gone just now")
    journal.note(by, ACTIONS[mode], worker_subject(wanted.member.name), at, reason,
                 before={"mode": record.mode.value}, after={"mode": mode.value})  # fmt: skip
    return wanted
