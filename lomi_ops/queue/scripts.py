"""Runs the Lua files: `common.lua`, then one transition."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import redis

from lomi_ops.queue import odd_answers
from lomi_ops.queue.client import call, guarded
from lomi_ops.queue.keys import Keys

Reply = list[Any]
"""What a script answers: a word, then byte strings, integers and lists of these."""
Argument = str | bytes | int
_LINE = re.compile(r"@user_script: ?(\d+)")
_COMMAND = re.compile(r"redis\.p?call\('(\w+)'")


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
                return self._run(name, [number, *operands])
            except redis.ResponseError as error:
                raise _named(error, name) from error

    def _run(self, name: str, operands: Sequence[Argument]) -> Reply:
        try:
            reply: Reply = call(self._client, "EVALSHA", digest(name), *operands)
        except redis.exceptions.NoScriptError:
            reply = call(self._client, "EVAL", source(name), *operands)
        return reply


def _named(error: redis.ResponseError, name: str) -> redis.ResponseError:
    """An ACL that forbids something to a script names neither command nor key, only the line: so we read it there."""
    line = _LINE.search(str(error))
    if line is None or odd_answers.word(error) != "NOPERM":
        return error
    text = source(name).splitlines()[int(line[1]) - 1]
    commands = " or ".join(sorted(set(_COMMAND.findall(text)))) or text.strip()
    return redis.exceptions.NoPermissionError(f"the ACL of this user forbids {commands} (script {name}): {error}")


def ms(seconds: float) -> int:
    """Whole milliseconds, rounded up: a wait is never shortened to nothing."""
    return -int(-seconds * 1000 // 1)


def count(value: bytes | int) -> int:
    return int(value)


def text(value: bytes) -> str:
    """For what people read: bytes that are not UTF-8 are replaced."""
    return value.decode("utf-8", "replace")
