"""Every job that the queue knows, as facts that a filter can ask about. Reading only, in small pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import redis
from pydantic_core import from_json

from lomi_ops.domain.job_filter import JobFacts, JobFilter
from lomi_ops.domain.job_state import JobState
from lomi_ops.queue import scan
from lomi_ops.queue.board import now_ms
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import text
from lomi_ops.queue.wire import identity, parse_time

T = TypeVar("T")

CHUNK = 200
FIELDS = (
    "state", "raw", "priority", "attempt", "crashes", "setbacks", "error_class", "error_code", "error", "hint", "slot",
    "first_seen_ms", "claimed_ms", "due_ms", "dead_ms", "op",
)  # fmt: skip
LANES = {"0": "bulk", "2": "high"}
WHERE = (JobState.RUNNING, JobState.READY, JobState.DELAYED, JobState.DEAD, JobState.CANCELLED, JobState.DONE)
"""The order of a list: what needs an eye now comes first."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Element:
    job_id: bytes
    raw: bytes | None = None
    lane: str = "normal"


def find(client: redis.Redis, keys: Keys, wanted: JobFilter, *, ordered: bool) -> Iterator[JobFacts]:
    """Jobs that match, each once.

    `ordered` is for a look: running ones first, then what is next, what is due, and the latest dead letters. Without it
    nothing is missed that is there all the time, and no page is expensive: that is for acting on all of them, and where
    the filter asks for states alone, only ids and states are known. Raises RedisUnavailable.
    """
    with guarded(client, "a look at the jobs"):
        now = now_ms(client)
        bare = wanted.by_state_alone and not ordered
        holders = {} if bare else _holders(client, keys)
        told: set[str] = set()
        for state in WHERE:
            if state not in wanted.states:
                continue
            for chunk in _chunks(_fresh(_place(client, keys, state, ordered=ordered), told), CHUNK):
                for facts in _read(client, keys, state, chunk, holders, bare=bare):
                    told.add(facts.job_id)
                    if wanted.matches(facts, now):
                        yield facts


def named(client: redis.Redis, keys: Keys, job_ids: Sequence[str]) -> Iterator[JobFacts]:
    """The jobs of these ids that have a record, each once, in whatever state. Raises RedisUnavailable."""
    with guarded(client, "a look at jobs"):
        holders = _holders(client, keys)
        for chunk in _chunks(dict.fromkeys(job_ids), CHUNK):
            with client.pipeline(transaction=False) as pipe:
                for job_id in chunk:
                    pipe.hmget(keys.job(job_id), *FIELDS)
                found = pipe.execute()
            for job_id, values in zip(chunk, found, strict=True):
                record = dict(zip(FIELDS, values, strict=True))
                if record["state"]:
                    element = _Element(job_id.encode())
                    yield facts(element.job_id, JobState(text(record["state"])), record, holders, element)


def look_up(client: redis.Redis, keys: Keys, job_id: str) -> JobFacts | None:
    """One job; one without a record is looked for in the lists. Raises RedisUnavailable."""
    for job in named(client, keys, [job_id]):
        return job
    with guarded(client, "a look at the list"):
        for each in _place(client, keys, JobState.READY, ordered=False):
            if each.job_id == job_id.encode():
                empty = dict.fromkeys(FIELDS)
                return facts(each.job_id, JobState.READY, empty, {}, each)
    return None


def _place(client: redis.Redis, keys: Keys, state: JobState, *, ordered: bool) -> Iterator[_Element]:
    match state:
        case JobState.READY:
            for name, lane in ((keys.high, "high"), (keys.ready, "normal"), (keys.bulk, "bulk")):
                pages = scan.next_elements if ordered else scan.elements
                yield from (_Element(identity(raw).encode(), raw, lane) for raw in pages(client, name))
        case JobState.RUNNING:
            for command, name in (("HSCAN", keys.slots), ("ZSCAN", keys.lease)):
                yield from (_Element(member) for page in scan.members(client, command, name) for member in page)
        case _:
            name = {JobState.DELAYED: keys.delayed, JobState.DEAD: keys.dead}.get(state, keys.done)
            if ordered:
                found = scan.ranked(client, name, latest_first=state is not JobState.DELAYED)
            else:
                found = scan.members(client, "ZSCAN", name)
            yield from (_Element(member) for page in found for member in page)


