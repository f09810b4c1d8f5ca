"""Indexes of `lomi.photo_hashes` that `migrate.apply_all` builds once there are many hashes; nothing needs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lomi_ops.db import fingerprints, migrate
from lomi_ops.db.fingerprints import WIDE
from lomi_ops.db.migration.proposed import Built
from lomi_ops.db.migration.unasked import ENOUGH, Absent
from lomi_ops.db.pool import Database
from tests.integration.db.conftest import onlooker
from tests.integration.db.test_apply import apply_all, connected


@pytest.fixture
def grown(prepared_url: str) -> str:
    """A database of which the server believes that it has as many hashes as it takes."""
    grow(prepared_url, ENOUGH)
    return prepared_url


@pytest.fixture
def weak(grown: str) -> Iterator[tuple[str, str]]:
    with onlooker(grown) as found:
        yield found


def grow(url: str, rows: int) -> None:
    with connected(url) as admin:
        admin.execute("UPDATE pg_class SET reltuples = %s WHERE oid = 'lomi.photo_hashes'::regclass", [rows])


def absent(db: Database) -> tuple[Absent, ...]:
    return migrate.state(db).media.absent


def test_few_hashes_want_none(prepared_url: str) -> None:
    grow(prepared_url, ENOUGH - 1)
    with Database(prepared_url) as db:
        assert absent(db) == ()
        assert apply_all(db)[0].steps == ()
        assert not fingerprints.ground(db).wide


def test_many_get_them_once_and_verify_minds_none(grown: str) -> None:
    with Database(grown) as db:
        (said,) = absent(db)
        assert (said.names, said.built) == (WIDE, Built.MISSING)
        assert said.line == (
            "missing: photo_hashes_wide_00 … photo_hashes_wide_10, which make the search for the same picture quick:"
            " lomi migrate apply"
        )
        assert migrate.differences(db).complete, "nothing needs them"
        ran, left = apply_all(db)
        assert (ran.steps, ran.failed, left.found) == (WIDE, (), ())
        assert fingerprints.ground(db).wide
        grow(grown, ENOUGH)
        assert absent(db) == ()
        assert apply_all(db)[0].steps == ()


def test_what_an_interrupted_build_has_left_is_dropped_and_built_anew(grown: str) -> None:
    with Database(grown) as db, connected(grown) as admin:
        apply_all(db)
        admin.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'lomi.photo_hashes_wide_03'::regclass")
        grow(grown, ENOUGH)
        assert not fingerprints.ground(db).wide
        assert [(each.names, each.built) for each in absent(db)] == [(WIDE[3:4], Built.INVALID)]
        assert "DROP INDEX CONCURRENTLY IF EXISTS lomi.photo_hashes_wide_03;" in migrate.dry_run(db).steps[0].sql
        assert apply_all(db)[0].steps == WIDE[3:4]
        assert fingerprints.ground(db).wide


def test_a_worker_that_starts_builds_none(grown: str) -> None:
    with Database(grown) as db:
        assert migrate.apply(db) == ()
        assert not fingerprints.ground(db).wide


def test_a_role_that_does_not_own_the_schema_goes_on_without_them(weak: tuple[str, str]) -> None:
    role, url = weak
    with Database(url) as db:
        ran, left = apply_all(db)
        shown = migrate.dry_run(db)
    assert (ran.steps, ran.failed, left.complete) == ((), (), True)
    (said,) = left.state.media.absent
    assert (said.why, said.command) == (f"the role {role} does not own the schema lomi", "lomi migrate apply, as lomi")
    assert shown.left_out == (said,)
    assert [step.name for step in shown.steps] == list(WIDE), "for whoever owns it"
