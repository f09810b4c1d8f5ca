"""The handle on Postgres: lazy, bounded, reconnecting, and quiet about secrets."""

from __future__ import annotations

import pickle
import socket
import threading
import traceback
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from lomi_ops.config.sections.services import DatabaseSection
from lomi_ops.db import failures, ledger, media
from lomi_ops.db.pool import Database, conninfo_of
from lomi_ops.errors import ConfigError, DatabaseUnavailable, LomiError
from tests.integration.db.conftest import AT, POLICY, Backend, judged
from tests.services import free_port


def own_pid(db: Database) -> int:
    with db.session() as session:
        return session._connection.info.backend_pid


def ended_in_use(db: Database, admin: psycopg.Connection[Any]) -> None:
    with db.session() as session:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [session._connection.info.backend_pid])
        session.value("server_version")


def put_and_fail(db: Database) -> None:
    with db.transaction() as session:
        session.run("outbox_put", job_id="a", payload="{}", due_at="2026-11-20T00:00:00Z")
        raise RuntimeError


def test_nothing_is_opened_before_the_first_statement() -> None:
    with Database("postgresql://lomi:secret@127.0.0.1:1/none") as db:
        assert repr(db) == "Database(127.0.0.1:1/none)"


def test_a_refused_connection_is_unavailable_and_says_where_but_not_the_password() -> None:
    port = free_port()
    db = Database(f"postgresql://lomi:hunter2secret@127.0.0.1:{port}/media")
    with pytest.raises(DatabaseUnavailable) as caught:
        db.ping()
    assert f"127.0.0.1:{port}/media" in caught.value.message
    assert caught.value.message.endswith("Connection refused"), "and asks nothing"
    assert "Postgres runs" in caught.value.hint
    assert "hunter2secret" not in "".join(traceback.format_exception(caught.value))


def test_a_wrong_password_is_unavailable_and_never_printed(database_url: str) -> None:
    parts = conninfo_to_dict(database_url)
    db = Database(f"postgresql://{parts['user']}:wrong-hunter2@127.0.0.1:{parts['port']}/{parts['dbname']}")
    with pytest.raises(DatabaseUnavailable, match="authentication failed") as caught:
        db.ping()
    assert caught.value.hint == "check database.user and database.password"
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_a_url_that_cannot_be_read_is_a_mistake_of_configuration_and_is_not_echoed() -> None:
    password = "hunter2"
    with pytest.raises(ConfigError) as caught:
        Database(f"postgresql+psycopg://lomi:{password}@db/media")
    assert password not in "".join(traceback.format_exception(caught.value))
    assert password not in caught.value.hint


def test_a_server_that_accepts_and_says_nothing_is_unavailable_after_the_connect_timeout() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        db = Database(f"postgresql://lomi@127.0.0.1:{silent.getsockname()[1]}/x", connect_timeout_s=1)
        with pytest.raises(DatabaseUnavailable):
            db.ping()


def test_a_connection_is_kept_and_used_again(database_url: str) -> None:
    with Database(database_url) as db:
        assert own_pid(db) == own_pid(db)


def test_sessions_carry_limits_a_name_and_utc(database_url: str) -> None:
    with Database(database_url, application="lomi worker", statement_timeout_s=2.5) as db, db.session() as session:
        show = session._connection.execute
        settings = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "timezone")
        values = [show(f"SHOW {name}").fetchone() for name in (*settings, "application_name")]
    assert values == [("2500ms",), ("5s",), ("15s",), ("UTC",), ("lomi worker",)]


def test_a_connection_that_the_server_closed_while_idle_is_replaced_unnoticed(
    database_url: str, postgres_server: str
) -> None:
    with Database(database_url) as db, psycopg.connect(postgres_server, autocommit=True) as admin:
        first = own_pid(db)
        gone = admin.execute("SELECT pg_terminate_backend(%s, 5000)", [first]).fetchone()
        assert gone == (True,)
        assert own_pid(db) != first


def test_a_connection_that_somebody_closed_is_replaced(database_url: str) -> None:
    with Database(database_url) as db:
        first = own_pid(db)
        db._idle[0].close()
        assert own_pid(db) != first


