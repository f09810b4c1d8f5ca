"""The queue as the workers of commit ebc96cd speak with it: their scripts, their keys, their arguments, their replies.

During a rolling upgrade they share the keys with ours. The scripts are frozen in tests/fixtures/queue_ebc96cd.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import redis

from lomi_ops.domain.attempt import Bury, Failure, next_step
from lomi_ops.domain.job import MAX_JOB_BYTES, Priority
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.jobs import RETENTION_S, JobQueue
from lomi_ops.queue.keys import RESULTS_CHANNEL, Keys
from lomi_ops.queue.replies import (
    Beat,
    Beats,
    Buried,
    Cancelled,
    Claimed,
    ClaimReply,
    Delayed,
    Done,
    Empty,
    Fenced,
    JobState,
    Limited,
    Paused,
    Reaped,
    Released,
    Stale,
    Submitted,
    WorkerMode,
)
from lomi_ops.queue.scripts import Argument, Reply, ms
from lomi_ops.queue.wire import parse_job

FROZEN = Path(__file__).parents[2] / "fixtures" / "queue_ebc96cd"


@cache
def _source(name: str) -> str:
    return "\n".join((FROZEN / f"{part}.lua").read_text("utf-8") for part in ("common", name))


class _Scripts:
    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        names = ("high", "delayed", "lease", "slots", "dead", "done", "unsent", "results", "events", "paused", "holds",
                 "workers", "stats", "tick", "server")  # fmt: skip
        self._shared = (keys.ready, *(f"{{{keys.ready}}}:{name}" for name in names))
        self._prefix = f"{{{keys.ready}}}:job:"

    def run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        operands: list[Argument] = [*self._shared, *keys, self._prefix, *args]
        number = len(self._shared) + len(keys)
        sha = hashlib.sha1(_source(name).encode()).hexdigest()
        with guarded(self._client, name):
            try:
                reply: Reply = call(self._client, "EVALSHA", sha, number, *operands)
            except redis.exceptions.NoScriptError:
                reply = call(self._client, "EVAL", _source(name), number, *operands)
        return reply


class OldQueue(JobQueue):
    """What those workers call. A verb that is not here is one that they do not know."""

    def __init__(self, client: redis.Redis) -> None:
        super().__init__(client, chance=lambda: 0.5)
        self._old = _Scripts(client, self.keys)

    def claim(self, slot: str, seq: int, token: str, lease_s: float = 15.0) -> ClaimReply:
        at = f"{{{self.keys.ready}}}"
        own = [f"{at}:seq:{slot}", f"{at}:worker:{slot.partition('/')[0]}"]
        reply = self._old.run("claim", own, [slot, seq, token, ms(lease_s), MAX_JOB_BYTES])
        match reply[0]:
            case b"JOB":
                attempt, claimed, deadline, seen, setbacks, crashes, outage, adopted = map(int, reply[3:])
                return Claimed(
                    job_id=reply[1].decode(),
                    token=token,
                    raw=reply[2],
                    slot=slot,
                    attempt=attempt,
                    claimed_ms=claimed,
                    deadline_ms=deadline,
                    first_seen_ms=seen,
                    setbacks=setbacks,
                    crashes=crashes,
                    first_outage_ms=outage or None,
                    adopted=bool(adopted),
                )
            case b"PAUSED":
                return Paused(_seconds(reply[1]), reply[2].decode())
            case b"LIMITED":
                return Limited(int(reply[1]) / 1000, reply[2].decode())
            case b"STALE":
                return Stale(int(reply[1]))
            case _:
                return Empty(_seconds(reply[1]))

    def beat(self, boot: str, leases: Mapping[str, str], lease_s: float = 15.0) -> Beats:
        pairs = [part for pair in leases.items() for part in pair]
        reply = self._old.run("beat", [f"{{{self.keys.ready}}}:worker:{boot}"], [boot, ms(lease_s), *pairs])
        states = (Beat(word.decode()) for word in reply[1:])
        return Beats(dict(zip(leases, states, strict=True)), WorkerMode(reply[0].decode()) if reply[0] else None)

    def finish(self, job_id: str, token: str, payload: bytes = b"", tally: str = "") -> Done | Fenced:
        reply = self._old.run("finish", [], [job_id, token, payload, RESULTS_CHANNEL, ms(RETENTION_S)])
        return Fenced() if reply[0] == b"FENCED" else Done(int(reply[1]), repeated=reply[0] == b"AGAIN")

    def fail(self, held: Claimed, failure: Failure) -> Delayed | Buried | Cancelled | Fenced:
        step = next_step(failure, attempt=held.attempt, setbacks=held.setbacks, limit=3, chance=0.5)
        verb: list[Argument] = (
            ["bury", 0, 0] if isinstance(step, Bury) else ["retry", ms(step.delay_s), int(step.refund)]
        )
        story = [failure.error_class.value, failure.code, failure.message, failure.hint]
        reply = self._old.run("fail", [], [held.job_id, held.token, *verb, *story, ms(RETENTION_S)])
        match reply[0]:
            case b"DELAYED":
                return Delayed(due_ms=int(reply[1]), refunded=bool(int(reply[2])))
            case b"DEAD":
                return Buried()
            case b"CANCELLED":
                return Cancelled()
            case _:
                return Fenced()

    def release(self, job_id: str, token: str) -> Released | Cancelled | Fenced:
        reply = self._old.run("release", [], [job_id, token, ms(RETENTION_S)])
        match reply[0]:
            case b"RELEASED":
                return Released()
            case b"CANCELLED":
                return Cancelled()
            case _:
                return Fenced()

    def reap(self, *, lease_s: float = 15.0, tick_s: float = 2.5) -> Reaped:
        reply = self._old.run("reap", [], [ms(lease_s), ms(tick_s), 3, ms(RETENTION_S)])
        if reply[0] != b"REAPED":
            return Reaped(skipped=reply[0].decode().lower())
        requeued, buried, cancelled = (tuple(name.decode() for name in names) for names in reply[1:4])
        healed, promoted, trimmed = map(int, reply[4:7])
        return Reaped(requeued, buried, cancelled, healed, promoted, trimmed)

    def submit(self, raw: bytes, priority: Priority = Priority.NORMAL, due_ms: int = 0) -> Submitted:
        assert priority is not Priority.BULK, "it knew no bulk"
        assert due_ms == 0, "nor jobs for later"
        reply = self._old.run("submit", [], [parse_job(raw).job_id, raw, int(priority)])
        return Submitted.ACCEPTED if reply[0] == b"ACCEPTED" else Submitted.DUPLICATE

    def cancel(self, job_id: str) -> JobState:
        return JobState(self._old.run("cancel", [], [job_id, ms(RETENTION_S)])[0].decode())

    def requeue(self, job_id: str) -> None:
        assert self._old.run("requeue", [], [job_id])[0] == b"REQUEUED"

    def purge(self, job_id: str) -> None:
        assert self._old.run("purge", [], [job_id])[0] == b"PURGED"

    def pause(self, by: str, reason: str, for_s: float | None = None) -> None:
        self._old.run("pause", [], [by, reason, "" if for_s is None else ms(for_s)])

    def resume(self) -> bool:
        return bool(self._old.run("resume", [], [])[0] == b"RESUMED")

    def hold(self, upstream: str, for_s: float | None, reason: str, **_: Any) -> None:
        self._old.run("hold", [], [upstream, ms(for_s or 2.0), reason])

    def unhold(self, upstream: str) -> bool:
        return bool(self._old.run("unhold", [], [upstream])[0] == b"LIFTED")

    def relay(self) -> int:
        return int(self._old.run("relay", [], [RESULTS_CHANNEL])[0])

    def announce(self, message_id: str, payload: bytes, **_: Any) -> Done:
        reply = self._old.run("announce", [], [message_id, payload, RESULTS_CHANNEL, ms(RETENTION_S)])
        return Done(int(reply[1]), repeated=reply[0] == b"AGAIN")


def _seconds(milliseconds: int) -> float | None:
    return None if int(milliseconds) < 0 else int(milliseconds) / 1000
