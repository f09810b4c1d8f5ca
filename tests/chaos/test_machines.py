"""Three machines share one queue, each with a network and clocks of its own.

Their monotonic clocks are an hour apart. Their wall clocks jump by an hour while jobs run, and nobody loses a lease or
takes one; their cables are pulled while jobs run, and the others take over.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from tests.chaos.machines import missing
from tests.chaos.plan import Amounts, Kind
from tests.chaos.run import LEASE_S, Outcome, Setup, play
from tests.chaos.test_chaos import verdict
from tests.chaos.uploads import make
from tests.conftest import need

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(300)]

NOTHING = Amounts(
    kills=0, redis_restarts=0, postgres_restarts=0, freezes=0, drains=0, cuts=0, losses=0, partitions=0, absences=0
)  # fmt: skip


@pytest.fixture
def seed() -> int:
    lacks = missing()
    need(not lacks, f"what machines are made of ({lacks})")
    return int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


def test_wall_clocks_that_jump_cost_no_lease_and_no_time_is_written_that_was_not(seed: int) -> None:
    begun = datetime.now(UTC)
    moments: list[tuple[str, datetime, datetime]] = []
    setup = Setup(
        seed, make(seed, 300), replace(NOTHING, jumps=10), per_machine=1, settings={"LOMI_WORKER__LEASE_S": "20"},
        lose_share=0.0, apart=True, look=lambda url: moments.extend(written(url)),
    )  # fmt: skip

    outcome = play(setup)

    verdict(seed, outcome)
    counts = outcome.findings.counts
    assert outcome.faults[Kind.JUMP.value] == 10
    assert counts["lines logged by a clock that was wrong"] > 0
    assert (counts["queue: reaped"], counts["queue: adopted"], outcome.logged["lease_lost"]) == (0, 0, 0)
    assert counts["done at attempt 1"] == counts["jobs done"] > 0
    assert {name.split(".")[0] for name, _, _ in moments} == {"jobs", "decisions", "media"}
    wrong = [
        (name, str(first), str(last))
        for name, first, last in moments
        if first < begun - timedelta(minutes=1) or last > datetime.now(UTC) + timedelta(minutes=1)
    ]
    assert wrong == []


def written(url: str) -> list[tuple[str, datetime, datetime]]:
    """The first and the last moment in each column that a worker fills."""
    columns = (("lomi.jobs", "opened_at"), ("lomi.jobs", "settled_at"), ("lomi.decisions", "at"),
               ("media", "moderated_at"))  # fmt: skip
    found = []
    with psycopg.connect(url) as connection:
        for table, column in columns:
            row = connection.execute(f"SELECT min({column}), max({column}) FROM {table}").fetchone()
            assert row is not None
            found.append((f"{table.removeprefix('lomi.')}.{column}", row[0], row[1]))
    return found


def test_cables_that_are_pulled_and_clocks_that_jump_in_a_storm_lose_and_double_nothing(seed: int) -> None:
    storm = Amounts(
        kills=4, redis_restarts=1, postgres_restarts=1, freezes=1, drains=2, cuts=2, losses=2, partitions=0, absences=1,
        unplugs=3, jumps=4,
    )  # fmt: skip

    outcome: Outcome = play(Setup(seed, make(seed, 400), storm, per_machine=1, apart=True))

    verdict(seed, outcome)
    assert outcome.faults[Kind.UNPLUG.value] == 3
    assert outcome.findings.counts["queue: reaped"] > 0, f"nobody was away for longer than the lease of {LEASE_S:g} s"
