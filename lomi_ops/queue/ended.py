"""Jobs that ended without the ledger, until a worker has written them into Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import redis

from lomi_ops.domain.history import EndedJob
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.fields import Fields, number, word
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import text


def read(client: redis.Redis, keys: Keys, limit: int) -> tuple[EndedJob, ...]:
    """The oldest first; a second round trip where there are any."""
    with guarded(client, "jobs that ended"):
        entries: list[tuple[bytes, list[bytes]]] = call(client, "XRANGE", keys.ended, "-", "+", "COUNT", limit)
        told = [(text(entry), dict(zip(flat[::2], flat[1::2], strict=True))) for entry, flat in map(_flat, entries)]
        boots = sorted({word(fields, b"slot").partition("/")[0] for _, fields in told} - {""})
        with client.pipeline(transaction=False) as pipe:
            for boot in boots:
                pipe.hget(keys.worker(boot), "host")
            hosts = dict(zip(boots, pipe.execute() if boots else (), strict=True))
    return tuple(_ended(entry, fields, hosts) for entry, fields in told)


def forget(client: redis.Redis, keys: Keys, entries: Sequence[str]) -> None:
    """These are written down."""
    with guarded(client, "jobs that ended"):
        call(client, "XDEL", keys.ended, *entries)


def _flat(entry: Any) -> tuple[bytes, list[bytes]]:
    """redis-py makes a dict of the fields of an entry."""
    name, fields = entry
    return name, [part for pair in fields.items() for part in pair] if isinstance(fields, dict) else fields


def _ended(entry: str, fields: Fields, hosts: Mapping[str, bytes | None]) -> EndedJob:
    slot = word(fields, b"slot")
    return EndedJob(
        entry=entry,
        job_id=word(fields, b"job_id"),
        what=word(fields, b"what"),
        at_ms=number(fields, b"at"),
        note=word(fields, b"note"),
        slot=slot,
        host=text(hosts.get(slot.partition("/")[0]) or b""),
        attempt=number(fields, b"attempt"),
        first_seen_ms=number(fields, b"first_seen") or None,
        claimed_ms=number(fields, b"claimed") or None,
        error_class=word(fields, b"class"),
        error=word(fields, b"error"),
        user=word(fields, b"user"),
        batch=word(fields, b"batch"),
        photos=number(fields, b"photos"),
    )
