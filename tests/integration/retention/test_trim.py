"""`lomi retention`: what lies beyond its limit goes, what is held or needed stays, and the audit proves itself."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.db import audit, privacy
from lomi_ops.db.pool import Database
from lomi_ops.domain.audit import AuditEntry, photo_subject
from lomi_ops.domain.retention import Limit, Place
from lomi_ops.errors import LockHeld
from lomi_ops.ops import retention
from tests.commands import Lomi
from tests.integration.db.conftest import Backend
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.reports.rows import Plain

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=500)
EVERYWHERE = tuple(Limit(place, 400) for place in Place)


@pytest.fixture
def here(prepared_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)


def traces(backend: Backend, db: Database, at: datetime, status: str = "approved") -> UUID:
    """One row of a user in each place, of that time; the user."""
    user, batch, job = backend.user(uuid.uuid4().int >> 66), uuid.uuid4(), str(uuid.uuid4())
    photo = backend.photo(user, batch)
    pg = backend.connection
    pg.execute("UPDATE media SET moderation_status = %s WHERE id = %s", [status, photo])
    pg.execute(
        "INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, settled_at)"
        " VALUES (%s, %s, %s, 1, %s, %s, %s)",
        [job, batch, user, [photo], at, at],
    )
    pg.execute(
        "INSERT INTO lomi.job_ends (job_id, entry, what, at, user_id) VALUES (%s, '1-1', 'dead', %s, %s)",
        [job, at, user],
    )
    pg.execute(
        "INSERT INTO lomi.outbox (job_id, payload, due_at, claimed_at, published_at) VALUES (%s, %s, %s, %s, %s)",
        [job, f'{{"user_id": "{user}"}}', at, at, at],
    )
    pg.execute("INSERT INTO lomi.checkpoints (job_id, media_id, at) VALUES (%s, %s, %s)", [job, photo, at])
    pg.execute(
        "WITH run AS (INSERT INTO lomi.remoderations"
        " (at, actor, filter, policy, engines, shadow, overrides, photos, ended_at)"
        " VALUES (%s, 'hana', 'status:*', 'local@1', '', false, false, 1, %s) RETURNING id)"
        " INSERT INTO lomi.remoderated SELECT id, %s, %s, 'same' FROM run",
        [at, at, photo, at],
    )
    pg.execute("INSERT INTO lomi.reveals (at, actor, media_id) VALUES (%s, 'hana', %s)", [at, photo])
    audit.record(db, AuditEntry("hana", "review.approve", photo_subject(photo), at, "she asked for it"))
    return user


def delivery(plain: Plain, at: datetime, *, resolved: bool) -> None:
    row = plain.execute(
        "INSERT INTO lomi.alert_incidents (rule, severity, opened_at, sentence, resolved_at)"
        " VALUES (%s, 'warning', %s, 's', %s) RETURNING id",
        [uuid.uuid4().hex, at, at if resolved else None],
    ).fetchone()
    assert row is not None
    plain.execute(
        "INSERT INTO lomi.alert_deliveries"
        " (incident_id, route, notice, telling, facts, made_at, due_at, outcome, ended_at)"
        " VALUES (%s, 'r', 'firing', 1, '{}', %s, %s, 'sent', %s)",
        [row["id"], at, at, at],
    )


def rows(plain: Plain) -> dict[str, int]:
    tables = ("jobs", "job_ends", "outbox", "checkpoints", "reveals", "alert_deliveries", "remoderated")
    found = {}
    for table in tables:
        row = plain.execute(f"SELECT count(*) AS rows FROM lomi.{table}".encode()).fetchone()
        assert row is not None
        found[table] = row["rows"]
    return found


def reasons(db: Database) -> list[str]:
    return [entry.reason for entry in audit.entries(db, limit=1000) if entry.action == "review.approve"]


def test_what_is_beyond_its_limit_goes_and_the_audit_still_proves_itself(
    lomi: Lomi, backend: Backend, db: Database, here: None
) -> None:
    for at in (LONG_AGO, LONG_AGO, NOW - timedelta(days=399)):
        traces(backend, db, at)
    delivery(backend.connection, LONG_AGO, resolved=True)
    delivery(backend.connection, LONG_AGO, resolved=False)

    gone = retention.trim(db, EVERYWHERE, actor="cron", now=NOW, rows=1, rest=lambda _: None)
    assert gone == {place: 1 if place is Place.ALERTS else 2 for place in Place}
    assert rows(backend.connection) == {
        "jobs": 1, "job_ends": 1, "outbox": 1, "checkpoints": 1, "reveals": 1, "alert_deliveries": 1,
        "remoderated": 1,
    }  # fmt: skip
    assert sorted(reasons(db)) == ["", "", "she asked for it"]
    said = lomi("audit", "verify", "-o", "json")
    assert (said.code, said.document["sound"], said.document["erased"]) == (0, True, 2)
    (last, *_) = audit.entries(db, limit=1)
    assert (last.action, last.actor, last.after["gone"]["jobs"]) == ("retention.trim", "cron", 2)
    assert retention.trim(db, EVERYWHERE, actor="cron", now=NOW) == {}, "a second run finds nothing and notes nothing"
    assert audit.entries(db, limit=1) == (last,)


def test_what_is_of_a_user_on_hold_stays_until_the_hold_ends(backend: Backend, db: Database) -> None:
    held, other = traces(backend, db, LONG_AGO), traces(backend, db, LONG_AGO)
    privacy.hold(db, held, actor="abel", reason="a court", at=LONG_AGO)

    standing = {each.limit.place: (each.due, each.held) for each in retention.look(db, EVERYWHERE, NOW)}
    assert standing.pop(Place.AUDIT_TEXT) == (1, 2), "the hold's own entry is held, too"
    assert standing.pop(Place.ALERTS) == (0, 0)
    assert set(standing.values()) == {(1, 1)}
    retention.trim(db, EVERYWHERE, actor="cron", now=NOW, rest=lambda _: None)
    assert rows(backend.connection)["jobs"] == 1
    left = backend.connection.execute("SELECT user_id FROM lomi.jobs").fetchall()
    assert [row["user_id"] for row in left] == [held] != [other]
    assert sorted(reasons(db)) == ["", "she asked for it"]

    privacy.release(db, held, actor="abel", reason="over", at=NOW)
    gone = retention.trim(db, EVERYWHERE, actor="cron", now=NOW, rest=lambda _: None)
    assert (gone[Place.JOBS], gone[Place.AUDIT_TEXT]) == (1, 2)


def test_a_hold_that_comes_meanwhile_keeps_what_is_left_of_its_user_and_nothing_else(
    backend: Backend, db: Database
) -> None:
    users = [traces(backend, db, LONG_AGO) for _ in range(3)]

    def hold(_: float) -> None:
        if not privacy.holds(db):
            privacy.hold(db, users[0], actor="abel", reason="a court", at=NOW)

    gone = retention.trim(db, EVERYWHERE, actor="cron", now=NOW, rows=1, rest=hold)
    assert gone[Place.JOBS] in (2, 3), "its job may have been the first to go"
    assert gone[Place.REVEALS] == gone[Place.CHECKPOINTS] == gone[Place.AUDIT_TEXT] == 2
    assert retention.trim(db, EVERYWHERE, actor="cron", now=NOW, rows=1, rest=lambda _: None) == {}


def test_a_job_with_a_pending_photo_and_what_is_not_over_stay(backend: Backend, db: Database) -> None:
    traces(backend, db, LONG_AGO, status="pending")
    backend.connection.execute("UPDATE lomi.outbox SET published_at = NULL")
    backend.connection.execute(
        "INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at)"
        " VALUES ('open', %s, %s, 1, '{}', %s)",
        [uuid.uuid4(), uuid.uuid4(), LONG_AGO],
    )
    gone = retention.trim(db, EVERYWHERE, actor="cron", now=NOW, rest=lambda _: None)
    assert Place.JOBS not in gone
    assert Place.MESSAGES not in gone


def test_for_ever_is_for_ever(backend: Backend, db: Database) -> None:
    traces(backend, db, LONG_AGO)
    before = rows(backend.connection)
    assert retention.trim(db, [Limit(place, None) for place in Place], actor="cron", now=NOW) == {}
    assert rows(backend.connection) == before


def test_one_run_at_a_time(backend: Backend, db: Database) -> None:
    traces(backend, db, LONG_AGO)
    with db.session() as session, session.locked("retention_try_lock", "retention_unlock") as ours:
        assert ours
        with pytest.raises(LockHeld):
            retention.trim(db, EVERYWHERE, actor="cron", now=NOW)


def test_the_command_says_what_it_would_do_and_does_it(
    lomi: Lomi, backend: Backend, db: Database, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces(backend, db, LONG_AGO)
    monkeypatch.setenv("LOMI_RETENTION__AUDIT_TEXT_DAYS", "100")
    before = rows(backend.connection)
    for words in (("show",), ("trim", "--dry-run")):
        said = lomi("retention", *words, "-o", "json")
        assert (said.code, said.err) == (0, "")
        due: dict[str, Any] = {each["place"]: each["due"] for each in said.document["places"]}
        assert due == {place.value: 0 if place is Place.ALERTS else 1 for place in Place}
    assert rows(backend.connection) == before

    assert lomi("retention", "trim", "-o", "json").document["gone"]["audit_text"] == 1
    said = lomi("retention", "trim")
    assert (said.code, said.out) == (0, "nothing lies beyond its limit\n")
    assert lomi("retention", "trim", "-q").out == ""


def test_one_connection_is_enough_also_where_somebody_is_on_hold(
    lomi: Lomi, backend: Backend, db: Database, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = traces(backend, db, LONG_AGO)
    privacy.hold(db, held, actor="hana", reason="a court asks", at=NOW)
    traces(backend, db, LONG_AGO)
    monkeypatch.setenv("LOMI_DATABASE__POOL_SIZE", "1")

    said = lomi("retention", "trim", "-o", "json")

    assert said.code == 0, said.err
    assert said.document["gone"]["jobs"] == 1
    assert rows(backend.connection)["jobs"] == 1


def test_before_the_swap_there_is_nothing_of_ours_to_trim(
    lomi: Lomi, old: OldCluster, point: Callable[[OldCluster], None]
) -> None:
    point(old)
    for words in (("show",), ("trim",), ("trim", "--dry-run")):
        said = lomi("retention", *words)
        assert said.code == 3
        assert "lomi migrate apply" in said.err
