"""`lomi media`, as an operator runs it: photos in every state, on a new cluster and on an old one."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from lomi_ops.cli import output
from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.db import fingerprints, ledger, overrides
from lomi_ops.db.browsing import latest
from lomi_ops.db.pool import Database
from lomi_ops.db.queries import block_of
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.review_filter import Bounds, parse
from lomi_ops.imaging.golden import portrait
from tests.commands import Lomi
from tests.integration.db.conftest import POLICY, Backend, approval, judged, seen
from tests.integration.ops.old_cluster import scores

Plain = psycopg.Connection[dict[str, Any]]
NOW = datetime.now(UTC).replace(microsecond=0)
LOOKS = Fingerprint(bytes(range(32)))


def upload(db: Database, backend: Backend, looks: Fingerprint | None = None, sha: str = "ab", **seen_in: Any) -> UUID:
    """One photo, judged by a worker."""
    job = backend.job(1)
    media_id = job.photos[0].media_id
    decision = replace(judged(media_id, **seen_in), fingerprint=looks, sha256=sha * 32)
    ledger.settle(
        db, job, [decision], attempt=2, token="t", worker="w1", at=NOW, policy=POLICY, shelf=fingerprints.Shelf()
    )  # fmt: skip
    return media_id


def old(backend: Backend, status: str, reason: str | None, *, days: int = 0, **numbers: Any) -> UUID:
    """A photo as an old worker left it."""
    media_id = backend.photo(backend.user(uuid.uuid4().int >> 66), uuid.uuid4(), created_at=NOW - timedelta(days=days))
    backend.connection.execute(
        "UPDATE media SET moderation_status = %s, moderation_reason = %s, moderation_scores = %s, moderated_at = %s"
        " WHERE id = %s",
        [status, reason, json.dumps(scores(**numbers)), NOW - timedelta(days=days), media_id],
    )
    return media_id


def ids(said: Any) -> list[str]:
    return [photo["media_id"] for photo in said.document["photos"]]


def test_photos_are_listed_by_status_reason_scores_and_time_without_a_schema(
    lomi: Lomi, backend: Backend, plain: Plain
) -> None:
    plain.execute("DROP SCHEMA lomi CASCADE")
    fine = old(backend, "approved", None, porn=0.05)
    bare = old(backend, "rejected", "nsfw", days=1, porn=0.8)
    close = old(backend, "approved", None, days=3, porn=0.45)
    waits = old(backend, "pending", "needs_review", days=4)
    queued = old(backend, "pending", None, days=5)
    assert ids(lomi("media", "list", "-o", "json")) == [str(each) for each in (fine, bare, close, waits, queued)]
    for words, expected in (
        (["status:approved"], [fine, close]),
        (["status:approved", "porn>0.4 porn<0.6"], [close]),
        (["status:waiting"], [waits]),
        (["status:pending"], [waits, queued]),
        (["reason:nsfw"], [bare]),
        (["decided>12h", "decided<2d"], [bare]),
        (["age<2d", "not reason:nsfw"], [fine]),
        ([f"photo:{close}"], [close]),
    ):
        assert ids(lomi("media", "list", *words, "-o", "json")) == [str(each) for each in expected], words
    said = lomi("media", "list", "status:approved")
    assert said.code == 0
    assert "porn 0.45" in said.out
    assert lomi("media", "list", "status:lost").code == 2


def test_a_list_goes_on_behind_its_last_photo_and_leaves_none_out(lomi: Lomi, backend: Backend, plain: Plain) -> None:
    for days in (0, 1, 1, 1, 2):
        old(backend, "approved", None, days=days)
    undated = [old(backend, "approved", None) for _ in range(3)]
    plain.execute("UPDATE media SET created_at = NULL WHERE id = ANY(%s)", [undated])
    everything = ids(lomi("media", "list", "-o", "json"))
    assert len(everything) == len(set(everything)) == 8
    assert set(everything[5:]) == set(map(str, undated)), "what has no time comes last"
    found, words = [], ["media", "list", "--limit", "3", "-o", "json"]
    for _ in range(3):
        said = lomi(*words)
        found += ids(said)
        words = ["media", "list", "--limit", "3", "-o", "json", "--after", str(said.document["next"])]
    assert found == everything
    assert said.document["next"] is None
    assert lomi("media", "list", "--after", uuid.uuid4()).code == 1


def planned(plain: Plain, block: str, **values: Any) -> str:
    """The plan of a server to which reading a whole table, and sorting, are dear: as they are where it is large."""
    with plain.transaction():
        for dear in ("seqscan", "bitmapscan", "sort"):
            plain.execute(f"SET LOCAL enable_{dear} = off".encode())
        given = dict.fromkeys(block_of(block).inputs) | values
        rows = plain.execute("EXPLAIN " + block_of(block).text, given).fetchall()
    return "\n".join(row["QUERY PLAN"] for row in rows)


def test_a_page_behind_another_is_read_from_an_index_in_its_order(backend: Backend, plain: Plain) -> None:
    plain.execute(
        "INSERT INTO media (user_id, media_type, url, created_at) SELECT %s, 'photo', 'k', now() - n * interval '1 s'"
        " FROM generate_series(1, 2000) AS n",
        [backend.user()],
    )
    plain.execute("CREATE INDEX by_time ON media (created_at)")
    plain.execute("ANALYZE media")
    by_time = planned(plain, "photos_browse", after_at=NOW, after_id=UUID(int=7), limit=50)
    assert "by_time" in by_time, by_time
    assert "Presorted Key: created_at" in by_time, "only uploads of the same moment are sorted"
    by_id = planned(plain, "photos_by_id", undated=False, after_id=UUID(int=7), limit=50)
    assert "Index Scan using media_pkey" in by_id, by_id
    assert "Sort" not in by_id, by_id


def test_the_jobs_of_a_photo_are_found_by_indexes_among_millions(plain: Plain) -> None:
    plan = planned(plain, "photo_attempts", media_id=UUID(int=7), batch_id=UUID(int=8))
    assert "Seq Scan" not in plan, plan
    assert all(name in plan for name in ("jobs_batch_id", "decisions_media_id", "jobs_pkey")), plan


def test_what_the_database_is_asked_for_is_never_less_than_what_matches(db: Database, backend: Backend) -> None:
    for number in range(6):
        old(backend, ("approved", "rejected", "pending")[number % 3], (None, "nsfw", "needs_review")[number % 3],
            days=number, porn=number / 5, blur=100.0 * number)  # fmt: skip
    odd = old(backend, "approved", None)
    backend.connection.execute("""UPDATE media SET moderation_scores = '{"nsfw_scores": []}' WHERE id = %s""", [odd])
    now = db.now()
    everything = [photo for page in latest(db, Bounds(), size=50) for photo in page]
    for text in ("porn>=0.4", "porn=0.4", "blur<300 blur>=100", "status:waiting", "not porn>0.2", "decided<2d",
                 "decided>2d age<5d", "status:rejected,pending", "faces=1", "-status:approved"):  # fmt: skip
        wanted = parse([text])
        given = [photo for page in latest(db, wanted.bounds(now), size=50) for photo in page]
        matching = {p.media_id for p in everything if wanted.matches(p, int(now.timestamp() * 1000))}
        assert matching <= {photo.media_id for photo in given}, text
        assert matching, text


def test_one_photo_shows_decisions_with_policy_and_models_attempts_overrides_notes_and_copies(
    lomi: Lomi, db: Database, backend: Backend
) -> None:
    photo = upload(db, backend, LOOKS, porn=0.9)
    copy = upload(db, backend, LOOKS)
    other = upload(db, backend, LOOKS, sha="cd")
    overrides.override(db, seen(db, photo), approval("hana", NOW, note="a statue"), job_id=str(uuid.uuid4()))
    assert lomi("review", "note", "ask the museum", "--photo", photo).code == 0
    said = lomi("media", "show", photo)
    assert said.code == 0
    for word in ("local@1", "nudenet-320n", "a statue", "ask the museum", "rejected (nsfw) -> approved", "attempt",
                 "the same picture: 2 photos, 2 other users, 1 the same file to the byte"):  # fmt: skip
        assert word in said.out, word
    body = lomi("media", "show", photo, "-o", "json").document
    assert body["schema"] == "lomi.media.photo/v1"
    assert [each["actor"] for each in body["decisions"]] == ["worker", "hana"]
    assert body["decisions"][0]["models"][2]["version"] == "sha256:ab"
    assert body["jobs"][0]["attempt"] == 2
    assert {each["media_id"]: each["same_file"] for each in body["similar"]["near"]} == {
        str(copy): True, str(other): False,
    }  # fmt: skip


def test_a_look_at_a_suspected_minor_is_on_record(lomi: Lomi, backend: Backend, plain: Plain) -> None:
    young = old(backend, "approved", None, age=15.0)
    assert lomi("media", "show", young).code == 0
    entry = plain.execute("SELECT actor, action FROM lomi.audit WHERE subject = %s", [f"media:{young}"]).fetchone()
    assert entry == {"actor": "hana", "action": "review.view"}


def test_the_history_of_a_user_counts_all_photos_and_finds_those_of_others(
    lomi: Lomi, db: Database, backend: Backend, plain: Plain
) -> None:
    photo = upload(db, backend, LOOKS)
    elsewhere = upload(db, backend, LOOKS)
    user = backend.row(photo)["user_id"]
    for days, status in ((1, "rejected"), (2, "approved"), (20, "approved")):
        media_id = old(backend, status, "nsfw" if status == "rejected" else None, days=days)
        plain.execute("UPDATE media SET user_id = %s WHERE id = %s", [user, media_id])
    plain.execute("UPDATE media SET created_at = %s WHERE id = %s", [NOW, photo])
    body = lomi("media", "history", user, "-o", "json").document
    assert sum(each["photos"] for each in body["standing"]) == 4
    assert (body["trend"]["photos"], body["trend"]["photos_before"]) == (3, 1)
    assert body["trend"]["rejected"] == pytest.approx(1 / 3)
    assert [each["media_id"] for each in body["shared"][0]["near"]] == [str(elsewhere)]
    text = lomi("media", "history", user).out
    assert "4 in 30 days" in text
    assert str(elsewhere) in text


# --- the picture ------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DirectoryStore:
    """A terminal that shows colours, and the store."""
    (tmp_path / "objects").mkdir()
    monkeypatch.setenv("LOMI_OBJECTS", str(tmp_path / "objects"))
    monkeypatch.setenv("LOMI_REVIEW__IMAGES", "blocks")
    monkeypatch.setattr(output, "colours", lambda: True)
    return DirectoryStore(tmp_path / "objects", Buckets(frozenset({"lomi-photos"})))


def test_a_photo_is_drawn_behind_a_veil_and_each_reveal_is_noted_before_it(
    lomi: Lomi, backend: Backend, plain: Plain, pictures: DirectoryStore
) -> None:
    fine, young = old(backend, "approved", None), old(backend, "approved", None, age=15.0)
    for photo in (fine, young):
        pictures.put("lomi-photos", backend.row(photo)["url"], portrait())
    veiled = lomi("media", "show", fine, "--open").out
    assert "▀" in veiled
    assert plain.execute("SELECT count(*) AS n FROM lomi.reveals").fetchone() == {"n": 0}
    clear = lomi("media", "show", fine, "--open", "--reveal").out
    assert len(set(clear)) >= len(set(veiled))
    assert clear != veiled
    assert lomi("media", "show", young, "--open", "--reveal").code == 0
    assert plain.execute("SELECT actor, media_id FROM lomi.reveals ORDER BY id").fetchall() == [
        {"actor": "hana", "media_id": fine}, {"actor": "hana", "media_id": young},
    ]  # fmt: skip
    actions = plain.execute("SELECT action FROM lomi.audit ORDER BY id").fetchall()
    assert [each["action"] for each in actions] == ["review.view", "review.reveal"]


def test_what_cannot_be_drawn_is_said_and_nothing_is_noted(
    lomi: Lomi, backend: Backend, plain: Plain, pictures: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, gone, young = (old(backend, "approved", None, age=age) for age in (25.0, 25.0, 15.0))
    pictures.put("lomi-photos", backend.row(broken)["url"], b"no picture")
    assert "this cannot be shown" in lomi("media", "show", broken, "--open").err
    assert "the photo is gone" in lomi("media", "show", gone, "--open").err
    assert lomi("media", "show", gone, "--reveal").code == 2
    assert lomi("media", "show", gone, "--open", "-o", "json").code == 2
    monkeypatch.setattr(output, "colours", lambda: False)
    assert lomi("media", "show", gone, "--open", "--reveal").code == 2
    monkeypatch.setattr(output, "colours", lambda: True)
    assert plain.execute("SELECT count(*) AS n FROM lomi.reveals").fetchone() == {"n": 0}
    plain.execute("DROP SCHEMA lomi CASCADE")
    assert lomi("media", "show", young, "--open").code == 5


@pytest.mark.parametrize("command", ["show", "history"])
def test_nobody_of_that_id_is_said_and_an_old_cluster_says_what_it_cannot_know(
    lomi: Lomi, backend: Backend, plain: Plain, command: str
) -> None:
    assert lomi("media", command, uuid.uuid4()).code == 1
    assert lomi("media", command, "x").code == 2
    plain.execute("DROP SCHEMA lomi CASCADE")
    photo = old(backend, "rejected", "nsfw")
    said = lomi("media", command, photo if command == "show" else backend.row(photo)["user_id"])
    assert said.code == 0
    assert "lomi migrate apply" in said.err
