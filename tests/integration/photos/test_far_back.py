"""Lists that look at the latest photos and no further: what they find is what a plain scan finds, and they say how far
that is."""

from __future__ import annotations

import json
import math
import random
import uuid
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.db import browsing
from lomi_ops.db.browsing import Place
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import block_of, script
from lomi_ops.domain.pile import Pile, pile_of
from lomi_ops.domain.review_filter import ReviewFilter, parse
from lomi_ops.domain.terms import Term
from lomi_ops.ops.photos import browse, looking
from lomi_ops.ops.photos.looking import Reach, Way
from lomi_ops.ops.reviews import piles, reaching
from tests.commands import Lomi
from tests.integration.db.conftest import Backend
from tests.integration.photos.test_media import ids

Plain = psycopg.Connection[dict[str, Any]]
NOW = datetime.now(UTC).replace(microsecond=0)
FILTERS = ("", "porn>0.8", "porn>=0.2 porn<0.4", "reason:nsfw", "status:rejected blur<200", "not status:approved",
           "status:failed", "truncated", "age>30m", "age<50m porn>0.5", "years<20", "faces=2", "status:waiting",
           "decided<20m")  # fmt: skip
FOREVER_S = 3600.0


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "FIRST_STEP", 3)
    monkeypatch.setattr(browsing, "LARGEST_STEP", 7)
    monkeypatch.setattr(browsing, "AT_ONCE", 4)
    monkeypatch.setattr(browsing, "SLOW_S", math.inf)


@pytest.fixture
def by_time(plain: Plain) -> None:
    plain.execute("CREATE INDEX by_time ON media (created_at)")


STANDING = (("approved", None), ("rejected", "nsfw"), ("rejected", "blurry"), ("failed", "truncated"),
            ("pending", None), ("pending", "needs_review"))  # fmt: skip
NUDITY: tuple[Any, ...] = ({"porn": 0.1}, {"porn": 0.3}, {"porn": 0.85}, {"porn": 0.8}, {"porn": "0.9"}, [], None)


def fill(backend: Backend, photos: int, seed: int) -> None:
    """Many uploads of one moment, some without a time, scores that are no numbers."""
    chance, user = random.Random(seed), backend.user()
    rows = []
    for _ in range(photos):
        status, reason = chance.choice(STANDING)
        minutes = chance.choice([*range(60), 5, 5, 5, 5, 40, 40])
        at = None if chance.random() < 0.1 else NOW - timedelta(minutes=minutes)
        scores = {
            "blur_variance": chance.uniform(0, 400),
            "estimated_age": chance.choice([None, 17.5, 30]),
            "face_count": chance.choice([0, 1, 2, "2", True]),
            "nsfw_scores": chance.choice(NUDITY),
        }
        rows.append([UUID(int=chance.getrandbits(128)), user, at, status, reason, json.dumps(scores), at])
    backend.connection.cursor().executemany(
        "INSERT INTO media (id, user_id, media_type, url, created_at, moderation_status, moderation_reason,"
        " moderation_scores, moderated_at) VALUES (%s, %s, 'photo', 'k', %s, %s, %s, %s, %s)",
        rows,
    )


def scanned(db: Database, text: str) -> list[UUID]:
    """What a plain look at every row finds."""
    wanted, now_ms = parse([text] if text else []), int(NOW.timestamp() * 1000)
    pages = browsing.latest(db, parse([]).bounds(NOW), size=500)
    found = [photo for page in pages for photo in page if wanted.matches(photo, now_ms)]
    dated = [photo for photo in found if photo.created_at]
    dated.sort(key=lambda photo: (photo.created_at, photo.media_id), reverse=True)
    undated = sorted(photo.media_id for photo in found if photo.created_at is None)
    return [*(photo.media_id for photo in dated), *undated]


