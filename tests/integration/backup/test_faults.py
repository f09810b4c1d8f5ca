"""What goes wrong with backups: kills, full disks, stores that go away, wrong programs, wrong passwords."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from lomi_ops.ops.backup.folder import FolderPlace
from lomi_ops.ops.local import binaries
from lomi_ops.ops.local.binaries import Source
from tests.conftest import need
from tests.integration.backup.conftest import Busy, Lomi, OldCluster, S3Server, rows, unaudited
from tests.integration.objects.conftest import BUCKET
from tests.integration.servers.rights import until
from tests.services import running_postgres

CANARY = "canary"


@pytest.fixture
def backups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOMI_BACKUP__TO", str(tmp_path / "backups"))
    return tmp_path / "backups"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def partial(folder: Path) -> list[Path]:
    return sorted(folder.glob(".partial-*")) if folder.exists() else []


Child = subprocess.Popen[str]
Middle = Callable[..., AbstractContextManager[Child]]


@pytest.fixture
def start() -> Iterator[Callable[..., Child]]:
    """Starts the command in a process of its own, which does not outlive the test."""
    children: list[Child] = []

    def run(*words: str, **variables: str) -> Child:
        child = subprocess.Popen(
            [sys.executable, "-m", "lomi_ops", *words], env={**os.environ, **variables},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        children.append(child)
        return child

    yield run
    for child in children:
        child.kill()
        child.communicate()


@pytest.fixture
def in_the_middle(start: Callable[..., Child]) -> Middle:
    """A backup whose pg_dump waits for a table that somebody holds: the queue is written, Postgres is not. It goes
    on afterwards.

    Of a partitioned table only pg_dump wants a lock, since it has no rows of its own.
    """

    @contextmanager
    def begin(cluster: OldCluster, **variables: str) -> Iterator[Child]:
        with cluster.sql() as holder:
            holder.execute("CREATE TABLE IF NOT EXISTS held (x int) PARTITION BY LIST (x)")
            with holder.transaction():
                holder.execute("LOCK TABLE held IN ACCESS EXCLUSIVE MODE")
                child = start("backup", "create", **variables)
                until(lambda: child.poll() is not None or _waits(cluster))
                assert child.poll() is None, child.communicate()
                yield child

    return begin


def _waits(cluster: OldCluster) -> bool:
    with cluster.sql() as pg:
        found = pg.execute("SELECT count(*) AS n FROM pg_locks WHERE relation = 'held'::regclass AND NOT granted")
        return found.fetchone() != {"n": 0}


def pg_dumps(cluster: OldCluster) -> list[int]:
    """Processes that run pg_dump on this test's database; other tests run it beside us on theirs."""
    ours = f"dbname={psycopg.conninfo.conninfo_to_dict(cluster.database_url)['dbname']}"
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                program, *words = (entry / "cmdline").read_text().split("\0")
            except OSError:
                continue
            if program.endswith("pg_dump") and any(ours in word.split() for word in words):
                found.append(int(entry.name))
    return found


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_kill_9_in_the_middle_leaves_the_old_backups_and_nothing_that_looks_like_one(
    photos: OldCluster, busy: Busy, backups: Path, lomi: Lomi, in_the_middle: Middle
) -> None:
    assert lomi("backup", "create").code == 0
    old = names(backups)
    with in_the_middle(photos) as child:
        (left,) = partial(backups)
        assert (left / "queue.jsonl.gz").stat().st_size > 0
        child.kill()
        child.wait()

    assert [each["name"] for each in lomi("backup", "list", "-o", "json").document["backups"]] == old
    assert partial(backups) == [left]
    until(lambda: pg_dumps(photos) == [])
    done = lomi("backup", "create", "-o", "json").document

    assert done["swept"] == [left.name.removeprefix(".partial-")]
    assert partial(backups) == []
    assert names(backups) == sorted([*old, done["name"]])


def test_a_second_run_says_that_one_is_at_work(
    photos: OldCluster, bench: Any, backups: Path, lomi: Lomi, in_the_middle: Middle
) -> None:
    with in_the_middle(photos):
        second = lomi("backup", "create")

        assert second.code == 75
        assert "another `lomi backup` is at work" in second.err
        assert len(partial(backups)) == 1, "the first one's is not swept away"


