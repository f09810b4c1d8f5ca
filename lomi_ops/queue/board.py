"""Reading the queue: what waits, what runs, what died. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import redis

from lomi_ops.domain.flow import Sample, flow
from lomi_ops.domain.job import MAX_JOB_BYTES
from lomi_ops.domain.stuck import OVERDUE_S, Ages
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.fields import Fields, number, word
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.replies import Hold, JobRecord, JobState, Pause, QueueStats, Rate, Standing
from lomi_ops.queue.scripts import count, text
from lomi_ops.queue.wire import created_at, identity

SAMPLES = 64
"""Of ten seconds each: more than `flow.WINDOW_S`."""
EVENTS_AT_ONCE = 1000
PAGE = 500
"""Jobs in one round trip."""
SEARCHED = 10_000
"""Elements of the list that are looked through for one job."""
OUTAGE_FORGET_MS = 15 * 60 * 1000
RATE_FORGET_MS = 60 * 1000
"""As in gates.lua and rate.lua: what was tried or missed for the last time so long ago says nothing about today."""
RATE_FIELDS = (b"rate", b"ceiling", b"cut", b"bit")
NOT_COUNTERS = frozenset({b"high_streak", b"bulk_yields", b"scan"})


def stats(client: redis.Redis, keys: Keys) -> QueueStats:
    """The queue at one moment, in one round trip."""
    with guarded(client, "statistics"), client.pipeline(transaction=False) as pipe:
        pipe.llen(keys.ready)
        pipe.llen(keys.high)
        pipe.llen(keys.bulk)
        for name in (keys.delayed, keys.lease, keys.dead, keys.unsent, keys.workers):
            pipe.zcard(name)
        pipe.lindex(keys.ready, -1)
        pipe.hgetall(keys.paused)
        pipe.hgetall(keys.holds)
        pipe.hgetall(keys.limits)
        pipe.hgetall(keys.stats)
        pipe.xrevrange(keys.samples, count=SAMPLES)
        pipe.time()
        *numbers, oldest, paused, holds, limits, counters, samples, clock = pipe.execute()
    now = _milliseconds(clock)
    ready, high, bulk, delayed, running, dead, unsent, workers = (count(number) for number in numbers)
    inside = ready + high + bulk + delayed + running
    return QueueStats(
        ready=ready,
        high=high,
        bulk=bulk,
        delayed=delayed,
        running=running,
        dead=dead,
        unsent=unsent,
        workers=workers,
        oldest_age_s=age_of(oldest, now),
        server_ms=now,
        pause=pause_of(paused, now),
        holds=holds_of(holds, limits, now),
        rates=rates_of(limits, now),
        counters=counters_of(counters),
        flow=flow([sample_of(*each) for each in samples], sample_now(now, inside, counters_of(counters))),
    )


def samples(client: redis.Redis, keys: Keys) -> tuple[Sample, ...]:
    """What workers of ours have noted within a little more than ten minutes, the latest last."""
    with guarded(client, "samples of the flow"):
        found = cast("list[tuple[bytes, Fields]]", client.xrevrange(keys.samples, count=SAMPLES))
    return tuple(sample_of(entry, fields) for entry, fields in reversed(found))


def sample_of(entry: bytes, fields: Fields) -> Sample:
    """As `reap.lua` notes it."""
    names = (b"inside", b"finished", b"buried", b"withdrawn", b"dropped", b"requeued")
    inside, finished, buried, withdrawn, dropped, requeued = (number(fields, name) for name in names)
    running = number(fields, b"running") if b"running" in fields else None
    at_ms = int(entry.partition(b"-")[0])
    return Sample(at_ms, inside, finished, buried, withdrawn, dropped, requeued, running)


def sample_now(now_ms: int, inside: int, counters: Mapping[str, int]) -> Sample:
    dropped = counters.get("tombstones", 0) + counters.get("duplicates", 0)
    finished, buried, withdrawn, requeued = (
        counters.get(name, 0) for name in ("finished", "buried", "withdrawn", "requeued")
    )
    return Sample(now_ms, inside, finished, buried, withdrawn, dropped, requeued)


def ages(client: redis.Redis, keys: Keys) -> Ages:
    """How long things have stood where they are; three round trips."""
    with guarded(client, "a look for what is stuck"):
        now = _milliseconds(client.time())
        with client.pipeline(transaction=False) as pipe:
            pipe.lindex(keys.ready, -1)
            pipe.lindex(keys.high, -1)
            pipe.zcount(keys.delayed, "-inf", now - int(OVERDUE_S * 1000))
            pipe.zrange(keys.unsent, 0, 0, withscores=True)
            pipe.hgetall(keys.slots)
            pipe.hgetall(keys.paused)
            pipe.hgetall(keys.holds)
            ready, high, overdue, unsent, slots, paused, holds = pipe.execute()
            names = sorted(set(slots.values()))
            for name in names:
                pipe.hget(keys.job(text(name)), "claimed_ms")
            claimed = pipe.execute() if names else []
    waits = [age for age in (age_of(ready, now), age_of(high, now)) if age is not None]
    return Ages(
        running_s=tuple(
            (text(name), (now - int(at)) / 1000) for name, at in zip(names, claimed, strict=True) if at is not None
        ),
        waits_s=max(waits, default=None),
        overdue=count(overdue),
        unheard_s=(now - float(unsent[0][1])) / 1000 if unsent else None,
        moving=pause_of(paused, now) is None and not holds_of(holds, {}, now),
    )


def job(client: redis.Redis, keys: Keys, job_id: str) -> JobRecord | None:
    with guarded(client, "a job"):
        found = cast("Fields", client.hgetall(keys.job(job_id)))
    return _record(job_id, found) if found else None


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a job's state."""

    at_ms: int
    event: str
    note: str