@pytest.mark.usefixtures("small_steps", "by_time")
@pytest.mark.parametrize("seed", range(4))
def test_page_after_page_is_what_a_scan_finds_no_photo_twice_and_none_left_out(
    db: Database, backend: Backend, plain: Plain, seed: int
) -> None:
    fill(backend, 70, seed)
    if seed % 2:
        plain.execute(script("proposed/media_piles.sql"))
    chance = random.Random(seed)
    for text in FILTERS:
        found: list[UUID] = []
        after, back_to = None, None
        for _ in range(400):
            reach = Reach(chance.choice([1, 5, 20, 40]), FOREVER_S)
            page = browse.listed(
                db, parse([text] if text else []), now=NOW, limit=chance.choice([2, 5, 30]), after=after, reach=reach
            )
            found += [each.photo.media_id for each in page.photos]
            if page.back_to:
                assert back_to is None or page.back_to <= back_to, "it never goes forth again"
                back_to = page.back_to
            after = page.next
            if after is None:
                break
        assert found == scanned(db, text), text
    assert scanned(db, "porn>0.8")
    assert len(scanned(db, "")) == 70


@pytest.mark.usefixtures("small_steps", "by_time")
def test_photos_that_come_and_go_between_pages_shift_nothing(db: Database, backend: Backend, plain: Plain) -> None:
    fill(backend, 60, 9)
    expected = scanned(db, "porn>0.8")
    found: list[UUID] = []
    after = None
    for _ in range(100):
        page = browse.listed(db, parse(["porn>0.8"]), now=NOW, limit=2, after=after, reach=Reach(4, FOREVER_S))
        found += [each.photo.media_id for each in page.photos]
        after = page.next
        if after is None:
            break
        backend.photo(backend.user(uuid.uuid4().int >> 66), None, created_at=NOW + timedelta(minutes=1))
    assert found == expected
    place = Place(browsing._NOWHERE, NOW - timedelta(minutes=5))
    plain.execute("DELETE FROM media WHERE created_at = %s", [place.uploaded_at])
    least = plain.execute(
        "SELECT min(created_at) AS at FROM media WHERE created_at > %s", [place.uploaded_at]
    ).fetchone()
    goes_on = browsing.photo_at(db, place)
    assert goes_on is not None
    assert least is not None
    assert backend.row(goes_on)["created_at"] == least["at"], "the next that is still there"


@pytest.mark.usefixtures("small_steps", "by_time")
def test_time_runs_out_between_two_steps_and_one_step_is_always_made(db: Database, backend: Backend) -> None:
    fill(backend, 50, 1)
    ticks = count()
    soon = browse.listed(
        db, parse(["reason:underage"]), now=NOW, limit=5, reach=Reach(1000, 3.0), elapsed=lambda: float(next(ticks))
    )
    assert soon.next is not None
    assert not soon.full
    assert next(ticks) == 4
    early = browse.listed(db, parse(["reason:underage"]), now=NOW, limit=5, reach=Reach(1000, 0.0))
    assert early.back_to is not None
    assert soon.back_to is not None
    assert early.back_to > soon.back_to


@pytest.mark.usefixtures("small_steps", "by_time")
def test_what_an_index_leads_to_is_found_however_far_back(db: Database, backend: Backend, plain: Plain) -> None:
    fill(backend, 60, 3)
    batch, long_ago = uuid.uuid4(), NOW - timedelta(days=300)
    photo = backend.photo(backend.user(uuid.uuid4().int >> 66), batch, created_at=long_ago)
    user = backend.row(photo)["user_id"]
    near = Reach(3, FOREVER_S)

    def found(text: str) -> browse.Listed:
        return browse.listed(db, parse([text]), now=NOW, limit=5, reach=near)

    for text, way in ((f"photo:{photo}", Way.KEYS), (f"batch:{batch}", Way.KEYS), (f"user:{user}", Way.TABLE_FOR_USER)):
        listed = found(text)
        assert [each.photo.media_id for each in listed.photos] == [photo], text
        assert (listed.next, listed.way) == (None, way)
    plain.execute("CREATE INDEX by_user ON media (user_id, created_at)")
    assert found(f"user:{user}").way is Way.KEYS
    plain.execute("UPDATE media SET moderation_status = 'approved'")
    plain.execute("UPDATE media SET moderation_status = 'pending' WHERE id = %s", [photo])
    assert [each.photo.media_id for each in found("status:pending").photos] == [photo]
    assert found("status:approved").way is Way.TIME


