from __future__ import annotations

from collections import deque
from typing import Any

import pytest

from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.errors import RedisUnavailable
from lomi_ops.queue.replies import Beat, Claimed, Done, Fenced
from worker import ends
from worker.ends import Ends, pause_s
from worker.leases import Lease
from worker.signals import Signals

CLAIMED = Claimed("j", "t", b"{}", "boot/0", 1, 0, 0, 0)
OUTAGE = Failure(ErrorClass.OUTAGE, "postgres", "gone", hint="lomi check")


class Queue:
    """Answers in turn; exceptions are raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = deque(answers)
        self.calls: list[tuple[Any, ...]] = []

    def _next(self, *call: Any) -> Any:
        self.calls.append(call)
        answer = self.answers.popleft() if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    def finish(self, job_id: str, token: str, payload: bytes) -> Any:
        return self._next("finish", job_id, token, payload)

    def fail(self, held: Claimed, failure: Failure) -> Any:
        return self._next("fail", held.job_id, failure.code)

    def hold(self, upstream: str, for_s: float | None, reason: str, **how: Any) -> Any:
        self.how = how
        return self._next("hold", upstream, for_s)

    def served(self, upstreams: list[str], claimed_ms: int) -> Any:
        return self._next("served", upstreams, claimed_ms)

    def release(self, job_id: str, token: str) -> Any:
        return self._next("release", job_id, token)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ends, "FIRST_PAUSE_S", 0.0)


def lease() -> Lease:
    return Lease(CLAIMED, 0.0, 0.0, 15.0, 900.0)


def made(*answers: Any) -> tuple[Ends, Queue]:
    queue = Queue(*answers)
    return Ends(queue, Signals()), queue  # type: ignore[arg-type]


def away(times: int) -> list[RedisUnavailable]:
    return [RedisUnavailable("restarting") for _ in range(times)]


def test_a_finish_outlasts_a_redis_that_is_away() -> None:
    end, queue = made(*away(20), Done(1))

    end.finish(CLAIMED, lease(), "{}")

    assert queue.calls == [("finish", "j", "t", b"{}")] * 21


def test_a_failure_outlasts_a_redis_that_is_away() -> None:
    end, queue = made(*away(20), None)

    end.fail(CLAIMED, lease(), OUTAGE)

    assert queue.calls == [("fail", "j", "postgres")] * 21 + [("hold", "postgres", None)]


def test_nothing_is_insisted_on_once_the_worker_must_go_or_the_job_is_gone() -> None:
    end, queue = made(*away(5))
    end.signals.give_back.set()
    with pytest.raises(RedisUnavailable):
        end.finish(CLAIMED, lease(), None)
    assert len(queue.calls) == 1

    end, queue = made(*away(5))
    lost = lease()
    lost.verdict = Beat.LOST
    end.fail(CLAIMED, lost, OUTAGE)
    assert len(queue.calls) == 1


def test_giving_back_is_tried_once() -> None:
    end, queue = made(*away(5))

    end.release(CLAIMED)

    assert queue.calls == [("release", "j", "t")]


def test_a_fenced_finish_is_told_and_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    end, queue = made(Fenced())

    end.finish(CLAIMED, lease(), None)

    assert len(queue.calls) == 1
    assert [record.__dict__["action"] for record in caplog.records] == ["job_fenced"]


def test_weather_of_this_process_alone_holds_nobody_else() -> None:
    end, queue = made()

    assert end.fail(CLAIMED, lease(), OUTAGE, everywhere=False) == 2.0
    assert [call[0] for call in queue.calls] == ["fail"]


def test_the_log_says_what_happened_and_the_next_command(caplog: pytest.LogCaptureFixture) -> None:
    end, _ = made()

    end.fail(CLAIMED, lease(), OUTAGE)

    said = caplog.records[0].__dict__
    assert (said["action"], said["code"], said["hint"], said["job_id"]) == ("job_failed", "postgres", "lomi check", "j")


def test_the_breaker_is_told_when_the_job_was_claimed_and_when_people_take_over() -> None:
    end, queue = made()

    end.report(CLAIMED, Failure(ErrorClass.THROTTLED, "compreface", "slow down", 7.0))
    assert queue.calls == [("hold", "compreface", 7.0)]
    assert queue.how == {"throttled": True, "claimed_ms": CLAIMED.claimed_ms, "patience_s": 3600.0}

    end.report(CLAIMED, OUTAGE)
    assert queue.how == {"throttled": False, "claimed_ms": CLAIMED.claimed_ms, "patience_s": None}


def test_breakers_are_reported_once_and_a_redis_that_is_away_is_no_trouble(caplog: pytest.LogCaptureFixture) -> None:
    end, queue = made(*away(2))

    end.report(CLAIMED, OUTAGE)
    end.served(CLAIMED, ["postgres"])
    end.served(CLAIMED, [])

    assert [call[0] for call in queue.calls] == ["hold", "served"]
    assert [record.__dict__["action"] for record in caplog.records] == ["hold_failed", "served_failed"]


@pytest.mark.parametrize(("setbacks", "seconds"), [(0, 2.0), (1, 4.0), (4, 30.0), (99, 30.0)])
def test_a_slot_alone_in_bad_weather_pauses_for_longer_each_time(setbacks: int, seconds: float) -> None:
    assert pause_s(OUTAGE, setbacks) == seconds


@pytest.mark.parametrize(("wish", "seconds"), [(None, 2.0), (1.0, 2.0), (17.0, 17.0), (3600.0, 60.0)])
def test_a_wish_to_slow_down_is_heard_within_reason(wish: float | None, seconds: float) -> None:
    assert pause_s(Failure(ErrorClass.THROTTLED, "compreface", "slow", wish), 0) == seconds
