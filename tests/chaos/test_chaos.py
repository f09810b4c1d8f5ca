"""Whatever dies, every photo ends exactly once in a state that a person can see.

The command that plays a failed run again is in its output. `CHAOS_SEED` chooses a seed.
"""

from __future__ import annotations

import os
import random

import pytest

from lomi_ops.ops.demo.samples import build_samples
from tests.chaos.__main__ import show
from tests.chaos.fleet import REAL
from tests.chaos.plan import Amounts, Kind, schedule
from tests.chaos.run import Outcome, Setup, play
from tests.chaos.uploads import make, make_real
from tests.conftest import need

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.xdist_group("chaos"), pytest.mark.timeout(400)]


@pytest.fixture
def seed() -> int:
    return int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1_000_000))


def verdict(seed: int, outcome: Outcome) -> None:
    again = os.environ["PYTEST_CURRENT_TEST"].split(" ")[0]
    print(f"CHAOS_SEED={seed} python -m pytest -m chaos {again}")
    show(outcome)
    assert outcome.passed, f"seed {seed}: {outcome.findings.sentences()}"


def test_two_thousand_jobs_survive_twenty_kills_and_eight_restarts(seed: int) -> None:
    uploads = make(seed, 2000)

    outcome = play(Setup(seed, uploads, Amounts(kills=20, redis_restarts=5, postgres_restarts=3)))

    verdict(seed, outcome)
    done = outcome.faults
    assert done[Kind.KILL.value] == outcome.exits["SIGKILL"] == 20
    assert done[Kind.REDIS_KILL.value] + done[Kind.REDIS_TERM.value] == 5
    assert sum(done[kind.value] for kind in Kind if kind.name.startswith("POSTGRES_")) == 3
    assert done["replies lost in all"] > 0
    assert outcome.findings.counts["queue: reaped"] > 0


def test_real_workers_with_real_models_lose_and_double_nothing_and_leave_no_process_behind(seed: int) -> None:
    from lomi_ops.config import model_files
    from lomi_ops.errors import ModelError

    try:
        model_files.require("nudenet-320n", None)
    except ModelError:
        need(False, "the model nudenet-320n (lomi models add nudenet-320n --accept-licence)")
    samples = {sample.name: sample.data for sample in build_samples()}
    uploads = make_real(seed, 120, {"good": samples["portrait"], "blurred": samples["blurred"]})
    amounts = Amounts(
        kills=3, redis_restarts=1, postgres_restarts=1, freezes=1, drains=1, cuts=2, losses=2, partitions=0,
        absences=1, judge_kills=3,
    )  # fmt: skip

    outcome = play(Setup(seed, uploads, amounts, machines=2, per_machine=1, command=REAL))

    verdict(seed, outcome)
    assert outcome.exits["SIGKILL"] == 3
    assert outcome.faults[Kind.KILL_JUDGE.value] == 3


def test_rolling_restarts_under_load_cost_no_attempt(seed: int) -> None:
    uploads = make(seed, 600)
    calm = Amounts(
        kills=0, redis_restarts=0, postgres_restarts=0, freezes=0, drains=30, cuts=0, losses=0, partitions=0, absences=0
    )  # fmt: skip

    outcome = play(Setup(seed, uploads, calm, settings={"LOMI_WORKER__LEASE_S": "20"}, lose_share=0.0))

    verdict(seed, outcome)
    counts = outcome.findings.counts
    told = outcome.faults[Kind.DRAIN.value] - outcome.faults[f"{Kind.DRAIN.value}: nobody there"]
    assert told >= 15, "too few were ready to be told"
    assert set(outcome.exits) == {"exit 0"}
    assert counts["queue: reaped"] == 0
    assert counts["done at attempt 1"] == counts["jobs done"] > 0


def test_the_schedule_follows_from_the_seed_and_has_every_fault_that_was_asked_for() -> None:
    amounts = Amounts(kills=20, redis_restarts=5, postgres_restarts=3)
    plan = schedule(1, amounts, lease_s=4)

    assert plan == schedule(1, amounts, lease_s=4)
    assert plan != schedule(2, amounts, lease_s=4)
    assert [fault.at for fault in plan] == sorted(fault.at for fault in plan)
    kinds = [fault.kind for fault in plan]
    assert kinds.count(Kind.KILL) == 20
    assert kinds.count(Kind.REDIS_KILL) == 3
    assert {Kind.POSTGRES_KILL, Kind.POSTGRES_FAST, Kind.POSTGRES_IMMEDIATE} <= set(kinds)
    assert {fault.size > 4 for fault in plan if fault.kind is Kind.FREEZE} == {True}
