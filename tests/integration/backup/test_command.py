"""`lomi backup create|list|verify|restore` on real services, with a folder and a bucket as the place."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lomi_ops.clients.objects.s3 import make_client
from lomi_ops.db.bootstrap import prepare
from tests.integration.backup.conftest import Busy, Lomi, OldCluster, S3Server, contents, rows, unaudited
from tests.integration.objects.conftest import BUCKET


@dataclass
class Lies:
    """A place, and a way to damage what is in it."""

    name: str
    read: Callable[[str], bytes]
    write: Callable[[str, bytes], None]
    files: Callable[[], list[str]]


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lies:
    if request.param == "folder":
        return _folder(tmp_path / "backups", monkeypatch)
    return _bucket(request.getfixturevalue("s3"), monkeypatch)


def _folder(root: Path, monkeypatch: pytest.MonkeyPatch) -> Lies:
    monkeypatch.setenv("LOMI_BACKUP__TO", str(root))

    def files() -> list[str]:
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    return Lies(
        str(root), lambda name: (root / name).read_bytes(), lambda name, data: _replace(root / name, data), files
    )


def _replace(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _bucket(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Lies:
    section = server.section()
    monkeypatch.setenv("LOMI_BACKUP__TO", f"s3://{BUCKET}/some/prefix/")
    monkeypatch.setenv("LOMI_OBJECTS__ENDPOINT", server.url)
    monkeypatch.setenv("LOMI_OBJECTS__ACCESS_KEY", section.access_key.get_secret_value() if section.access_key else "")
    monkeypatch.setenv("LOMI_OBJECTS__SECRET_KEY", section.secret_key.get_secret_value() if section.secret_key else "")
    client: Any = make_client(section, server.url)
    prefix = "some/prefix/"

    def files() -> list[str]:
        found = client.list_objects_v2(Bucket=BUCKET).get("Contents", ())
        return sorted(item["Key"].removeprefix(prefix) for item in found)

    return Lies(
        f"s3://{BUCKET}/some/prefix",
        lambda name: bytes(client.get_object(Bucket=BUCKET, Key=prefix + name)["Body"].read()),
        lambda name, data: client.put_object(Bucket=BUCKET, Key=prefix + name, Body=data),
        files,
    )


def created(lomi: Lomi, *words: object) -> str:
    done = lomi("backup", "create", "-o", "json", *words)
    assert done.code == 0, done.err
    return str(done.document["name"])


def emptied(cluster: OldCluster) -> None:
    with cluster.sql() as pg:
        pg.execute("DROP SCHEMA IF EXISTS lomi CASCADE")
        pg.execute("DROP TABLE media, users")
        pg.execute("DROP TYPE media_type")


def test_everything_comes_back_as_it_was(photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi) -> None:
    before, queue = rows(photos), contents(busy.bench.client, busy.keys)
    name = created(lomi)
    assert rows(photos) == before, "a backup changes nothing"
    assert contents(busy.bench.client, busy.keys) == queue
    emptied(photos)
    busy.bench.client.flushall()

    done = lomi("backup", "restore", name, "--into", "both", "--as", "ada", "--reason", "the disk died")

    assert done.code == 0, done.err
    after = rows(photos)
    entries = after["lomi.audit"]
    assert unaudited(after) == unaudited(before)
    assert lomi("audit", "verify").code == 0
    assert [(e["action"], e["actor"], e["subject"], e["reason"]) for e in entries if e not in before["lomi.audit"]] == [
        ("backup.restore", "ada", "database", "the disk died"),
        *[("backup.restore", "ada", "queue", "the disk died")] * 2,  # begun, and done
    ]
    assert busy.bench.client.lrange(busy.keys.ready, 0, len(busy.ready) - 1) == busy.ready
    assert busy.bench.client.hget(busy.keys.paused, "by") == b"ada"
    assert "lomi reconcile" in done.out
    assert "lomi queue resume" in done.out


def test_a_backup_is_listed_with_age_size_and_contents(photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi) -> None:
    assert "lomi backup create" in lomi("backup", "list").out
    first, second = created(lomi), created(lomi)

    body = lomi("backup", "list", "-o", "json").document
    text = lomi("backup", "list").out

    assert body["place"] == place.name
    assert [each["name"] for each in body["backups"]] == [second, first]
    assert all(each["bytes"] > 1000 and 0 <= each["age_s"] < 100 for each in body["backups"])
    assert body["backups"][0]["verified_at"] is None
    lengths = body["backups"][0]["queue"]["lengths"]
    assert (lengths["ready"], lengths["running"], lengths["dead"]) == (len(busy.ready), 3, 1)
    assert body["backups"][0]["database"]["tables"]["public.media"] == 4
    assert [record["name"] for record in lomi("backup", "list", "-o", "jsonl").records] == [second, first]
    assert first in text
    assert f"{len(busy.ready) + 6} jobs, 1 dead" in text


def test_a_good_backup_is_verified_and_says_so_afterwards(
    photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi, scratch: str
) -> None:
    created(lomi)
    before, queue = rows(photos), contents(busy.bench.client, busy.keys)

    done = lomi("backup", "verify", "-o", "json", "--scratch", scratch)

    assert done.code == 0, done.out + done.err
    body = done.document
    assert body["verdict"] == "same"
    parts = {each["part"]: each for each in body["parts"]}
    assert parts["public.media"]["detail"] == "4 rows"
    assert "lomi.audit" in parts
    assert parts["ready"]["detail"] == f"{len(busy.ready) + 2}, in order"
    assert {each["verdict"] for each in body["parts"]} == {"same"}
    assert lomi("backup", "list", "-o", "json").document["backups"][0]["verified_at"] is not None
    assert rows(photos) == before
    assert contents(busy.bench.client, busy.keys) == queue
    assert list(Path(scratch).iterdir()) == []


@pytest.mark.parametrize("file", ["postgres.dump", "queue.jsonl.gz", "settings.json"])
def test_a_damaged_part_is_named_and_the_backup_no_longer_counts_as_verified(
    photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi, scratch: str, file: str
) -> None:
    name = created(lomi)
    assert lomi("backup", "verify", "--scratch", scratch).code == 0
    data = bytearray(place.read(f"{name}/{file}"))
    data[len(data) // 2] ^= 0xFF
    place.write(f"{name}/{file}", bytes(data))

    done = lomi("backup", "verify", name, "-o", "json", "--scratch", scratch)

    assert done.code == 1
    assert {each["part"] for each in done.document["parts"] if each["verdict"] == "differs"} == {file}
    assert lomi("backup", "list", "-o", "json").document["backups"][0]["verified_at"] is None


@pytest.mark.parametrize("into", ["postgres", "queue", "both"])
def test_a_damaged_part_is_not_restored(photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi, into: str) -> None:
    name = created(lomi)
    for file in ("postgres.dump", "queue.jsonl.gz"):
        place.write(f"{name}/{file}", place.read(f"{name}/{file}")[:-1])
    emptied(photos)
    busy.bench.client.flushall()

    done = lomi("backup", "restore", name, "--into", into)

    assert done.code == 1
    assert "is not what its manifest says" in done.err
    assert busy.bench.client.keys() == []
    with photos.sql() as pg:
        assert pg.execute("SELECT to_regclass('media') AS found").fetchone() == {"found": None}


def test_a_dump_of_other_content_is_noticed_although_its_file_is_whole(
    photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi, scratch: str
) -> None:
    """The manifest is of the moment that was dumped; another moment's dump has other rows, and another sum."""
    name = created(lomi)
    manifest = json.loads(place.read(f"{name}/manifest.json"))
    for table in manifest["database"]["tables"]:
        if table["name"] == "public.media":
            table["rows"] += 1
        if table["name"] == "public.users":
            table["checksum"] = "1"
    manifest["queue"]["lengths"]["ready"] += 1
    place.write(f"{name}/manifest.json", json.dumps(manifest).encode())

    done = lomi("backup", "verify", name, "-o", "json", "--scratch", scratch)

    assert done.code == 1
    differs = {each["part"]: each["detail"] for each in done.document["parts"] if each["verdict"] == "differs"}
    assert differs == {
        "public.media": "4 rows, 5 expected",
        "public.users": "1 row, with other content",
        "ready": f"{len(busy.ready)} in the file, {len(busy.ready) + 1} in the manifest",
    }


