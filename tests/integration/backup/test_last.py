"""When the last backup was: by our own record, a file, an object, a command."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.clients.objects.s3 import make_client
from lomi_ops.config.sections.operating import BackupSection
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.errors import LomiError, ObjectsUnavailable
from lomi_ops.ops.backup.last import is_configured, last_backup
from tests.integration.backup.conftest import Lomi, OldCluster, S3Server
from tests.integration.objects.conftest import BUCKET

MOMENT = datetime(2026, 11, 25, 3, 15, tzinfo=UTC)


def section(**settings: Any) -> BackupSection:
    return BackupSection.model_validate(settings)


def python(code: str) -> str:
    return f"{sys.executable} -c '{code}'"


def test_nothing_is_configured_at_first() -> None:
    assert not is_configured(section())
    assert last_backup(section(), ObjectsSection()) is None
    assert is_configured(section(file="/var/backups/x"))


def test_our_own_record_says_when_where_how_large_and_whether_it_was_tried(
    photos: OldCluster, bench: Any, lomi: Lomi, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    assert last_backup(section(to=str(place)), ObjectsSection()) is None
    before = datetime.now(UTC)
    name = lomi("backup", "create", "--to", place, "-o", "json").document["name"]

    found = last_backup(section(to=str(place)), ObjectsSection())

    assert found is not None
    assert before <= found.when <= datetime.now(UTC)
    assert (found.name, found.where, found.verified_at) == (name, f"{place}/{name}", None)
    assert found.bytes is not None
    assert found.bytes > 1000
    assert lomi("backup", "verify", "--from", place).code == 0
    tried = last_backup(section(to=str(place)), ObjectsSection())
    assert tried is not None
    assert tried.verified_at is not None
    assert tried.verified_at > found.when


def test_a_half_one_and_a_damaged_one_are_not_the_last(
    photos: OldCluster, bench: Any, lomi: Lomi, tmp_path: Path
) -> None:
    place = tmp_path / "backups"
    good, damaged, half = (lomi("backup", "create", "--to", place, "-o", "json").document["name"] for _ in range(3))
    (place / damaged / "manifest.json").write_text("{}")
    (place / half / "manifest.json").unlink()

    found = last_backup(section(to=str(place)), ObjectsSection())

    assert found is not None
    assert found.name == good


def test_a_file_of_somebody_elses_backup_counts_by_its_time(tmp_path: Path) -> None:
    path = tmp_path / "lomi.dump"
    assert last_backup(section(file=path), ObjectsSection()) is None
    path.write_bytes(b"x" * 7)
    os.utime(path, (MOMENT.timestamp(), MOMENT.timestamp()))

    found = last_backup(section(file=path), ObjectsSection())

    assert found is not None
    assert (found.when, found.where, found.bytes) == (MOMENT, str(path), 7)


def test_of_several_files_the_latest_counts(tmp_path: Path) -> None:
    for days in range(3):
        path = tmp_path / f"lomi-{days}.dump"
        path.touch()
        at = (MOMENT - timedelta(days=days)).timestamp()
        os.utime(path, (at, at))

    found = last_backup(section(file=tmp_path / "lomi-*.dump"), ObjectsSection())

    assert found is not None
    assert (found.when, Path(found.where).name) == (MOMENT, "lomi-0.dump")


def test_an_object_counts_by_when_it_was_written(s3: S3Server) -> None:
    client: Any = make_client(s3.section(), s3.url)
    one = section(object=f"s3://{BUCKET}/dumps/today.dump")
    any_of_them = section(object=f"s3://{BUCKET}/dumps/*")
    assert last_backup(one, s3.section()) is None
    assert last_backup(any_of_them, s3.section()) is None
    client.put_object(Bucket=BUCKET, Key="dumps/today.dump", Body=b"12345")

    for named in (one, any_of_them):
        found = last_backup(named, s3.section())
        assert found is not None
        assert found.where == f"s3://{BUCKET}/dumps/today.dump"
        assert found.bytes == 5
        assert abs(datetime.now(UTC) - found.when) < timedelta(minutes=5)


def test_a_bucket_that_does_not_answer_is_not_the_same_as_no_backup(s3: S3Server) -> None:
    s3.gate.answer = ("403 Forbidden", "AccessDenied")

    with pytest.raises(ObjectsUnavailable, match="refused HeadObject in lomi-photos: 403"):
        last_backup(section(object=f"s3://{BUCKET}/dumps/x"), s3.section())


@pytest.mark.parametrize("said", ["2026-11-25T03:15:00Z", "1795576500", "2026-11-25 03:15:00"])
def test_a_command_may_say_it_in_several_ways(said: str) -> None:
    found = last_backup(section(command=python(f'print("{said}")')), ObjectsSection())

    assert found is not None
    assert found.when == MOMENT


def test_a_command_is_run_by_no_shell(tmp_path: Path) -> None:
    command = f"{sys.executable} -c 'import sys; print(1795576500 if len(sys.argv) == 4 else 0)' $HOME ; touch"

    assert last_backup(section(command=command), ObjectsSection()) is not None


def test_a_command_that_says_nothing_knows_of_no_backup() -> None:
    assert last_backup(section(command=python("")), ObjectsSection()) is None


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (python("raise SystemExit(4)"), "ended with 4"),
        (python('print("yesterday")'), "neither an ISO time nor seconds"),
        ("/does/not/exist --at all", "cannot be run"),
        ("'unclosed", "cannot be run"),
    ],
)
def test_a_command_that_fails_cannot_tell(command: str, why: str) -> None:
    with pytest.raises(LomiError, match=why):
        last_backup(section(command=command), ObjectsSection())


def test_a_command_that_does_not_end_is_ended() -> None:
    with pytest.raises(LomiError, match="did not end within"):
        last_backup(
            section(command=python("import threading; threading.Event().wait()")),
            ObjectsSection(),
            command_timeout_s=0.1,
        )


def test_of_several_sources_the_latest_counts(tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.touch()
    os.utime(path, (1, 1))

    found = last_backup(section(file=path, command=python("print(1795576500)")), ObjectsSection())

    assert found is not None
    assert found.when == MOMENT
