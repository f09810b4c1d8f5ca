"""The machine that this command runs on."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lomi_ops.config import model_files
from lomi_ops.domain.check import CheckSpec, Found, Metric, Scope, Status
from lomi_ops.errors import ModelError
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.postgres import PING as POSTGRES
from lomi_ops.ops.checks.redis import PING as REDIS
from lomi_ops.ops.checks.words import below, percent
from lomi_ops.queue.client import guarded

SCARCE, FULL = 0.9, 0.97
"""Shares of a disk in use from which it is warned about, and from which it fails."""
ROUND_TRIPS = 3
OFF_S, WRONG_S = 2.0, 60.0
"""Seconds that clocks may differ; S3 refuses a signature that is 15 minutes off."""


def disk(at: Handles) -> Found:
    """The fullest of the file systems that we write to."""
    places = {place for place in _places(at) if place.exists()}
    shares = {place: _used(place) for place in places}
    worst = max(shares, key=lambda place: shares[place])
    text = f"{percent(shares[worst])} of the disk of {worst} is in use"
    metric = Metric("disk_share", round(shares[worst], 4), SCARCE, FULL)
    return below(metric, text, f"make room: du -xsh {worst}/*")


def _places(at: Handles) -> list[Path]:
    places = [Path(tempfile.gettempdir())]
    places += [at.stack] if at.stack else []
    directory = at.settings.objects.directory
    return [*places, *([directory] if directory else [])]


def _used(place: Path) -> float:
    usage = shutil.disk_usage(place)
    return 1 - usage.free / usage.total


def clock_redis(at: Handles) -> Found:
    def ask() -> datetime:
        with guarded(at.redis, "TIME"):
            seconds, micros = at.redis.time()
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=micros)

    return _skew(ask, "Redis")


def clock_postgres(at: Handles) -> Found:
    def ask() -> datetime:
        found: datetime = at.database.value("server_clock")
        return found

    return _skew(ask, "Postgres")


def _sample(ask: Callable[[], datetime]) -> tuple[float, float]:
    """How long the round trip took, and how far ahead of the server we are, in seconds."""
    before = time.monotonic()
    there, here = ask(), datetime.now(UTC)
    took = time.monotonic() - before
    return took, (here - there).total_seconds() - took / 2


def _skew(ask: Callable[[], datetime], who: str) -> Found:
    """Of a few round trips the shortest tells most (RFC 5905, the clock filter); half of it is given to each way."""
    _, off = min(_sample(ask) for _ in range(ROUND_TRIPS))
    text = f"{abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} {who}"
    hint = "check the time service of this machine and of the server: timedatectl"
    return below(Metric("clock_skew_s", round(abs(off), 2), OFF_S, WRONG_S), text, hint)


def models(at: Handles) -> Found:
    """The models that a worker here would load lie here, unaltered."""
    from lomi_ops.ops.models.listing import sha256_of

    section = at.settings.models
    wanted = (*section.nsfw, section.local_faces)
    missing: list[tuple[str, str]] = []
    for name in dict.fromkeys(wanted):
        try:
            _, path, sha256 = model_files.require(name, section.dir)
            altered = sha256 is not None and sha256_of(path) != sha256
        except (ModelError, OSError) as error:
            missing.append((str(error), getattr(error, "hint", "lomi models list")))
            continue
        if altered:
            missing.append((f"{path} is not the file that was installed", f"lomi models add {name}"))
    if not missing:
        return Found(Status.PASS, ", ".join(dict.fromkeys(wanted)))
    return Found(Status.FAIL, "; ".join(message for message, _ in missing), missing[0][1])


CHECKS = (
    Check(CheckSpec("LOMI-HOST-001", "host.disk", "there is room on the disk", "df -h"), disk),
    Check(CheckSpec("LOMI-HOST-002", "host.clock_redis", "this clock agrees with Redis", "timedatectl", (REDIS,),
                    target="redis"), clock_redis),
    Check(CheckSpec("LOMI-HOST-003", "host.clock_postgres", "this clock agrees with Postgres", "timedatectl",
                    (POSTGRES,), target="postgres"), clock_postgres),
    Check(CheckSpec("LOMI-HOST-004", "host.models", "the configured models are installed here", "lomi models list",
                    scopes=frozenset({Scope.WORKER})), models),
)  # fmt: skip
