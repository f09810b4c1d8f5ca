"""What the scripts answer, as values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from lomi_ops.queue.replies import Claimed, ClaimReply, Done, Empty, Fenced, Limited, Paused, Reaped, Stale
from lomi_ops.queue.scripts import Reply, count, text


def finished(reply: Reply) -> Done | Fenced:
    if reply[0] == b"FENCED":
        return Fenced()
    return Done(receivers=count(reply[1]), repeated=reply[0] == b"AGAIN")


def reaped(reply: Reply) -> Reaped:
    if reply[0] != b"REAPED":
        return Reaped(skipped=text(reply[0]).lower())
    requeued, buried, cancelled = (tuple(text(name) for name in names) for names in reply[1:4])
    healed, promoted, trimmed = (count(number) for number in reply[4:7])
    doubt = tuple(text(name) for name in reply[7])
    return Reaped(requeued, buried, cancelled, healed, promoted, trimmed, doubt)


def claimed(reply: Reply, slot: str, token: str) -> ClaimReply:
    match reply[0]:
        case b"JOB":
            numbers = [count(value) for value in reply[3:11]]
            attempt, claimed_ms, deadline, seen, setbacks, crashes, outage, adopted = numbers
            return Claimed(
                job_id=text(reply[1]),
                token=token,
                raw=bytes(reply[2]),
                slot=slot,
                attempt=attempt,
                claimed_ms=claimed_ms,
                deadline_ms=deadline,
                first_seen_ms=seen,
                setbacks=setbacks,
                crashes=crashes,
                first_outage_ms=outage or None,
                adopted=bool(adopted),
                outages={text(name): count(since) for name, since in _pairs(reply[11])},
            )
        case b"PAUSED":
            return Paused(_seconds(reply[1]), text(reply[2]))
        case b"LIMITED":
            return Limited(count(reply[1]) / 1000, text(reply[2]))
        case b"STALE":
            return Stale(count(reply[1]))
        case _:
            return Empty(_seconds(reply[1]))


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Pairs of a flat reply."""
    return zip(flat[::2], flat[1::2], strict=True)


def _seconds(milliseconds: bytes | int) -> float | None:
    """The scripts say -1 for `no limit`."""
    number = count(milliseconds)
    return None if number < 0 else number / 1000