def test_a_run_that_is_told_to_stop_cleans_up(
    photos: OldCluster, bench: Any, backups: Path, in_the_middle: Middle
) -> None:
    with in_the_middle(photos) as child:
        child.send_signal(signal.SIGTERM)
        child.wait(20)

        assert child.returncode == 143
        assert pg_dumps(photos) == []
        assert everything_in(backups) == b""


def test_no_secret_is_in_the_backup_on_a_command_line_or_in_pg_dumps_environment(
    photos: OldCluster, busy: Busy, backups: Path, redis_server: Any, postgres_server: str, in_the_middle: Middle
) -> None:
    role, password = f"{CANARY}_{photos.user.hex[:8]}", f"{CANARY}:db\\\\ with'signs"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(
            f"CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{password.replace(chr(39), chr(39) * 2)}'".encode()
        )
    at = psycopg.conninfo.conninfo_to_dict(photos.database_url)
    variables = {
        "LOMI_DATABASE_URL": "", "DB_HOST": str(at["host"]), "DB_PORT": str(at["port"]), "DB_NAME": str(at["dbname"]),
        "DB_USER": role, "DB_PASSWORD": password, "LOMI_BACKEND__TOKEN": f"{CANARY}-token",
        "LOMI_COMPREFACE__API_KEY": f"{CANARY}-key", "LOMI_OBJECTS__SECRET_KEY": f"{CANARY}-s3",
        "LOMI_BACKUP__COMMAND": f"ask --password={CANARY}-word",
    }  # fmt: skip
    try:
        with in_the_middle(photos, **variables) as child:
            (dumping,) = pg_dumps(photos)
            seen = [(Path("/proc") / str(dumping) / name).read_bytes() for name in ("cmdline", "environ")]
            seen += [(Path("/proc") / str(child.pid) / "cmdline").read_bytes()]
            assert b"--format=custom" in seen[0]
        out, err = child.communicate(timeout=60)
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute(f"DROP ROLE {role}".encode())

    assert child.returncode == 0, err
    (name,) = names(backups)
    queue = subprocess.run(["gzip", "-dc", backups / name / "queue.jsonl.gz"], capture_output=True, check=True).stdout
    for text in (*seen, out.encode(), err.encode(), everything_in(backups), queue):
        assert CANARY.encode() not in text.replace(role.encode(), b"")
        assert redis_server.password.encode() not in text
    settings = json.loads((backups / name / "settings.json").read_text())["settings"]
    told = {each["key"]: each["value"] for each in settings}
    assert told["backend.token"] == "set"
    assert told["backup.command"] == "ask --password=***"
    assert told["worker.slots"] == 1


