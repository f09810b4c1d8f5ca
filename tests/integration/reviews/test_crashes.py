"""A reviewer's process is killed at each step of a decision, of an undo and of sending: all of it holds, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.domain.pile import Pile
from tests.integration.reviews.conftest import APPROVE, Room

ENOUGH = 60
"""Points that no order has as many of."""


@dataclass
class Victim:
    process: subprocess.Popen[str]

    def order(self, verb: str, photo: UUID, point: int, at: datetime) -> str:
        assert self.process.stdin
        assert self.process.stdout
        body = {"verb": verb, "photo": str(photo), "point": point, "at": at.isoformat()}
        self.process.stdin.write(json.dumps(body) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()


@pytest.fixture
def victim(room: Room, prepared_url: str, redis_url: str) -> Iterator[Victim]:
    words = [sys.executable, "-m", "tests.integration.reviews.victim", prepared_url, redis_url]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Victim(process)
        assert process.stdin
        process.stdin.close()
        process.wait(20)


def whole(room: Room, photo: UUID) -> dict[str, Any]:
    """Everything that a decision touches."""
    return {
        "status": room.rows("SELECT moderation_status FROM media WHERE id = %s", photo)[0]["moderation_status"],
        "log": len(room.rows("SELECT 1 FROM lomi.decisions WHERE media_id = %s AND actor = 'hana'", photo)),
        "audit": len(room.rows("SELECT 1 FROM lomi.audit WHERE subject = %s", f"media:{photo}")),
        "outbox": len(room.rows("SELECT 1 FROM lomi.outbox WHERE payload LIKE %s", f"%{photo}%")),
    }


BEFORE = {"status": "rejected", "log": 0, "audit": 0, "outbox": 0}
DECIDED = {"status": "approved", "log": 1, "audit": 1, "outbox": 1}
UNDONE = {"status": "rejected", "log": 2, "audit": 2, "outbox": 0}


def test_a_decision_that_is_killed_at_any_step_holds_wholly_or_not_at_all(room: Room, victim: Victim) -> None:
    found = []
    for point in range(ENOUGH):
        (photo,) = room.batch(1)
        said = victim.order("decide", photo, point, room.clock())
        found.append(whole(room, photo))
        assert found[-1] in (BEFORE, DECIDED), point
        if found[-1] == BEFORE:
            desk = room.desk()
            assert len(desk.decide(desk.standing([photo])[0], APPROVE).done) == 1, "it can be decided anew at once"
        if said == "done":
            break
    assert said == "done"
    assert found[-1] == found[-2] == DECIDED, "killed after the commit it holds"
    assert len([each for each in found if each == BEFORE]) > 8
    room.clock.pass_(60)
    assert room.desk().publish_due() == len(found)
    told = [message["results"][0]["media_id"] for message in room.heard()]
    assert len(told) == len(set(told)) == len(found)
    verify_chain(room)


def test_an_undo_that_is_killed_at_any_step_holds_wholly_or_not_at_all(room: Room, victim: Victim) -> None:
    said, found = "", []
    for point in range(ENOUGH):
        (photo,) = room.batch(1)
        desk = room.desk()
        desk.decide(desk.standing([photo])[0], APPROVE)
        said = victim.order("undo", photo, point, room.clock())
        found.append(whole(room, photo))
        assert found[-1] in (DECIDED, UNDONE), point
        if found[-1] == DECIDED:
            assert len(desk.undo([photo]).undone) == 1
        if said == "done":
            break
    assert said == "done"
    assert found[-1] == found[-2] == UNDONE
    room.clock.pass_(3600)
    assert room.desk().publish_due() == 0
    assert room.heard() == []
    assert len(room.desk().claim_next(100, Pile.REJECTED).photos) == len(found)
    verify_chain(room)


def test_a_sender_that_is_killed_at_any_step_leaves_one_message(room: Room, victim: Victim) -> None:
    points = 0
    for point in range(ENOUGH):
        (photo,) = room.batch(1)
        desk = room.desk()
        desk.decide(desk.standing([photo])[0], APPROVE)
        room.clock.pass_(60)
        said = victim.order("publish", photo, point, room.clock())
        room.clock.pass_(timedelta(minutes=2).total_seconds())
        desk.publish_due()
        told = [message["results"][0]["media_id"] for message in room.heard()]
        assert told == [str(photo)], point
        assert room.rows("SELECT 1 FROM lomi.outbox WHERE published_at IS NULL") == []
        points += 1
        if said == "done":
            break
    assert said == "done"
    assert points > 4


def verify_chain(room: Room) -> None:
    """Every entry has its link."""
    gaps = room.rows(
        "SELECT a.id FROM lomi.audit AS a FULL JOIN lomi.audit_chain AS c ON c.audit_id = a.id"
        " WHERE a.id IS NULL OR c.seq IS NULL"
    )
    assert gaps == []
