"""Runs the Lua files: `common.lua`, then one transition."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import redis

from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys

Reply = list[Any]
"""What a script answers: a word, then byte strings, integers and lists of these."""
Argument = str | bytes | int


@cache
def source(name: str) -> str:
    """The text of a script as the server gets it."""
    folder = files("lomi_ops.queue").joinpath("lua")
    return "\n".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in ("common", name))


@cache
def digest(name: str) -> str:
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """The transitions on one server, over one set of keys."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._shared = keys.shared()
        self._job_prefix = keys.job_prefix

    def run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        """One transition. `keys` come behind the shared ones, `args` behind the prefix of the job hashes.

        A server that restarted has forgotten its scripts: then the text is sent. Raises RedisUnavailable.
        """
        operands: list[Argument] = [*self._shared, *keys, self._job_prefix, *args]
        number = len(self._shared) + len(keys)
        with guarded(self._client, name):
            try:
                reply: Reply = call(self._client, "EVALSHA", digest(name), number, *operands)
            except redis.exceptions.NoScriptError:
                reply = call(self._client, "EVAL", source(name), number, *operands)
        return reply

    def run_many(self, name: str, calls: Sequence[Sequence[Argument]]) -> list[Reply]:
        """The same transition for each of these arguments, in one round trip; 100 at most. Each is atomic, the whole is
        not: after RedisUnavailable any of them may have happened."""
        with guarded(self._client, name), self._client.pipeline(transaction=False) as pipe:
            for args in calls:
                pipe.execute_command("EVALSHA", digest(name), len(self._shared), *self._shared, self._job_prefix, *args)  # type: ignore[no-untyped-call]
            replies = pipe.execute(raise_on_error=False)
        return [self._certain(name, args, reply) for args, reply in zip(calls, replies, strict=True)]

    def _certain(self, name: str, args: Sequence[Argument], reply: Reply | Exception) -> Reply:
        """A script that the server had forgotten did not run: then it does now."""
        if isinstance(reply, redis.exceptions.NoScriptError):
            return self.run(name, [], args)
        if isinstance(reply, Exception):
            with guarded(self._client, name):
                raise reply
        return reply


def ms(seconds: float) -> int:
    """Whole milliseconds, rounded up: a wait is never shortened to nothing."""
    return -int(-seconds * 1000 // 1)


def count(value: bytes | int) -> int:
    return int(value)


def text(value: bytes) -> str:
    """For what people read: bytes that are not UTF-8 are replaced."""
    return value.decode("utf-8", "replace")
