from __future__ import annotations

import threading
from collections.abc import Mapping

import pytest

from lomi_ops.config.sections.working import WorkerSection
from lomi_ops.errors import LeaseLost, LomiError, RedisUnavailable
from lomi_ops.queue.replies import Beat, Beats, Claimed, WorkerMode
from worker.leases import Leases, Ticker


class Queue:
    """Answers beats as told; what it was asked is kept."""

    def __init__(self) -> None:
        self.words: dict[str, Beat] = {}
        self.asked: list[dict[str, str]] = []

    def beat(self, boot: str, leases: Mapping[str, str], lease_s: float) -> Beats:
        self.asked.append(dict(leases))
        return Beats({job: self.words.get(job, Beat.OK) for job in leases}, WorkerMode.RUNNING)


def claimed(job_id: str = "j") -> Claimed:
    return Claimed(job_id, f"token-{job_id}", b"{}", "boot/0", 1, 0, 0, 0)


@pytest.fixture
def queue() -> Queue:
    return Queue()


@pytest.fixture
def leases(queue: Queue) -> Leases:
    section = WorkerSection(lease_s=15, beat_s=5, job_limit_s=100)
    return Leases(queue, "boot", section)  # type: ignore[arg-type]


def test_a_beat_renews_what_is_held(leases: Leases, queue: Queue) -> None:
    lease = leases.hold(claimed(), 0.0, lambda: None)

    leases.beat(10.0)

    lease.check(22.9)
    with pytest.raises(LeaseLost):
        lease.check(23.1)
    assert queue.asked == [{"j": "token-j"}]


def test_a_lease_without_a_beat_fences_itself_before_the_server_would(leases: Leases) -> None:
    lease = leases.hold(claimed(), 0.0, lambda: None)

    lease.check(12.9)
    with pytest.raises(LeaseLost):
        lease.check(13.1)


@pytest.mark.parametrize("word", [Beat.LOST, Beat.CANCEL])
def test_what_the_server_takes_back_is_told_to_its_owner(leases: Leases, queue: Queue, word: Beat) -> None:
    told: list[str] = []
    lease = leases.hold(claimed(), 0.0, lambda: told.append("stop"))
    queue.words["j"] = word

    leases.beat(1.0)

    assert told == ["stop"]
    with pytest.raises(LeaseLost):
        lease.check(1.0)


def test_a_hung_job_gets_no_more_beats(leases: Leases, queue: Queue) -> None:
    told: list[str] = []
    leases.hold(claimed("slow"), 0.0, lambda: told.append("stop"))
    leases.hold(claimed("new"), 90.0, lambda: told.append("never"))

    leases.beat(101.0)

    assert told == ["stop"]
    assert queue.asked == [{"new": "token-new"}]


def test_a_dropped_lease_is_not_renewed(leases: Leases, queue: Queue) -> None:
    leases.drop(leases.hold(claimed(), 0.0, lambda: None))

    leases.beat(1.0)

    assert queue.asked == [{}]


def test_the_beat_survives_weather_and_bugs() -> None:
    turns: list[str] = []

    def step() -> None:
        turns.append("x")
        raise RedisUnavailable("down") if len(turns) < 3 else ValueError("bug")

    ticker = Ticker("beat", 1.0, step, threading.Event())
    for _ in range(4):
        ticker.turn()

    assert len(turns) == 4


def test_a_beat_that_crosses_the_end_of_a_job_kills_nothing(
    leases: Leases, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server calls a finished job lost; by then the judging process is busy with the next one."""
    told: list[str] = []
    lease = leases.hold(claimed(), 0.0, lambda: told.append("kill"))
    queue.words["j"] = Beat.LOST

    leases.disarm(lease)
    leases.beat(1.0)
    assert told == []

    lease = leases.hold(claimed(), 0.0, lambda: told.append("kill"))
    in_flight = queue.beat

    def dropped_meanwhile(boot: str, leases_: Mapping[str, str], lease_s: float) -> Beats:
        leases.drop(lease)
        return in_flight(boot, leases_, lease_s)

    monkeypatch.setattr(queue, "beat", dropped_meanwhile)
    leases.beat(1.0)
    assert told == []


def test_a_hung_job_is_marked_as_overdue(leases: Leases) -> None:
    slow = leases.hold(claimed("slow"), 0.0, lambda: None)
    new = leases.hold(claimed("new"), 90.0, lambda: None)

    leases.beat(101.0)

    assert (slow.overdue, new.overdue) == (True, False)
    with pytest.raises(LeaseLost):
        slow.check(101.0)


def test_a_trouble_is_logged_once_until_it_changes(caplog: pytest.LogCaptureFixture) -> None:
    troubles = iter(["refused", "refused", "no rights", ""] * 2)

    def step() -> None:
        if text := next(troubles):
            raise LomiError(text, hint="lomi check") if text == "no rights" else RedisUnavailable(text)

    ticker = Ticker("upkeep", 1.0, step, threading.Event())
    for _ in range(8):
        ticker.turn()

    said = ["upkeep: refused", "upkeep: no rights"]
    assert caplog.messages == said * 2
    assert all(record.exc_info is None for record in caplog.records)
