"""What a rendered deployment is made of: targets, names that may stand in them, and timers. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum


class Target(StrEnum):
    """What runs the cluster."""

    COMPOSE = "compose"
    SWARM = "swarm"
    KUBERNETES = "kubernetes"
    SYSTEMD = "systemd"
    CRON = "cron"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of name: what is allowed, in a pattern and in words."""

    what: str
    pattern: str
    words: str

    def fault(self, value: str) -> str:
        """Empty, or what is wrong with it."""
        if re.fullmatch(self.pattern, value, re.ASCII):
            return ""
        return f"{value!r} is no {self.what}: {self.words}"


_COMPONENT = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_HOST = r"[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d{1,5})?"
IMAGE = Kind(
    "image", rf"(?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*", "lower case, like registry:5000/team/lomi-worker"
)
TAG = Kind("tag", r"\w[\w.-]{0,127}", "letters, digits, and _ . - inside")
PROJECT = Kind("project", r"[a-z0-9](?:[a-z0-9-]{0,40}[a-z0-9])?", "at most 42 of a-z, 0-9 and - inside")
"""Of Compose, Swarm and a Kubernetes namespace at once; with a service's name behind it, it fits into 63 characters."""
USER = Kind("user", r"[a-z_][a-z0-9_-]{0,31}", "a-z, 0-9, _ and -")
MAIL = Kind("address", r"[\w.+-]+(?:@[\w.-]+)?", "a local user, or name@host")
PATH = Kind("path", r"/[\w./@+-]+", "whole, from / on, without spaces")
FILE = Kind("file", r"[\w./@+-]+", "a path without spaces")
ROUTE = Kind(
    "route for a container", r"[a-z0-9]+(?:_[a-z0-9]+)*", "a-z, 0-9 and single _, since a variable is named after it"
)
ZONE = Kind("time zone", r"[A-Za-z][\w+-]*(?:/[\w+-]+)*", "like UTC or Africa/Addis_Ababa")


@dataclass(frozen=True, slots=True)
class Secret:
    """A password, in a file of its own. Only its name is ever rendered."""

    name: str
    """Of the file, and of the secret in a Swarm or in Kubernetes."""
    variable: str
    """The setting; with `_FILE` behind it, it names the file."""


SECRETS = (
    Secret("redis_password", "REDIS_PASSWORD"),
    Secret("db_password", "DB_PASSWORD"),
    Secret("s3_access_key", "S3_ACCESS_KEY"),
    Secret("s3_secret_key", "S3_SECRET_KEY"),
)
"""What every worker needs."""
FACES_KEY = Secret("compreface_api_key", "LOMI_COMPREFACE__API_KEY")
SENTINEL = Secret("sentinel_password", "LOMI_REDIS__SENTINEL_PASSWORD")


@dataclass(frozen=True, slots=True)
class Timer:
    """A command that runs by the clock."""

    name: str
    words: tuple[str, ...]
    """The command line behind `lomi`."""
    cron: str
    """When, in cron's five fields."""
    calendar: str
    """The same for systemd's OnCalendar."""
    about: str
    limit_s: int
    spread_s: int = 30
    """So much later at random, where machines share a clock."""
    docker: bool = False
    """It looks at containers where it can."""
    speaks: bool = False
    """What it says is to be read although nothing failed."""
    catch_up: bool = False
    writes: tuple[str, ...] = ()
    """Folders of the machine that it must be able to write to."""

    @property
    def unit(self) -> str:
        return f"lomi-{self.name}.timer"


RECONCILE = Timer(
    "reconcile", ("reconcile",), "*/10 * * * *", "*:00/10",
    "Photos that wait while no job leads to them are queued again; after a lost Redis, that is all of them.",
    limit_s=600, catch_up=True,
)  # fmt: skip
CHECK = Timer(
    "check", ("check", "-o", "short"), "*/15 * * * *", "*:00/15",
    "Everything that the cluster rests on, from outside. It fails, and so tells somebody, where a check does.",
    limit_s=60, docker=True,
)  # fmt: skip
REPORT = Timer(
    "report", ("report", "--window", "yesterday"), "0 7 * * *", "*-*-* 07:00:00",
    "The numbers of yesterday, in the morning.",
    limit_s=120, spread_s=120, speaks=True, catch_up=True,
)  # fmt: skip
BACKUP = Timer(
    "backup", ("backup", "create"), "30 3 * * *", "*-*-* 03:30:00",
    "Postgres, queue and settings, to where `backup.to` says.",
    limit_s=7200, spread_s=600, catch_up=True,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RedisPlace:
    """Where the workers find Redis."""

    host: str = "redis"
    port: int = 6379
    db: int = 0
    username: str = ""
    tls: bool = False
    sentinels: tuple[str, ...] = ()
    sentinel_service: str = "mymaster"


@dataclass(frozen=True, slots=True)
class Values:
    """All that a template may name. No secret is among them."""

    version: str
    project: str
    image: str
    """Of the workers, with its tag."""
    ops_image: str
    """With the whole command `lomi`, for timers in Kubernetes."""
    worker_context: str
    """Folder of a checkout of lomi to build the workers' image from; empty: it is pulled."""
    workers: int
    max_workers: int
    grace_s: int
    env_file: str
    user: str
    mail_to: str
    command: str
    """Path of `lomi` on the machine."""
    time_zone: str
    queue: str
    redis: RedisPlace
    variables: tuple[tuple[str, str], ...]
    """Settings of a worker that Compose takes from the env file, with what holds where it has none."""
    settings: tuple[tuple[str, str], ...]
    """The same with the values of today, for Kubernetes."""
    secrets: tuple[Secret, ...] = SECRETS
    timers: tuple[Timer, ...] = field(default=(RECONCILE, CHECK, REPORT))
    told: tuple[Secret, ...] = ()
    """Where alerts go: for `lomi alerts` alone."""

    @property
    def stop_s(self) -> int:
        """How long somebody who stops a worker waits for it: it needs a little more than its own grace."""
        return max(60, self.grace_s + 10)


@dataclass(frozen=True, slots=True)
class Rendered:
    """One file, to be put somewhere."""

    name: str
    text: str
