"""The same where photos lie in a bucket: an archive has them, an erasure takes them, and what is denied is told."""

from __future__ import annotations

import tarfile
import uuid
from dataclasses import dataclass
from pathlib import Path

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from tests.integration.audit.conftest import Lomi
from tests.integration.objects.conftest import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3, s3_server
from tests.integration.ops.old_cluster import OldCluster, scores

__all__ = ["s3", "s3_server"]
ERASE = ("--reason", "their own wish", "--confirm-count", 2)
ELSEWHERE = "old-endpoint/photo.jpg"


@dataclass
class Bucket:
    server: S3Server

    def put(self, *keys: str) -> None:
        for key in keys:
            self.server.store().put(BUCKET, key, b"bytes of " + key.encode())

    def names(self) -> set[str]:
        return {each.key for each in self.server.store().list(BUCKET, "")}


@pytest.fixture
def bucket(s3: S3Server, cluster: OldCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """Two photos of the cluster's user, one of them where an old endpoint put it, a thumbnail, and another user's."""
    monkeypatch.delenv("LOMI_OBJECTS")
    env_file = tmp_path / "env.production"
    env_file.write_text(f"S3_ENDPOINT={s3.url}\nS3_ACCESS_KEY={ACCESS_KEY}\nS3_SECRET_KEY={SECRET_KEY}\n")
    monkeypatch.setenv("LOMI_ENV_FILE", str(env_file))
    found = Bucket(s3)
    one, two = (cluster.photo("rejected", "nsfw", scores()) for _ in range(2))
    mine = f"users/{cluster.user}/photo/{one}.jpg"
    with cluster.sql() as pg:
        pg.execute("UPDATE media SET url = %s WHERE id = %s", (f"{s3.url}/{BUCKET}/{ELSEWHERE}", two))
    found.put(mine, f"users/{cluster.user}/thumb/{one}.jpg", ELSEWHERE, f"users/{uuid.uuid4()}/photo/x.jpg")
    return found


def test_an_archive_has_the_photos_of_a_bucket(bucket: Bucket, cluster: OldCluster, lomi: Lomi, tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    said = lomi("privacy", "export", cluster.user, "--out", path)
    assert (said.code, said.err) == (0, "")
    with tarfile.open(path) as archive:
        names = {each.name for each in archive.getmembers() if each.name.startswith("objects/")}
        assert archive.extractfile(f"objects/{BUCKET}/{ELSEWHERE}").read() == b"bytes of " + ELSEWHERE.encode()  # type: ignore[union-attr]
    assert names == {
        f"objects/{BUCKET}/{key}" for key in bucket.names() if str(cluster.user) in key or key == ELSEWHERE
    }
    assert SECRET_KEY.encode() not in path.read_bytes()


def test_an_erasure_takes_the_photos_out_of_a_bucket_and_leaves_another_users(
    bucket: Bucket, cluster: OldCluster, lomi: Lomi
) -> None:
    said = lomi("privacy", "erase", cluster.user, *ERASE, "-o", "json")
    assert (said.code, said.document["gone"]["objects"], said.document["left"]) == (0, 3, {})
    (left,) = bucket.names()
    assert str(cluster.user) not in left
    assert lomi("audit", "verify").code == 0


def test_a_key_that_may_not_delete_stops_an_erasure_and_the_same_command_goes_on(
    bucket: Bucket, cluster: OldCluster, lomi: Lomi
) -> None:
    before = bucket.names()
    bucket.server.gate.read_only = True
    said = lomi("privacy", "erase", cluster.user, *ERASE)
    assert said.code in (1, 2, 3)
    assert "denied" in said.err.lower() or "may not" in said.err
    assert "Traceback" not in said.err
    assert SECRET_KEY not in said.err
    bucket.server.gate.read_only = False
    assert bucket.names() == before
    with cluster.sql() as pg:
        assert pg.execute("SELECT count(*) AS n FROM media").fetchall() == [{"n": 2}]
    assert lomi("privacy", "erase", cluster.user, *ERASE).code == 0
    assert len(bucket.names()) == 1


def test_an_object_that_cannot_be_named_is_told_and_keeps_nothing_else_from_going(
    bucket: Bucket, cluster: OldCluster, lomi: Lomi
) -> None:
    odd = f"users/{cluster.user}/photo/../x.jpg"
    inside = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]  # the client refuses to write it, like everything else of ours
    inside.put_object(BUCKET, odd, b"odd")
    try:
        planned = lomi("privacy", "erase", cluster.user, "--reason", "their own wish", "--dry-run")
        said = lomi("privacy", "erase", cluster.user, *ERASE, "-o", "json")
        again = lomi("privacy", "erase", cluster.user, "--reason", "their own wish")
    finally:
        inside.delete_object(BUCKET, odd)
    assert planned.code == 0
    assert "neither read nor deleted" in planned.err
    assert again.code == 1, "it is there as long as it is there"
    assert "neither read nor deleted" in again.err
    assert (said.code, said.document["gone"]["objects"], said.document["left"]) == (1, 3, {})
    assert said.document["unnameable"] == [f"{BUCKET}/{odd}"]
    assert "neither read nor deleted" in said.err
    assert len(bucket.names()) == 1
