"""One change is advised: the one that the measurements speak for."""

from __future__ import annotations

from dataclasses import replace

from lomi_ops.domain.bench import PHOTOS, WRITES, Figure, Unit
from lomi_ops.domain.bench_advice import (
    DatabaseFacts,
    FacesFacts,
    QueueFacts,
    StorageFacts,
    WorkerFacts,
    for_database,
    for_faces,
    for_queue,
    for_storage,
    for_worker,
)

QUEUE = QueueFacts(0.0003, appendonly=True, fsync="everysec", server="redis 7.2")
DATABASE = DatabaseFacts(0.0003, 0.001, 0.010, "on", 1 << 30, 0.1)
STORAGE = StorageFacts(0.005, 0.02, 40e6, 8, 400_000)
FACES = FacesFacts(0.16, 750.0, 1, 2, 0.17)
WORKER = WorkerFacts(400.0, 2, 4, 20.0, 100.0, {"nsfw": 60.0, "faces": 20.0})
TIGHT = [Figure("write_p95", "a batch, p95", 0.09, Unit.SECONDS, WRITES)]
EASY = [Figure("write_p95", "a batch, p95", 0.01, Unit.SECONDS, WRITES)]
SLOW = [Figure("photos", "photos", 300.0, Unit.PER_MINUTE, PHOTOS)]


def test_a_far_redis_is_to_come_nearer() -> None:
    assert "in the network of Redis" in for_queue(replace(QUEUE, round_trip_s=0.02), EASY).text


def test_a_redis_that_syncs_each_write_is_told_of_everysec() -> None:
    assert for_queue(replace(QUEUE, fsync="always"), EASY).command.endswith("appendfsync everysec")


def test_a_redis_that_forgets_is_told_so_even_where_it_is_fast() -> None:
    assert for_queue(replace(QUEUE, appendonly=False), EASY).command.endswith("appendonly yes")


def test_what_is_well_needs_no_change_and_says_how_near_the_limit_is() -> None:
    assert for_queue(QUEUE, EASY).text == "nothing needs a change; nearest to its limit: a batch, p95, at 10 % of it"
    assert for_database(replace(DATABASE, buffers=1 << 27), EASY).text.startswith("nothing needs a change")
    assert for_storage(STORAGE, EASY).text.startswith("nothing needs a change")
    assert for_faces(FACES, EASY).text.startswith("nothing needs a change")
    assert for_worker(WORKER, EASY).text.startswith("nothing needs a change")


def test_connections_that_run_out_come_before_a_slow_disk() -> None:
    full = replace(DATABASE, connections=0.9, commit_s=0.009)
    assert "pooler" in for_database(full, TIGHT).text


def test_a_commit_that_is_most_of_a_write_is_the_disks_fault_only_where_writes_are_slow() -> None:
    slow = replace(DATABASE, commit_s=0.009)
    assert "faster disk" in for_database(slow, TIGHT).text
    assert "faster disk" not in for_database(slow, EASY).text


def test_small_objects_that_cost_as_much_as_large_ones_speak_for_a_nearer_bucket() -> None:
    far = for_storage(replace(STORAGE, first_s=0.015), SLOW).text
    assert "bucket in the region" in far
    assert "worker.slots: 2" in far
    assert "smaller uploads" in for_storage(STORAGE, SLOW).text


def test_endpoints_are_counted_by_what_is_missing() -> None:
    assert "for 500 start 2 more" in for_faces(replace(FACES, per_minute=180.0), SLOW).text
    assert "for 500 start 1 more" in for_faces(replace(FACES, per_minute=499.0), SLOW).text


def test_the_longest_step_of_a_photo_is_named() -> None:
    assert for_worker(replace(WORKER, faces_ms=70.0), SLOW).command == "lomi doctor compreface"
    assert for_worker(WORKER, SLOW).text.startswith("nsfw takes 60 of the 100 ms")


def test_a_missed_target_that_no_rule_explains_is_where_to_begin() -> None:
    assert for_queue(QUEUE, SLOW).text == "begin with: photos"
