"""The directory as object store: nothing leads outside, and the file system's faults get their names."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lomi_ops.clients.objects import BadKey, DirectoryStore, ObjectMissing, open_store
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.errors import JobError, ObjectsUnavailable, PhotoError
from tests import services

BUCKET, LIMIT = "lomi-photos", 1 << 20


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "objects"


@pytest.fixture
def store(root: Path) -> DirectoryStore:
    made = open_store(ObjectsSection(directory=root))
    assert isinstance(made, DirectoryStore)
    made.ensure_bucket(BUCKET)
    return made


def test_an_object_is_the_file_at_bucket_and_key(store: DirectoryStore, root: Path) -> None:
    (root / BUCKET / "users").mkdir()
    (root / BUCKET / "users" / "1.jpg").write_bytes(b"by hand")
    assert store.get(BUCKET, "users/1.jpg", LIMIT) == b"by hand"
    store.put(BUCKET, "users/2.jpg", b"by us")
    assert (root / BUCKET / "users" / "2.jpg").read_bytes() == b"by us"


def test_a_bucket_that_nobody_named_is_taken_when_its_folder_exists(store: DirectoryStore, root: Path) -> None:
    (root / "test-bucket").mkdir()
    (root / "test-bucket" / "a.jpg").write_bytes(b"x")
    assert store.get("test-bucket", "a.jpg", LIMIT) == b"x"
    with pytest.raises(JobError) as caught:
        store.get("no-such-bucket", "a.jpg", LIMIT)
    assert caught.value.code == "bucket_not_allowed"


def test_a_missing_root_or_bucket_is_an_outage_and_not_the_photos_fault(store: DirectoryStore, root: Path) -> None:
    (root / BUCKET).rmdir()
    with pytest.raises(ObjectsUnavailable, match="no folder for the bucket"):
        store.get(BUCKET, "a.jpg", LIMIT)
    root.rmdir()
    with pytest.raises(ObjectsUnavailable, match="does not exist"):
        store.get(BUCKET, "a.jpg", LIMIT)
    with pytest.raises(ObjectsUnavailable):
        store.put(BUCKET, "a.jpg", b"x")


@pytest.mark.parametrize("inside", [False, True])
def test_symbolic_links_are_followed_nowhere_below_the_root(store: DirectoryStore, root: Path, inside: bool) -> None:
    outside = (root / BUCKET / "real") if inside else (root.parent / "outside")
    outside.mkdir()
    (outside / "secret.jpg").write_bytes(b"secret")
    (root / BUCKET / "link").symlink_to(outside)
    (root / BUCKET / "link.jpg").symlink_to(outside / "secret.jpg")
    for key in ("link/secret.jpg", "link.jpg"):
        with pytest.raises(ObjectMissing):
            store.get(BUCKET, key, LIMIT)
        assert store.size(BUCKET, key) is None
    with pytest.raises(ObjectMissing):
        store.put(BUCKET, "link/new.jpg", b"x")
    store.delete(BUCKET, "link/secret.jpg")
    store.put(BUCKET, "link.jpg", b"ours")
    assert (outside / "secret.jpg").read_bytes() == b"secret"
    assert names(outside) == ["secret.jpg"]
    assert not any(item.key.startswith("link/") for item in store.list(BUCKET))


def test_a_bucket_that_is_a_link_is_the_operators_matter(store: DirectoryStore, root: Path) -> None:
    (root / BUCKET).rename(root.parent / "elsewhere")
    (root / BUCKET).symlink_to(root.parent / "elsewhere")
    with pytest.raises(ObjectsUnavailable) as caught:
        store.get(BUCKET, "a.jpg", LIMIT)
    assert "symbolic links are not followed" in caught.value.hint


def test_the_root_itself_may_be_a_link(store: DirectoryStore, root: Path) -> None:
    store.put(BUCKET, "a.jpg", b"x")
    (root.parent / "alias").symlink_to(root)
    assert open_store(ObjectsSection(directory=root.parent / "alias")).get(BUCKET, "a.jpg", LIMIT) == b"x"


def test_what_is_no_file_is_no_object(store: DirectoryStore, root: Path) -> None:
    (root / BUCKET / "folder").mkdir()
    os.mkfifo(root / BUCKET / "pipe")
    store.put(BUCKET, "file", b"x")
    for key in ("folder", "pipe", "file/below"):
        with pytest.raises(ObjectMissing):
            store.get(BUCKET, key, LIMIT)
        assert store.size(BUCKET, key) is None
        store.delete(BUCKET, key + "/x")
    store.delete(BUCKET, "folder")
    assert (root / BUCKET / "folder").is_dir()
    assert [item.key for item in store.list(BUCKET)] == ["file"]
    with pytest.raises(ObjectMissing):
        store.put(BUCKET, "folder", b"x")
    assert names(root / BUCKET) == ["file", "folder", "pipe"]


def test_a_part_too_long_for_a_file_name_is_a_bad_key(store: DirectoryStore) -> None:
    with pytest.raises(BadKey, match="too long for a file name"):
        store.get(BUCKET, "x" * 300, LIMIT)


def test_a_delete_takes_the_emptied_folders_along_but_not_the_bucket(store: DirectoryStore, root: Path) -> None:
    store.put(BUCKET, "users/a/photo/1.jpg", b"1")
    store.put(BUCKET, "users/b/2.jpg", b"2")
    store.delete(BUCKET, "users/a/photo/1.jpg")
    assert names(root / BUCKET / "users") == ["b"]
    store.delete(BUCKET, "users/b/2.jpg")
    assert names(root / BUCKET) == []


def test_a_put_that_fails_leaves_the_old_object_and_no_rubbish(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(BUCKET, "a.jpg", b"old")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ObjectsUnavailable, match="No space left"):
        store.put(BUCKET, "a.jpg", b"new")
    assert store.get(BUCKET, "a.jpg", LIMIT) == b"old"
    assert names(root / BUCKET) == ["a.jpg"]


def test_a_put_in_flight_is_not_listed(store: DirectoryStore, root: Path) -> None:
    (root / BUCKET / ".lomi-put-0123").write_bytes(b"half")
    (root / BUCKET / "odd\nname").write_bytes(b"x")
    assert list(store.list(BUCKET)) == []


def test_others_may_read_what_was_put(store: DirectoryStore, root: Path) -> None:
    old = os.umask(0o022)
    try:
        store.put(BUCKET, "users/a/1.jpg", b"1")
    finally:
        os.umask(old)
    assert stat.S_IMODE((root / BUCKET / "users/a/1.jpg").stat().st_mode) == 0o644
    assert stat.S_IMODE((root / BUCKET / "users/a").stat().st_mode) == 0o755


def test_a_file_that_shrinks_while_it_is_read_is_a_short_read(
    store: DirectoryStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(BUCKET, "a.jpg", b"x" * 100)
    monkeypatch.setattr(os, "read", lambda fd, count: b"")
    with pytest.raises(ObjectsUnavailable, match="became shorter"):
        store.get(BUCKET, "a.jpg", LIMIT)


def test_a_file_that_grows_while_it_is_read_is_still_bounded(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(BUCKET, "a.jpg", b"x" * 100)
    asked = []

    def endless(fd: int, count: int) -> bytes:
        asked.append(count)
        return b"x" * count

    monkeypatch.setattr(os, "read", endless)
    with pytest.raises(PhotoError, match="has more, the limit is 200 bytes"):
        store.get(BUCKET, "a.jpg", 200)
    assert sum(asked) == 201


OTHER_USER = """
import os, sys
from pathlib import Path
from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.errors import LomiError

