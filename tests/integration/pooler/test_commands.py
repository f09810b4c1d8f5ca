"""Behind a PgBouncer in transaction mode, which gives each transaction another process of the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.db import backup, marked, migrate, reconcile, reporting, submissions
from lomi_ops.db.crew import Crew
from lomi_ops.db.pool import Database
from lomi_ops.errors import LockHeld, Refused
from lomi_ops.ops.reports.catalogue import KINDS
from tests.commands import Lomi
from tests.integration.db.conftest import Backend
from tests.integration.reports.rows import filled

ONE, OTHER = UUID(int=1), UUID(int=2)
OTHERS = (
    ("review", "list"),
    ("audit", "verify"),
    ("migrate", "status"),
    ("policy", "simulate", "local", "--window", "2026-11-19"),
    ("policy", "verify", "--window", "2026-10"),
    ("policy", "compare", "--window", "2026-11-19"),
    ("media", "list", "status:rejected"),
    ("remoderate", "--where", "status:*", "--dry-run"),
)
LIMITS = {"statement_timeout": "30s", "lock_timeout": "5s"}


def test_every_statement_has_its_limits_and_leaves_none_to_others(pooled: Database, pooled_url: str) -> None:
    assert [pooled.all(dict, "session_limits_now") for _ in range(6)] == [[LIMITS]] * 6
    with pooled.transaction() as session:
        assert session.all(dict, "session_limits_now") == [LIMITS]
    with pooled.session() as session, session.snapshot():
        assert session.all(dict, "session_limits_now") == [LIMITS]

    seen: dict[int, tuple[Any, ...]] = {}
    with psycopg.connect(pooled_url, autocommit=True) as backend:
        for _ in range(8):
            row = backend.execute(
                "SELECT pg_backend_pid(), current_setting('statement_timeout'), current_setting('lock_timeout'),"
                " current_setting('idle_in_transaction_session_timeout'), current_setting('search_path')",
                prepare=False,
            ).fetchone()
            assert row is not None
            seen[row[0]] = row[1:]
    assert len(seen) > 1, "statements get several processes of the server"
    assert set(seen.values()) == {("0", "0", "0", "public")}


def test_a_lock_is_held_for_as_long_as_it_is_wanted_and_no_longer(pooled: Database, db: Database) -> None:
    for first, second in ((pooled, pooled), (pooled, db), (db, pooled)):
        for _ in range(3):
            with reconcile.exclusive(first):
                with pytest.raises(LockHeld), reconcile.exclusive(second):
                    pass
                with marked.at_work(second, ONE) as ours, marked.at_work(first, OTHER) as other:
                    assert (ours, other) == (True, True)
            with (
                first.session() as mine, second.session() as theirs,
                submissions.pushing(mine, ONE) as ours, submissions.pushing(theirs, ONE) as again,
            ):  # fmt: skip
                assert (ours, again) == (True, False)


def test_what_needs_a_process_of_the_server_is_refused_with_the_way_out(
    pooled: Database,
    pooled_url: str,
    lomi: Lomi,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    redis_url: str,
) -> None:
    with pytest.raises(Refused), migrate.exclusive(pooled):
        pass
    with pytest.raises(Refused):
        backup.content(pooled)
    assert migrate.apply(pooled) == (), "a worker that starts has nothing to apply"
    monkeypatch.setenv("LOMI_DATABASE_URL", pooled_url)
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)
    for words in (("migrate", "apply"), ("backup", "create", "--to", tmp_path / "here")):
        said = lomi(*words)
        assert said.code == 5, said
        assert "connection pooler" in said.err
        assert "host and port of the server itself" in said.err.replace("\n", " ")


def test_commands_say_the_same_as_without_it(
    lomi: Lomi, backend: Backend, prepared_url: str, pooled_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(backend.connection, 10)
    questions = [
        ("report", kind, "--window", "2026-11-19", "-o", "json")
        for kind in KINDS
        if kind != "growth"  # sizes on disk change by themselves
    ]
    questions += [(*words, "-o", "json") for words in OTHERS]
    answers = []
    for url in (prepared_url, pooled_url):
        monkeypatch.setenv("LOMI_DATABASE_URL", url)
        answers.append([lomi(*words) for words in questions])

    assert [said.code for said in answers[1]] == [0] * len(questions)
    assert [said.err for said in answers[1]] == [said.err for said in answers[0]]
    assert [timeless(said.out) for said in answers[1]] == [timeless(said.out) for said in answers[0]]


def test_a_report_takes_one_connection_of_a_pooler(pooled: Database) -> None:
    with reporting.reading(pooled) as session:
        assert not isinstance(session, Crew)


def timeless(text: str) -> Any:
    """Without what is another number a second later, and whom it asked."""
    drop = {"age_s", "waited_s", "now", "at", "generated_at", "took_ms", "asked_at", "source", "where"}
    return json.loads(text, object_hook=lambda found: {key: value for key, value in found.items() if key not in drop})
