"""Listening to `moderation_results`, as the backend's subscriber does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import redis

from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import guarded, where
from lomi_ops.queue.keys import RESULTS_CHANNEL

SUBSCRIBE_S = 5.0


class Results:
    """What has been published since the subscription, photo by photo."""

    def __init__(self, client: redis.Redis, pubsub: Any) -> None:
        self._client = client
        self._pubsub = pubsub

    def next(self, timeout_s: float) -> tuple[UUID, ...]:
        """The photos of the next message; none where `timeout_s` passes without one."""
        with guarded(self._client, "the results"):
            message = self._pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_s)
        return photos_in(message["data"]) if message else ()


@contextmanager
def listening(client: redis.Redis) -> Iterator[Results]:
    """Subscribed when it is entered: nothing that is published later is missed. Raises RedisUnavailable."""
    with client.pubsub() as pubsub:  # type: ignore[no-untyped-call]
        with guarded(client, "a subscription"):
            pubsub.subscribe(RESULTS_CHANNEL)
            confirmed = pubsub.get_message(timeout=SUBSCRIBE_S)
        if confirmed is None:
            raise RedisUnavailable(f"Redis at {where(client)} did not confirm a subscription", hint="lomi check")
        yield Results(client, pubsub)


def photos_in(payload: bytes) -> tuple[UUID, ...]:
    """The photos that a message is about. Anybody may publish there, so what is not in the contract's shape is about
    no photo of ours."""
    try:
        return tuple(UUID(result["media_id"]) for result in json.loads(payload)["results"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return ()
