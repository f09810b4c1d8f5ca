"""Runs the Lua files: `common.lua`, what else a transition needs, then the transition."""

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
GATES = ("rate", "gates")
AT_THE_GATES = frozenset({"claim", "hold", "served", "unhold"})
"""Transitions that read or move what stands before all claims."""
SHARED = ("common", *GATES)
"""Parts of scripts that are none themselves."""


@cache
def source(name: str) -> str:
    """The text of a script as the server gets it."""
    folder = files("lomi_ops.queue").joinpath("lua")
    parts = ("common", *(GATES if name in AT_THE_GATES else ()), name)
    return "\n".join(folder.joinpath(f"{part}.lua").read_text("utf-8") for part in parts)


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


def ms(seconds: float) -> int:
    """Whole milliseconds, rounded up: a wait is never shortened to nothing."""
    return -int(-seconds * 1000 // 1)


def count(value: bytes | int) -> int:
    return int(value)


def text(value: bytes) -> str:
    """For what people read: bytes that are not UTF-8 are replaced."""
    return value.decode("utf-8", "replace")
