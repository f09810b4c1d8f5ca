"""Looks at several sources, each of which may fall silent alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from lomi_ops.domain.measure import MEASURES, Kind, Source, Values
from lomi_ops.domain.pace import Pace
from lomi_ops.errors import RedisUnavailable
from lomi_ops.ops.measuring.look import STALE_S, Measuring

LONG_S = 30.0
"""Nobody waits for so long: it is there for a machine that stands still."""


@dataclass
class Fake:
    source: Source
    answer: Callable[[], Values]
    pace: Pace = field(default_factory=lambda: Pace(0.0))
    asked: int = 0

    def read(self) -> Values:
        self.asked += 1
        return self.answer()


def one(number: float = 1.0) -> Callable[[], Values]:
    return lambda: {("lomi_queue_paused", ()): number}


def refuse() -> Values:
    raise RedisUnavailable("Redis at 127.0.0.1:1 did not serve a look")


def test_one_source_that_fails_does_not_hide_the_others() -> None:
    undecided: Values = {("lomi_photos_undecided", (("waits", "person"),)): 3.0}
    now = Measuring([Fake(Source.REDIS, refuse), Fake(Source.POSTGRES, lambda: undecided)], expected=4).tick(LONG_S)

    assert now.silent == {Source.REDIS: "Redis at 127.0.0.1:1 did not serve a look"}
    assert now.get("lomi_photos_undecided", waits="person") == 3
    assert now.get("lomi_queue_paused") is None
    assert (now.get("lomi_up", service="redis"), now.get("lomi_up", service="postgres")) == (0, 1)
    assert now.get("lomi_workers_expected") == 4
    assert [labels for labels, _ in now.each("lomi_source_age_seconds")] == [{"source": "postgres"}]


def test_a_source_that_hangs_holds_up_nobody_and_is_not_asked_twice_meanwhile() -> None:
    release, began = threading.Event(), threading.Event()

    def hang() -> Values:
        began.set()
        assert release.wait(LONG_S)
        return one()()

    slow, quick = Fake(Source.OBJECTS, hang), Fake(Source.REDIS, one())
    both = Measuring([slow, quick])
    first = both.tick(0.0)
    assert began.wait(LONG_S)
    second = both.tick(0.0)
    release.set()
    third = both.tick(LONG_S)

    assert first.silent[Source.OBJECTS].startswith("no answer for ")
    assert second.get("lomi_up", service="objects") == 0
    assert slow.asked == 1
    assert third.silent == {}


def test_what_a_source_said_holds_while_it_is_asked_again_and_then_no_more() -> None:
    time, hanging = [0.0], threading.Event()
    release = threading.Event()

    def answer() -> Values:
        if hanging.is_set():
            assert release.wait(LONG_S)
        return one(7)()

    look = Measuring([Fake(Source.REDIS, answer)], clock=lambda: time[0])
    assert look.tick(LONG_S).get("lomi_queue_paused") == 7
    hanging.set()
    time[0] = 100.0
    assert look.tick(0.0).get("lomi_queue_paused") == 7
    time[0] += STALE_S + 1
    late = look.latest()
    release.set()

    assert late.get("lomi_queue_paused") is None
    assert late.silent == {Source.REDIS: "no answer for 31 s"}


def test_a_source_is_asked_no_oftener_than_its_pace_allows_and_its_numbers_tell_their_age() -> None:
    time = [50.0]
    seldom = Fake(Source.BACKUPS, one(), Pace(300.0))
    look = Measuring([seldom], clock=lambda: time[0])
    look.tick(LONG_S)
    time[0] += 120.0
    now = look.tick(LONG_S)

    assert seldom.asked == 1
    assert now.get("lomi_source_age_seconds", source="backups") == 120


def test_a_bug_in_a_reader_is_that_sources_silence() -> None:
    def bug() -> Values:
        raise ZeroDivisionError("secret")

    assert Measuring([Fake(Source.REDIS, bug)]).tick(LONG_S).silent == {Source.REDIS: "ZeroDivisionError inside lomi"}


def test_every_measure_has_one_name_a_sentence_and_bounded_labels() -> None:
    names = [measure.name for measure in MEASURES]
    families = [name.removesuffix("_total") for name in names]
    assert len(families) == len(set(families)), "OpenMetrics knows a counter by its name without _total"
    for measure in MEASURES:
        assert measure.help.endswith("."), measure.name
        assert measure.name.endswith("_total") == (measure.kind is Kind.COUNTER), measure.name
        assert measure.labels == tuple(sorted(measure.labels)), measure.name