def test_a_cluster_before_the_swap_is_saved_and_restored(old: OldCluster, bench: Any, place: Lies, lomi: Lomi) -> None:
    batch = old.user
    photo = old.photo(batch=batch)
    old.push(old.job(batch, [photo]))
    before, waiting = rows(old), bench.client.lrange(bench.keys.ready, 0, -1)
    name = created(lomi)
    with old.sql() as pg:
        pg.execute("DROP TABLE media, users; DROP TYPE media_type; DROP FUNCTION uuid_generate_v4")
    bench.client.flushall()

    done = lomi("backup", "restore", name, "--into", "both")

    assert done.code == 0, done.err
    assert rows(old) == before
    assert bench.client.lrange(bench.keys.ready, 0, -1) == waiting
    assert "not in the audit: there is no schema lomi here" in done.err


def test_what_is_not_empty_is_not_overwritten(photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi) -> None:
    name = created(lomi)
    before, queue = rows(photos), contents(busy.bench.client, busy.keys)
    database = photos.database_url.rpartition("/")[2]

    for words in ((), ("--confirm", "something"), ("--confirm", name)):
        done = lomi("backup", "restore", name, "--into", "both", *words)

        assert done.code == 5
        assert "public.media 4 rows" in done.err
        assert f"{len(busy.ready) + 3} waiting, 3 running, 1 dead" in done.err
        assert f"lomi backup restore {name} --into both --confirm {database}" in done.err
    assert lomi("backup", "restore", name, "--into", "postgres").code == 5
    assert lomi("backup", "restore", name, "--into", "queue", "--confirm", database).code == 5
    assert rows(photos) == before
    assert contents(busy.bench.client, busy.keys) == queue


