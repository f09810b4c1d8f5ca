"""What somebody asks who looks whether all is well: whose the keys are, and who listens."""

from __future__ import annotations

from typing import Any

import redis

from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import RESULTS_CHANNEL, Keys
from lomi_ops.queue.scripts import text


def foreign_keys(client: redis.Redis, keys: Keys) -> dict[str, str]:
    """The queue's keys that somebody uses for something else, with the type that they have; one round trip.

    Raises RedisUnavailable.
    """
    wanted = keys.types()
    with guarded(client, "the types of the queue's keys"), client.pipeline(transaction=False) as pipe:
        for name in wanted:
            pipe.type(name)
        found = [text(kind) for kind in pipe.execute()]
    return {
        name: kind for (name, right), kind in zip(wanted.items(), found, strict=True) if kind not in ("none", right)
    }


def listeners(client: redis.Redis) -> int:
    """Subscribers on `moderation_results`, the caller's own included. Raises RedisUnavailable."""
    with guarded(client, "PUBSUB NUMSUB"):
        reply: Any = call(client, "PUBSUB", "NUMSUB", RESULTS_CHANNEL)
    return int(reply[1])