def _fresh(elements: Iterable[_Element], told: set[str]) -> Iterator[_Element]:
    """Each once. One that stands in another state than its place says has not been told: done and cancelled jobs lie in
    one place, and jobs move."""
    met: set[bytes] = set()
    for each in elements:
        if each.job_id not in met and text(each.job_id) not in told:
            met.add(each.job_id)
            yield each


def _read(
    client: redis.Redis, keys: Keys, state: JobState, chunk: Sequence[_Element], holders: Mapping[str, tuple[str, ...]],
    *, bare: bool,
) -> Iterator[JobFacts]:  # fmt: skip
    """Facts of those that are in this state, by their records; one that waits may have none yet."""
    if bare and state is JobState.DEAD:
        yield from (JobFacts(text(each.job_id), state) for each in chunk)
        return
    fields = FIELDS[:1] if bare else FIELDS
    with client.pipeline(transaction=False) as pipe:
        for each in chunk:
            pipe.hmget(keys.job(text(each.job_id)), *fields)
        found = pipe.execute()
    for each, values in zip(chunk, found, strict=True):
        record = dict(zip(fields, values, strict=True))
        if text(record["state"] or b"ready") == state.value:
            yield JobFacts(text(each.job_id), state) if bare else facts(each.job_id, state, record, holders, each)


def facts(
    job_id: bytes, state: JobState, record: Record, holders: Mapping[str, tuple[str, ...]], element: _Element
) -> JobFacts:
    """What the record and the element's JSON say, as far as either can be read."""
    raw = element.raw if element.raw is not None else record["raw"]
    job = _json(raw)
    photos = job.get("photos")
    uploaded = parse_time(job.get("created_at"))
    return JobFacts(
        job_id=text(job_id),
        state=state,
        lane=element.lane if element.raw is not None else LANES.get(_text(record, "priority"), "normal"),
        user=_said(job.get("user_id")),
        batch=_said(job.get("batch_id")),
        photos=tuple(_said(each.get("media_id")) for each in photos if isinstance(each, dict))
        if isinstance(photos, list)
        else (),
        tries=_number(record, "attempt") or 0,
        crashes=_number(record, "crashes") or 0,
        setbacks=_number(record, "setbacks") or 0,
        error_class=_text(record, "error_class"),
        code=_text(record, "error_code"),
        error=_text(record, "error"),
        hint=_text(record, "hint"),
        worker=_worker(_text(record, "slot"), holders),
        uploaded_ms=int(uploaded.timestamp() * 1000) if uploaded else _number(record, "first_seen_ms"),
        claimed_ms=_number(record, "claimed_ms"),
        due_ms=_number(record, "due_ms") if state is JobState.DELAYED else None,
        died_ms=_number(record, "dead_ms") if state is JobState.DEAD else None,
        operation=_text(record, "op"),
        raw=raw,
    )


def _holders(client: redis.Redis, keys: Keys) -> dict[str, tuple[str, ...]]:
    """Names of the registered workers by boot id."""
    boots = [text(boot) for boot in call(client, "ZREVRANGE", keys.workers, 0, 999)]
    with client.pipeline(transaction=False) as pipe:
        for boot in boots:
            pipe.hmget(keys.worker(boot), "host", "pid")
        found = pipe.execute()
    return {
        boot: (text(host), f"{text(host)}/{text(pid or b'')}")
        for boot, (host, pid) in zip(boots, found, strict=True)
        if host
    }


def _worker(slot: str, holders: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if not slot:
        return ()
    boot = slot.partition("/")[0]
    host = holders.get(boot, ())
    return (*reversed(host), boot, slot)


def _json(raw: bytes | None) -> Mapping[str, Any]:
    try:
        found = from_json(raw) if raw else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _said(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _text(record: Record, name: str) -> str:
    return text(record[name] or b"")


def _number(record: Record, name: str) -> int | None:
    value = record[name]
    return int(value) if value else None


def _chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
