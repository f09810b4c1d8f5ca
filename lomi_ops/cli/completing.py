"""`lomi _complete KIND WORDS…`: words that only the cluster or the settings know, for a shell that waits for a key.

Answered before Typer is loaded, from a small file. A stale file is told as it is and looked up anew by a process of
its own; where there is none, the shell waits WAIT_S for that process and no longer. What cannot be found out is an
empty answer, which is remembered for a while, too: nobody wants to wait at each key for a server that is down. Nothing
is ever raised or written to stderr.
"""

from __future__ import annotations

import os
import sys
import time

WAIT_S = 0.3
LIMIT_S = 5
"""A look that takes longer is given up."""
FRESH_S = {"jobs": 5, "filters": 5, "workers": 10, "members": 10, "operations": 5, "submissions": 5, "photos": 5}
STEADY_S = 60
"""For words out of settings and out of the program."""
FORGET_S = 86_400
OPTIONS = ("--env", "--config", "--env-file", "--data")
_VARIABLES = (
    "LOMI_ENV", "LOMI_CONFIG", "LOMI_ENV_FILE", "LOMI_DATA", "LOMI_REDIS_URL", "LOMI_DATABASE_URL", "REDIS_HOST",
    "REDIS_PORT", "REDIS_DB", "DB_HOST", "DB_PORT", "DB_NAME", "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
)  # fmt: skip
"""What decides which cluster, and which settings, are meant."""


def complete(arguments: list[str]) -> None:
    """Prints one word a line, with a tab and a few words about it where there are any."""
    try:
        kind, words = arguments[0], arguments[1:]
        chosen = common(words)
        path = cache_file(kind, chosen)
        if path is not None:
            _tell(kind, path, chosen)
    except Exception:  # noqa: BLE001 - a completion that fails is no completion, and never a text on the line
        return


def common(words: list[str]) -> dict[str, str]:
    """The options of a half-typed line that say where things are."""
    found: dict[str, str] = {}
    for index, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name in OPTIONS:
            given = value if equals else words[index + 1] if index + 1 < len(words) else ""
            if given:
                found[name] = given
    return found


def cache_file(kind: str, chosen: dict[str, str]) -> str | None:
    """Where the words of this kind are kept, for these options and this environment; None without a home folder."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not base.startswith("/"):
        home = os.environ.get("HOME", "")
        if not home.startswith("/"):
            return None
        base = home + "/.cache"
    from _blake2 import blake2b  # of hashlib, whose other parts take as long to load as all the rest

    here = os.getcwd()  # noqa: PTH109 - pathlib takes longer to load than all of this to run
    # Behind the @ of a URL: a password is in no name of a file, not even as a part of a sum.
    values = [f"{name}={os.environ.get(name, '').rpartition('@')[2]}" for name in _VARIABLES]
    parts = [*values, *sorted(map("=".join, chosen.items()))]
    if os.path.exists("lomi.yaml") or chosen or os.environ.get("LOMI_CONFIG") or os.environ.get("LOMI_ENV_FILE"):  # noqa: PTH110
        parts.append(here)
    digest = blake2b("\0".join(parts).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()
    return f"{base}/lomi/complete-{digest}-{kind}" if kind.isalpha() else None


def _tell(kind: str, path: str, chosen: dict[str, str]) -> None:
    age = _age(path)
    if age is None or age > FRESH_S.get(kind, STEADY_S):
        _look(kind, path, chosen, wait=age is None)
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123
            sys.stdout.write(file.read())
    except OSError:
        return


def _age(path: str) -> float | None:
    try:
        return time.time() - os.stat(path).st_mtime  # noqa: PTH116
    except OSError:
        return None


def _look(kind: str, path: str, chosen: dict[str, str], *, wait: bool) -> None:
    """Starts the look in a child of its own; waits for its end, or WAIT_S, where there is nothing to tell yet."""
    import select

    ours, theirs = os.pipe()
    if os.fork() == 0:
        os.close(ours)
        _be_alone()
        _child(kind, path, chosen)
    os.close(theirs)
    if wait:
        select.select([ours], [], [], WAIT_S)
    os.close(ours)


def _be_alone() -> None:
    """The shell reads our stdout to its end: a child must not hold it open, nor be hit by the terminal's Ctrl-C."""
    import signal

    os.setsid()
    signal.alarm(LIMIT_S)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)


def _child(kind: str, path: str, chosen: dict[str, str]) -> None:
    try:
        from lomi_ops.cli import completion_values

        completion_values.refresh(kind, path, chosen)
    finally:
        os._exit(0)