@pytest.mark.usefixtures("small_steps", "by_time")
def test_a_person_reads_how_far_the_list_looked_and_what_goes_on(
    lomi: Lomi, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "USUAL", Reach(3, FOREVER_S))
    user = backend.user()
    recent = [backend.photo(user, None, created_at=NOW - timedelta(minutes=minute)) for minute in range(8)]
    last = backend.photo(user, None, created_at=NOW - timedelta(days=9))
    backend.connection.execute(
        "UPDATE media SET moderation_status = 'rejected', moderation_reason = 'nsfw' WHERE id = %s", [last]
    )
    said = lomi("media", "list", "reason:nsfw", "--limit", 5)
    assert said.code == 0
    back_to = f"{NOW - timedelta(minutes=3):%Y-%m-%d %H:%M}"
    assert said.out == f"no photo matches since {back_to}\n"
    assert f"looked back to {back_to} UTC and no further: --after {recent[3]} goes on" in said.err
    assert "--all looks on until there are 5" in said.err
    body = lomi("media", "list", "reason:nsfw", "-o", "json").document
    assert (body["photos"], body["next"]) == ([], str(recent[3]))
    assert datetime.fromisoformat(body["looked_back_to"]) == NOW - timedelta(minutes=3)
    further = lomi("media", "list", "reason:nsfw", "-o", "json", "--after", recent[7])
    assert ids(further) == [str(last)]
    assert (further.document["next"], further.document["looked_back_to"]) == (None, None)
    whole = lomi("media", "list", "reason:nsfw", "--all")
    assert (str(last)[:8] in whole.out, whole.err) == (True, "")
    assert [each["media_id"] for each in lomi("media", "list", "reason:nsfw", "-o", "jsonl").records] == [str(last)]


def on_piles(db: Database, pile: Pile, text: str) -> set[UUID]:
    """What a plain look at a pile finds."""
    return {photo.media_id for photo in piles.every(db, pile, parse([text]), now=NOW)}


@pytest.mark.usefixtures("small_steps", "by_time")
@pytest.mark.parametrize("indexed", [False, True])
def test_a_pile_that_a_filter_narrows_is_what_a_scan_finds_and_goes_on_as_a_list(
    db: Database, backend: Backend, plain: Plain, indexed: bool
) -> None:
    fill(backend, 150, 5)
    plain.execute("UPDATE media SET created_at = %s WHERE created_at IS NULL", [NOW - timedelta(hours=2)])
    if indexed:
        plain.execute(script("proposed/media_piles.sql"))
    for pile in (Pile.REJECTED, Pile.FAILED, Pile.WAITING, Pile.MINORS, Pile.ALL):
        for text in ("porn>0.8", "blur<200", "not reason:nsfw", "years>17", "status:failed"):
            whole = reaching.listed(db, pile, parse([text]), now=NOW, limit=1000, reach=None)
            found = [each.photo.media_id for each in whole.photos]
            assert len(found) == len(set(found))
            assert (set(found), whole.more, whole.end) == (on_piles(db, pile, text), False, None), (pile, text)
            first = reaching.listed(db, pile, parse([text]), now=NOW, limit=2, reach=None)
            assert [each.photo.media_id for each in first.photos] == found[:2]
            assert first.more == (len(found) > 2)
    near = reaching.listed(db, Pile.REJECTED, parse(["porn>0.8"]), now=NOW, limit=1000, reach=Reach(10, FOREVER_S))
    assert near.more
    assert near.end is not None
    assert near.end.pile is Pile.REJECTED
    rest = browse.listed(
        db, parse(["status:rejected porn>0.8"]), now=NOW, limit=1000, after=near.end.media_id, reach=None
    )
    both = {each.photo.media_id for each in (*near.photos, *rest.photos)}
    assert len(near.photos) + len(rest.photos) == len(both)
    assert on_piles(db, Pile.REJECTED, "porn>0.8") == {
        each.photo.media_id for each in (*near.photos, *rest.photos)
        if pile_of(each.photo.status, each.photo.reason, each.photo.scores) is Pile.REJECTED
    }  # fmt: skip


