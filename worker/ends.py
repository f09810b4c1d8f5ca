"""How a job leaves our hands: finished, failed or given back. Its token makes every call safe to repeat."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from lomi_ops.domain.attempt import Failure
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Beat, Claimed, Done, Fenced
from worker.leases import Lease
from worker.signals import Signals

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
LONGEST_HOLD_S = 60.0
"""Then somebody looks again, whatever the other side has asked for."""

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Ends:
    """The last call of an attempt. It outlasts a Redis that is away: the slot could not claim anything else meanwhile,
    and a job that is decided but not finished would be run again for nothing."""

    queue: JobQueue
    signals: Signals

    def finish(
        self,
        claimed: Claimed,
        lease: Lease,
        payload: str | None,
        finishing: Callable[[bytes], Done | Fenced] | None = None,
    ) -> None:
        """`finishing` is the call itself, where it is to do more than finish. Raises RedisUnavailable once the worker
        must go, or the lease is gone."""
        body = (payload or "").encode()
        finishing = finishing or (lambda body: self.queue.finish(claimed.job_id, claimed.token, body))
        reply = self._insist(lease, lambda: finishing(body))
        if isinstance(reply, Fenced):
            log.warning("lease was gone at the end", extra={"action": "job_fenced", "job_id": claimed.job_id})

    def fail(self, claimed: Claimed, lease: Lease, failure: Failure, *, everywhere: bool = True) -> float:
        """In bad weather that is the same `everywhere` all machines leave the upstream alone for a while. Seconds that
        this slot should do so by itself."""
        log.error(
            failure.message,
            extra={
                "action": "job_failed",
                "job_id": claimed.job_id,
                "class": failure.error_class.value,
                "code": failure.code,
                "attempt": claimed.attempt,
                "hint": failure.hint,
            },
        )
        pause = hold_s(failure, claimed.setbacks) if failure.error_class.weather else 0.0
        try:
            self._insist(lease, lambda: self.queue.fail(claimed, failure))
            if pause and everywhere:
                self.queue.hold(failure.code, pause, failure.message)
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "fail_failed", "job_id": claimed.job_id})
        return 0.0 if everywhere else pause

    def release(self, claimed: Claimed) -> None:
        """Once: whoever gives back is in a hurry, and the lease runs out by itself."""
        try:
            self.queue.release(claimed.job_id, claimed.token)
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "release_failed", "job_id": claimed.job_id})
        else:
            log.info("job given back", extra={"action": "job_released", "job_id": claimed.job_id})

    def _insist(self, lease: Lease, call: Callable[[], Reply]) -> Reply:
        pause = FIRST_PAUSE_S
        while True:
            try:
                return call()
            except RedisUnavailable as outage:
                if self.signals.give_back.is_set() or lease.verdict is not Beat.OK:
                    raise
                if pause == FIRST_PAUSE_S:
                    log.warning("%s; trying again", outage.message, extra={"action": "end_waits"})
                self.signals.give_back.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_S)


def hold_s(failure: Failure, setbacks: int) -> float:
    """How long an upstream is left alone: a first hiccup briefly, a long outage up to half a minute, or as long as the
    other side wishes within reason."""
    usual = float(min(30, 2 * 2 ** min(setbacks, 4)))
    return min(max(usual, failure.retry_after_s or 0.0), LONGEST_HOLD_S)
