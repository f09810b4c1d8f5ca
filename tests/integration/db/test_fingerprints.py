"""Hashes of photos: kept with their decisions, and found by what looks the same, through the index."""

from __future__ import annotations

import random
import uuid
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.db import checkpoints, fingerprints, ledger
from lomi_ops.db.fingerprints import Kept, Shelf
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import block_of, script
from lomi_ops.domain.fingerprint import FLIPS, LAST_FLIPS, SAME, Fingerprint
from lomi_ops.errors import NotFound
from lomi_ops.ops.quality import similar
from lomi_ops.ops.quality.similar import Known
from tests.integration.db.conftest import AT, Backend, judged

LOOKS = Fingerprint(bytes(range(32)))
Plain = psycopg.Connection[dict[str, Any]]


def away(one: Fingerprint, bits: int, seed: int = 1) -> Fingerprint:
    number = int.from_bytes(one.bits)
    for place in random.Random(seed).sample(range(256), bits):
        number ^= 1 << place
    return Fingerprint(number.to_bytes(32))


def settle(db: Database, backend: Backend, looks: Fingerprint | None, shelf: Shelf | None) -> UUID:
    job = backend.job(1)
    media_id = job.photos[0].media_id
    decision = replace(judged(media_id), fingerprint=looks)
    done = ledger.settle(db, job, [decision], attempt=1, token="t", worker="w", at=AT, shelf=shelf)
    assert done.applied == (media_id,)
    return media_id


def test_a_hash_is_kept_with_the_decision_and_read_back(db: Database, backend: Backend, plain: Plain) -> None:
    media_id = settle(db, backend, LOOKS, Shelf())
    assert fingerprints.of(db, [media_id]) == {media_id: LOOKS}
    row = plain.execute("SELECT * FROM lomi.photo_hashes").fetchone()
    assert row is not None
    assert (row["bands"], row["user_id"]) == (list(LOOKS.bands), backend.row(media_id)["user_id"])


def test_a_photo_that_shows_too_little_has_none(db: Database, backend: Backend) -> None:
    assert fingerprints.of(db, [settle(db, backend, None, Shelf())]) == {}


def test_a_hash_survives_the_checkpoint_between_two_attempts(db: Database, backend: Backend) -> None:
    job = backend.job(1)
    decision = replace(judged(job.photos[0].media_id), fingerprint=LOOKS)
    checkpoints.save(db, job.job_id, decision, at=AT)
    kept = checkpoints.load(db, job.job_id)[decision.media_id].decision
    assert kept is not None
    assert kept.fingerprint == LOOKS


def test_a_schema_of_before_settles_without_hashes(db: Database, backend: Backend, plain: Plain) -> None:
    plain.execute("DROP TABLE lomi.photo_hashes")
    media_id = settle(db, backend, LOOKS, Shelf())
    assert backend.row(media_id)["moderation_status"] == "approved"
    assert similar.duplicates(db, media_id).known is Known.NO_PLACE
    similar.remember(db, [(media_id, uuid.uuid4(), LOOKS)], at=AT)


def test_the_shelf_asks_once_a_minute_whether_there_is_a_place(db: Database, plain: Plain) -> None:
    now = [0.0]
    shelf = Shelf(elapsed=lambda: now[0])
    plain.execute("ALTER TABLE lomi.photo_hashes RENAME TO elsewhere")

    def keep() -> int:
        with db.session() as session:
            shelf.keep_on(session, [Kept(uuid.uuid4(), uuid.uuid4(), LOOKS)], at=AT)
        found = plain.execute("SELECT count(*) AS n FROM lomi.photo_hashes").fetchone()
        assert found is not None
        return int(found["n"])

    with pytest.raises(psycopg.errors.UndefinedTable):
        keep()
    plain.execute("ALTER TABLE lomi.elsewhere RENAME TO photo_hashes")
    assert keep() == 0
    now[0] = 61.0
    assert keep() == 1


def test_near_photos_of_anybody_are_found_with_their_distance_and_standing(db: Database, backend: Backend) -> None:
    one, other = settle(db, backend, LOOKS, Shelf()), settle(db, backend, away(LOOKS, SAME), Shelf())
    settle(db, backend, away(LOOKS, SAME + 1), Shelf())
    found = similar.duplicates(db, one)
    assert (found.known, found.others, found.of_owner) == (Known.YES, 1, ())
    assert [(each.media_id, each.distance, each.status) for each in found.near] == [(other, SAME, "approved")]
    assert found.near[0].user_id == backend.row(other)["user_id"]


def test_a_photo_whose_row_is_gone_is_still_named(db: Database, backend: Backend, plain: Plain) -> None:
    one, other = settle(db, backend, LOOKS, Shelf()), settle(db, backend, LOOKS, Shelf())
    plain.execute("DELETE FROM media WHERE id = %s", [other])
    assert [(each.media_id, each.status) for each in similar.duplicates(db, one).near] == [(other, None)]
    with pytest.raises(NotFound):
        similar.duplicates(db, other)


def test_a_ring_of_many_accounts_is_cut_and_said_to_be_more(db: Database, backend: Backend) -> None:
    first = settle(db, backend, LOOKS, Shelf())
    looks = [(uuid.uuid4(), uuid.uuid4(), away(LOOKS, 3, seed)) for seed in range(9)]
    similar.remember(db, looks, at=AT)
    found = similar.duplicates(db, first, limit=5)
    assert (len(found.near), found.more, found.others) == (5, True, 5)


@pytest.fixture
def wide(plain: Plain) -> None:
    """The indexes that a large table has."""
    for name in fingerprints.WIDE:
        plain.execute(script(f"looks/{name}.sql"))


