"""`lomi privacy` on real services: everything of one user is found, taken out or erased, and nothing of another's."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import tarfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis

from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import audit
from lomi_ops.db import privacy as rows
from lomi_ops.db.pool import Database
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.domain.audit import photo_subject, user_subject
from lomi_ops.domain.privacy import PLACES, Fate
from lomi_ops.errors import ObjectsUnavailable
from lomi_ops.ops.privacy import archive
from lomi_ops.queue import personal
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.operations import Operations, Order, Verb
from lomi_ops.queue.replies import Claimed
from tests.integration.audit.conftest import Lomi, Said, entry
from tests.integration.ops.conftest import old  # noqa: F401
from tests.integration.ops.old_cluster import BUCKET, OldCluster, scores

CANARY = "canary-secret-of-a-lease"
ERASE = ("--reason", "their own wish")


@pytest.fixture
def queue(cluster: OldCluster) -> Iterator[JobQueue]:
    client = queue_client(RedisSection.model_validate({"url": cluster.redis_url}))
    yield JobQueue(client)
    client.close()


@dataclass
class Someone:
    """A user of whom there is something in every place."""

    cluster: OldCluster
    photos: list[UUID]
    jobs: dict[str, str]

    @property
    def id(self) -> UUID:
        return self.cluster.user


Somebody = Callable[[], Someone]


@pytest.fixture
def somebody(cluster: OldCluster, db: Database, queue: JobQueue) -> Somebody:
    def make() -> Someone:
        user = replace(cluster, user=uuid.uuid4(), telegram=uuid.uuid4().int >> 66)
        with user.sql() as pg:
            pg.execute("INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'A')", (user.user, user.telegram))
        batch = uuid.uuid4()
        photos = [user.photo("rejected", "nsfw", scores(), batch=batch, data=b"bytes of it") for _ in range(2)]
        photos.append(user.photo(batch=batch, data=b"not judged"))
        jobs = waiting(user, queue, batch, photos)
        operated(user, jobs)
        recorded(user, db, batch, photos)
        return Someone(user, photos, jobs)

    return make


def waiting(user: OldCluster, queue: JobQueue, batch: UUID, photos: list[UUID]) -> dict[str, str]:
    """A job in every state but running, the last ones waiting."""
    raws = {name: user.job(batch, photos) for name in ("done", "dead", "delayed", "ready")}
    for name, raw in raws.items():
        if name == "ready":
            user.push(raw)
            break
        with redis.Redis.from_url(user.redis_url) as client:
            client.rpush("photo_moderation_queue", raw)  # next, whoever else waits
        held = queue.claim(f"{uuid.uuid4()}/0", 1, str(uuid.uuid4()))
        assert isinstance(held, Claimed)
        if name == "done":
            payload = {"job_id": held.job_id, "user_id": str(user.user), "results": []}
            queue.finish(held.job_id, held.token, json.dumps(payload).encode())
        else:
            kind = ErrorClass.POISON if name == "dead" else ErrorClass.TRANSIENT
            queue.fail(held, Failure(kind, "other", "it failed"))
            with redis.Redis.from_url(user.redis_url) as client:  # it must not come due before the next user is made
                client.zadd(queue.keys.delayed, {held.job_id: 2**52}, xx=True)
    return {name: json.loads(raw)["job_id"] for name, raw in raws.items()}


def operated(user: OldCluster, jobs: dict[str, str]) -> None:
    """Operations on many jobs: one that names the user, of which a part is done, and one that only has a job."""
    with redis.Redis.from_url(user.redis_url) as client:
        operations = Operations(client)
        for filter_, names in ((f"user:{user.user}", ("ready", "dead")), ("state:dead", ("dead",))):
            op = uuid.uuid4().hex[:8]
            operations.open(Order(op, Verb.DELETE, "sara", "too many", filter_), [jobs[name] for name in names])
            client.rpush(operations.keys.op_log(op), jobs["done"], "another-job")


def recorded(user: OldCluster, db: Database, batch: UUID, photos: list[UUID]) -> None:
    """A row in every table of ours."""
    me, first, job, submission = user.user, photos[0], str(uuid.uuid4()), uuid.uuid4()
    message = json.dumps({"job_id": f"m-{job}", "user_id": str(me), "results": []})
    with user.sql() as pg:
        for statement, values in (
            (("INSERT INTO lomi.jobs (job_id, batch_id, user_id, telegram_id, media_ids, opened_at, token)"
             " VALUES (%s, %s, %s, %s, %s, now(), %s)"), (job, batch, me, user.telegram, photos, CANARY)),
            (("INSERT INTO lomi.decisions (at, media_id, batch_id, user_id, job_id, actor, status, reason)"
             " VALUES (now(), %s, %s, %s, %s, 'worker', 'rejected', 'nsfw')"), (first, batch, me, job)),
            ("INSERT INTO lomi.checkpoints (job_id, media_id, at) VALUES (%s, %s, now())", (job, first)),
            ("INSERT INTO lomi.outbox (job_id, payload, due_at) VALUES (%s, %s, now())", (f"m-{job}", message)),
            (("INSERT INTO lomi.submissions (id, at, actor, asked, fingerprint, priority, photos, jobs)"
             " VALUES (%s, now(), 'sara', %s, 'f', 1, 3, 1)"), (submission, json.dumps({"prefix": f"users/{me}/"}))),
            (("INSERT INTO lomi.submitted_jobs (submission_id, seq, job_id, batch_id, user_id, telegram_id, media_ids,"
             " object_keys) VALUES (%s, 1, %s, %s, %s, %s, %s, '{}')"),
             (submission, job, batch, me, user.telegram, photos)),
            ("INSERT INTO lomi.job_ends (job_id, entry, what, at, user_id) VALUES (%s, '1-1', 'dead', now(), %s)",
             (job, me)),
            ("INSERT INTO lomi.notes (at, actor, user_id, media_id, text) VALUES (now(), 'sara', %s, %s, 'hm')",
             (me, first)),
            ("INSERT INTO lomi.claims VALUES (%s, 'sara', gen_random_uuid(), now(), now())", (first,)),
            ("INSERT INTO lomi.reveals (at, actor, media_id) VALUES (now(), 'sara', %s)", (first,)),
            ("INSERT INTO lomi.photo_hashes VALUES (%s, %s, sha256('x'), '{1}', now())", (first, me)),
            (("INSERT INTO lomi.samples (media_id, kind, drawn_at, probability, status)"
             " VALUES (%s, 'rejected', now(), 0.1, 'rejected')"), (first,)),
            (("WITH run AS (INSERT INTO lomi.remoderations"
             " (at, actor, filter, policy, engines, shadow, overrides, photos)"
             " VALUES (now(), 'sara', %s, 'local@1', '', false, false, 1) RETURNING id)"
             " INSERT INTO lomi.remoderated SELECT id, %s, now(), 'same' FROM run"), (f"user:{me}", first)),
            (("INSERT INTO lomi.legal_holds (user_id, at, actor, reason, released_at, released_by)"
             " VALUES (%s, now(), 'sara', 'police', now(), 'sara')"), (me,)),
        ):  # fmt: skip
            pg.execute(statement.encode(), values)
    audit.record(db, entry(1, actor="sara", action="review.reject", subject=photo_subject(first), reason="look"))
    audit.record(db, entry(2, action="queue.retry", subject="op:1", before={"filter": f"user:{me}", "jobs": 3}))
    audit.record(db, entry(3, action="queue.retry", subject="op:2", reason=f"chat {user.telegram}"))
    audit.record(db, entry(4, action="review.note", subject=user_subject(me)))
    audit.record(db, entry(6, action="review.undo", subject=photo_subject(first), after={"undid": "sara"}))
    audit.record(db, entry(5, subject="queue", reason=f"not 1{user.telegram}9"))


def traces(cluster: OldCluster, who: Someone) -> list[str]:
    """Every place in both servers and the object store where an id of the user still stands."""
    words = [str(each).encode() for each in (who.id, *who.photos, *who.jobs.values())]
    found = []
    with cluster.sql() as pg:
        tables = pg.execute(
            "SELECT schemaname || '.' || tablename AS name FROM pg_tables WHERE schemaname IN ('public', 'lomi')"
        ).fetchall()
        for name in (row["name"] for row in tables):
            for row in pg.execute(f"SELECT t::text AS row FROM {name} AS t".encode()).fetchall():
                found += [f"{name}: {row['row']}" for word in words if word in row["row"].encode()]
    with redis.Redis.from_url(cluster.redis_url) as client:
        for key in client.scan_iter():
            held = {b"list": lambda k: client.lrange(k, 0, -1), b"zset": lambda k: client.zrange(k, 0, -1),
                    b"hash": client.hgetall, b"stream": lambda k: client.xrange(k), b"string": client.get,
                    }[client.type(key)](key)  # fmt: skip
            found += [f"{key!r}: {held!r}" for word in words if word in key or word in repr(held).encode()]
    found += [str(path) for path in cluster.objects.rglob("*") if any(word in str(path).encode() for word in words)]
    return found


def erase(lomi: Lomi, who: Someone, *words: object) -> Said:
    return lomi("privacy", "erase", who.id, *ERASE, "--confirm-count", len(who.photos), *words)


def sound(lomi: Lomi) -> bool:
    return lomi("audit", "verify").code == 0


# --- what there is ----------------------------------------------------------------------------------------------------


def test_every_table_is_exported_and_erased_or_holds_nothing_on_a_user(cluster: OldCluster) -> None:
    with cluster.sql() as pg:
        tables = pg.execute("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'lomi'").fetchall()
    assert {f"lomi.{row['name']}" for row in tables} | {"media"} == set(PLACES)
    assert {f"lomi.{place}" for place in archive.PLACES} | {"media", "lomi.audit"} == {
        place for place, fate in PLACES.items() if fate is not Fate.KEPT
    }


def test_somebody_of_whom_there_is_everything_has_something_in_every_place(somebody: Somebody, lomi: Lomi) -> None:
    who = somebody()
    counts = lomi("privacy", "erase", who.id, *ERASE, "--dry-run", "-o", "json").document["counts"]
    places = {place for place, fate in PLACES.items() if fate is not Fate.KEPT}
    assert set(counts) == places | {
        "queue.jobs", "queue.results", "queue.ended", "queue.events", "queue.operations", "objects",
    }  # fmt: skip
    assert (counts["queue.jobs"], counts["objects"], counts["lomi.audit"]) == (4, 3, 5)
    assert counts["queue.operations"] == 2


@pytest.mark.parametrize("which", ["id", "telegram"])
def test_a_user_is_found_by_either_number(somebody: Somebody, lomi: Lomi, which: str) -> None:
    who = somebody()
    name = who.id if which == "id" else who.cluster.telegram
    body = lomi("privacy", "erase", name, *ERASE, "--dry-run", "-o", "json").document
    assert (body["user_id"], body["telegram_id"]) == (str(who.id), who.cluster.telegram)


@pytest.mark.parametrize("name", ["hana", "12", "", "../x"])
def test_a_user_whom_nobody_knows_is_told(cluster: OldCluster, lomi: Lomi, name: str) -> None:
    assert lomi("privacy", "export", name).code == 1


# --- export -----------------------------------------------------------------------------------------------------------


def opened(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as file:
        return {each.name: file.extractfile(each).read() for each in file.getmembers()}  # type: ignore[union-attr]


def test_an_archive_holds_everything_and_says_what_it_holds(somebody: Somebody, lomi: Lomi, tmp_path: Path) -> None:
    who, other = somebody(), somebody()
    path = tmp_path / "a.tar.gz"
    said = lomi("privacy", "export", who.id, "--out", path, "--as", "sara", "-o", "json")
    assert said.code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    files = opened(path)
    manifest = json.loads(files.pop("manifest.json"))
    assert {each["name"] for each in manifest["files"]} == set(files)
    for each in manifest["files"]:
        assert each["sha256"] == hashlib.sha256(files[each["name"]]).hexdigest()
    for place, number in manifest["counts"].items():
        name = place.removeprefix("lomi.").replace("queue.", "queue-")
        if name != "objects":
            assert files[f"{name}.jsonl"].count(b"\n") == number, place
    assert sorted(name for name in files if name.startswith("objects/")) == sorted(
        f"objects/{BUCKET}/users/{who.id}/photo/{photo}.jpg" for photo in who.photos
    )
    assert set(files.values()) >= {b"bytes of it", b"not judged"}
    everything = b"".join(files.values())
    assert str(other.id).encode() not in everything
    assert lomi("audit", "list", "--limit", 1, "-o", "jsonl").records[0]["action"] == "privacy.export"


def test_an_archive_has_no_secret_and_no_name_of_whoever_reviewed(
    somebody: Somebody, lomi: Lomi, tmp_path: Path
) -> None:
    who = somebody()
    lomi("privacy", "export", who.id, "--out", tmp_path / "a.tar.gz")
    lomi("privacy", "export", who.id, "--out", tmp_path / "b.tar.gz", "--names")
    plain, named = (gzip.decompress((tmp_path / name).read_bytes()) for name in ("a.tar.gz", "b.tar.gz"))
    for secret in (CANARY.encode(), b"X-Amz-Signature", b'"salt"', b'"token"'):
        assert secret not in plain + named
    assert b"sara" in named
    assert b'"sara"' not in plain
    assert b'"actor": "person-1"' in plain
    assert b'"actor": "worker"' in plain


def test_a_job_that_is_no_json_is_in_an_archive_without_what_signs_its_address(
    somebody: Somebody, lomi: Lomi, tmp_path: Path, client: redis.Redis
) -> None:
    who = somebody()
    signed = "https://r2.example/p/x.jpg?X-Amz-Date=1&X-Amz-Signature=beef"
    client.lpush("photo_moderation_queue", f'{{"user_id": "{who.id}", "r2_url": "{signed}", ')
    assert lomi("privacy", "export", who.id, "--out", tmp_path / "a.tar.gz").code == 0
    jobs = opened(tmp_path / "a.tar.gz")["queue-jobs.jsonl"]
    assert b"https://r2.example/p/x.jpg?..." in jobs
    assert b"beef" not in jobs


def test_an_archive_is_there_as_a_whole_or_not_at_all(
    somebody: Somebody, lomi: Lomi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    who, path = somebody(), tmp_path / "a.tar.gz"

    def gone(*_: object) -> None:
        raise ObjectsUnavailable("the store is away")

    with monkeypatch.context() as away:
        away.setattr(archive, "_object", gone)
        assert lomi("privacy", "export", who.id, "--out", path).code == 3
    assert list(tmp_path.glob("*a.tar.gz*")) == []
    (tmp_path / ".a.tar.gz.part").write_bytes(b"of a run that was killed")
    assert lomi("privacy", "export", who.id, "--out", path).code == 0
    assert [each.name for each in tmp_path.iterdir() if "a.tar.gz" in each.name] == ["a.tar.gz"]
    assert lomi("privacy", "export", who.id, "--out", path).code == 5, "nothing is written over it"
    assert lomi("privacy", "export", who.id, "--out", tmp_path / "no" / "a").code == 3


def test_before_the_swap_an_archive_holds_what_there_is_and_says_what_is_not_known(
    old: OldCluster,  # noqa: F811
    lomi: Lomi,
    tmp_path: Path,
) -> None:
    photo = old.photo("approved", data=b"x")
    old.push(old.job(uuid.uuid4(), [photo]))
    said = lomi("privacy", "export", old.user, "--out", tmp_path / "a.tar.gz")
    assert said.code == 0
    assert "lomi migrate apply" in said.err
    manifest = json.loads(opened(tmp_path / "a.tar.gz")["manifest.json"])
    assert manifest["counts"] == {"media": 1, "queue.jobs": 1, "objects": 1}
    assert lomi("privacy", "holds").code == 0
    for words in (("erase", old.user, *ERASE), ("hold", old.user, "--reason", "police")):
        said = lomi("privacy", *words)
        assert said.code in (1, 3)
        assert said.err.splitlines()[-1] == "  try: lomi migrate apply"


# --- erasure ----------------------------------------------------------------------------------------------------------


def test_an_erasure_leaves_no_trace_of_the_user_and_all_of_another_one(
    somebody: Somebody, lomi: Lomi, cluster: OldCluster
) -> None:
    who, other = somebody(), somebody()
    before = traces(cluster, other)

    said = erase(lomi, who, "--as", "abebe", "-o", "json")

    assert (said.code, said.err) == (0, "")
    assert said.document["left"] == {}
    with cluster.sql() as pg:
        pg.execute("DELETE FROM users WHERE id = %s", (who.id,))  # the backend's own
    left = traces(cluster, who)
    assert not left, "\n".join(left)
    after = traces(cluster, other)
    assert len(after) == len(before), set(before).symmetric_difference(after)
    assert sound(lomi)


def test_what_went_is_on_record_without_the_users_name(somebody: Somebody, lomi: Lomi, cluster: OldCluster) -> None:
    who = somebody()
    counts = lomi("privacy", "erase", who.id, *ERASE, "--dry-run", "-o", "json").document["counts"]
    gone = erase(lomi, who, "--as", "abebe", "-o", "json").document["gone"]
    assert gone == counts
    last = lomi("audit", "list", "--limit", "1", "-o", "jsonl").records[0]
    assert (last["actor"], last["action"], last["reason"]) == ("abebe", "privacy.erase", "their own wish")
    assert last["after"] == {"seqs": [[1, 5]], "gone": gone}
    shown = lomi("audit", "show", 2)
    assert "its words are gone, its place is kept" in shown.out
    assert lomi("audit", "show", 6, "-o", "json").document["entry"]["erased_at"] is None, "another number"


def test_an_operation_stays_without_the_users_jobs_and_what_was_typed(
    somebody: Somebody, lomi: Lomi, client: redis.Redis
) -> None:
    who, other = somebody(), somebody()
    erase(lomi, who)
    found = {each.filter: each for each in Operations(client).latest()}
    assert set(found) == {f"user:{other.id}", "", "state:dead"}
    assert (found[""].by, found[""].total, found[""].reason) == ("sara", 2, "")
    keys = Operations(client).keys
    assert client.lrange(keys.op_log(found[""].op), 0, -1) == [b"another-job"]
    assert client.exists(keys.op_plan(found[""].op)) == 0
    assert 0 < client.pttl(keys.op(found[""].op)) <= 7 * 24 * 3600 * 1000
    assert client.llen(keys.op_plan(found[f"user:{other.id}"].op)) == 2


def test_an_erasure_again_finds_nothing_and_adds_nothing(somebody: Somebody, lomi: Lomi) -> None:
    who = somebody()
    erase(lomi, who)
    entries = len(lomi("audit", "list", "-o", "jsonl").records)
    said = erase(lomi, who)
    assert (said.code, said.out) == (0, f"nothing is held on user {who.id}\n")
    assert len(lomi("audit", "list", "-o", "jsonl").records) == entries


def test_an_erasure_is_confirmed_by_the_true_number_of_photos(
    somebody: Somebody, lomi: Lomi, cluster: OldCluster
) -> None:
    who = somebody()
    before = cluster.picture()
    dry = lomi("privacy", "erase", who.id, *ERASE, "--dry-run")
    assert (dry.code, dry.out.splitlines()[-1]) == (
        0, "3 photos; nothing was erased: --confirm-count 3 does it",
    )  # fmt: skip
    for words in ((), ("--confirm-count", "2")):
        said = lomi("privacy", "erase", who.id, *ERASE, *words)
        assert said.code == 5
        assert said.err.splitlines()[-1].endswith(f"erase {who.id} --reason 'their own wish' --confirm-count 3")
    assert cluster.picture() == before


def test_a_reason_that_names_the_user_is_refused(somebody: Somebody, lomi: Lomi) -> None:
    who = somebody()
    for reason in (f"wish of {who.id}", f"chat {who.cluster.telegram}.", " "):
        assert lomi("privacy", "erase", who.id, "--reason", reason, "--confirm-count", "3").code == 2


def test_while_a_worker_has_a_job_in_hand_nothing_is_erased(
    somebody: Somebody, lomi: Lomi, cluster: OldCluster, queue: JobQueue
) -> None:
    who = somebody()
    held = queue.claim(f"{uuid.uuid4()}/0", 1, str(uuid.uuid4()))
    assert isinstance(held, Claimed)
    before = len(traces(cluster, who))

    said = erase(lomi, who)

    assert said.code == 5
    assert f"job {held.job_id} of user {who.id} is being worked on" in said.err
    assert len(traces(cluster, who)) == before
    queue.finish(held.job_id, held.token)
    assert erase(lomi, who).code == 0


def test_a_worker_that_comes_in_the_middle_keeps_the_rows_and_what_went_is_told_and_on_record(
    somebody: Somebody, lomi: Lomi, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = somebody()

    def forget(*words: Any, own: Any = personal.forget) -> None:
        own(*words)
        who.cluster.push(who.cluster.job(uuid.uuid4(), who.photos))
        assert isinstance(queue.claim(f"{uuid.uuid4()}/0", 1, str(uuid.uuid4())), Claimed)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(personal, "forget", forget)
        said = erase(lomi, who, "--as", "abebe")

    assert said.code == 5
    assert "is being worked on" in said.err
    assert "nothing was erased" not in said.err
    assert "erased before that: queue.jobs 4," in said.err
    last = lomi("audit", "list", "--action", "privacy.erase", "-o", "jsonl").records[0]
    assert (last["actor"], last["after"]["stopped"], last["after"]["gone"]["queue.jobs"]) == ("abebe", True, 4)
    assert sound(lomi)


def test_a_job_that_is_in_the_list_twice_goes_twice(somebody: Somebody, lomi: Lomi, client: redis.Redis) -> None:
    who = somebody()
    (raw,) = client.lrange("photo_moderation_queue", 0, -1)
    client.lpush("photo_moderation_queue", raw)
    assert erase(lomi, who).code == 0
    assert client.llen("photo_moderation_queue") == 0


def test_what_a_job_only_claims_to_be_the_users_stays(somebody: Somebody, lomi: Lomi, cluster: OldCluster) -> None:
    who, other = somebody(), somebody()
    who.cluster.push(who.cluster.job(uuid.uuid4(), other.photos))
    with cluster.sql() as pg:
        pg.execute("UPDATE media SET thumbnail_url = %s WHERE id = %s",
                   (f"users/{other.id}/photo/{other.photos[0]}.jpg", who.photos[0]))  # fmt: skip

    said = erase(lomi, who)

    assert said.code == 0
    assert "is a photo of another user, too" in said.err
    with cluster.sql() as pg:
        assert pg.execute("SELECT count(*) AS n FROM lomi.decisions").fetchall() == [{"n": 1}]
        assert pg.execute("SELECT count(*) AS n FROM media").fetchall() == [{"n": 3}]
    assert len(list((cluster.objects / BUCKET / "users" / str(other.id)).rglob("*.jpg"))) == 3


def test_a_user_without_a_telegram_account_takes_nothing_of_others_along(
    somebody: Somebody, lomi: Lomi, cluster: OldCluster, db: Database
) -> None:
    who = somebody()
    with cluster.sql() as pg:
        pg.execute("UPDATE users SET telegram_id = NULL WHERE id = %s", (who.id,))
        pg.execute("UPDATE lomi.jobs SET telegram_id = 0")
        pg.execute("UPDATE lomi.submitted_jobs SET telegram_id = 0")
    audit.record(db, entry(6, action="queue.retry", subject="op:3", before={"jobs": 0}))

    assert lomi("privacy", "export", "0").code == 1, "0 is nobody's number"
    assert erase(lomi, who, "-o", "json").document["telegram_id"] is None

    kept = lomi("audit", "list", "--subject", "op:3", "-o", "jsonl").records
    assert [each["before"] for each in kept] == [{"jobs": 0}]
    assert sound(lomi)


@pytest.mark.parametrize("before", ["first object", "last object", "rows", "commit"])
def test_a_run_that_is_killed_is_gone_on_with(
    somebody: Somebody, lomi: Lomi, cluster: OldCluster, before: str, tmp_path: Path
) -> None:
    who = somebody()
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    words = ["privacy", "erase", str(who.id), *ERASE, "--confirm-count", "3"]
    run = subprocess.run(
        [sys.executable, str(program), before, *words], capture_output=True, check=False, env=os.environ
    )
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert sound(lomi)
    assert traces(cluster, who)

    assert erase(lomi, who).code == 0

    with cluster.sql() as pg:
        pg.execute("DELETE FROM users WHERE id = %s", (who.id,))
    assert traces(cluster, who) == []
    assert sound(lomi)


KILLED = """
import os, signal, sys
from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.db import privacy
from lomi_ops.db.pool import Session
from lomi_ops.cli.main import run

