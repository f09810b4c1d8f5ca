"""Decided photos are judged again: what changes, what is left alone, and what holds when something breaks."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import dict_row

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import activations, claims, fingerprints, ledger, overrides, remoderating, reporting, reports, undoing
from lomi_ops.db.bootstrap import prepare
from lomi_ops.db.pool import Database
from lomi_ops.db.remoderating import Run
from lomi_ops.domain.job import Job
from lomi_ops.domain.regime import Arm
from lomi_ops.domain.remoderate import Fate, Live, Yielding
from lomi_ops.domain.review import Ruling
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.domain.window import Window
from lomi_ops.errors import FacesUnavailable, ObjectsUnavailable
from lomi_ops.imaging.golden import portrait
from lomi_ops.ops.remoderate import run as running
from lomi_ops.ops.remoderate.run import PATIENCE_S, carry_out
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from tests.commands import Lomi
from tests.integration.db.conftest import AT, POLICY, Backend, approval, judged, seen
from tests.integration.photos.again import BUCKET, Engines, begin, handles, store
from tests.integration.worker.conftest import weights  # noqa: F401 - fixture
from tests.integration.worker.test_judging import MANIFEST
from tests.onnx_models import classifier, sha256
from tests.services import PostgresServer, postgres_server

Plain = psycopg.Connection[dict[str, Any]]
BARE, BLURRED = {"porn": 0.9}, {"sharpness": 3.0}


@pytest.fixture
def objects(tmp_path: Path) -> Path:
    (tmp_path / "objects" / BUCKET).mkdir(parents=True)
    return tmp_path / "objects"


def uploaded(
    db: Database, backend: Backend, objects: Path, *seen_in: dict[str, Any], data: bytes = b"jpeg"
) -> list[UUID]:
    """Photos of one batch as a worker judged them."""
    job: Job = backend.job(len(seen_in))
    ids = [photo.media_id for photo in job.photos]
    made = [judged(media_id, **given) for media_id, given in zip(ids, seen_in, strict=True)]
    ledger.settle(db, job, made, attempt=1, token="t", worker="w", at=AT, policy=POLICY)
    for photo in job.photos:
        store(objects).put(BUCKET, photo.key, data)
    return ids


def stands(backend: Backend, media_id: UUID) -> tuple[str, str | None]:
    row = backend.row(media_id)
    return row["moderation_status"], row["moderation_reason"]


def again(plain: Plain, media_id: UUID) -> list[dict[str, Any]]:
    """What the decision log has of it from this command."""
    return plain.execute(
        "SELECT * FROM lomi.decisions WHERE media_id = %s AND worker LIKE 'remoderate %%'", [media_id]
    ).fetchall()


def told(plain: Plain) -> list[dict[str, Any]]:
    rows = plain.execute("SELECT payload FROM lomi.outbox ORDER BY id").fetchall()
    return [result for row in rows for result in json.loads(row["payload"])["results"]]


def fates(db: Database, run: Run) -> dict[Fate, int]:
    found: dict[Fate, int] = {}
    for each in remoderating.tally(db, run):
        found[each.fate] = found.get(each.fate, 0) + each.photos
    return found


def test_what_stands_otherwise_is_changed_logged_and_told_and_nothing_else(
    db: Database, backend: Backend, plain: Plain, objects: Path
) -> None:
    bare, fine, blurred, doubtful = uploaded(db, backend, objects, BARE, {}, BLURRED, {})
    engines = Engines({bare: {}, fine: {}, blurred: BARE, doubtful: {"porn": 0.4}})
    run = begin(db, "status:approved,rejected")
    carry_out(handles(db, objects, engines), run)
    assert stands(backend, bare) == ("approved", None)
    assert stands(backend, fine) == ("approved", None)
    assert stands(backend, blurred) == ("rejected", "nsfw")
    assert stands(backend, doubtful) == ("pending", "needs_review")
    assert backend.row(doubtful)["is_approved"] is False, "what waits for a person is not shown"
    assert backend.row(bare)["moderation_scores"]["nsfw_scores"]["porn"] == 0.0
    assert {(each["media_id"], each["status"]) for each in told(plain)} == {
        (str(bare), "approved"), (str(blurred), "rejected"),
    }  # fmt: skip
    (logged,) = again(plain, bare)
    assert (logged["actor"], logged["status_before"], logged["policy"]) == ("worker", "rejected", "local@1")
    assert logged["findings"] is not None
    assert again(plain, fine) == []
    assert fates(db, run) == {Fate.CHANGED: 3, Fate.SAME: 1}
    assert remoderating.get(db, run.id).ended_at is not None
    entries = plain.execute("SELECT actor, after FROM lomi.audit WHERE subject = %s", [f"media:{bare}"]).fetchall()
    assert entries == [{"actor": "hana", "after": {"status": "approved", "reason": None, "run": run.id}}]
    carry_out(handles(db, objects, engines), remoderating.get(db, run.id))
    assert len(told(plain)) == 2, "a second pass does nothing more"


def test_reports_tell_what_was_taken_down_and_count_no_photo_twice(
    db: Database, backend: Backend, objects: Path
) -> None:
    (fine,) = uploaded(db, backend, objects, {})
    window = Window(AT - timedelta(days=1), datetime.now(UTC) + timedelta(days=1))
    before = reports.work(db, window, logged=True)
    carry_out(handles(db, objects, Engines({fine: BARE})), begin(db, "status:*"))
    assert reports.work(db, window, logged=True) == before
    assert [(reason, photos) for reason, _, photos in reporting.taken_down(db, window)] == [("nsfw", 1)]


def test_a_shadow_run_tells_the_transitions_and_changes_nothing(
    db: Database, backend: Backend, plain: Plain, objects: Path
) -> None:
    bare, fine = uploaded(db, backend, objects, BARE, {})
    run = begin(db, "status:*", shadow=True)
    carry_out(handles(db, objects, Engines({fine: BARE})), run)
    (one, two) = remoderating.tally(db, run)
    assert {(one.status_before, one.status), (two.status_before, two.status)} == {
        ("approved", "rejected"), ("rejected", "approved"),
    }  # fmt: skip
    assert (stands(backend, bare), stands(backend, fine)) == (("rejected", "nsfw"), ("approved", None))
    assert again(plain, bare) == told(plain) == []


def test_people_minors_and_whoever_is_looked_at_are_left_alone(
    db: Database, backend: Backend, plain: Plain, objects: Path
) -> None:
    decided, taken_back, young, held, queued = uploaded(db, backend, objects, BARE, BARE, BARE, BARE, BARE)
    for photo in (decided, taken_back):
        overrides.override(db, seen(db, photo), approval("sara", AT), job_id=str(uuid.uuid4()))
    undoing.undo(db, taken_back, actor="sara", at=AT, job_id=str(uuid.uuid4()))
    plain.execute("""UPDATE media SET moderation_scores = '{"estimated_age": 15}' WHERE id = %s""", [young])
    now = datetime.now(UTC)
    claims.take(db, [seen(db, held)], actor="sara", token=uuid.uuid4(), at=now, lease_s=600, limit=1, fresh=False)
    plain.execute("UPDATE media SET moderation_status = 'pending', moderation_reason = NULL WHERE id = %s", [queued])
    engines = Engines({decided: BARE})
    run = begin(db, "status:*")
    assert run.photos == 4, "what waits for a worker is the worker's"
    carry_out(handles(db, objects, engines), run)
    assert fates(db, run) == {Fate.PERSON: 1, Fate.MINOR: 1, Fate.HELD: 1, Fate.CHANGED: 1}
    assert sorted(engines.asked) == sorted([taken_back, held]), "what is left alone is not judged either"
    assert stands(backend, taken_back) == ("approved", None)
    assert stands(backend, held) == stands(backend, young) == ("rejected", "nsfw")
    second = begin(db, f"photo:{decided}", overrides=True)
    carry_out(handles(db, objects, engines), second)
    assert fates(db, second) == {Fate.CHANGED: 1}
    assert stands(backend, decided) == ("rejected", "nsfw")


def test_whoever_decides_between_the_read_and_the_write_is_not_overturned(
    db: Database, backend: Backend, plain: Plain, objects: Path
) -> None:
    persons, workers = uploaded(db, backend, objects, BARE, BARE)

    def meanwhile(media_id: UUID) -> None:
        if media_id == persons:
            ruling = approval("sara", AT, note="a statue")
            overrides.override(db, seen(db, persons), ruling, job_id=str(uuid.uuid4()))
        else:
            plain.execute("UPDATE media SET moderation_reason = 'blurry' WHERE id = %s", [workers])

    run = begin(db, "reason:nsfw")
    carry_out(handles(db, objects, Engines({persons: BLURRED}, meanwhile)), run)
    assert fates(db, run) == {Fate.PERSON: 1, Fate.MOVED: 1}
    assert stands(backend, persons) == ("approved", None)
    assert stands(backend, workers) == ("rejected", "blurry")
    assert again(plain, persons) == again(plain, workers) == []


def test_an_override_takes_a_message_back_that_was_not_sent(
    db: Database, backend: Backend, plain: Plain, objects: Path
) -> None:
    (photo,) = uploaded(db, backend, objects, BARE)
    carry_out(handles(db, objects, Engines()), begin(db, "status:*"))
    assert [each["status"] for each in told(plain)] == ["approved"]
    ruling = Ruling(MediaStatus.REJECTED, Reason.NSFW, "sara", datetime.now(UTC), "no")
    overrides.override(db, seen(db, photo), ruling, job_id=str(uuid.uuid4()))
    assert [each["status"] for each in told(plain)] == ["rejected"], "the last word is what the app hears last"


def test_what_cannot_be_judged_is_counted_and_left_as_it_was(db: Database, backend: Backend, objects: Path) -> None:
    silent, broken, gone, large, deleted = uploaded(db, backend, objects, BARE, BARE, BARE, BARE, BARE)
    for photo, data in ((gone, None), (large, b"x" * 2000)):
        key = backend.row(photo)["url"]
        store(objects).delete(BUCKET, key) if data is None else store(objects).put(BUCKET, key, data)

    def meanwhile(media_id: UUID) -> None:
        if media_id == deleted:
            backend.connection.execute("DELETE FROM media WHERE id = %s", [deleted])

    run = begin(db, "status:rejected")
    carry_out(handles(db, objects, Engines({silent: Fate.UNKNOWN, broken: Fate.UNREADABLE}, meanwhile)), run)
    assert fates(db, run) == {Fate.UNKNOWN: 1, Fate.UNREADABLE: 2, Fate.GONE: 2}
    for photo in (silent, broken, gone, large):
        assert stands(backend, photo) == ("rejected", "nsfw")


def test_without_a_face_service_nothing_is_judged_and_the_run_can_be_resumed(
    db: Database, backend: Backend, objects: Path
) -> None:
    ids = uploaded(db, backend, objects, BARE, BARE)
    engines, slept = Engines(outage=True), list[float]()
    run = begin(db, "status:*")
    with pytest.raises(FacesUnavailable) as away:
        carry_out(handles(db, objects, engines, sleep=slept.append), run)
    assert away.value.hint == f"lomi remoderate resume {run.id}"
    assert sum(slept) == pytest.approx(PATIENCE_S)
    assert fates(db, run) == {}
    engines.outage = False
    carry_out(handles(db, objects, engines), remoderating.get(db, run.id))
    assert [stands(backend, each) for each in ids] == [("approved", None)] * 2


def test_the_object_store_goes_away_and_comes_back(db: Database, backend: Backend, objects: Path) -> None:
    ids = uploaded(db, backend, objects, BARE, BARE, BARE, BARE)
    hidden = objects.with_name("elsewhere")
    heard: list[str] = []

    def hide(_: UUID) -> None:
        if objects.exists() and not heard:
            objects.rename(hidden)

    def back(_: float) -> None:
        if hidden.exists() and len(heard) == 1:
            hidden.rename(objects)

    run = begin(db, "status:*")
    carry_out(handles(db, objects, Engines(before=hide), tell=heard.append, sleep=back), run)
    assert len(heard) == 1, heard
    assert "trying again" in heard[0]
    assert fates(db, run) == {Fate.CHANGED: 4}
    objects.rename(hidden)
    other = begin(db, "status:approved", shadow=True)
    with pytest.raises(ObjectsUnavailable) as away:
        carry_out(handles(db, objects, Engines()), other)
    assert "resume" in away.value.hint
    assert fates(db, other) == {}
    assert [stands(backend, each) for each in ids] == [("approved", None)] * 4


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as found:
        prepare(found.url)
        yield found


def test_the_database_goes_away_in_the_middle_and_comes_back(server: PostgresServer, objects: Path) -> None:
    with (
        Database(server.url, size=2) as db,
        psycopg.connect(server.url, autocommit=True, row_factory=dict_row) as plain,
    ):
        ids = uploaded(db, Backend(plain), objects, *[BARE] * 5)
        run = begin(db, "status:*")
        stopped: list[UUID] = []

        def stop(media_id: UUID) -> None:
            if not stopped:
                stopped.append(media_id)
                server.stop()

        def start(_: float) -> None:
            if server.process is None:
                server.start()

        carry_out(handles(db, objects, Engines(before=stop), sleep=start), run)
        assert stopped
        assert fates(db, run) == {Fate.CHANGED: 5}
    with psycopg.connect(server.url, autocommit=True, row_factory=dict_row) as plain:
        assert [len(again(plain, each)) for each in ids] == [1] * 5
        assert len(told(plain)) == 5


def test_a_run_that_is_killed_again_and_again_changes_each_photo_once(
    db: Database, prepared_url: str, backend: Backend, plain: Plain, objects: Path
) -> None:
    ids = uploaded(db, backend, objects, *[BARE] * 5)
    run = begin(db, "status:*")
    command = [sys.executable, "-m", "tests.integration.photos.again", prepared_url, str(objects), str(run.id)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as victim:  # fmt: skip
        assert victim.stdin
        assert victim.stdout
        became = []
        for point in (*range(4, 60, 3), 10_000):
            victim.stdin.write(f"{point}\n")
            victim.stdin.flush()
            became.append(victim.stdout.readline().strip())
        victim.stdin.close()
    assert became[0] == "killed"
    assert became[-1] == "done"
    assert set(became) == {"killed", "done"}
    assert remoderating.get(db, run.id).ended_at is not None
    assert fates(db, run) == {Fate.CHANGED: 5}
    assert [len(again(plain, each)) for each in ids] == [1] * 5
    assert sorted(each["media_id"] for each in told(plain)) == sorted(map(str, ids))
    assert [stands(backend, each) for each in ids] == [("approved", None)] * 5


def test_while_live_uploads_wait_nothing_is_judged(
    db: Database, backend: Backend, objects: Path, redis_url: str
) -> None:
    uploaded(db, backend, objects, BARE, BARE)
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    queue, heard, engines = JobQueue(client), list[str](), Engines()
    client.lpush(queue.keys.ready, *["{}"] * 11)

    def live() -> Live:
        stats = queue.stats()
        return Live(stats.ready + stats.high, stats.oldest_age_s)

    def drain(_: float) -> None:
        if client.llen(queue.keys.ready):
            assert engines.asked == []
            client.delete(queue.keys.ready)

    run = begin(db, "status:*")
    carry_out(handles(db, objects, engines, live=live, sleep=drain, tell=heard.append), run)
    assert "11 jobs wait" in heard[0]
    assert fates(db, run) == {Fate.CHANGED: 2}
    client.close()


def test_a_rate_is_kept(db: Database, backend: Backend, objects: Path) -> None:
    uploaded(db, backend, objects, *[BARE] * 6)
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    run = begin(db, "status:*", per_minute=60.0)
    carry_out(handles(db, objects, Engines(), sleep=sleep, elapsed=lambda: clock[0]), run)
    assert clock[0] == pytest.approx(4.0), "six photos, two at once: the last two begin after four seconds"


@pytest.mark.parametrize(("waiting", "oldest_s", "busy"), [(0, None, False), (10, 3.0, False), (11, 3.0, True),
                                                          (1, 31.0, True), (0, 500.0, False)])  # fmt: skip
def test_a_few_young_uploads_are_no_reason_to_wait(waiting: int, oldest_s: float | None, busy: bool) -> None:
    assert Yielding().busy(Live(waiting, oldest_s)) is busy


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def whole(redis_url: str, objects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)
    monkeypatch.setenv("LOMI_OBJECTS", str(objects))
    monkeypatch.setenv("LOMI_POLICY", "local")


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The manifest of a model to which everything is porn."""
    classifier(tmp_path / "toy.onnx", [[0, 0]] * 3, bias=[9, 0])
    body = MANIFEST | {"sha256": sha256(tmp_path / "toy.onnx")}
    (tmp_path / "toy.yaml").write_text(json.dumps(body))
    return tmp_path / "toy.yaml"