def test_with_the_databases_name_it_is_replaced(photos: OldCluster, bench: Any, place: Lies, lomi: Lomi) -> None:
    before = rows(photos)
    name = created(lomi)
    with photos.sql() as pg:
        pg.execute("UPDATE media SET moderation_status = 'approved'")
        pg.execute("DELETE FROM media WHERE moderation_reason = 'truncated'")
        pg.execute("CREATE TABLE of_somebody_else AS SELECT 1 AS one")
    database = photos.database_url.rpartition("/")[2]

    done = lomi("backup", "restore", name, "--into", "postgres", "--confirm", database)

    assert done.code == 0, done.err
    after = rows(photos)
    assert after.pop("public.of_somebody_else") == [{"one": 1}]
    assert unaudited(after) == unaudited(before)
    assert lomi("audit", "verify").code == 0


def test_a_database_that_was_only_migrated_counts_as_empty(
    photos: OldCluster, bench: Any, place: Lies, lomi: Lomi
) -> None:
    """As `lomi up`, or the backend's first start, leaves it: tables, and no rows."""
    before = rows(photos)
    name = created(lomi)
    with photos.sql() as pg:
        pg.execute("DELETE FROM users")

    done = lomi("backup", "restore", name, "--into", "postgres")

    assert done.code == 0, done.err
    assert rows(photos)["public.media"] == before["public.media"]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    photos: OldCluster, busy: Busy, place: Lies, lomi: Lomi
) -> None:
    name = created(lomi)
    before, queue = rows(photos), contents(busy.bench.client, busy.keys)
    database = photos.database_url.rpartition("/")[2]

    text = lomi("backup", "restore", "latest", "--into", "both", "--dry-run")
    body = lomi("backup", "restore", name, "--into", "both", "--dry-run", "-o", "json").document

    assert text.code == 0
    assert f"it needs --confirm {database}" in text.out
    assert "leave them paused" in text.out
    assert (body["dry_run"], body["backup"], body["confirm"]) == (True, name, database)
    assert body["database"]["replaced"]["public.media"] == 4
    assert body["next"] == ["lomi migrate apply", "lomi reconcile", "lomi queue resume"]
    assert rows(photos) == before
    assert contents(busy.bench.client, busy.keys) == queue


def test_only_the_latest_stay_with_keep(photos: OldCluster, bench: Any, place: Lies, lomi: Lomi) -> None:
    names = [created(lomi) for _ in range(3)]

    done = lomi("backup", "create", "--keep", "2", "-o", "json").document

    assert done["removed"] == names[:2]
    assert {file.partition("/")[0] for file in place.files()} == {names[2], done["name"]}


def test_what_is_not_a_backup_of_ours_is_never_touched(photos: OldCluster, bench: Any, place: Lies, lomi: Lomi) -> None:
    place_files = ("notes.txt", "20250101/postgres.dump")
    created(lomi)
    if place.name.startswith("/"):
        (Path(place.name) / "20250101").mkdir()
    for file in place_files:
        place.write(file, b"mine")

    created(lomi, "--keep", "1")

    assert [place.read(file) for file in place_files] == [b"mine", b"mine"]


def test_a_manifest_that_cannot_be_read_is_told_and_not_restored(
    photos: OldCluster, bench: Any, place: Lies, lomi: Lomi
) -> None:
    name = created(lomi)
    place.write(f"{name}/manifest.json", b'{"schema": "lomi.backup/v1", "name": 7')

    listed, verified = lomi("backup", "list"), lomi("backup", "verify")

    assert listed.code == 0
    assert "damaged" in listed.out
    assert verified.code == 1
    assert "the manifest" in verified.err