def test_a_wrong_password_fails_before_anything_is_written(
    photos: OldCluster, bench: Any, backups: Path, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lomi("backup", "create").code == 0
    before = names(backups)
    at = psycopg.conninfo.conninfo_to_dict(photos.database_url)
    url = f"postgresql://lomi:{CANARY}@{at['host']}:{at['port']}/{at['dbname']}"
    monkeypatch.setenv("LOMI_DATABASE_URL", url)

    done = lomi("backup", "create")

    assert done.code == 3
    assert "check database.user and database.password" in done.err
    assert CANARY not in done.err
    assert names(backups) == before


def test_a_redis_that_is_away_fails_and_leaves_nothing(
    photos: OldCluster, backups: Path, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", "redis://127.0.0.1:1/0")

    assert lomi("backup", "create").code == 3
    assert everything_in(backups) == b""


def test_a_role_that_may_not_read_all_is_told_what_to_grant(
    photos: OldCluster, bench: Any, backups: Path, lomi: Lomi, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    role = f"few_{photos.user.hex[:8]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'x'".encode())
    at = psycopg.conninfo.conninfo_to_dict(photos.database_url)
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://{role}:x@{at['host']}:{at['port']}/{at['dbname']}")
    try:
        refused = lomi("backup", "create")
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute(f"GRANT pg_read_all_data TO {role}".encode())
        allowed = lomi("backup", "create")
    finally:
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute(f"DROP ROLE {role}".encode())

    assert refused.code == 1
    assert "permission denied" in refused.err
    assert "pg_read_all_data" in refused.err
    assert allowed.code == 0, allowed.err


@pytest.fixture(scope="module")
def newer() -> Iterator[str]:
    """A Postgres that is newer than the system's programs."""
    system = binaries.client_programs("pg_dump", Source.SYSTEM)
    wheel = binaries.client_programs("pg_dump", Source.WHEEL)
    need(
        system and wheel and system[0].major < wheel[0].major, "a pg_dump of the system that is older than the wheel's"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LOMI_BINARIES", "wheel")
        with running_postgres() as url:
            yield url


def test_a_pg_dump_that_is_too_old_is_named_with_both_versions_and_the_package(
    newer: str, bench: Any, backups: Path, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", newer)
    monkeypatch.setenv("LOMI_REDIS_URL", _url(bench))
    monkeypatch.setenv("LOMI_BINARIES", "system")
    with psycopg.connect(newer) as pg:
        server = pg.info.server_version // 10000

    done = lomi("backup", "create")

    assert done.code == 2
    assert f"pg_dump {server} or later, for Postgres {server}." in done.err
    assert f"the newest here is {binaries.client_programs('pg_dump', Source.SYSTEM)[0].major}." in done.err
    assert f"apt-get install postgresql-client-{server}" in done.err
    assert partial(backups) == []


def test_a_trial_needs_a_server_that_is_not_older_and_says_so(
    newer: str, bench: Any, backups: Path, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, scratch: str
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", newer)
    monkeypatch.setenv("LOMI_REDIS_URL", _url(bench))
    assert lomi("backup", "create").code == 0
    monkeypatch.setenv("LOMI_BINARIES", "system")

    done = lomi("backup", "verify", "-o", "json", "--scratch", scratch)

    assert done.code == 3
    assert done.document["verdict"] == "unknown"
    assert "a trial needs Postgres" in next(p["detail"] for p in done.document["parts"] if p["part"] == "postgres")
    monkeypatch.setenv("LOMI_BINARIES", "auto")
    assert lomi("backup", "verify", "--scratch", scratch).code == 0


def test_an_older_server_is_refused(
    newer: str, photos: OldCluster, bench: Any, backups: Path, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", newer)
    assert lomi("backup", "create").code == 0
    monkeypatch.setenv("LOMI_DATABASE_URL", photos.database_url)

    done = lomi("backup", "restore", "latest", "--into", "postgres", "--dry-run")

    assert done.code == 5
    assert "restore into a server that is not older" in done.err


def _url(bench: Any) -> str:
    options = bench.client.connection_pool.connection_kwargs
    return f"redis://:{options['password']}@{options['host']}:{options['port']}/0"


def test_without_any_pg_dump_the_package_is_named(
    photos: OldCluster, bench: Any, backups: Path, lomi: Lomi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_BINARIES", "system")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(binaries, "_DEBIAN", tmp_path / "nothing")

    done = lomi("backup", "create")

    assert done.code == 2
    assert "no pg_dump found that fits Postgres" in done.err
    assert "apt-get install postgresql-client-" in done.err
    assert "lomi-ops[local]" in done.err


def _fat(cluster: OldCluster) -> None:
    """More rows than fit, and no two alike."""
    with cluster.sql() as pg:
        pg.execute(
            "CREATE TABLE fat AS SELECT string_agg(md5(random()::text), '') AS x FROM generate_series(1, 40000) AS i"
            " GROUP BY i % 400"
        )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 300 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = os.geteuid() == 0 and not subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True, check=False
    ).returncode  # fmt: skip
    if not mounted:
        pytest.skip("a file system cannot be mounted here; the limit on file sizes is tested instead")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_keeps_the_old_backups_and_leaves_no_half_one(
    photos: OldCluster, busy: Busy, small_disk: Path, lomi: Lomi
) -> None:
    place = small_disk / "backups"
    assert lomi("backup", "create", "--to", place).code == 0
    old, kept = names(place), everything_in(place)
    _fat(photos)

    done = lomi("backup", "create", "--to", place, "--keep", "1")

    assert done.code == 1
    assert f"there is no room for a backup in {place}" in done.err
    assert names(place) == old
    assert everything_in(place) == kept
    assert partial(place) == []


def test_a_limit_on_file_sizes_is_a_full_disk(photos: OldCluster, busy: Busy, backups: Path) -> None:
    _fat(photos)
    done = subprocess.run(
        [sys.executable, "-m", "lomi_ops", "backup", "create"], capture_output=True, text=True, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip

    assert done.returncode == 1
    assert "there is no room for a backup" in done.stderr
    assert everything_in(backups) == b""


def test_a_folder_that_does_not_exist_is_not_made_out_of_nothing(
    photos: OldCluster, bench: Any, tmp_path: Path, lomi: Lomi
) -> None:
    """It may be a disk that is not mounted."""
    done = lomi("backup", "create", "--to", tmp_path / "not mounted" / "backups")

    assert done.code == 1
    assert "does not exist" in done.err
    assert not (tmp_path / "not mounted").exists()


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    monkeypatch.setenv("LOMI_BACKUP__TO", f"s3://{BUCKET}/backups")
    section = s3.section()
    assert section.access_key is not None
    assert section.secret_key is not None
    monkeypatch.setenv("LOMI_OBJECTS__ENDPOINT", s3.url)
    monkeypatch.setenv("LOMI_OBJECTS__ACCESS_KEY", section.access_key.get_secret_value())
    monkeypatch.setenv("LOMI_OBJECTS__SECRET_KEY", section.secret_key.get_secret_value())
    return s3


def test_a_bucket_that_goes_away_in_the_middle_keeps_the_old_backups(
    photos: OldCluster, busy: Busy, bucket: S3Server, lomi: Lomi, in_the_middle: Middle
) -> None:
    first = lomi("backup", "create", "-o", "json").document["name"]
    with in_the_middle(photos) as child:
        bucket.gate.answer = ("503 Service Unavailable", "ServiceUnavailable")
    _, err = child.communicate(timeout=100)
    bucket.gate.answer = None

    assert child.returncode == 3
    assert "ServiceUnavailable" in err
    assert [each["name"] for each in lomi("backup", "list", "-o", "json").document["backups"]] == [first]
    done = lomi("backup", "create", "-o", "json").document
    assert len(done["swept"]) == 1
    assert [each["name"] for each in lomi("backup", "list", "-o", "json").document["backups"]] == [done["name"], first]


def test_a_wrong_key_for_the_bucket_is_told_and_not_shown(
    photos: OldCluster, bench: Any, bucket: S3Server, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_OBJECTS__ACCESS_KEY", f"{CANARY}-access")

    for words in (("create",), ("list",), ("verify",)):
        done = lomi("backup", *words)
        assert done.code == 3
        assert "check objects.access_key" in done.err
        assert CANARY not in done.err


def test_a_bucket_without_an_account_is_a_mistake_in_the_settings(photos: OldCluster, bench: Any, lomi: Lomi) -> None:
    done = lomi("backup", "create", "--to", "s3://somewhere/else")

    assert done.code == 2
    assert "objects.access_key is missing" in done.err


def test_a_trial_that_was_killed_is_cleared_away_by_the_next_one(
    photos: OldCluster, busy: Busy, backups: Path, lomi: Lomi, scratch: str, start: Callable[..., Child]
) -> None:
    assert lomi("backup", "create").code == 0
    child = start("backup", "verify", "--scratch", scratch)
    until(lambda: len(_servers(scratch)) >= 2)
    child.kill()
    child.wait()
    assert _servers(scratch)

    done = lomi("backup", "verify", "--scratch", scratch)

    assert done.code == 0, done.err
    assert _servers(scratch) == []
    assert list(Path(scratch).iterdir()) == []


def _servers(folder: str) -> list[int]:
    """Processes that work below a folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                place = (entry / "cwd").readlink()
            except OSError:
                continue
            if str(place).startswith(f"{folder}/"):
                found.append(int(entry.name))
    return found


def test_a_table_that_somebody_holds_keeps_a_restore_from_changing_anything(
    photos: OldCluster, busy: Busy, backups: Path, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lomi_ops.ops.backup import postgres

    monkeypatch.setattr(postgres, "LOCK_WAIT_S", 1)
    assert lomi("backup", "create").code == 0
    before = rows(photos)
    database = photos.database_url.rpartition("/")[2]
    with photos.sql() as holder, holder.transaction():
        holder.execute("SELECT * FROM media")
        done = lomi("backup", "restore", "latest", "--into", "both", "--confirm", database)

    assert done.code == 3
    assert "stop the backend and the workers" in done.err
    assert "the queue stays paused" in done.err
    after = rows(photos)
    assert [entry["action"] for entry in after["lomi.audit"] if entry not in before["lomi.audit"]] == ["backup.restore"]
    assert unaudited(after) == unaudited(before)
    assert busy.bench.client.hget(busy.keys.paused, "by")


def test_a_restore_that_is_killed_is_in_the_audit_and_says_who_paused_the_queue(
    photos: OldCluster, busy: Busy, backups: Path, lomi: Lomi, start: Callable[..., Child]
) -> None:
    name = lomi("backup", "create", "-o", "json").document["name"]
    with photos.sql() as pg:
        pg.execute("UPDATE media SET moderation_reason = 'since then'")
    before = rows(photos)
    database = photos.database_url.rpartition("/")[2]
    words = ("backup", "restore", name, "--into", "both", "--confirm", database, "--as", "ada", "--reason", "a trial")
    with photos.sql() as holder, holder.transaction():
        holder.execute("SELECT * FROM media")
        child = start(*words)
        until(lambda: child.poll() is not None or _waits_to_drop(photos))
        assert child.poll() is None, child.communicate()
        child.kill()
        child.wait()

    until(lambda: not _sessions(photos, "lomi restore%"))
    after = rows(photos)
    (entry,) = [each for each in after["lomi.audit"] if each["action"] == "backup.restore"]
    assert unaudited(after) == unaudited(before), "pg_restore did not go on without us"
    assert (entry["actor"], entry["subject"], entry["reason"]) == ("ada", "database", "a trial")
    assert entry["before"]["backup"] == name
    assert f"paused by ada: restored from the backup {name}" in lomi("check", "--only", "queue.open").out


def _sessions(cluster: OldCluster, name: str) -> int:
    with cluster.sql() as pg:
        found = pg.execute(
            "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE %s"
            " AND datname = current_database()",
            (name,),
        ).fetchone()
        assert found is not None
        return int(found["n"])


def _waits_to_drop(cluster: OldCluster) -> bool:
    with cluster.sql() as pg:
        found = pg.execute(
            "SELECT count(*) AS n FROM pg_locks WHERE relation = 'media'::regclass AND NOT granted"
        ).fetchone()
        return found != {"n": 0}


def test_a_backup_is_for_its_owner_only(photos: OldCluster, bench: Any, backups: Path, lomi: Lomi) -> None:
    assert lomi("backup", "create").code == 0

    for path in (backups, *backups.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_trial_on_a_machine_without_the_backends_extension_takes_a_stand_in(
    photos: OldCluster, bench: Any, backups: Path, lomi: Lomi, scratch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Postgres of the wheel has no uuid-ossp."""
    need(binaries.client_programs("pg_dump", Source.WHEEL), "the Postgres of lomi-ops[local]")
    with photos.sql() as pg:
        there = pg.execute("SELECT count(*) AS n FROM pg_extension WHERE extname = 'uuid-ossp'").fetchone()
    need(there == {"n": 1}, "a Postgres of the system with uuid-ossp")
    assert lomi("backup", "create").code == 0
    monkeypatch.setenv("LOMI_BINARIES", "wheel")

    done = lomi("backup", "verify", "-o", "json", "--scratch", scratch)

    assert done.code == 0, done.out + done.err
    assert any("uuid-ossp" in note for note in done.document["notes"])


def test_a_trial_on_a_machine_without_another_extension_cannot_tell(
    photos: OldCluster, bench: Any, backups: Path, lomi: Lomi, scratch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(binaries.client_programs("pg_dump", Source.WHEEL), "the Postgres of lomi-ops[local]")
    with photos.sql() as pg:
        if pg.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm'").fetchone() is None:
            pytest.skip("the Postgres here has no pg_trgm")
        pg.execute("CREATE EXTENSION pg_trgm")
    assert lomi("backup", "create").code == 0
    monkeypatch.setenv("LOMI_BINARIES", "wheel")

    done = lomi("backup", "verify", "-o", "json", "--scratch", scratch)

    assert done.code == 3
    told = {part["area"]: part["detail"] for part in done.document["parts"] if part["verdict"] == "unknown"}
    assert list(told) == ["postgres"]
    assert "pg_trgm" in told["postgres"]


def test_a_backup_of_another_cluster_that_is_being_made_in_the_folder_is_not_swept_away(tmp_path: Path) -> None:
    one, other = FolderPlace(tmp_path / "backups"), FolderPlace(tmp_path / "backups")

    with one.draft("20261126-031507-0001") as draft:
        draft.put("postgres.dump", [b"half"])
        assert other.sweep() == ()
        assert other.names() == ()
        draft.commit("{}")

    assert one.names() == ("20261126-031507-0001",)
    assert everything_in(tmp_path) == b"{}half"
