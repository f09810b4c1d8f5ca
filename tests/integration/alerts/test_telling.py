"""From numbers to messages: each incident is told once to whoever wants it, and its end to whoever heard of it."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta

import pytest

from lomi_ops.db import alert_deliveries, alerts
from lomi_ops.db.pool import Database
from lomi_ops.domain.alert_state import State
from lomi_ops.domain.measure import Measured
from lomi_ops.errors import LockHeld
from lomi_ops.ops.alerts.runner import Runner
from lomi_ops.ops.alerts.sending import send_due
from tests.doubles.receiver import Receiver
from tests.integration.alerts.conftest import DEAD, READY, REDIS, Desk, section, webhook

FINE = {REDIS: 1.0, DEAD: 0.0, READY: 0.0}
BAD = FINE | {DEAD: 3.0}


def test_an_incident_is_told_with_numbers_and_the_next_command_and_so_is_its_end(
    db: Database, receiver: Receiver
) -> None:
    desk = Desk(db, section({"ops": webhook(receiver)}))
    desk.go(FINE, 60)
    desk.go(BAD, 300)
    desk.go(FINE, 300)

    assert receiver.subjects() == [
        "[lomi production] FIRING warning: given up on: 3 jobs",
        "[lomi production] RESOLVED: given up on: 3 jobs",
    ]
    assert all(each.signed for each in receiver.got)
    fired, resolved = (each.body for each in receiver.got)
    assert (fired["schema"], fired["rule"], fired["value"], fired["threshold"]) == (
        "lomi.alert/v1",
        "dead_letters",
        3,
        0,
    )
    assert fired["command"] == "lomi --env production queue dead"
    assert "▁▁▁▁█" in fired["text"]
    assert f"lomi --env production alerts ack {fired['incident']} --until-resolved" in fired["text"]
    assert resolved["text"].startswith("Over after 7 min: given up on: 3 jobs.")
    assert resolved["incident"] == fired["incident"]


def test_a_cause_is_told_once_and_names_what_follows_from_it(db: Database, receiver: Receiver) -> None:
    desk = Desk(db, section({"ops": webhook(receiver)}))
    desk.go(FINE | {READY: 80.0}, 90)
    desk.go(FINE | {READY: 80.0, REDIS: 0.0}, 300)

    assert receiver.subjects() == ["[lomi production] FIRING critical: Redis does not answer"]
    assert receiver.got[0].body["follows"] == ["80 jobs wait in the queue, more than 50"]
    assert "80 jobs wait in the queue" in receiver.got[0].body["text"]


def test_a_route_hears_of_its_rules_and_severity_only(db: Database, receiver: Receiver, other: Receiver) -> None:
    routes = {"all": webhook(receiver), "phone": webhook(other, severity="critical"),
              "backlog": webhook(other, rules=["queue_backlog"])}  # fmt: skip
    desk = Desk(db, section(routes))
    desk.go(BAD)
    assert (len(receiver.got), len(other.got)) == (1, 0)
    desk.go(BAD | {REDIS: 0.0}, 45)
    assert (len(receiver.got), len(other.got)) == (2, 1)


def test_it_is_repeated_until_it_is_acknowledged(db: Database, receiver: Receiver) -> None:
    desk = Desk(db, section({"ops": webhook(receiver)}, repeat_s=600))
    desk.go(BAD, 1300)
    assert [each.body["notice"] for each in receiver.got] == ["firing", "repeat", "repeat"]
    assert receiver.subjects()[1] == "[lomi production] STILL FIRING warning: given up on: 3 jobs"
    (incident,) = alerts.incidents(db)
    assert alerts.ack(db, incident.id, actor="ada", reason="on it", at=desk.at)
    desk.go(BAD, 1300)
    assert alerts.tracks(db)["dead_letters"].state(acked=True) is State.ACKED
    desk.go(FINE, 150)
    assert [each.body["notice"] for each in receiver.got] == ["firing", "repeat", "repeat", "resolved"]
    assert not alerts.ack(db, incident.id, actor="ada", reason="late", at=desk.at)


def test_a_silence_keeps_the_firing_notice_back_and_never_the_resolved_one(db: Database, receiver: Receiver) -> None:
    desk = Desk(db, section({"ops": webhook(receiver)}))
    alerts.silence(db, "all", actor="ada", reason="test", at=desk.at, until=desk.at + timedelta(seconds=300))
    desk.go(BAD, 240)
    assert receiver.got == []
    desk.go(BAD, 90)
    assert len(receiver.got) == 1
    alerts.silence(db, "dead_letters", actor="ada", reason="test", at=desk.at, until=desk.at + timedelta(days=1))
    desk.go(FINE, 150)
    assert [each.body["notice"] for each in receiver.got] == ["firing", "resolved"]


def test_in_quiet_hours_a_warning_waits_and_what_is_over_by_morning_is_never_told(
    db: Database, receiver: Receiver
) -> None:
    desk = Desk(db, section({"ops": webhook(receiver, quiet="12:00-13:00")}))
    desk.go(BAD, 60)
    desk.go(FINE, 300)
    desk.go(BAD | {REDIS: 0.0}, 60)
    assert receiver.subjects() == ["[lomi production] FIRING critical: Redis does not answer"], "it cannot wait"
    desk.go(BAD, 120)
    (last,) = (each for each in alerts.incidents(db) if each.rule == "dead_letters")
    assert [each.due_at.hour for each in alert_deliveries.of(db, [last.id])] == [13]
    desk.send(after_s=3600)
    assert receiver.subjects()[2:] == ["[lomi production] FIRING warning: given up on: 3 jobs"]


def test_whoever_has_yet_to_hear_of_it_gets_no_repeats_of_it(db: Database, receiver: Receiver, other: Receiver) -> None:
    routes = {"asleep": webhook(receiver, quiet="12:00-13:00"), "gone": webhook(other)}
    desk = Desk(db, section(routes, repeat_s=300))
    other.status = 500
    desk.go(BAD, 1800)
    other.status = 200
    other.got.clear()
    desk.send(after_s=1800)
    assert [each.body["notice"] for each in receiver.got] == ["firing"]
    assert [each.body["notice"] for each in other.got] == ["firing"]
    desk.go(BAD)
    assert [each.body["notice"] for each in receiver.got] == ["firing", "repeat"]
    assert [each.body["notice"] for each in other.got] == ["firing", "repeat"]


def test_what_cannot_be_measured_resolves_nothing(db: Database, receiver: Receiver) -> None:
    desk = Desk(db, section({"ops": webhook(receiver)}))
    desk.go(BAD, 30)
    desk.go({}, 900)
    assert [each.body["notice"] for each in receiver.got] == ["firing"]
    assert alerts.tracks(db)["dead_letters"].state() is State.STALE


def test_only_one_looks_and_whoever_stands_by_takes_over_when_it_is_gone(db: Database, receiver: Receiver) -> None:
    settings = section({"ops": webhook(receiver)})
    first, second = Desk(db, settings), Desk(db, settings)
    first.look(BAD)
    assert not alerts.take(db, second.token, "other", at=first.at + timedelta(seconds=59), lease_s=60)
    assert alerts.run(db).holder == "test"
    second.at = first.at + timedelta(seconds=60)
    second.look(BAD)
    with pytest.raises(LockHeld):
        first.watch.look(first.token, Measured(second.at, FINE), second.at + timedelta(seconds=1))
    assert alerts.tracks(db)["dead_letters"].value == 3, "and nothing was written"
    first.send()
    second.send()
    assert len(receiver.got) == 1


def test_many_at_once_send_each_message_once(db: Database, receiver: Receiver) -> None:
    desk = Desk(db, section({f"route{number}": webhook(receiver, f"{number}") for number in range(3)}))
    desk.look(BAD)
    desk.look(BAD | {REDIS: 0.0})
    desk.look(BAD | {REDIS: 0.0}, after_s=40)

    def send() -> None:
        send_due(db, desk.routes, retry_s=60, clock=lambda: desk.at)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    desk.send()
    assert sorted((each.path, each.body["rule"]) for each in receiver.got) == sorted(
        (f"/{number}", rule) for number in range(3) for rule in ("dead_letters", "redis_down")
    )


def test_a_pass_takes_the_run_and_gives_it_back_and_tells_the_dead_mans_switch(
    db: Database, receiver: Receiver
) -> None:
    desk = Desk(db, section({"ops": webhook(receiver)}, heartbeat_url=f"{receiver.url}/alive"))

    def runner() -> Runner:
        def measure() -> Measured:
            return Measured(db.now(), BAD)

        return Runner(db, desk.watch, measure, desk.routes, desk.section, uuid.uuid4(), "test")

    done = runner().once()
    assert (done.look.opened, len(receiver.got), receiver.pings) == (("dead_letters",), 1, ["/alive"])
    receiver.status = 500
    again = runner().once()
    assert again.heartbeat == "it answered HTTP 500"
    assert again.look.firing == 1
