"""What autoscaling remembers from look to look, and its journal: beside the queue, so that cron jobs on any machine
share them and no schema is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, cast

import redis

from lomi_ops.queue.client import guarded
from lomi_ops.queue.fields import Fields
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import Scripts, ms, text

KEEP_S = 24 * 3600.0
"""What was seen a day ago says nothing about today."""


class Noted(StrEnum):
    NOTED = "NOTED"
    LOST = "LOST"
    """The lease is somebody else's, or ran out: change nothing."""
    LATE = "LATE"
    """The numbers are too old by now to begin a change on them."""


class AutoscaleNotes:
    """Every method raises RedisUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys | None = None) -> None:
        self._client = client
        self.keys = keys or Keys()
        self._scripts = Scripts(client, self.keys)

    def remembered(self) -> Mapping[str, Any]:
        """Empty where there is nothing, or nothing that this version can read."""
        with guarded(self._client, "what autoscaling remembers"):
            raw = cast("bytes | None", self._client.hget(self.keys.autoscale, "state"))
        return _parsed(raw)

    def note(
        self,
        token: str,
        name: str,
        state: Mapping[str, Any],
        entry: Mapping[str, Any] | None = None,
        *,
        seen_ms: int = 0,
        oldest_s: float = 0.0,
    ) -> Noted:
        """Remembers `state` under the lease of `token`; `name` is this note's own, so that a note that is sent again is
        written once. With `seen_ms` a change is about to begin: LATE where its numbers are older than `oldest_s`."""
        reply = self._scripts.run(
            "autoscale_note",
            [self.keys.autoscale_lease, self.keys.autoscale, self.keys.autoscale_log],
            [
                token, name, json.dumps(state), ms(KEEP_S), json.dumps(entry, ensure_ascii=False) if entry else "",
                seen_ms, ms(oldest_s),
            ],
        )  # fmt: skip
        return Noted(text(reply[0]))

    def entries(self, limit: int) -> tuple[Mapping[str, Any], ...]:
        """Of the journal, the latest first; about the last thousand are kept."""
        with guarded(self._client, "the journal of autoscaling"):
            found = cast("list[tuple[bytes, Fields]]", self._client.xrevrange(self.keys.autoscale_log, count=limit))
        return tuple(entry for _, fields in found if (entry := _parsed(fields.get(b"entry"))))


def _parsed(raw: bytes | None) -> Mapping[str, Any]:
    try:
        found = json.loads(raw or b"null")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
