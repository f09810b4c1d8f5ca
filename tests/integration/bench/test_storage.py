"""`lomi bench storage`: objects of its own in a real store, gone afterwards."""

from __future__ import annotations

import signal

import pytest

from lomi_ops.clients.objects import ObjectStore
from lomi_ops.errors import ObjectsUnavailable, Throttled
from lomi_ops.ops.bench.storage import PREFIX, StorageProbe
from tests.integration.bench.conftest import Cluster, Lomi, at, figures, interrupt
from tests.integration.e2e.conftest import until
from tests.integration.objects.conftest import BUCKET, S3Server, s3, s3_server, store

__all__ = ["s3", "s3_server", "store"]


def kept(store: ObjectStore) -> list[str]:
    return [item.key for item in store.list(BUCKET)]


@pytest.fixture
def probe(store: ObjectStore) -> StorageProbe:
    store.put(BUCKET, "users/1/photo/1.jpg", b"a user's")
    return StorageProbe(store, BUCKET, objects=12, size=20_000, seconds=5, at_once=3)


def test_every_part_is_measured_and_only_what_was_there_remains(store: ObjectStore, probe: StorageProbe) -> None:
    outcome = probe.run(lambda _: None)

    found = {figure.name: figure.value for figure in outcome.figures}
    assert set(found) == {
        "small_p50", "put_p95", "get_p50", "get_p95", "photos_per_minute", "bytes_per_second", "delete_p95",
    }  # fmt: skip
    assert all(value is not None and value > 0 for value in found.values())
    assert (kept(store), outcome.left) == (["users/1/photo/1.jpg"], ())


def test_a_part_that_is_interrupted_is_cleaned_up(store: ObjectStore, probe: StorageProbe) -> None:
    for part in ("small objects", "uploads", "reads, one by one", "reads at once", "removal"):
        with pytest.raises(KeyboardInterrupt):
            probe.run(at(part, interrupt))
        assert (kept(store), probe.left) == (["users/1/photo/1.jpg"], []), part


def test_what_a_killed_run_has_left_is_removed_by_the_next_one_and_a_living_one_is_left_alone(
    store: ObjectStore, probe: StorageProbe
) -> None:
    probe.wall = lambda: 2_000.0
    store.put(BUCKET, f"{PREFIX}1999-0a0b0c0d/7", b"old")
    store.put(BUCKET, f"{PREFIX}2001-0a0b0c0d/7", b"of somebody at work")
    store.put(BUCKET, f"{PREFIX}notes.txt", b"not ours")

    probe.run(lambda _: None)

    assert kept(store) == [f"{PREFIX}2001-0a0b0c0d/7", f"{PREFIX}notes.txt", "users/1/photo/1.jpg"]


def test_objects_that_vanish_are_a_fault_of_the_store(store: ObjectStore, probe: StorageProbe) -> None:
    def vanish() -> None:
        for key in kept(store):
            store.delete(BUCKET, key)

    with pytest.raises(ObjectsUnavailable, match="does not have it") as broken:
        probe.run(at("reads at once", vanish))
    assert int(broken.value.exit_code) == 3
    assert broken.value.hint


@pytest.mark.parametrize("part", ["reads at once", "removal"])
def test_a_store_that_goes_away_in_the_middle_is_named_and_what_remains_is_told(s3: S3Server, part: str) -> None:
    store = s3.store()
    probe = StorageProbe(store, BUCKET, objects=5, size=10_000, seconds=5, at_once=2)

    def away() -> None:
        s3.gate.answer = ("503 Slow Down", "SlowDown")

    with pytest.raises((ObjectsUnavailable, Throttled)) as broken:
        probe.run(at(part, away))
    s3.gate.answer = None

    assert int(broken.value.exit_code) == 3
    assert BUCKET in broken.value.message or s3.url in broken.value.message
    assert [(left.what, left.name.startswith(PREFIX)) for left in probe.left] == [("6 objects", True)]
    store.close()


def test_a_key_that_may_not_write_makes_nothing(s3: S3Server) -> None:
    s3.gate.read_only = True
    store = s3.store()
    with pytest.raises(ObjectsUnavailable):
        StorageProbe(store, BUCKET, objects=5, size=10_000, seconds=5, at_once=2).run(lambda _: None)
    s3.gate.read_only = False
    assert kept(store) == []
    store.close()


def test_the_command_measures_asks_first_and_says_what_it_would_do(cluster: Cluster, lomi: Lomi) -> None:
    assert lomi("bench", "storage").code == 5
    planned = lomi("bench", "storage", "--dry-run", "--objects", 5, "--size", 1000)
    assert (planned.code, planned.out.splitlines()[0]) == (0, "would write up to 5 MB in 5 objects, and read them")
    assert list(cluster.store.list(BUCKET)) == []

    said = lomi("bench", "storage", "--objects", 5, "--size", 10, "--yes", "-o", "json")

    assert said.code == 0
    assert figures(said)["photos_per_minute"]
    assert list(cluster.store.list(BUCKET)) == []


def test_a_process_that_is_told_to_end_leaves_no_object(cluster: Cluster) -> None:
    with cluster.process("bench", "storage", "--objects", 1000, "--size", 4000, "--for", "60s", "--yes") as running:
        until(lambda: list(cluster.store.list(BUCKET)), "it has begun")
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 143
    assert list(cluster.store.list(BUCKET)) == []
