"""The time of a machine whose clock is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.db.clock import ASK_AGAIN_S, ServerClock
from lomi_ops.errors import DatabaseUnavailable

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


@dataclass
class World:
    """A server's clock, a machine's own, and what has really passed."""

    passed: float = 0.0
    off: timedelta = timedelta()
    asked: list[float] = field(default_factory=list)
    away: bool = False

    def server(self) -> datetime:
        if self.away:
            raise DatabaseUnavailable("restarting")
        self.asked.append(self.passed)
        return NOON + timedelta(seconds=self.passed)

    def clock(self) -> ServerClock:
        return ServerClock(
            self.server, elapsed=lambda: self.passed, local=lambda: NOON + timedelta(seconds=self.passed) + self.off
        )


def test_a_clock_that_jumps_changes_nothing_between_two_questions() -> None:
    world = World()
    clock = world.clock()
    for passed, off in ((0, 0), (10, 3600), (20, -3600), (ASK_AGAIN_S, 86_400)):
        world.passed, world.off = passed, timedelta(seconds=off)
        assert clock.now() == NOON + timedelta(seconds=passed)
    assert world.asked == [0]
    world.passed = ASK_AGAIN_S + 1
    assert clock.now() == NOON + timedelta(seconds=world.passed)
    assert world.asked == [0, ASK_AGAIN_S + 1]


def test_a_wrong_clock_is_said_once_and_again_when_it_is_wrong_by_another_amount(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    clock = world.clock()
    for off in (0, 2, 3600, 3601, -3600, 0, 3600):
        world.off = timedelta(seconds=off)
        clock.now()
        world.passed += ASK_AGAIN_S + 1
    assert [record.getMessage().split(" s off")[0] for record in caplog.records] == [
        f"this machine's clock is {seconds}" for seconds in (3600, -3600, 3600)
    ]


def test_without_an_answer_there_is_no_time_but_an_answer_lasts_a_minute() -> None:
    world = World()
    clock = world.clock()
    clock.now()
    world.away = True
    world.passed = 30
    assert clock.now() == NOON + timedelta(seconds=30)
    world.passed = ASK_AGAIN_S + 1
    with pytest.raises(DatabaseUnavailable):
        clock.now()