# Only after the imports: the other user may not be able to read the checkout.
os.setgroups([])
os.setgid(int(sys.argv[3]))
os.setuid(int(sys.argv[2]))
store = DirectoryStore(Path(sys.argv[1]), Buckets(frozenset({"lomi-photos"})))
for work in (
    lambda: store.get("lomi-photos", "users/open.jpg", 100),
    lambda: store.get("lomi-photos", "users/closed.jpg", 100),
    lambda: store.put("lomi-photos", "users/new.jpg", b"x"),
):
    try:
        print(work())
    except LomiError as error:
        print(type(error).__name__, error.message, "|", error.hint)
"""


def test_another_users_folder_is_readable_or_a_clear_error() -> None:
    user = services.service_user()
    if user is None:
        pytest.skip("only root can become another user")
    owner = pwd.getpwnam(user)
    with services.open_folder("lomi-objects-") as folder:
        store = DirectoryStore(folder, Buckets(frozenset({BUCKET})))
        old = os.umask(0o022)
        try:
            store.put(BUCKET, "users/open.jpg", b"open")
            store.put(BUCKET, "users/closed.jpg", b"closed")
        finally:
            os.umask(old)
        (folder / BUCKET / "users/closed.jpg").chmod(0o600)
        command = [sys.executable, "-c", OTHER_USER, str(folder), str(owner.pw_uid), str(owner.pw_gid)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3])
    readable, closed, new = done.stdout.splitlines()
    assert readable == "b'open'"
    assert "ObjectsUnavailable no permission for 'users/closed.jpg'" in closed
    assert "ObjectsUnavailable no permission for 'users/new.jpg'" in new
    assert "the user that runs lomi" in new


KEYS = st.lists(
    st.sampled_from(["..", ".", "", "a", "b.jpg", "link", "\x00", "\\", "..\\", "é", "...", "etc", "passwd", "~"]),
    min_size=1,
    max_size=6,
).map("/".join)


@given(key=KEYS, data=st.binary(max_size=30))
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_key_nothing_outside_the_bucket_is_read_or_changed(tmp_path: Path, key: str, data: bytes) -> None:
    outside, root = tmp_path / "outside", tmp_path / "objects"
    outside.mkdir(exist_ok=True)
    (outside / "b.jpg").write_bytes(b"precious")
    store = DirectoryStore(root, Buckets(frozenset({BUCKET})))
    store.ensure_bucket(BUCKET)
    link = root / BUCKET / "link"
    if not link.is_symlink():
        link.symlink_to(outside)
    try:
        store.put(BUCKET, key, data)
        assert store.get(BUCKET, key, LIMIT) == data
        store.delete(BUCKET, key)
    except ObjectMissing:
        pass
    assert (outside / "b.jpg").read_bytes() == b"precious"
    assert names(outside) == ["b.jpg"]
    assert names(root) == [BUCKET]
    assert names(tmp_path) == ["objects", "outside"]
