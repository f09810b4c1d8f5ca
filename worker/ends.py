"""How a job leaves our hands: finished, failed or given back. Its token makes every call safe to repeat."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.replies import Beat, Claimed, Done, Fenced
from worker.leases import Lease
from worker.signals import Signals
from worker.weather import Upstream

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 2.0
LONGEST_PAUSE_ALONE_S = 60.0
"""Then somebody looks again, whatever the other side has asked for."""

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class Ends:
    """The last call of an attempt. It outlasts a Redis that is away: the slot could not claim anything else meanwhile,
    and a job that is decided but not finished would be run again for nothing."""

    queue: JobQueue
    signals: Signals
    patience_s: float = 3600.0
    """Seconds of an outage after which people get the photos that wait."""

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
        try:
            self._insist(lease, lambda: self.queue.fail(claimed, failure))
        except RedisUnavailable as outage:
            log.warning(outage.message, extra={"action": "fail_failed", "job_id": claimed.job_id})
        else:
            if failure.error_class.weather and everywhere:
                self.report(claimed, failure)
        alone = failure.error_class.weather and not everywhere
        return pause_s(failure, claimed.setbacks) if alone else 0.0

    def report(self, claimed: Claimed, failure: Failure) -> None:
        """Opens the breaker of what is out, for all machines. Once: the next job will meet the same weather."""
        # Nothing can be handed to a person without the database.
        patience = None if failure.code == Upstream.DATABASE else self.patience_s
        self._once(
            {"action": "hold_failed", "job_id": claimed.job_id},
            lambda: self.queue.hold(
                failure.code,
                failure.retry_after_s,
                failure.message,
                throttled=failure.error_class is ErrorClass.THROTTLED,
                claimed_ms=claimed.claimed_ms,
                patience_s=patience,
            ),
        )

    def served(self, claimed: Claimed, upstreams: Sequence[str]) -> None:
        """Closes the breakers of what this job has shown to work. Once: else another job will show it."""
        if upstreams:
            fields = {"action": "served_failed", "job_id": claimed.job_id}
            self._once(fields, lambda: self.queue.served(upstreams, claimed.claimed_ms))

    def _once(self, fields: dict[str, str], call: Callable[[], object]) -> None:
        try:
            call()
        except RedisUnavailable as outage:
            log.warning(outage.message, extra=fields)

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


def pause_s(failure: Failure, setbacks: int) -> float:
    """How long this slot leaves an upstream alone that only it cannot reach: a first hiccup briefly, a long trouble up
    to half a minute, or as long as the other side wishes within reason."""
    usual = float(min(30, 2 * 2 ** min(setbacks, 4)))
    return min(max(usual, failure.retry_after_s or 0.0), LONGEST_PAUSE_ALONE_S)
