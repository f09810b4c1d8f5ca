"""Operations, their undoing and the life of the jobs that they meet, against the model: walks at random.

Hypothesis alone seldom lets three deeds meet on one job. Here they do: each walk is drawn from its seed, with the
weights of a busy incident. A failure shows the seed and the steps.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from lomi_ops.domain.job import Priority
from lomi_ops.queue.operations import Verb
from lomi_ops.queue.replies import Claimed
from tests.chance import times
from tests.integration.queue.conftest import LOST_CONNECTION, OUTAGE, POISON
from tests.integration.queue.test_model import NEW, protocol

SLOTS = ("a/0", "a/1", "b/0")
WEIGHTS = {
    "push": 2, "submit": 1, "submit_bulk": 1, "submit_for_later": 0.5, "push_a_copy": 0.5, "submit_again": 0.2,
    "claim": 7, "beat": 0.5, "finish": 0.5, "fail": 5, "release": 4,
    "a_worker_dies": 3, "reap": 2, "retries_come_due": 3, "the_lease_index_is_lost": 0.3,
    "cancel": 0.7, "requeue": 1, "purge_and_push_again": 0.5, "plan": 5, "act": 8, "undo": 4,
}  # fmt: skip
"""Rules of the model by how often they are drawn."""
ALONE = frozenset({"push_a_copy", "a_worker_dies", "requeue", "purge_and_push_again"})
"""Rules about a job that no version of a queue has to be chosen for."""


class Walk:
    """One model, and what its rules have made so far."""

    def __init__(self, url: str, seed: int) -> None:
        self._draw = random.Random(seed)
        self.model: Any = protocol(url, NEW)()
        self._jobs: list[str] = []
        self._hands: list[Claimed] = []
        self._ops: list[str] = []
        self.steps: list[str] = []

    def step(self) -> None:
        rule = self._draw.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        found = self._arguments(rule)
        if found is None:
            return
        self.steps.append(f"{rule}({', '.join(map(_short, found))})")
        made = getattr(self.model, rule)(*found)
        if isinstance(made, Claimed):
            self._hands.append(made)
        elif made is not None and rule == "plan":
            self._ops.append(made)
        elif isinstance(made, str):
            self._jobs.append(made)
        self.model.every_job_is_in_exactly_one_place_and_its_record_says_so()

    def _arguments(self, rule: str) -> tuple[Any, ...] | None:
        """None where there is nothing yet that the rule could be about."""
        draw = self._draw
        match rule:
            case "push" | "submit_bulk" | "the_lease_index_is_lost":
                return ()
            case "reap" | "retries_come_due":
                return (NEW,)
            case "submit":
                return NEW, draw.choice((Priority.NORMAL, Priority.HIGH))
            case "submit_for_later":
                return (draw.choice(list(Priority)),)
            case "claim":
                return draw.choice(SLOTS), NEW
            case "act" | "undo":
                return (draw.choice(self._ops[-3:]), draw.choice((1, 4, 20))) if self._ops else None
            case "fail":
                failure = draw.choice((LOST_CONNECTION, OUTAGE, POISON))
                return (self._hand(), failure, NEW) if self._hands else None
            case "beat" | "finish" | "release":
                return (self._hand(), NEW) if self._hands else None
        return self._about_a_job(rule) if self._jobs else None

    def _about_a_job(self, rule: str) -> tuple[Any, ...]:
        draw = self._draw
        if rule == "plan":
            some = draw.sample(self._jobs, min(len(self._jobs), draw.randint(1, 4))) if draw.random() < 0.4 else None
            return draw.choice((Verb.RETRY, Verb.RETRY, *Verb)), some, draw.random() < 0.4
        job = draw.choice(self._jobs)
        return (job,) if rule in ALONE else (job, NEW)

    def _hand(self) -> Claimed:
        """Mostly one that still holds its job."""
        ours = [held for held in self._hands if self.model.ours(held)]
        return self._draw.choice(ours if ours and self._draw.random() < 0.8 else self._hands[-4:])


def _short(value: Any) -> str:
    if isinstance(value, Claimed):
        return f"{value.job_id[:4]} of {value.slot}"
    return str(getattr(value, "code", value))[:40]


@pytest.mark.no_cover
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whatever_operators_do_and_undo_no_job_is_lost_doubled_or_brought_back_to_life(redis_url: str) -> None:
    for seed in range(times(120, 400)):
        walk = Walk(redis_url, seed)
        try:
            for _ in range((20, 40, 80, 160)[seed % 4]):
                walk.step()
            walk.model.teardown()
        except AssertionError as wrong:
            raise AssertionError("\n".join([f"seed {seed}", *walk.steps, str(wrong)])) from wrong