@pytest.mark.usefixtures("small_steps", "by_time")
def test_a_list_of_a_pile_says_how_far_it_looked_and_which_command_goes_on(
    lomi: Lomi, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "USUAL", Reach(3, FOREVER_S))
    user = backend.user()
    photos = [backend.photo(user, None, created_at=NOW - timedelta(minutes=minute)) for minute in range(9)]
    backend.connection.execute("UPDATE media SET moderation_status = 'rejected', moderation_reason = 'blurry'")
    backend.connection.execute("UPDATE media SET moderation_reason = 'nsfw' WHERE id = %s", [photos[8]])
    said = lomi("review", "list", "reason:nsfw", "--queue", "rejected", "--limit", 5)
    assert said.code == 0
    back_to = f"{NOW - timedelta(minutes=3):%Y-%m-%d %H:%M}"
    assert said.out == f"nothing to look at since {back_to}\n"
    assert f"looked at what was rejected back to {back_to} UTC and no further" in said.err
    assert f"lomi media list status:rejected reason:nsfw --after {photos[3]}" in said.err
    body = lomi("review", "list", "--reason", "nsfw", "-o", "json").document
    assert (body["photos"], body["more"]) == ([], True)
    assert datetime.fromisoformat(body["looked_back_to"]) == NOW - timedelta(minutes=3)
    assert ids(lomi("review", "list", "reason:nsfw", "--all", "-o", "json")) == [str(photos[8])]
    assert [each["media_id"] for each in lomi("review", "list", "reason:nsfw", "-o", "jsonl").records] == [
        str(photos[8])
    ]
    assert "there are more than these 5" in lomi("review", "list", "--limit", 5).err


def test_a_large_table_without_an_index_is_read_whole_and_the_command_that_helps_is_named(
    lomi: Lomi, backend: Backend, plain: Plain
) -> None:
    photo = backend.photo(backend.user(), None)
    assert lomi("media", "list", "porn>0.5").err == "", "nobody waits for a small table"
    plain.execute("UPDATE pg_class SET reltuples = 200000 WHERE oid = 'media'::regclass")
    assert "no index by time: lomi migrate indexes --build media_reports" in lomi("media", "list", "porn>0.5").err
    user = backend.row(photo)["user_id"]
    assert "lomi migrate indexes --build media_user" in lomi("media", "list", f"user:{user}").err
    assert lomi("media", "list", f"photo:{photo}").err == ""


def test_a_number_of_many_digits_is_found_by_the_bound_that_a_float_shows(db: Database, backend: Backend) -> None:
    for text in ("0.30000000000000004", "0.3", "0.299999999999999988897769753748", "0.0000001", "12345678.9", "0"):
        photo = backend.photo(backend.user(uuid.uuid4().int >> 66), None)
        scores = f'{{"blur_variance": {text}}}'
        backend.connection.execute("UPDATE media SET moderation_scores = %s WHERE id = %s", [scores, photo])
        for sign in (">=", "<=", "="):
            found = browse.listed(db, _asked_by_float(sign, float(text)), now=NOW, limit=50)
            assert photo in {each.photo.media_id for each in found.photos}, (text, sign)


def _asked_by_float(sign: str, number: float) -> ReviewFilter:
    """More digits than anybody may type, as of a bound that was computed."""
    return ReviewFilter((Term("blur", sign, (str(number),), number),))


def test_where_a_look_ends_is_read_from_the_index_alone(plain: Plain, backend: Backend) -> None:
    plain.execute(
        "INSERT INTO media (user_id, media_type, url, created_at) SELECT %s, 'photo', 'k', now() - n * interval '1 s'"
        " FROM generate_series(1, 5000) AS n",
        [backend.user()],
    )
    plain.execute("CREATE INDEX media_reports ON media (created_at) INCLUDE (media_type, user_id)")
    plain.execute("VACUUM ANALYZE media")
    given = dict.fromkeys(block_of("photos_edge").inputs) | {"before": NOW, "photos": 1000}
    rows = plain.execute("EXPLAIN " + block_of("photos_edge").text, given).fetchall()
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "Index Only Scan Backward using media_reports" in plan, plan
    assert "Sort" not in plan, plan
