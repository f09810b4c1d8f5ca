"""Reports that a streaming replica serves: the same ones, and what it has not received is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from lomi_ops.config.load import LoadOptions, load
from lomi_ops.db import reporting, server
from lomi_ops.db.crew import Crew
from lomi_ops.db.pool import Database
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports import catalogue
from tests import services
from tests.commands import Lomi
from tests.conftest import need
from tests.integration.reports.rows import DAY, Plain, filled, of_day
from tests.integration.reports.test_reports import WINDOW, body

AWAY = "postgresql://nobody:swordfish@127.0.0.1:1/away"


@pytest.fixture(scope="module")
def replica_server(postgres_server: str) -> Iterator[str]:
    need(services.can_replicate(), "pg_basebackup")
    with services.postgres_replica(postgres_server) as found:
        yield found.url


@pytest.fixture
def replica(replica_server: str, prepared_url: str) -> str:
    """The replica's URL of the prepared database."""
    url = services.database_at(replica_server, prepared_url.rsplit("/", 1)[1])

    def there() -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            return False
        return True

    until(there, "the database has arrived")
    return url


def test_a_replica_serves_every_report_alone_and_nothing_else_asks_it(
    lomi: Lomi, plain: Plain, prepared_url: str, replica: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = of_day(filled(plain, 10))
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    kinds = [kind for kind in catalogue.KINDS if kind != "growth"]  # what tables take on disk is the server's own
    by_primary = {kind: body(lomi, kind) for kind in kinds}
    caught_up(plain, replica)
    monkeypatch.setenv("LOMI_DATABASE__REPLICA_URL", replica)
    monkeypatch.setenv("LOMI_DATABASE_URL", AWAY)

    assert {kind: body(lomi, kind) for kind in kinds} == by_primary
    assert by_primary["summary"]["figures"]["uploads"] == len(mine)
    assert lomi("report", *WINDOW, "--to", "report.txt", "-q").code == 0, "the lock is the replica's"
    assert lomi("review", "list").code == 3, "only reports ask the replica"


def test_a_replica_names_its_moment_too_so_two_connections_read_it(plain: Plain, replica: str) -> None:
    photos = filled(plain, 10)
    caught_up(plain, replica)
    whole = Window(DAY, DAY + timedelta(days=1))
    with Database(replica) as db, reporting.reading(db) as session:
        assert isinstance(session, Crew)
        told = [reporting.soon(session, reporting.uploads, whole) for _ in range(2)]
        assert [each() for each in told] == [len(of_day(photos))] * 2


def test_a_replica_knows_until_when_it_has_everything(plain: Plain, replica: str) -> None:
    filled(plain, 1)
    with Database(replica) as db, psycopg.connect(replica, autocommit=True) as standby:
        until(lambda: server.received_until(db) is None, "it has everything")
        standby.execute("SELECT pg_wal_replay_pause()")
        before = datetime.now(UTC)
        filled(plain, 1, seed=2)
        until(lambda: server.received_until(db) is not None, "it has received what it does not replay")
        held = server.received_until(db)
        assert held is not None
        assert held <= before
        standby.execute("SELECT pg_wal_replay_resume()")
        until(lambda: server.received_until(db) is None, "it has everything again")


@pytest.mark.parametrize(("behind_s", "said"), [(11, True), (9, False), (None, False)])
def test_a_report_says_that_its_replica_lacks_the_end_of_the_window(
    db: Database, behind_s: int | None, said: bool
) -> None:
    window = Window(DAY, DAY + timedelta(days=1))
    received = None if behind_s is None else window.end - timedelta(seconds=behind_s)
    wanted = catalogue.asked(db, window, UTC, "UTC", load(LoadOptions()).settings.active_policy())

    found = catalogue.made("summary", db, replace(wanted, received_until=received))
    assert [gap.what for gap in found.unknown] == (
        ["the replica shows what was written until 2026-11-19 23:59:49 UTC: what came later is not counted"] * said
    )


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(0.02)


def caught_up(plain: Plain, replica: str) -> None:
    """The replica has everything that the primary has."""
    row = plain.execute("SELECT pg_current_wal_lsn()::text AS at").fetchone()
    assert row is not None
    asked = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
    with psycopg.connect(replica, autocommit=True) as standby:
        until(lambda: standby.execute(asked, [row["at"]]).fetchone() == (True,), "the replica catches up")
