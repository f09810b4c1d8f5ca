"""Listening to `moderation_results`, as the backend's subscriber does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import redis

from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.client import guarded, where
from lomi_ops.queue.keys import RESULTS_CHANNEL

SUBSCRIBE_S = 5.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message."""

    job_id: str
    """Empty where it names none."""
    photos: tuple[UUID, ...]


class Results:
    """What has been published since the subscription, photo by photo."""

    def __init__(self, client: redis.Redis, pubsub: Any) -> None:
        self._client = client
        self._pubsub = pubsub

    def next(self, timeout_s: float) -> tuple[UUID, ...]:
        """The photos of the next message; none where `timeout_s` passes without one."""
        heard = self.hear(timeout_s)
        return heard.photos if heard else ()

    def hear(self, timeout_s: float) -> Heard | None:
        """The next message; None where `timeout_s` passes without one, or it is in another shape."""
        with guarded(self._client, "the results"):
            message = self._pubsub.get_message(ignore_subscribe_messages=True, timeout=timeout_s)
        return heard_in(message["data"]) if message else None


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
    heard = heard_in(payload)
    return heard.photos if heard else ()


def heard_in(payload: bytes) -> Heard | None:
    """A message in the contract's shape, or None."""
    try:
        said = json.loads(payload)
        return Heard(str(said.get("job_id") or ""), tuple(UUID(result["media_id"]) for result in said["results"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
