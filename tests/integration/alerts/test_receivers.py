"""Receivers that fail, are slow, reject, or whose sender is killed: retried, not doubled, nobody else affected."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lomi_ops.clients.notify import web
from lomi_ops.db import alert_deliveries, alerts
from lomi_ops.db.pool import Database
from lomi_ops.ops.alerts.blind import Blind
from tests.conftest import need
from tests.doubles.receiver import KEY, Receiver, running_mailbox
from tests.integration.alerts.conftest import DEAD, REDIS, Desk, section, webhook
from tests.unit.alerts.simulation import BY_SLUG

FINE = {REDIS: 1.0, DEAD: 0.0}
BAD = FINE | {DEAD: 3.0}
of_apprise = pytest.mark.filterwarnings("ignore::DeprecationWarning")
"""Its plugins use what newer Pythons will not have."""


@pytest.mark.parametrize("status", [301, 403, 429, 500])
def test_what_is_rejected_is_tried_again_and_sent_once(
    db: Database, receiver: Receiver, other: Receiver, status: int
) -> None:
    desk = Desk(db, section({"bad": webhook(receiver), "good": webhook(other)}))
    receiver.status = status
    desk.look(BAD)
    first = desk.send()
    assert [(each.route, each.failure.message) for each in first.troubles] == [("bad", f"it answered HTTP {status}")]
    assert len(other.got) == 1
    assert desk.send(after_s=5).sent == [], "not before its time"
    receiver.status = 200
    assert [route for route, _ in desk.send(after_s=10).sent] == ["bad"]
    desk.send(after_s=600)
    assert len(receiver.got) == 2
    assert len({each.once for each in receiver.got}) == 1, "whoever has it can drop it"
    assert len(other.got) == 1


def test_one_that_is_gone_gets_firing_and_resolved_in_order_when_it_is_back(db: Database, receiver: Receiver) -> None:
    desk = Desk(db, section({"ops": webhook(receiver)}))
    receiver.status = 500
    desk.go(BAD, 60)
    desk.go(FINE, 300)
    receiver.status = 200
    receiver.got.clear()
    for _ in range(60):
        desk.send(after_s=60)
    assert [each.body["notice"] for each in receiver.got] == ["firing", "resolved"]


def test_one_that_never_answers_is_given_up_and_said_so(db: Database) -> None:
    desk = Desk(db, section({"ops": {"webhook": "http://127.0.0.1:9/", "key": KEY}}, retry_s=100))
    desk.look(BAD)
    rounds = [desk.send(after_s=30) for _ in range(8)]
    troubles = [each for done in rounds for each in done.troubles]
    assert [each.given_up for each in troubles] == [False, False, True]
    (incident,) = alerts.incidents(db)
    (delivery,) = alert_deliveries.of(db, [incident.id])
    assert (delivery.outcome, delivery.error) == ("given_up", "there is no connection to it")


def test_a_slow_one_holds_nobody_else_up(db: Database, receiver: Receiver, other: Receiver) -> None:
    desk = Desk(db, section({"slow": webhook(receiver, timeout_s=0.3), "good": webhook(other)}))
    receiver.open.clear()
    desk.look(BAD)
    done = desk.send()
    assert [each.failure.message for each in done.troubles] == ["it gave no answer within 0.3 s"]
    assert [route for route, _ in done.sent] == ["good"]
    receiver.open.set()
    assert [route for route, _ in desk.send(after_s=15).sent] == ["slow"]
    assert len({each.once for each in receiver.got}) == 1


def test_a_bug_on_the_way_is_one_failed_try_and_nobody_elses_trouble(
    db: Database, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(db, section({"bad": webhook(receiver, "bad"), "good": webhook(receiver, "good")}))
    sound = web.post_signed

    def broken(url: str, *arguments: Any, **options: Any) -> None:
        if url.endswith("bad"):
            raise KeyError(url)
        sound(url, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(web, "post_signed", broken)
        desk.look(BAD)
        done = desk.send()
        blind = Blind(replace(BY_SLUG["postgres_down"], for_s=0), desk.routes, 900)
        assert [failure.message for failure in blind.saw(reached=False)] == ["KeyError inside lomi"]
    assert [(each.route, each.failure.message) for each in done.troubles] == [("bad", "KeyError inside lomi")]
    assert [route for route, _ in done.sent] == ["good"]
    assert [route for route, _ in desk.send(after_s=15).sent] == ["bad"]


KILLED = """
import sys, uuid
from lomi_ops.config.sections.alerts import AlertsSection
from lomi_ops.db.pool import Database
from tests.integration.alerts.conftest import DEAD, Desk, section
db = Database(sys.argv[1])
desk = Desk(db, section({"ops": {"webhook": sys.argv[2], "key": sys.argv[3], "timeout_s": 15}}))
desk.look({DEAD: 3.0})
desk.send()
"""


def test_a_sender_that_is_killed_in_the_middle_leaves_one_repeat_at_most(
    db: Database, prepared_url: str, receiver: Receiver
) -> None:
    receiver.open.clear()
    words = [sys.executable, "-c", KILLED, prepared_url, receiver.url, KEY]
    running = subprocess.Popen(words, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert receiver.arrived.wait(60)
    running.send_signal(signal.SIGKILL)
    running.wait(20)
    receiver.open.set()

    desk = Desk(db, section({"ops": webhook(receiver)}))
    desk.at += timedelta(seconds=75)
    desk.go(BAD, 120)
    assert [each.body["notice"] for each in receiver.got] == ["firing", "firing"]
    assert receiver.got[0].once == receiver.got[1].once
    assert len(alerts.incidents(db)) == 1
    desk.go(FINE, 300)
    assert [each.body["notice"] for each in receiver.got] == ["firing", "firing", "resolved"]


@of_apprise
def test_mail_goes_out_through_apprise_and_is_tried_again_where_it_is_refused(db: Database) -> None:
    _need_apprise()
    with running_mailbox() as mailbox:
        url = f"mailto://127.0.0.1:{mailbox.port}?from=lomi@example.com&to=ops@example.com&mode=insecure"
        desk = Desk(db, section({"mail": {"apprise": url, "timeout_s": 20}}))
        mailbox.refuses = True
        desk.look(BAD)
        assert [each.failure.message for each in desk.send().troubles] == ["Apprise could not send it"]
        mailbox.refuses = False
        assert [route for route, _ in desk.send(after_s=15).sent] == ["mail"]
        assert "FIRING" in mailbox.mails[0]
        assert len(mailbox.mails) == 1


@of_apprise
def test_a_messenger_gets_its_message_through_apprise(db: Database, receiver: Receiver) -> None:
    _need_apprise()
    desk = Desk(db, section({"chat": {"apprise": receiver.url.replace("http", "json"), "timeout_s": 20}}))
    desk.go(BAD)
    assert receiver.got[0].body["type"] == "warning"
    assert "lomi --env production queue dead" in receiver.got[0].body["message"]


@of_apprise
def test_an_address_that_apprise_does_not_know_is_told_without_the_address(db: Database) -> None:
    _need_apprise()
    desk = Desk(db, section({"chat": {"apprise": "frobnicate://canary-token-123456"}}))
    desk.look(BAD)
    (trouble,) = desk.send().troubles
    assert trouble.failure.message == "Apprise does not know what to do with this address"


def _need_apprise() -> None:
    import importlib.util

    need(importlib.util.find_spec("apprise"), "Apprise")