before, *words = sys.argv[1:]
deletes = 0

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def delete(self, bucket, key, own=DirectoryStore.delete):
    global deletes
    deletes += 1
    if (before, deletes) in (("first object", 1), ("last object", 3)):
        die()
    own(self, bucket, key)

def sent(self, block, /, own=Session.run, **values):
    done = own(self, block, **values)
    if before == "commit" and block == "audit_insert":
        die()
    return done

def erase(*args, own=privacy.erase, **values):
    if before == "rows":
        die()
    return own(*args, **values)

DirectoryStore.delete, Session.run, privacy.erase = delete, sent, erase
sys.exit(run(words))
"""


def test_what_keeps_the_rows_from_going_is_told_before_anything_goes(
    somebody: Somebody, lomi: Lomi, cluster: OldCluster
) -> None:
    who = somebody()
    with cluster.sql() as pg:
        pg.execute("CREATE TABLE likes AS SELECT id AS media_id FROM media")
        pg.execute("ALTER TABLE likes ADD FOREIGN KEY (media_id) REFERENCES media (id)")
    before = traces(cluster, who)

    said = erase(lomi, who)

    assert said.code == 1
    assert "nothing was erased" in said.err
    assert "likes" in said.err
    assert traces(cluster, who) == before
    with cluster.sql() as pg:
        pg.execute("DROP TABLE likes")
    assert erase(lomi, who).code == 0


# --- holds ------------------------------------------------------------------------------------------------------------


def test_a_hold_blocks_an_erasure_and_names_who_and_why(somebody: Somebody, lomi: Lomi, cluster: OldCluster) -> None:
    who = somebody()
    assert lomi("privacy", "hold", who.id, "--reason", "police, 12/26", "--as", "sara").code == 0
    again = lomi("privacy", "hold", who.id, "--reason", "x")
    assert again.code == 5
    assert "sara holds it already" in again.err
    assert [each["reason"] for each in lomi("privacy", "holds", "-o", "jsonl").records] == ["police, 12/26"]
    before = cluster.picture()

    for words in ((), ("--dry-run",)):
        said = erase(lomi, who, *words)
        assert said.code == 5
        assert re.search(rf"sara holds what there is on user {who.id}, since \d{{4}}-.*: police, 12/26", said.err)
    assert cluster.picture() == before

    assert lomi("privacy", "release", who.id, "--reason", "closed", "--as", "abebe").code == 0
    assert lomi("privacy", "release", who.id, "--reason", "closed").code == 1
    actions = [each["action"] for each in lomi("audit", "list", "--action", "privacy", "-o", "jsonl").records]
    assert actions == ["privacy.release", "privacy.hold"]
    assert lomi("privacy", "hold", who.id, "--reason", "\x1b[31mpolice", "--as", "s\x07").code == 0
    assert "s\\x07 holds" in (said := erase(lomi, who)).err
    assert "\x1b" not in said.err
    assert lomi("privacy", "release", who.id, "--reason", "closed").code == 0
    assert erase(lomi, who).code == 0
    assert sound(lomi)


def test_a_hold_that_comes_in_the_middle_keeps_the_rows(somebody: Somebody, lomi: Lomi, db: Database) -> None:
    who = somebody()
    trail = rows.trail(db, rows.person(db, who.id), rows.media_rows(db, rows.person(db, who.id)))
    lomi("privacy", "hold", who.id, "--reason", "police")
    with pytest.raises(Exception, match="holds what there is"):
        rows.erase(db, trail, actor="x", reason="y", at=entry(1).at, other={})
    with psycopg.connect(who.cluster.database_url) as pg:
        assert pg.execute("SELECT count(*) FROM lomi.decisions").fetchone() == (1,)


def test_a_hold_that_comes_between_two_photos_keeps_all_but_the_first_and_that_is_told(
    somebody: Somebody, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = somebody()

    def delete(self: DirectoryStore, bucket: str, key: str, own: Any = DirectoryStore.delete) -> None:
        own(self, bucket, key)
        assert lomi("privacy", "hold", who.id, "--reason", "police", "--as", "sara").code == 0

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(DirectoryStore, "delete", delete)
        said = erase(lomi, who, "--as", "abebe")

    assert said.code == 5
    assert "nothing was erased" not in said.err
    assert "objects 1; all else is kept" in said.err
    assert len(list((who.cluster.objects / BUCKET / "users" / str(who.id)).rglob("*.jpg"))) == 2
    last = lomi("audit", "list", "--action", "privacy.erase", "-o", "jsonl").records[0]
    assert (last["actor"], last["after"]["stopped"], last["after"]["gone"]["objects"]) == ("abebe", True, 1)
    assert sound(lomi)


def test_a_hold_keeps_a_user_of_whom_nobody_has_heard(cluster: OldCluster, lomi: Lomi) -> None:
    assert lomi("privacy", "hold", uuid.uuid4(), "--reason", "police").code == 0


def test_a_busy_audit_is_looked_through_in_parts(
    somebody: Somebody, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "ENTRIES", 2)
    who: Any = somebody()
    assert erase(lomi, who, "-o", "json").document["gone"]["lomi.audit"] == 5


def test_on_a_terminal_the_same_is_said(somebody: Somebody) -> None:
    """What is drawn while it works takes stdout over: nothing may be answered meanwhile."""
    who = somebody()
    for words in (("--dry-run",), ("--confirm-count", "3")):
        code, said = on_terminal("privacy", "erase", str(who.id), *ERASE, *words)
        assert code == 0, said
        assert "lomi.decisions" in said


def on_terminal(*words: str) -> tuple[int, str]:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", *words], stdin=theirs, stdout=theirs, stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    ) as run:  # fmt: skip
        os.close(theirs)
        said = b""
        with suppress(OSError):  # how a terminal ends
            while chunk := os.read(ours, 65_536):
                said += chunk
    os.close(ours)
    return run.returncode, said.decode()