@pytest.mark.usefixtures("whole", "weights")
def test_the_command_counts_asks_judges_with_the_real_engines_and_tells(
    lomi: Lomi, db: Database, backend: Backend, plain: Plain, objects: Path
) -> None:
    ids = uploaded(db, backend, objects, *[BARE] * 11, data=portrait())
    words = ["remoderate", "--where", "reason:nsfw"]
    plan = lomi(*words, "--dry-run", "-o", "json").document
    assert (plan["photos"], plan["standing"]) == (11, [{"status": "rejected", "reason": "nsfw", "photos": 11}])
    refused = lomi(*words, "--reason", "a better model")
    assert refused.code == 5
    assert "--reason 'a better model' --confirm-count 11" in refused.err
    shadow = lomi(*words, "--shadow", "-o", "json").document
    assert (shadow["schema"], shadow["fates"]["changed"], shadow["shadow"]) == ("lomi.remoderate/v1", 11, True)
    assert stands(backend, ids[0]) == ("rejected", "nsfw")
    done = lomi(*words, "--confirm-count", "11")
    assert done.code == 0
    assert "11 changed" in done.out
    assert {stands(backend, each) for each in ids} == {("approved", None)}
    assert fingerprints.of(db, ids[:1]), "what old workers' photos look like is known now"
    status = lomi("remoderate", "status", "-o", "json").document
    assert [each["through"] for each in status["runs"]] == [11, 11]
    assert lomi("remoderate", "resume", done.out.split()[1]).code == 5
    actions = plain.execute("SELECT count(*) AS n FROM lomi.audit WHERE action = 'remoderate'").fetchone()
    assert actions == {"n": 2 + 2 + 11}


