"""Which moment a backup shows, while people upload and workers judge."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import Any

import psycopg

from lomi_ops.db.login import login_of
from lomi_ops.db.pool import Database
from lomi_ops.domain.backup import backup_name
from lomi_ops.ops.backup import create
from lomi_ops.ops.backup.folder import FolderPlace
from tests.integration.backup.conftest import Bench, Lomi, OldCluster
from tests.integration.backup.test_faults import backups, in_the_middle, start
from tests.integration.queue.producer import element

__all__ = ["backups", "in_the_middle", "start"]


def test_the_queue_is_never_newer_than_the_record(
    photos: OldCluster, bench: Bench, lomi: Lomi, tmp_path: Path, scratch: str
) -> None:
    """Whatever comes between the two looks is in Postgres, and its job is not in the queue."""
    bench.push(element())
    late = []

    def step(text: str) -> None:
        if text.startswith("saving Postgres"):
            late.append(photos.photo(batch=photos.user))
            bench.push(element())

    with Database(photos.database_url) as database:
        handles = create.Handles(
            database, login_of(photos.database_url), bench.client, bench.keys, FolderPlace(tmp_path / "backups")
        )
        order = create.Order(backup_name(datetime.now(UTC)), "here", "ada", lambda: datetime.now(UTC), ())
        manifest = create.create(handles, order, step).manifest

    assert len(late) == 1
    assert manifest.queue.lengths["ready"] == 1
    assert {table.name: table.rows for table in manifest.database.tables}["public.media"] == 5


def test_what_is_written_while_it_is_dumped_is_neither_counted_nor_saved(
    photos: OldCluster,
    bench: Bench,
    backups: Path,
    lomi: Lomi,
    scratch: str,
    in_the_middle: Callable[..., AbstractContextManager[Popen[str]]],
) -> None:
    with in_the_middle(photos) as child:
        photos.photo(batch=photos.user)
        with photos.sql() as pg:
            pg.execute("UPDATE users SET name = 'somebody else'")
    _, err = child.communicate(timeout=60)
    assert child.returncode == 0, err

    done = lomi("backup", "verify", "-o", "json", "--scratch", scratch)

    assert done.code == 0, done.out
    (name,) = (path.name for path in backups.iterdir())
    manifest = json.loads((backups / name / "manifest.json").read_text())
    assert {table["name"]: table["rows"] for table in manifest["database"]["tables"]}["public.media"] == 4


def test_rows_are_told_apart_whatever_their_order(photos: OldCluster) -> None:
    from lomi_ops.db import backup

    def sums() -> dict[str, str]:
        with Database(photos.database_url) as database:
            return {table.name: table.checksum for table in backup.content(database)}

    before = sums()
    with psycopg.connect(photos.database_url, autocommit=True) as pg:
        pg.execute("CREATE TABLE copy AS SELECT * FROM media ORDER BY id DESC")
        pg.execute(
            "CREATE TABLE other AS SELECT * FROM media; UPDATE other SET display_order = 2 WHERE url = ("
            "SELECT url FROM other LIMIT 1)"
        )
        pg.execute("ALTER DATABASE {} SET DateStyle = 'German'".format(pg.info.dbname).encode())  # noqa: UP032
    after = sums()

    assert after["public.copy"] == after["public.media"] == before["public.media"]
    assert after["public.other"] != after["public.media"]
    assert before["lomi.audit"] == "0"


def test_the_limits_of_a_session_are_its_own_again_after_a_backup(photos: OldCluster) -> None:
    from lomi_ops.db import backup

    with Database(photos.database_url, statement_timeout_s=7) as database, database.session() as session:
        before: Any = session.all(dict, "backup_session_now")
        with backup.snapshot(session) as moment:
            assert moment
            assert session.all(dict, "backup_session_now") != before
        assert session.all(dict, "backup_session_now") == before
