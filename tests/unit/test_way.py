"""When a photo is through, which targets were missed, and where a batch stopped."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

import pytest

from lomi_ops.domain.job_state import JobState
from lomi_ops.domain.stopped import Sight, stopped
from lomi_ops.domain.way import BatchWay, Leg, PhotoWay, Sees, Where, measured, missed

EVERYWHERE = Sees(database=True, channel=True, app=True)
CLUSTER = Sees(database=True, channel=True, app=False)
APP_ALONE = Sees(database=False, channel=False, app=True)
BATCH = uuid.uuid4()


def photo(status: str | None = "approved", reason: str | None = None, **legs: float) -> PhotoWay:
    return PhotoWay("portrait", status=status, reason=reason, legs={Leg(name): value for name, value in legs.items()})


def batch(*photos: PhotoWay, **legs: float) -> BatchWay:
    return BatchWay(photos, BATCH, "job", {Leg(name): value for name, value in legs.items()})


THROUGH = photo(settled=0.4, published=0.5, shown=1.0, judged=0.3)


def without(way: PhotoWay, leg: Leg) -> PhotoWay:
    return replace(way, legs={name: value for name, value in way.legs.items() if name is not leg})


def test_a_photo_is_through_once_it_is_known_wherever_we_can_look() -> None:
    assert THROUGH.done(EVERYWHERE)
    for leg in (Leg.SETTLED, Leg.PUBLISHED, Leg.SHOWN):
        assert not without(THROUGH, leg).done(EVERYWHERE)
    assert without(THROUGH, Leg.SHOWN).done(CLUSTER)
    assert photo(shown=1.0).done(APP_ALONE)
    assert not photo("pending", settled=0.4, published=0.5, shown=1.0).done(EVERYWHERE)


def test_a_photo_in_review_is_through_without_a_message() -> None:
    waits = photo("pending", "needs_review", settled=0.4)
    assert waits.done(CLUSTER)
    assert (waits.decision, waits.said) == ("review", "review")


def test_an_unexpected_decision_is_told_and_an_open_one_is_not() -> None:
    rejected = replace(photo("rejected", "blurry"), expected="approved")
    assert (rejected.said, rejected.as_expected) == ("rejected: blurry", False)
    assert replace(photo(), expected="approved").as_expected is True
    assert replace(photo("pending"), expected="approved").as_expected is None


def test_a_batch_takes_as_long_as_its_slowest_photo_from_the_claim_on() -> None:
    slow = photo(settled=0.4, published=3.9)
    assert batch(THROUGH, slow, started=1.0).whole_s == pytest.approx(2.9)
    assert batch(THROUGH, photo(None)).whole_s is None
    assert batch(THROUGH, started=9.0).whole_s == 0.0, "clocks of two machines"


def test_each_missed_target_is_counted_with_its_worst_time() -> None:
    late = batch(photo(judged=2.4, settled=4.0, published=4.2), photo(judged=0.1, settled=0.2, published=0.3),
                 accepted=0.25, started=0.9)  # fmt: skip
    fine = batch(THROUGH, accepted=0.01, started=0.02)

    assert list(missed((fine,))) == []
    found = {each.leg: each for each in missed((late, fine))}
    assert list(found) == [Leg.ACCEPTED, Leg.JUDGED, Leg.BATCH]
    assert (found[Leg.JUDGED].times, found[Leg.JUDGED].of, found[Leg.JUDGED].worst_s) == (1, 3, 2.4)
    assert found[Leg.JUDGED].text == "judging took long for 1 of 3 photos: at worst 2.40 s, the target is 1.8 s"
    assert found[Leg.ACCEPTED].text.startswith("the answer to the user came late for 1 of 2 batches")
    assert measured((late, fine), Leg.STARTED) == [0.9, 0.02]


def test_the_stage_is_the_last_thing_that_is_known() -> None:
    waiting, up, there = photo(None), photo(None, upload=0.1), photo(None, upload=0.1)
    assert BatchWay((waiting,)).stage(waiting) == "waiting"
    assert BatchWay((up,)).stage(up) == "uploaded"
    assert batch(there).stage(there) == "queued"
    assert batch(there, started=0.1).stage(there) == "at a worker"
    assert batch(THROUGH).stage(THROUGH) == "shown"


OPEN = batch(photo(None))
STOPS: list[tuple[BatchWay, Sees, Sight, Where, str, str]] = [
    (BatchWay((photo(None),)), CLUSTER, Sight(), Where.UPLOAD, "was not sent", ""),
    (OPEN, CLUSTER, Sight(in_list=True, local=True), Where.QUEUE, "no worker is registered", "lomi up --workers 1"),
    (OPEN, CLUSTER, Sight(in_list=True), Where.QUEUE, "never left the queue: no worker", "lomi worker"),
    (OPEN, CLUSTER, Sight(in_list=True, workers=2, ahead=7), Where.QUEUE, "7 jobs are before it", "lomi queue stats"),
    (OPEN, CLUSTER, Sight(in_list=True, workers=1), Where.QUEUE, "1 worker is registered, and none", "lomi workers"),
    (OPEN, CLUSTER, Sight(in_list=True, workers=2, pause="ada: release"), Where.QUEUE, "paused (ada: release)",
     "lomi queue resume"),
    (OPEN, CLUSTER, Sight(in_list=True, workers=2, holds=("objects is on hold (gone)",)), Where.QUEUE,
     "nobody claims while objects is on hold (gone)", "lomi queue stats"),
    (OPEN, CLUSTER, Sight(), Where.WORKER, "old workers leave no other trace", "worker's log"),
    (OPEN, CLUSTER, Sight(state=JobState.RUNNING, attempt=2), Where.WORKER, "claimed it (attempt 2)", "lomi workers"),
    (OPEN, CLUSTER, Sight(state=JobState.DELAYED, attempt=1, error="boom"), Where.WORKER, "tried again later: boom",
     "lomi check"),
    (OPEN, CLUSTER, Sight(state=JobState.READY, attempt=1, in_list=True, error="it died"), Where.QUEUE,
     "attempt 1 came to nothing: it died, and it waits", "worker"),
    (OPEN, CLUSTER, Sight(state=JobState.DEAD, attempt=3, error="boom"), Where.WORKER, "given up after attempt 3: boom",
     "lomi check"),
    (OPEN, CLUSTER, Sight(state=JobState.CANCELLED), Where.QUEUE, "somebody cancelled", "lomi queue ops"),
    (OPEN, CLUSTER, Sight(state=JobState.DONE), Where.DATABASE, "left alone", "photo_skipped"),
    (batch(photo(settled=0.4)), CLUSTER, Sight(state=JobState.RUNNING), Where.CHANNEL, "not finished", "lomi workers"),
    (batch(photo(settled=0.4)), CLUSTER, Sight(state=JobState.DONE), Where.CHANNEL, "nothing came on", "lomi queue"),
    (batch(without(THROUGH, Leg.SHOWN)), EVERYWHERE, Sight(listeners=0), Where.APP, "nobody but this test listens",
     "lomi check"),
    (batch(without(THROUGH, Leg.SHOWN)), EVERYWHERE, Sight(listeners=1), Where.APP, "does not show", "backend's log"),
    (batch(without(THROUGH, Leg.SETTLED)), EVERYWHERE, Sight(), Where.DATABASE, "Postgres does not", "lomi migrate"),
    (OPEN, APP_ALONE, Sight(), Where.QUEUE, "nobody sees where it is", "lomi help services"),
]  # fmt: skip


@pytest.mark.parametrize(("way", "sees", "sight", "where", "said", "hint"), STOPS)
def test_a_batch_that_did_not_come_through_says_where_and_what_next(
    way: BatchWay, sees: Sees, sight: Sight, where: Where, said: str, hint: str
) -> None:
    stop = stopped(way, sees, sight)
    assert stop is not None
    assert stop.where is where
    assert said in stop.text
    assert hint in stop.hint


@pytest.mark.parametrize("sees", [EVERYWHERE, CLUSTER])
def test_a_batch_that_is_through_has_stopped_nowhere(sees: Sees) -> None:
    legs: Mapping[str, float] = {"accepted": 0.1}
    assert stopped(batch(THROUGH, **legs), sees, Sight()) is None
