"""Machines with a network and clocks of their own: a namespace and a cable each, so that packets really stop.

Needs root, iproute2, util-linux and libfaketime.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from uuid import uuid4

from tests.chaos.fleet import Cable, Clock, children

LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
HOUR_S = 3600


@dataclass(frozen=True)
class Place:
    """Where a machine is."""

    address: str
    """At which the machine finds the outside world; to listen on."""
    cable: Cable
    clock: Clock
    prefix: tuple[str, ...]
    """Before every command of the machine."""


def missing() -> str:
    """What keeps this computer from having machines in it; empty for nothing."""
    if os.geteuid() != 0:
        return "root"
    absent = [program for program in ("ip", "unshare", "nsenter") if which(program) is None]
    if absent:
        return ", ".join(absent)
    if _library() is None:
        return "libfaketime"
    try:
        with _network(0):
            return ""
    except subprocess.CalledProcessError as refusal:
        return f"the right to make network namespaces ({refusal.stderr.decode().strip()})"


@contextmanager
def place(number: int, folder: Path) -> Iterator[Place]:
    """Machine `number`: its monotonic clock is so many hours ahead, its wall clock right until it is set."""
    with ExitStack() as stack:
        space, cable, address = stack.enter_context(_network(number))
        holder = stack.enter_context(_time_namespace(number * HOUR_S))
        clock = Clock(folder / f"clock-{number}", _library() or "")
        clock.set(0)
        prefix = ("nsenter", f"--net=/run/netns/{space}", f"--time=/proc/{holder}/ns/time", "--")
        yield Place(address, cable, clock, prefix)


def _library() -> str | None:
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/"))]
    return str(found[0]) if found else None


@contextmanager
def _network(number: int) -> Iterator[tuple[str, Cable, str]]:
    """A namespace, the cable to it, and the address of our end of the cable: from 198.18.0.0/15, which is for tests."""
    mark = uuid4().int
    space, link = f"lomi-{mark % 16**8:08x}", f"lomi{mark % 16**8:08x}"
    ours, theirs = (f"198.18.{mark % 251}.{4 * number + end}" for end in (1, 2))
    _ip("netns", "add", space)
    try:
        _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
        _ip("addr", "add", f"{ours}/30", "dev", link)
        _ip("link", "set", link, "up")
        _ip("-n", space, "addr", "add", f"{theirs}/30", "dev", "eth0")
        _ip("-n", space, "link", "set", "lo", "up")
        _ip("-n", space, "link", "set", "eth0", "up")
        yield space, Cable(link), ours
    finally:
        subprocess.run(["ip", "link", "del", link], capture_output=True, check=False)
        _ip("netns", "del", space)


@contextmanager
def _time_namespace(ahead_s: int) -> Iterator[int]:
    """The id of a process in it, which keeps it."""
    command = ["unshare", "--time", "--monotonic", str(ahead_s), "--boottime", str(ahead_s), "--fork", "--kill-child"]
    keeper = subprocess.Popen([*command, "sh", "-c", "echo here; exec sleep infinity"], stdout=subprocess.PIPE)
    try:
        assert keeper.stdout is not None
        assert keeper.stdout.readline() == b"here\n"
        yield children(keeper.pid)[0]
    finally:
        keeper.kill()
        keeper.wait()
        if keeper.stdout is not None:
            keeper.stdout.close()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
