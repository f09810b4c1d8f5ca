"""Runs the Lua files: `common.lua`, what else a transition uses, then the transition, which may be made of others."""

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
from lomi_ops.queue.line import Line

Reply = list[Any]
"""What a script answers: a word, then byte strings, integers and lists of these."""
Argument = str | bytes | int
SHARED = frozenset({"common", "rate", "gates", "operation"})
"""Parts of scripts that are none themselves."""

_RUNS = re.compile(r"^-- Runs\s+([\w, ]+)$", re.MULTILINE)
_USES = re.compile(r"^-- Uses\s+([\w, ]+)$", re.MULTILINE)
"""In the opening of a script: those that it is made of, and the parts that it needs before them."""
_LINE = re.compile(r"@user_script: ?(\d+)")
_COMMAND = re.compile(r"redis\.p?call\('(\w+)'")


@cache
def source(name: str) -> str:
    """The text of a script as the server gets it. One that `Runs` others finds each of them as a function of its ARGV,
    so that a transition is written down once."""
    own = _file(name)
    parts = _named_in(_RUNS, own)
    uses = dict.fromkeys(["common", *(used for text in (own, *map(_file, parts)) for used in _named_in(_USES, text))])
    wrapped = [f"local function {part}(ARGV)\n{_file(part)}\nend" for part in parts]
    return "\n".join([*map(_file, uses), *wrapped, own])


def _named_in(line: re.Pattern[str], text: str) -> list[str]:
    found = line.search(text)
    return [name.strip() for name in found[1].split(",")] if found else []


def _file(name: str) -> str:
    return files("lomi_ops.queue").joinpath("lua", f"{name}.lua").read_text("utf-8")


@cache
def digest(name: str) -> str:
    return hashlib.sha1(source(name).encode(), usedforsecurity=False).hexdigest()


class Scripts:
    """The transitions on one server, over one set of keys.

    Every call carries the shared keys, two dozen strings that never change: they are packed once.
    """

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._line = Line(client)
        self._shared = keys.shared()
        self._job_prefix = keys.job_prefix
        self._packed_shared = packed(self._shared)
        self._packed_prefix = packed([self._job_prefix])
        self._openings: dict[tuple[str, int], bytes] = {}

    def run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        """One transition. `keys` come behind the shared ones, `args` behind the prefix of the job hashes.

        A server that restarted has forgotten its scripts: then the text is sent. Raises RedisUnavailable.
        """
        with guarded(self._client, name):
            try:
                return self._run(name, keys, args)
            except redis.ResponseError as error:
                if odd_answers.elsewhere(error):
                    self._line.hang_up()
                raise _named(error, name) from error

    def _run(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> Reply:
        try:
            reply: Reply = self._line.ask(self._command(name, keys, args))
        except redis.exceptions.NoScriptError:
            operands = [*self._shared, *keys, self._job_prefix, *args]
            reply = call(self._client, "EVAL", source(name), len(self._shared) + len(keys), *operands)
        return reply

    def _command(self, name: str, keys: Sequence[str], args: Sequence[Argument]) -> bytes:
        """EVALSHA as the wire has it."""
        opening = self._openings.get((name, len(keys)))
        if opening is None:
            number = len(self._shared) + len(keys)
            opening = self._openings[name, len(keys)] = packed(["EVALSHA", digest(name), number]) + self._packed_shared
        words = 3 + len(self._shared) + len(keys) + 1 + len(args)
        return b"".join((b"*%d\r\n" % words, opening, packed(keys), self._packed_prefix, packed(args)))

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


def packed(values: Sequence[Argument]) -> bytes:
    """Each as a bulk string of the Redis protocol."""
    parts = [value if isinstance(value, bytes) else str(value).encode() for value in values]
    return b"".join([b"$%d\r\n%b\r\n" % (len(part), part) for part in parts])


def packed_command(*words: Argument) -> bytes:
    """A command as the wire has it."""
    return b"*%d\r\n" % len(words) + packed(words)


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
