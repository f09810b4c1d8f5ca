"""Reading the queue: what waits, what runs, what died. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import redis

from lomi_ops.domain.job import MAX_JOB_BYTES
from lomi_ops.queue.client import guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.replies import DeadLetter, Hold, JobRecord, JobState, Pause, QueueStats, Rate
from lomi_ops.queue.scripts import count, text
from lomi_ops.queue.wire import created_at

Fields = Mapping[bytes, bytes]
OUTAGE_FORGET_MS = 15 * 60 * 1000
RATE_FORGET_MS = 60 * 1000
"""As in gates.lua and rate.lua: what was tried or missed for the last time so long ago says nothing about today."""
RATE_FIELDS = (b"rate", b"ceiling", b"cut", b"bit")
NOT_COUNTERS = frozenset({b"high_streak", b"scan"})


def stats(client: redis.Redis, keys: Keys) -> QueueStats:
    """The queue at one moment, in one round trip."""
    with guarded(client, "statistics"), client.pipeline(transaction=False) as pipe:
        pipe.llen(keys.ready)
        pipe.llen(keys.high)
        for name in (keys.delayed, keys.lease, keys.dead, keys.unsent, keys.workers):
            pipe.zcard(name)
        pipe.lindex(keys.ready, -1)
        pipe.hgetall(keys.paused)
        pipe.hgetall(keys.holds)
        pipe.hgetall(keys.limits)
        pipe.hgetall(keys.stats)
        pipe.time()
        *numbers, oldest, paused, holds, limits, counters, clock = pipe.execute()
    now = _milliseconds(clock)
    ready, high, delayed, running, dead, unsent, workers = (count(number) for number in numbers)
    return QueueStats(
        ready=ready,
        high=high,
        delayed=delayed,
        running=running,
        dead=dead,
        unsent=unsent,
        workers=workers,
        oldest_age_s=_age(oldest, now),
        server_ms=now,
        pause=_pause(paused, now),
        holds=tuple(
            hold
            for name, value in sorted(holds.items())
            if (hold := _hold(name, value, limits, now)).until_ms > now - OUTAGE_FORGET_MS
        ),
        rates=_rates(limits, now),
        counters={text(name): count(value) for name, value in counters.items() if name not in NOT_COUNTERS},
    )


def dead_letters(client: redis.Redis, keys: Keys, limit: int, offset: int) -> tuple[DeadLetter, ...]:
    """The latest first; two round trips."""
    with guarded(client, "dead letters"), client.pipeline(transaction=False) as pipe:
        names = cast("list[bytes]", client.zrange(keys.dead, offset, offset + limit - 1, desc=True))
        for name in names:
            pipe.hgetall(keys.job(text(name)))
        return tuple(_letter(text(name), job) for name, job in zip(names, pipe.execute(), strict=True) if job)


def job(client: redis.Redis, keys: Keys, job_id: str) -> JobRecord | None:
    with guarded(client, "a job"):
        found = cast("Fields", client.hgetall(keys.job(job_id)))
    return _record(job_id, found) if found else None


def peek(client: redis.Redis, keys: Keys, limit: int) -> tuple[bytes, ...]:
    with guarded(client, "a look at the list"), client.pipeline(transaction=False) as pipe:
        pipe.lrange(keys.high, -limit, -1)
        pipe.lrange(keys.ready, -limit, -1)
        high, ready = pipe.execute()
    return (*reversed(high), *reversed(ready))[:limit]


def _milliseconds(clock: Any) -> int:
    """Of the reply to TIME, which a pipeline hands on as (seconds, microseconds)."""
    seconds, micros = clock
    return int(seconds) * 1000 + int(micros) // 1000


def _age(raw: bytes | None, now_ms: int) -> float | None:
    stamp = created_at(raw) if raw is not None and len(raw) <= MAX_JOB_BYTES else None
    return None if stamp is None else max(0.0, now_ms / 1000 - stamp.timestamp())


def _pause(fields: Fields, now_ms: int) -> Pause | None:
    if not fields:
        return None
    until = _number(fields, b"until") or None
    if until is not None and until <= now_ms:
        return None
    return Pause(_text(fields, b"by"), _text(fields, b"reason"), _number(fields, b"since"), until)


def _hold(name: bytes, value: bytes, limits: Fields, now_ms: int) -> Hold:
    until, since, reason = value.split(b"|", 2)
    return Hold(
        text(name),
        since_ms=int(since),
        until_ms=int(until),
        reason=text(reason),
        half_open=int(until) <= now_ms,
        failures=_number(limits, name + b":failures") or 1,
        throttled=limits.get(name + b":kind") == b"throttled",
        probe=_text(limits, name + b":probe").partition("|")[0],
    )


def _rates(limits: Fields, now_ms: int) -> tuple[Rate, ...]:
    """As they were noted last: a claim raises them when it comes by."""
    found = []
    for name in sorted(key.removesuffix(b":rate") for key in limits if key.endswith(b":rate")):
        rate, ceiling, cut, bit = (float(limits.get(name + b":" + field, 0)) for field in RATE_FIELDS)
        if now_ms - max(cut, bit) <= RATE_FORGET_MS:
            found.append(Rate(text(name), round(rate, 3), round(ceiling, 3), int(cut)))
    return tuple(found)


def _letter(job_id: str, fields: Fields) -> DeadLetter:
    return DeadLetter(
        job_id=job_id,
        raw=fields.get(b"raw", b""),
        died_ms=_number(fields, b"dead_ms"),
        error_class=_text(fields, b"error_class"),
        code=_text(fields, b"error_code"),
        error=_text(fields, b"error"),
        hint=_text(fields, b"hint"),
        attempts=_number(fields, b"attempt"),
        crashes=_number(fields, b"crashes"),
        setbacks=_number(fields, b"setbacks"),
        holder=_text(fields, b"slot"),
        last_beat_ms=_number(fields, b"beat_ms") or None,
        first_seen_ms=_number(fields, b"first_seen_ms"),
    )


def _record(job_id: str, fields: Fields) -> JobRecord:
    return JobRecord(
        job_id=job_id,
        state=JobState(_text(fields, b"state")),
        raw=fields.get(b"raw"),
        attempt=_number(fields, b"attempt"),
        crashes=_number(fields, b"crashes"),
        setbacks=_number(fields, b"setbacks"),
        token=_text(fields, b"token"),
        slot=_text(fields, b"slot"),
        first_seen_ms=_number(fields, b"first_seen_ms"),
        claimed_ms=_number(fields, b"claimed_ms") or None,
        due_ms=_number(fields, b"due_ms") or None,
        error_class=_text(fields, b"error_class"),
        code=_text(fields, b"error_code"),
        error=_text(fields, b"error"),
        cancel=b"cancel" in fields,
    )


def _text(fields: Fields, name: bytes) -> str:
    return text(fields.get(name, b""))


def _number(fields: Fields, name: bytes) -> int:
    """0 where the field is absent or empty."""
    return int(fields.get(name) or 0)