def events_of(client: redis.Redis, keys: Keys, job_id: str) -> tuple[Event, ...]:
    """What is still remembered of a job's way, the oldest first; the stream holds about the last 20,000 events."""
    found: list[Event] = []
    end, name = "+", job_id.encode()
    with guarded(client, "the events"):
        while page := call(client, "XREVRANGE", keys.events, end, "-", "COUNT", EVENTS_AT_ONCE):
            for entry, fields in page:
                said = fields if isinstance(fields, dict) else dict(zip(fields[::2], fields[1::2], strict=True))
                if said.get(b"job_id") == name:
                    at_ms = int(entry.partition(b"-")[0])
                    found.append(Event(at_ms, text(said.get(b"event", b"")), text(said.get(b"note", b""))))
            end = f"({text(page[-1][0])}"
    return tuple(reversed(found))


def standings(client: redis.Redis, keys: Keys, job_ids: Sequence[str]) -> dict[str, Standing]:
    """Of each job that the queue knows; in pages."""
    found: dict[str, Standing] = {}
    with guarded(client, "a look at jobs"):
        for at in range(0, len(job_ids), PAGE):
            page = job_ids[at : at + PAGE]
            with client.pipeline(transaction=False) as pipe:
                for job_id in page:
                    pipe.hmget(keys.job(job_id), "state", "due_ms")
                for job_id, (state, due) in zip(page, pipe.execute(), strict=True):
                    if state is not None:
                        found[job_id] = Standing(JobState(text(state)), int(due) if due else None)
    return found


def waits_unseen(client: redis.Redis, keys: Keys, job_id: str) -> bool:
    with guarded(client, "a look at the list"):
        for end in range(0, SEARCHED, PAGE):
            page: list[bytes] = call(client, "LRANGE", keys.ready, -end - PAGE, -end - 1)
            if any(job_id.encode() in raw and identity(raw) == job_id for raw in page):
                return True
            if len(page) < PAGE:
                break
    return False


def now_ms(client: redis.Redis) -> int:
    with guarded(client, "the time"):
        return _milliseconds(client.time())


def _milliseconds(clock: Any) -> int:
    """Of the reply to TIME, which a pipeline hands on as (seconds, microseconds)."""
    seconds, micros = clock
    return int(seconds) * 1000 + int(micros) // 1000


def age_of(raw: bytes | None, now_ms: int) -> float | None:
    """Seconds since the upload of this element; None where there is none, or it does not tell."""
    stamp = created_at(raw) if raw is not None and len(raw) <= MAX_JOB_BYTES else None
    return None if stamp is None else max(0.0, now_ms / 1000 - stamp.timestamp())


def counters_of(fields: Fields) -> dict[str, int]:
    return {text(name): count(value) for name, value in fields.items() if name not in NOT_COUNTERS}


def pause_of(fields: Fields, now_ms: int) -> Pause | None:
    if not fields:
        return None
    until = number(fields, b"until") or None
    if until is not None and until <= now_ms:
        return None
    return Pause(word(fields, b"by"), word(fields, b"reason"), number(fields, b"since"), until)


def holds_of(holds: Fields, limits: Fields, now_ms: int) -> tuple[Hold, ...]:
    """The breakers that are not closed and that somebody has tried lately, by their names."""
    found = (_hold(name, value, limits, now_ms) for name, value in sorted(holds.items()))
    return tuple(hold for hold in found if hold.until_ms > now_ms - OUTAGE_FORGET_MS)


def _hold(name: bytes, value: bytes, limits: Fields, now_ms: int) -> Hold:
    until, since, reason = value.split(b"|", 2)
    return Hold(
        text(name),
        since_ms=int(since),
        until_ms=int(until),
        reason=text(reason),
        half_open=int(until) <= now_ms,
        failures=number(limits, name + b":failures") or 1,
        throttled=limits.get(name + b":kind") == b"throttled",
        probe=word(limits, name + b":probe").partition("|")[0],
    )


def rates_of(limits: Fields, now_ms: int) -> tuple[Rate, ...]:
    """As they were noted last: a claim raises them when it comes by."""
    found = []
    for name in sorted(key.removesuffix(b":rate") for key in limits if key.endswith(b":rate")):
        rate, ceiling, cut, bit = (float(limits.get(name + b":" + field, 0)) for field in RATE_FIELDS)
        if now_ms - max(cut, bit) <= RATE_FORGET_MS:
            found.append(Rate(text(name), round(rate, 3), round(ceiling, 3), int(cut)))
    return tuple(found)


def _record(job_id: str, fields: Fields) -> JobRecord:
    return JobRecord(
        job_id=job_id,
        state=JobState(word(fields, b"state")),
        raw=fields.get(b"raw"),
        attempt=number(fields, b"attempt"),
        crashes=number(fields, b"crashes"),
        setbacks=number(fields, b"setbacks"),
        token=word(fields, b"token"),
        slot=word(fields, b"slot"),
        first_seen_ms=number(fields, b"first_seen_ms"),
        claimed_ms=number(fields, b"claimed_ms") or None,
        due_ms=number(fields, b"due_ms") or None,
        error_class=word(fields, b"error_class"),
        code=word(fields, b"error_code"),
        error=word(fields, b"error"),
        cancel=b"cancel" in fields,
    )
