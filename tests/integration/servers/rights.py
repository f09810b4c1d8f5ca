"""The rights that docs/operations.md gives to Redis users, and those that the code needs: read off the code itself."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

WORKER, READER = "lomi-worker", "lomi-reader"
PASSWORD = "PASSWORD"
"""As in the documents."""
ALWAYS = frozenset({"ping", "select", "info"})
"""What a client sends by itself: health checks, a database other than 0, the question who is there."""
_ROOT = Path(__file__).parents[3]
_IN_SCRIPT = re.compile(r"redis\.p?call\('(\w+)'")
_METHOD = re.compile(r"\b(?:pipe|client|_client|redis)\.([a-z_]+)\(")
_CALL = re.compile(r"(?:\bcall\([\w.]+, |packed_command\(|packed\(\[|execute_command\()\"([A-Z]+)\"")
_COMMAND = re.compile(r"\(\"([A-Z]*SCAN)\", keys|\"([A-Z]+)\" if \w+ else \"([A-Z]+)\"")
"""Names of commands that are handed on to where they are called."""


def documented(user: str) -> list[str]:
    """The words of the line that makes this user."""
    text = (_ROOT / "docs/operations.md").read_text()
    line = next(line for line in text.splitlines() if line.strip().startswith(f"ACL SETUSER {user} "))
    return line.split()


def commands_of(line: Iterable[str]) -> frozenset[str]:
    return frozenset(word[1:] for word in line if word.startswith("+"))


def command_flags(client: Any) -> dict[str, frozenset[str]]:
    """What the server can do, and how it calls that."""
    replies = client.execute_command("COMMAND")
    return {name: frozenset(map(_text, found["flags"])) for name, found in replies.items()}


def needed_to_work(flags: dict[str, frozenset[str]]) -> frozenset[str]:
    """Everything that scripts and code send."""
    scripts = (_ROOT / "lomi_ops/queue/lua").glob("*.lua")
    inside = {word.lower() for path in scripts for word in _IN_SCRIPT.findall(path.read_text())}
    return frozenset(inside | _sent(flags) | ALWAYS)


def needed_to_read(flags: dict[str, frozenset[str]]) -> frozenset[str]:
    """What of that changes nothing, and is sent outside of scripts."""
    return frozenset(name for name in _sent(flags) | ALWAYS if "write" not in flags[name] and "eval" not in name)


def _sent(flags: dict[str, frozenset[str]]) -> set[str]:
    places = [*(_ROOT / "lomi_ops/queue").glob("*.py"), *(_ROOT / "lomi_ops/ops/reconcile").glob("*.py")]
    text = "\n".join(path.read_text() for path in places)
    handed_on = [word for found in _COMMAND.findall(text) for word in found if word]
    words = {word.lower() for word in (*_METHOD.findall(text), *_CALL.findall(text), *handed_on)}
    # redis-py has an own command for a range that runs backwards.
    words |= {"zrevrange"} if "desc=True" in text else set()
    return {word for word in words if word in flags}


def until(true: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _text(word: bytes | str) -> str:
    return word.decode() if isinstance(word, bytes) else word