def test_a_backup_that_does_not_exist_is_not_found(photos: OldCluster, bench: Any, place: Lies, lomi: Lomi) -> None:
    assert lomi("backup", "verify").code == 1
    created(lomi)

    for words in (("verify", "20200101-000000-0000"), ("restore", "../etc", "--into", "queue")):
        done = lomi("backup", *words)
        assert done.code == 1
        assert "there is no backup" in done.err


def test_without_a_place_nothing_is_guessed(photos: OldCluster, bench: Any, lomi: Lomi) -> None:
    done = lomi("backup", "create")

    assert done.code == 2
    assert "backup.to" in done.err
    assert lomi("backup", "create", "--to", "ftp://x/y").code == 2


def test_after_a_restore_reconcile_queues_what_postgres_says_is_undecided(
    photos: OldCluster, bench: Any, place: Lies, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uploaded between the backup's look at the queue and its look at Postgres, or after Redis was lost."""
    monkeypatch.setenv("LOMI_OBJECTS", str(photos.objects))
    photos.photo(batch=photos.user)
    name = created(lomi)
    emptied(photos)

    assert lomi("backup", "restore", name, "--into", "both").code == 0
    found = lomi("reconcile", "--older-than", "0s", "-o", "json").document

    assert found["queued"] == 2
    assert bench.client.llen(bench.keys.ready) == 2


def test_owners_and_grants_are_kept_where_their_roles_are_here(
    photos: OldCluster, bench: Any, place: Lies, lomi: Lomi, postgres_server: str
) -> None:
    role = f"backend_{photos.user.hex[:8]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role}".encode())
    try:
        with photos.sql() as pg:
            pg.execute(f"ALTER TABLE media OWNER TO {role}; GRANT SELECT ON lomi.audit TO {role}".encode())
        name = created(lomi)
        emptied(photos)
        assert lomi("backup", "restore", name, "--into", "postgres").code == 0

        with photos.sql() as pg:
            owner = pg.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'media'").fetchone()
            may = pg.execute("SELECT has_table_privilege(%s, 'lomi.audit', 'SELECT') AS may", (role,)).fetchone()
            assert owner == {"tableowner": role}
            assert may == {"may": True}
            pg.execute(f"DROP OWNED BY {role}".encode())
            pg.execute("DROP TABLE IF EXISTS users; DROP SCHEMA lomi CASCADE; DROP TYPE media_type")
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute(f"DROP ROLE {role}".encode())

    done = lomi("backup", "restore", name, "--into", "postgres")

    assert done.code == 0, done.err
    assert f"for want of the roles {role}" in done.err


def test_a_role_that_owns_its_database_and_nothing_else_can_save_and_restore_it(
    old: OldCluster, bench: Any, place: Lies, lomi: Lomi, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in production: the extension is an administrator's, everything else the backend's."""
    role, name = f"app_{old.user.hex[:8]}", f"app_{old.user.hex[:8]}"
    server = postgres_server.rsplit("@", 1)[1].partition("/")[0]
    own = f"postgresql://{role}:x@{server}/{name}"
    # The tests' own superuser is called lomi, and this role may not pin its search path.
    make = (f"CREATE DATABASE {name} OWNER {role}", f"ALTER ROLE lomi IN DATABASE {name} SET search_path = public")
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
        for statement in make:
            admin.execute(statement.encode())
    try:
        with psycopg.connect(postgres_server.rsplit("/", 1)[0] + f"/{name}", autocommit=True) as admin:
            if not admin.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'uuid-ossp'").fetchone():
                pytest.skip("this Postgres has no uuid-ossp")
            admin.execute('CREATE EXTENSION "uuid-ossp"')
        prepare(own)
        with psycopg.connect(own, autocommit=True) as pg:
            pg.execute("INSERT INTO users (telegram_id, name) VALUES (7, 'Hana')")
            pg.execute("INSERT INTO media (user_id, media_type, url) SELECT id, 'photo', 'users/x.jpg' FROM users")
        app = OldCluster(old.redis_url, own, old.objects)
        before = rows(app)
        monkeypatch.setenv("LOMI_DATABASE_URL", own)
        backup = created(lomi)

        replaced = lomi("backup", "restore", backup, "--into", "postgres", "--confirm", name)
        after = rows(app)
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            for statement in (f"DROP DATABASE {name}", *make):
                admin.execute(statement.encode())
        fresh = lomi("backup", "restore", backup, "--into", "postgres")

        for done, found in ((replaced, after), (fresh, rows(app))):
            assert done.code == 0, done.err
            assert "owners and grants" not in done.err
            assert unaudited(found) == unaudited(before)
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            admin.execute(f"DROP ROLE {role}".encode())