def test_a_connection_lost_in_use_is_unavailable_once_and_the_next_use_works(
    database_url: str, postgres_server: str
) -> None:
    with Database(database_url) as db, psycopg.connect(postgres_server, autocommit=True) as admin:
        with pytest.raises(DatabaseUnavailable):
            ended_in_use(db, admin)
        assert db.ping()


def test_no_more_than_the_agreed_number_of_connections_is_open(database_url: str) -> None:
    barrier = threading.Barrier(2, timeout=30)
    pids: list[int] = []

    def use(db: Database) -> None:
        for _ in range(5):
            with db.session() as session:
                barrier.wait()
                pids.append(session._connection.info.backend_pid)

    with Database(database_url, size=2) as db:
        threads = [threading.Thread(target=use, args=(db,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len(pids) == 20
    assert len(set(pids)) == 2


def test_a_handle_whose_connections_are_all_busy_says_so(database_url: str) -> None:
    with (
        Database(database_url, size=1, connect_timeout_s=0.05, statement_timeout_s=0.05) as db,
        db.session(),
        pytest.raises(DatabaseUnavailable, match="busy"),
    ):
        db.ping()


def test_a_closed_handle_refuses_and_closes_what_comes_back(database_url: str) -> None:
    db = Database(database_url)
    with db.session() as session:
        db.close()
        connection = session._connection
    assert connection.closed
    with pytest.raises(LomiError, match="closed"):
        db.ping()


def test_a_transaction_is_rolled_back_when_its_body_raises(db: Database, plain: psycopg.Connection[Any]) -> None:
    with pytest.raises(RuntimeError):
        put_and_fail(db)
    assert plain.execute("SELECT count(*) AS n FROM lomi.outbox").fetchone() == {"n": 0}


def test_a_statement_that_runs_too_long_is_unavailable(db: Database, plain: psycopg.Connection[Any]) -> None:
    with Database(db._conninfo, statement_timeout_s=0.05) as hasty, plain.transaction():
        plain.execute("LOCK TABLE lomi.outbox")
        with pytest.raises(DatabaseUnavailable, match="statement timeout"):
            hasty.value("outbox_claim", at="2026-11-20T00:00:00Z", limit=1)


def test_an_error_that_stays_names_its_sqlstate_and_is_not_worth_a_retry(db: Database) -> None:
    with db.session() as session:
        session.run("outbox_put", job_id="a", payload="{}", due_at="2026-11-20T00:00:00Z")
    with pytest.raises(LomiError, match="SQLSTATE 23505") as caught:
        db.run("outbox_put", job_id="a", payload="{}", due_at="2026-11-20T00:00:00Z")
    assert not isinstance(caught.value, DatabaseUnavailable)


def test_a_missing_schema_points_to_the_migrations(database_url: str) -> None:
    with Database(database_url) as db, pytest.raises(LomiError, match=r"lomi\.audit") as caught:
        db.value("audit_entries", subject=None, actor=None, limit=1)
    assert caught.value.hint == "lomi migrate apply"


@pytest.mark.parametrize(
    ("state", "passing"),
    [
        ("08006", True), ("40001", True), ("40P01", True), ("53300", True), ("57P01", True), ("57014", True),
        ("55P03", True), ("25006", True), ("25P03", True), ("23505", False), ("42P01", False), ("22P02", False),
        ("23001", False), ("42501", False), ("26000", True), ("42P05", True),
    ],
)  # fmt: skip
def test_only_what_may_pass_is_worth_a_retry(state: str, passing: bool) -> None:
    assert failures.passing(psycopg.errors.lookup(state)()) is passing


def prepared_on(db: Database) -> int:
    """Statements that the server keeps for the connection."""
    with db.session() as session:
        counted = session._connection.execute("SELECT count(*) FROM pg_prepared_statements", prepare=False).fetchone()
        assert counted is not None
        return int(counted[0])


def test_only_a_handle_that_repeats_itself_has_its_statements_prepared(db: Database) -> None:
    with Database(db._conninfo, prepares=True) as worker:
        for handle in (worker, db):
            for _ in range(4):
                media.photos_of(handle, [])
        assert (prepared_on(worker), prepared_on(db)) == (1, 0)


def test_what_a_worker_asks_again_and_again_is_planned_once(db: Database, backend: Backend) -> None:
    with Database(db._conninfo, prepares=True) as worker:
        for _ in range(8):
            job = backend.job(1)
            ledger.opening(worker, job)
            made = [judged(photo.media_id) for photo in job.photos]
            ledger.settle(worker, job, made, attempt=1, token="t", worker="w", at=AT, policy=POLICY)
        with worker.session() as session:
            asked = "SELECT sum(custom_plans)::int, min(generic_plans)::int FROM pg_prepared_statements"
            assert session._connection.execute(asked, prepare=False).fetchone() == (0, 6)


def test_a_prepared_statement_whose_columns_have_changed_is_unavailable_once(
    db: Database, plain: psycopg.Connection[Any]
) -> None:
    with Database(db._conninfo, prepares=True) as worker:
        for _ in range(4):
            media.photos_of(worker, [])
        plain.execute("ALTER TABLE media ALTER COLUMN url TYPE varchar(900)")
        with pytest.raises(DatabaseUnavailable):
            media.photos_of(worker, [])
        assert media.photos_of(worker, []) == {}


def test_where_prepared_statements_are_mixed_up_none_is_prepared_any_more(db: Database) -> None:
    """As behind a pooler that was not noticed."""
    with Database(db._conninfo, prepares=True) as worker:
        for _ in range(4):
            media.photos_of(worker, [])
        with worker.session() as session:
            session._connection.pgconn.exec_(b"DEALLOCATE ALL")  # past psycopg, which would take note
        with pytest.raises(DatabaseUnavailable, match="does not exist"):
            media.photos_of(worker, [])
        for _ in range(4):
            assert media.photos_of(worker, []) == {}
        assert prepared_on(worker) == 0


def test_settings_become_a_connection_string() -> None:
    section = DatabaseSection(host="db", user="lomi", password=SecretStr("p w'd"), name="media", ssl_mode="require")
    assert conninfo_to_dict(conninfo_of(section)) == {
        "host": "db", "port": "5432", "user": "lomi", "password": "p w'd", "dbname": "media", "sslmode": "require",
    }  # fmt: skip


def test_a_url_wins_over_the_parts(database_url: str) -> None:
    section = DatabaseSection(url=SecretStr(database_url), host="elsewhere")
    with Database.from_section(section, application="lomi") as db:
        assert db.ping()


def test_incomplete_settings_name_everything_that_is_missing() -> None:
    with pytest.raises(ConfigError) as caught:
        Database.from_section(DatabaseSection(host="db"))
    assert caught.value.problems == ("database.user is not set", "database.name is not set")


def test_what_the_url_itself_says_about_the_connection_is_kept() -> None:
    db = Database("postgresql://lomi@db/media?application_name=mine&tcp_user_timeout=1")
    given = conninfo_to_dict(db._conninfo)
    assert (given["application_name"], given["tcp_user_timeout"], given["keepalives_idle"]) == ("mine", "1", "15")


def test_errors_of_the_database_do_not_carry_its_password_in_any_attribute(database_url: str) -> None:
    with Database(database_url) as db, pytest.raises(LomiError) as caught:
        db.value("audit_entries", subject=None, actor=None, limit=1)
    password = str(conninfo_to_dict(database_url)["password"])
    assert password not in repr(vars(caught.value))
    assert password not in repr(db)
    assert password.encode() not in pickle.dumps((caught.value.message, caught.value.hint))


def test_a_connection_that_cannot_be_set_up_is_closed(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[psycopg.Connection[Any]] = []
    real = psycopg.connect

    def connect(*args: Any, **options: Any) -> psycopg.Connection[Any]:
        opened.append(real(*args, **options))
        return opened[-1]

    monkeypatch.setattr("lomi_ops.db.pool.psycopg.connect", connect)
    with Database(database_url, statement_timeout_s=-1) as db, pytest.raises(LomiError, match="statement_timeout"):
        db.ping()
    assert [connection.closed for connection in opened] == [True]
