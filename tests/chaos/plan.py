"""What goes wrong when: drawn from a seed, so that a failure can be played again. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is done to the system."""

    KILL = "worker SIGKILL"
    KILL_JUDGE = "judging process SIGKILL"
    FREEZE = "worker SIGSTOP beyond the lease, SIGCONT"
    DRAIN = "worker SIGTERM"
    REDIS_TERM = "Redis SIGTERM"
    REDIS_KILL = "Redis SIGKILL"
    POSTGRES_FAST = "Postgres SIGINT (fast)"
    POSTGRES_IMMEDIATE = "Postgres SIGQUIT (immediate)"
    POSTGRES_KILL = "Postgres SIGKILL"
    CUT_REDIS = "all connections of a machine to Redis cut"
    CUT_POSTGRES = "all connections of a machine to Postgres cut"
    LOSE_REDIS = "replies of Redis swallowed"
    LOSE_POSTGRES = "replies of Postgres swallowed"
    PART_REDIS = "machine without Redis beyond the lease"
    DEAF = "subscriber away"
    UNPLUG = "machine without any network beyond the lease"
    JUMP = "wall clock of a machine jumps by an hour"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong."""

    at: float
    """Share of the jobs that are through by then, 0..1."""
    kind: Kind
    victim: int
    """Which of the machines or workers, modulo how many there are."""
    size: float
    """Seconds for what lasts, pieces for what is counted."""


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of each."""

    kills: int = 20
    redis_restarts: int = 5
    postgres_restarts: int = 3
    freezes: int = 3
    drains: int = 4
    cuts: int = 6
    losses: int = 8
    partitions: int = 1
    absences: int = 2
    judge_kills: int = 0
    """Only real workers have judging processes."""
    unplugs: int = 0
    jumps: int = 0
    """These two only for machines with a cable and a clock of their own."""


def schedule(seed: int, amounts: Amounts, *, lease_s: float) -> tuple[Fault, ...]:
    """The faults in order, evenly mixed over the run: none in its first and last twentieth."""
    chance = random.Random(f"plan/{seed}")
    kinds = [
        *([Kind.KILL] * amounts.kills),
        *([Kind.KILL_JUDGE] * amounts.judge_kills),
        *([Kind.DRAIN] * amounts.drains),
        *([Kind.FREEZE] * amounts.freezes),
        *_turns((Kind.REDIS_KILL, Kind.REDIS_TERM), amounts.redis_restarts),
        *_turns((Kind.POSTGRES_KILL, Kind.POSTGRES_FAST, Kind.POSTGRES_IMMEDIATE), amounts.postgres_restarts),
        *_turns((Kind.CUT_REDIS, Kind.CUT_POSTGRES), amounts.cuts),
        *_turns((Kind.LOSE_REDIS, Kind.LOSE_POSTGRES), amounts.losses),
        *([Kind.PART_REDIS] * amounts.partitions),
        *([Kind.DEAF] * amounts.absences),
        *([Kind.UNPLUG] * amounts.unplugs),
        *([Kind.JUMP] * amounts.jumps),
    ]
    chance.shuffle(kinds)
    step = 0.9 / max(1, len(kinds))
    return tuple(
        Fault(0.05 + step * (number + chance.random()), kind, chance.randrange(1 << 16), _size(kind, chance, lease_s))
        for number, kind in enumerate(kinds)
    )


def _turns(kinds: Sequence[Kind], count: int) -> list[Kind]:
    return [kinds[number % len(kinds)] for number in range(count)]


def _size(kind: Kind, chance: random.Random, lease_s: float) -> float:
    match kind:
        case Kind.FREEZE | Kind.PART_REDIS | Kind.UNPLUG:
            return lease_s + 1 + chance.random()
        case Kind.LOSE_REDIS | Kind.LOSE_POSTGRES:
            return float(chance.randrange(8, 25))
        case Kind.JUMP:
            return float(chance.choice((-3600, 0, 3600)))
        case _:
            return 0.2 + chance.random()