def kept(rows: int, seed: int = 7) -> list[Kept]:
    """Half of them with as many ones as zeros, as the median leaves them."""
    rng = random.Random(seed)
    looks = [rng.randbytes(32) if row % 2 else balanced(rng) for row in range(rows)]
    return [Kept(UUID(int=rng.getrandbits(128)), uuid.uuid4(), Fingerprint(each)) for each in looks]


def balanced(rng: random.Random) -> bytes:
    return sum(1 << place for place in rng.sample(range(256), 128)).to_bytes(32)


def near_by_hand(photos: list[Kept], one: Kept, within: int = SAME) -> list[tuple[int, UUID]]:
    others = (each for each in photos if each.media_id != one.media_id)
    away = ((each.fingerprint.distance(one.fingerprint), each.media_id) for each in others)
    return sorted(each for each in away if each[0] <= within)


def test_the_search_uses_the_index_and_finds_what_a_full_scan_finds(
    db: Database, backend: Backend, plain: Plain
) -> None:
    one = Kept(uuid.uuid4(), uuid.uuid4(), LOOKS)
    planted = [Kept(uuid.uuid4(), uuid.uuid4(), away(LOOKS, bits, bits)) for bits in range(41)]
    photos = [*kept(10_000), *planted]
    fingerprints.keep(db, photos, at=AT)
    plain.execute(
        "INSERT INTO media (user_id, media_type, url) SELECT %s, 'photo', 'k' FROM generate_series(1, 20000)",
        [backend.user()],
    )
    plain.execute("ANALYZE lomi.photo_hashes, media")
    found = fingerprints.near(db, {one.media_id: LOOKS}, wide=False, limit=100)[one.media_id]
    assert [(each.distance, each.media_id) for each in found] == near_by_hand(photos, one)
    assert [each.distance for each in found] == list(range(SAME + 1))
    values = {"hash": str(LOOKS), "probes": list(LOOKS.probes), "within": SAME, "but": None, "limit": 50}
    plan = plain.execute("EXPLAIN " + block_of("photo_hashes_near").text, values).fetchall()
    assert any("photo_hashes_bands" in row["QUERY PLAN"] for row in plan), plan
    assert not any("Seq Scan on media" in row["QUERY PLAN"] for row in plan), plan


@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("analyzed", [True, False])
def test_by_wide_bands_a_search_for_many_finds_of_each_what_a_full_scan_finds(
    db: Database, plain: Plain, analyzed: bool
) -> None:
    others = kept(5_000)
    ones = others[:20]
    planted = [
        Kept(uuid.uuid4(), uuid.uuid4(), away(one.fingerprint, bits, seed=97 * number + bits))
        for number, one in enumerate(ones) for bits in range(24, 36)
    ]  # fmt: skip
    photos = [*others, *planted]
    fingerprints.keep(db, photos, at=AT)
    if analyzed:
        plain.execute("ANALYZE lomi.photo_hashes")
    looks = {one.media_id: one.fingerprint for one in ones}
    found = fingerprints.near(db, looks, wide=fingerprints.ground(db).wide, limit=1000)
    for one in ones:
        assert [(each.distance, each.media_id) for each in found[one.media_id]] == near_by_hand(photos, one)
    some = fingerprints.near(db, looks, wide=True, within=26, limit=2)
    for one in ones:
        assert [(each.distance, each.media_id) for each in some[one.media_id]] == near_by_hand(photos, one, 26)[:2]


@pytest.mark.usefixtures("wide")
def test_by_wide_bands_a_search_reads_no_table_even_before_it_is_analyzed(db: Database, plain: Plain) -> None:
    (one, *_) = photos = kept(3_000)
    fingerprints.keep(db, photos, at=AT)
    plain.execute("BEGIN")
    plain.execute(block_of("photo_hashes_by_index").text)
    values = {
        "media_ids": [one.media_id], "hashes": [str(one.fingerprint)], "wide": list(one.fingerprint.wide_bands),
        "flips": list(FLIPS), "last_flips": list(LAST_FLIPS), "within": SAME, "limit": 50,
    }  # fmt: skip
    plan = [row["QUERY PLAN"] for row in plain.execute("EXPLAIN " + block_of("photo_hashes_near_wide").text, values)]
    plain.execute("ROLLBACK")
    told = "\n".join(plan)
    assert "Seq Scan on" not in told, told
    assert [name for name in fingerprints.WIDE if name not in told] == [], told


def test_without_one_of_the_wide_indexes_the_search_goes_by_none(db: Database, plain: Plain) -> None:
    assert not fingerprints.ground(db).wide
    for name in fingerprints.WIDE[1:]:
        plain.execute(script(f"looks/{name}.sql"))
    assert not fingerprints.ground(db).wide
    plain.execute(script(f"looks/{fingerprints.WIDE[0]}.sql"))
    assert fingerprints.ground(db).wide
    plain.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'lomi.photo_hashes_wide_07'::regclass")
    assert not fingerprints.ground(db).wide


@pytest.mark.usefixtures("wide")
def test_the_indexes_have_the_wide_bands_that_a_search_asks_for(db: Database, plain: Plain) -> None:
    (one,) = photos = kept(1)
    fingerprints.keep(db, photos, at=AT)
    named = "SELECT pg_get_indexdef(%s::regclass::oid, 1, true) AS word"
    words = [plain.execute(named, [f"lomi.{name}"]).fetchone() for name in fingerprints.WIDE]
    bands = ", ".join(word["word"] for word in words if word)
    row = plain.execute(f"SELECT ARRAY[{bands}] AS bands FROM lomi.photo_hashes".encode())
    assert row.fetchone() == {"bands": list(one.fingerprint.wide_bands)}
