"""Looks as frames: what was told of an alert before the view began is not new to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lomi_ops.domain.alert_rules import RULES
from lomi_ops.domain.alert_state import Phase, Track
from lomi_ops.domain.frame import AlertLine, Frame
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.ops.live.attention import Known
from lomi_ops.ops.live.looking import Looking
from lomi_ops.ops.measuring.look import Measuring

AT = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)
READY = ("lomi_queue_jobs", (("state", "ready"),))
RULE = next(rule for rule in RULES if rule.slug == "queue_backlog")


def fired(ago_s: float, phase: Phase = Phase.FIRING) -> dict[str, Track]:
    return {"queue_backlog": Track(phase, AT - timedelta(hours=1), at=AT - timedelta(seconds=ago_s), value=90)}


def looking(known: Known) -> Looking:
    return Looking(Measuring(()), tuple, (RULE,), 15, lambda: known, believed_s=60)


def alert(found: Frame) -> AlertLine:
    (line,) = found.alerts
    return line


def seen(look: Looking, s: float, ready: float) -> Frame:
    return look.frame_of(Measured(AT + timedelta(seconds=s), {READY: float(ready)}))


def test_what_fires_already_fires_from_the_first_look_and_since_when_it_did() -> None:
    look = looking(Known({}, {}, fired(30)))

    first = alert(seen(look, 0, 90))
    assert (first.state, first.since) == ("firing", AT - timedelta(hours=1))
    assert alert(seen(look, 1, 3)).state == "firing", "it must be well for a while first"


def test_what_somebody_saw_long_ago_is_not_believed_and_what_was_well_hides_nothing() -> None:
    for known in (Known(), Known({}, {}, fired(61)), Known({}, {}, fired(1, Phase.OK))):
        assert alert(seen(looking(known), 0, 90)).state == "pending"


@pytest.mark.parametrize("phase", [Phase.OK, Phase.FIRING])
def test_a_number_that_was_known_and_is_not_any_more_is_stale_from_the_first_look(phase: Phase) -> None:
    frame = looking(Known({}, {}, fired(30, phase))).frame_of(Measured(AT, {}, {Source.REDIS: "timeout"}))

    assert (alert(frame).state, alert(frame).value) == ("stale", 90)


def test_what_was_well_by_a_clock_ahead_hides_nothing() -> None:
    assert alert(seen(looking(Known({}, {}, fired(-20, Phase.OK))), 0, 90)).state == "pending"


def test_a_database_whose_clock_is_ahead_changes_nothing() -> None:
    look = looking(Known({"queue_backlog": "hana"}, {}, fired(-20)))

    for s in range(3):
        found = alert(seen(look, s, 90))
        assert (found.state, found.by) == ("acked", "acknowledged by hana")


@pytest.mark.parametrize("silenced", ["queue_backlog", "all"])
def test_a_silenced_rule_fires_and_nobody_has_said_that_they_know(silenced: str) -> None:
    found = alert(seen(looking(Known({}, {silenced: "abel"}, fired(30))), 0, 90))

    assert (found.state, found.by) == ("firing", "silenced by abel")


def test_only_the_beginning_is_taken_over() -> None:
    told = [Known()]
    look = Looking(Measuring(()), tuple, (RULE,), 15, lambda: told[0], believed_s=60)
    assert alert(seen(look, 0, 90)).state == "pending", "nobody has answered yet"
    told[0] = Known({}, {}, fired(5))
    assert alert(seen(look, 1, 90)).state == "firing"
    for s in range(2, 140):
        seen(look, s, 3)
    assert alert(seen(look, 140, 3)).state == "ok"