@pytest.mark.usefixtures("whole", "weights")
def test_a_run_is_resumed_only_with_the_policy_it_began_with(
    lomi: Lomi, db: Database, backend: Backend, objects: Path
) -> None:
    uploaded(db, backend, objects, BARE, data=portrait())
    run = begin(db, "status:*")
    said = lomi("remoderate", "resume", run.id)
    assert said.code == 5
    assert "began with policy local@1 and e" in said.err
    assert "to go on: lomi remoderate resume" in lomi("remoderate", "status", run.id).out


@pytest.mark.usefixtures("whole")
def test_without_its_model_nothing_begins(
    lomi: Lomi,
    db: Database,
    backend: Backend,
    plain: Plain,
    objects: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (photo,) = uploaded(db, backend, objects, BARE)
    said = lomi("remoderate", "--where", "status:*", "--model", "falconsai")
    assert said.code == 2
    assert "falconsai" in said.err
    assert stands(backend, photo) == ("rejected", "nsfw")
    assert plain.execute("SELECT count(*) AS n FROM lomi.remoderations").fetchone() == {"n": 0}


@pytest.mark.usefixtures("whole", "weights")
def test_a_model_that_misjudges_what_is_known_changes_nothing(
    lomi: Lomi, db: Database, backend: Backend, objects: Path, toy: Path
) -> None:
    (photo,) = uploaded(db, backend, objects, {}, data=portrait())
    said = lomi("remoderate", "--where", "status:*", "--model", toy)
    assert said.code == 5
    assert "scores porn 1.00" in said.err
    assert stands(backend, photo) == ("approved", None)
    shadow = lomi("remoderate", "--where", "status:*", "--model", toy, "--shadow", "-o", "json")
    assert shadow.document["transitions"][0]["to"] == {"status": "rejected", "reason": "nsfw"}


@pytest.mark.usefixtures("whole", "weights")
def test_two_models_are_set_side_by_side_and_nothing_is_written(
    lomi: Lomi, db: Database, backend: Backend, plain: Plain, objects: Path, toy: Path
) -> None:
    (photo,) = uploaded(db, backend, objects, {}, data=portrait())
    said = lomi("media", "compare", photo, "nudenet-320n", toy, "-o", "json").document
    assert said["schema"] == "lomi.media.compare/v1"
    assert [each["status"] for each in said["models"]] == ["approved", "rejected"]
    assert said["models"][1]["grounds"][0]["reason"] == "nsfw"
    text = lomi("media", "compare", photo, "nudenet-320n", toy).out
    assert "porn 1.00 reaches 0.60" in text
    assert stands(backend, photo) == ("approved", None)
    assert plain.execute("SELECT count(*) AS n FROM lomi.decisions").fetchone() == {"n": 1}
    assert lomi("media", "compare", photo, "nudenet-320n").code == 2
    assert lomi("media", "compare", photo, "nudenet-320n", "falconsai").code == 2
    store(objects).delete(BUCKET, backend.row(photo)["url"])
    assert lomi("media", "compare", photo, "nudenet-320n", toy).code == 1


@pytest.mark.usefixtures("whole")
def test_photos_are_judged_by_the_policy_that_was_activated(lomi: Lomi, db: Database) -> None:
    words = ["remoderate", "--where", "status:*", "--dry-run", "-o", "json"]
    assert lomi(*words).document["policy"] == "local@1"
    strict = replace(POLICY, name="strict", version=4)
    activations.activate(db, [Arm(strict)], [], actor="hana", reason="try", at=AT)
    assert lomi(*words).document["policy"] == "strict@4"
    activations.activate(db, [Arm(strict, 0.5), Arm(POLICY, 0.5)], [], actor="hana", reason="try", at=AT)
    assert lomi(*words).code == 5
    assert lomi(*words, "--policy", "local").document["policy"] == "local@1"


@pytest.mark.parametrize("words", [[], ["--where", ""], ["--where", "status:*", "--rate", "fast"], ["--where", "x:y"]])
def test_what_makes_no_sense_is_misuse(lomi: Lomi, words: list[str]) -> None:
    assert lomi("remoderate", *words).code == 2


@pytest.mark.usefixtures("whole")
def test_a_schema_of_before_counts_and_judges_nothing(
    lomi: Lomi, db: Database, backend: Backend, plain: Plain, objects: Path
) -> None:
    uploaded(db, backend, objects, BARE)
    plain.execute("DROP TABLE lomi.remoderated, lomi.remoderations")
    assert lomi("remoderate", "--where", "status:*", "--dry-run", "-o", "json").document["photos"] == 1
    assert lomi("remoderate", "--where", "status:*").code == 5
    assert "lomi migrate apply" in lomi("remoderate", "status").err
    plain.execute("DROP SCHEMA lomi CASCADE")
    said = lomi("remoderate", "--where", "status:*", "--dry-run")
    assert said.code == 0
    assert "would judge 1 photo" in said.out
    assert "what people decided is not known" in said.err


def test_running_pages_never_end_before_the_last_photo(
    db: Database, backend: Backend, objects: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PAGE", 2)
    for number in (1, 2, 3, 4, 5):
        ids = uploaded(db, backend, objects, *[BARE] * number)
        run = begin(db, " ".join(["photo:" + ",".join(map(str, ids))]))
        carry_out(handles(db, objects, Engines()), run)
        assert fates(db, run) == {Fate.CHANGED: number}
