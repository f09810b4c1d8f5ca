"""The same bytes twice: looked at once, decided twice, and never taken from what is not certain."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lomi_ops.db import decisions, privacy, reviewing
from lomi_ops.db.decisions import LoggedDecision
from lomi_ops.db.overrides import override
from lomi_ops.db.pool import Database
from lomi_ops.domain import marked
from lomi_ops.domain.regime import Rule, stored_rule
from lomi_ops.domain.replay import Replay, compared
from lomi_ops.domain.review import Ruling, Seen
from lomi_ops.domain.verdict import MediaStatus, Reason
from lomi_ops.errors import DatabaseUnavailable, ObjectsUnavailable
from tests.doubles.compreface import CompreFaceDouble, Face
from tests.integration.worker.conftest import Bench, Cluster, MakeBench, Upload
from worker.reuse import Recall

ON = {"reuse_days": 30}


@pytest.fixture
def make(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Bench]:
    """A slot that takes findings again, and counts in `looks` how often its judging process is asked."""

    def counted(policy: str = "local", **sections: Any) -> Bench:
        bench = make_bench(policy, worker=ON | sections.pop("worker", {}), **sections)
        if bench.slot.judge.recall is not None:
            bench.slot.judge.recall._patience_s = 60.0  # a busy machine is no fault
        look = bench.process.look

        def counting(data: bytes, *, canonical: bool) -> Any:
            LOOKS.append(len(data))
            return look(data, canonical=canonical)

        monkeypatch.setattr(bench.process, "look", counting)
        return bench

    LOOKS.clear()
    return counted


LOOKS: list[int] = []
"""Bytes of each photo that was looked at."""


def moderated(bench: Bench, cluster: Cluster, data: bytes) -> Upload:
    """A photo of somebody new."""
    upload = cluster.upload([data])
    bench.moderate(upload)
    return upload


def last(bench: Bench, upload: Upload) -> LoggedDecision:
    return decisions.history(bench.slot.database, upload.media[0])[-1]


def id_of(cluster: Cluster, upload: Upload) -> int:
    row = cluster.pg.execute("SELECT id FROM lomi.decisions WHERE media_id = %s", [upload.media[0]]).fetchone()
    assert row is not None
    return int(row["id"])


def age(cluster: Cluster, days: float) -> None:
    """As if everything had been decided so long ago."""
    with cluster.pg.transaction():
        cluster.pg.execute("SET LOCAL lomi.erasing = 'yes'")
        cluster.pg.execute("UPDATE lomi.decisions SET at = at - %s", [timedelta(days=days)])


def counters(bench: Bench, cluster: Cluster) -> dict[str, int]:
    found = {name.decode(): int(n) for name, n in cluster.redis.hgetall(bench.queue.keys.measured).items()}  # type: ignore[union-attr]
    return {name: number for name, number in found.items() if name.split(":")[1] in ("reuse", "saved", "report")}


# --- what is taken again ----------------------------------------------------------------------------------------------


def test_the_same_bytes_are_looked_at_once_and_decided_twice_each_with_all_its_evidence(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bench = make()
    first, second, third = (moderated(bench, cluster, portrait) for _ in range(3))

    assert len(LOOKS) == 1
    assert [cluster.standing(each) for each in (first, second, third)] == [[("approved", None)]] * 3
    seen, taken = last(bench, first), last(bench, second)
    assert seen.taken is None
    assert taken.taken is not None
    assert (taken.taken.decision, taken.taken.at, taken.taken.ms) == (
        id_of(cluster, first),
        seen.at,
        seen.processing_ms,
    )
    assert last(bench, third).taken == taken.taken, "always of the one that engines were asked for"
    assert seen.evidence is not None
    asked_nobody = tuple(replace(report, elapsed_ms=0.0) for report in seen.evidence.reports)
    assert taken.evidence == replace(seen.evidence, reports=asked_nobody)
    assert (taken.photo_sha256, taken.verdict, taken.thresholds) == (seen.photo_sha256, seen.verdict, seen.thresholds)
    rule = stored_rule(taken.thresholds)
    assert rule is not None
    assert taken.verdict is not None
    assert taken.evidence is not None
    assert compared(taken.verdict, taken.evidence, rule)[0] is Replay.SAME
    (message,) = (each for each in cluster.messages() if each["results"][0]["media_id"] == str(second.media[0]))
    assert message["results"][0]["status"] == "approved"
    lines = [record.__dict__ for record in caplog.records if record.__dict__.get("action") == "photo_decided"]
    assert [each.get("findings_of") for each in lines] == [None, *[taken.taken.decision] * 2]


def test_what_a_photo_looks_like_is_known_of_the_one_that_was_not_looked_at(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    uploads = [moderated(bench, cluster, portrait) for _ in range(2)]
    rows = cluster.pg.execute("SELECT media_id, hash FROM lomi.photo_hashes").fetchall()
    assert {row["media_id"] for row in rows} == {upload.media[0] for upload in uploads}
    assert len({bytes(row["hash"]) for row in rows}) == 1


def test_hits_misses_and_saved_time_are_counted_and_no_engine_is_counted_that_was_not_asked(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    for data in (portrait, portrait, portrait, b"no photo"):
        moderated(bench, cluster, data)
    found = counters(bench, cluster)
    assert found.pop("n:saved:us") > 0
    assert found == {"n:reuse:miss": 1, "n:reuse:hit": 2} | {
        f"n:report:{e}:answered": 1 for e in ("blur", "faces", "nsfw")
    }


def test_another_policy_decides_anew_on_the_same_findings(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    first = moderated(bench, cluster, portrait)
    policy = bench.slot.judge.rule.policy
    strict = replace(
        policy, name="strict", blur=replace(policy.blur, reject_below=1e6, review_below=1e6, face_sharp_at=1e6)
    )
    bench.slot.rules = lambda user_id: Rule(strict, guards=(policy,), shadows=(policy,))

    second = moderated(bench, cluster, portrait)

    assert len(LOOKS) == 1
    assert cluster.standing(first) == [("approved", None)]
    assert cluster.standing(second) == [("rejected", "blurry")]
    verdict = last(bench, second).verdict
    assert verdict is not None
    assert verdict.policy == "strict@1"
    row = cluster.pg.execute("SELECT shadows FROM lomi.decisions WHERE media_id = %s", [second.media[0]]).fetchone()
    assert row is not None
    assert [each["outcome"] for each in row["shadows"]] == ["approve"]


def test_a_decision_that_waited_for_its_job_remembers_whose_findings_it_has(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    first = moderated(bench, cluster, portrait)
    upload = cluster.upload([portrait, portrait])
    cluster.store.faults[upload.keys[1]] = ObjectsUnavailable("away")
    cluster.store.silent = ObjectsUnavailable("away")
    bench.moderate(upload)
    assert cluster.standing(upload) == [("pending", None)] * 2
    cluster.store.faults.clear()
    cluster.store.silent = None

    bench.turn()

    assert len(LOOKS) == 1
    assert cluster.standing(upload) == [("approved", None)] * 2
    log = [decisions.history(bench.slot.database, media)[-1].taken for media in upload.media]
    assert [taken.decision for taken in log if taken] == [id_of(cluster, first)] * 2


# --- what is not ------------------------------------------------------------------------------------------------------


def test_nothing_is_looked_for_or_kept_unless_the_settings_say_so(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Recall, "ask", lambda *_: asked.append("ask"))
    bench = make(worker={"reuse_days": 0})
    for _ in range(2):
        moderated(bench, cluster, portrait)
    assert bench.slot.judge.recall is None
    assert len(LOOKS) == 2
    assert asked == []
    assert counters(bench, cluster) == {f"n:report:{e}:answered": 2 for e in ("blur", "faces", "nsfw")}
    row = cluster.pg.execute("SELECT count(*) AS n FROM lomi.decisions WHERE inputs IS NOT NULL").fetchone()
    assert row == {"n": 0}


def test_what_was_decided_before_the_setting_was_there_is_not_taken(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    moderated(make(worker={"reuse_days": 0}), cluster, portrait)
    bench = make()
    assert last(bench, moderated(bench, cluster, portrait)).taken is None
    assert last(bench, moderated(bench, cluster, portrait)).taken is not None


def test_other_bytes_of_the_same_picture_are_looked_at(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    moderated(bench, cluster, portrait)
    moderated(bench, cluster, portrait + b"\n")
    assert len(LOOKS) == 2


@pytest.mark.parametrize("what", ["model", "library", "setting"])
def test_another_model_library_or_setting_looks_anew(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make()
    moderated(bench, cluster, portrait)
    if what == "model":
        others = tuple(replace(each, version="0" * 64) for each in bench.process.engines)
        monkeypatch.setattr(bench.process, "engines", others)
    elif what == "library":
        monkeypatch.setattr(bench.process, "made_of", "another decoder")
    else:
        bench = make(images={"max_pixels": 20_000_000})
    before = len(LOOKS)

    moderated(bench, cluster, portrait)

    assert len(LOOKS) > before


def test_findings_that_are_too_old_are_not_taken_and_taking_them_does_not_make_them_younger(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    moderated(bench, cluster, portrait)
    age(cluster, 29)
    assert last(bench, moderated(bench, cluster, portrait)).taken is not None
    age(cluster, 2)

    anew = moderated(bench, cluster, portrait)

    assert last(bench, anew).taken is None
    assert len(LOOKS) == 2


@pytest.mark.parametrize("which", ["the one looked at", "the one taken again"])
def test_bytes_that_a_person_has_decided_on_are_looked_at_from_then_on(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, which: str
) -> None:
    bench = make()
    uploads = [moderated(bench, cluster, portrait) for _ in range(2)]
    chosen = uploads[0] if which == "the one looked at" else uploads[1]
    seen = Seen(chosen.media[0], "approved", None, id_of(cluster, chosen))
    at = bench.slot.database.now()
    override(bench.slot.database, seen, Ruling(MediaStatus.REJECTED, Reason.NO_FACE, "sara", at), job_id="o")

    anew = [moderated(bench, cluster, portrait) for _ in range(2)]

    assert len(LOOKS) == 3
    assert [last(bench, each).taken for each in anew] == [None, None]
    (story, *_) = reviewing.story(bench.slot.database, uploads[1].media[0])
    assert story.taken is not None, "what was taken before stays said"


def test_findings_of_an_erased_user_are_not_taken(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    first, second = (moderated(bench, cluster, portrait) for _ in range(2))
    database = bench.slot.database
    person = privacy.person(database, first.job["user_id"])
    trail = privacy.trail(database, person, privacy.media_rows(database, person))
    privacy.erase(database, trail, actor="sara", reason="asked for", at=database.now(), other={})

    third = moderated(bench, cluster, portrait)

    assert len(LOOKS) == 2
    assert last(bench, third).taken is None
    kept = last(bench, second)
    assert kept.evidence is not None
    assert kept.evidence.reports, "a decision keeps its own evidence, whoever goes"


def test_an_incomplete_judgement_is_not_taken(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The policy asks for no face, so the photo is approved without an answer about them."""
    bench = make()
    lax = replace(bench.slot.judge.rule.policy, requires=frozenset())
    bench.slot.rules = lambda user_id: Rule(lax)
    look = bench.process.look

    def blind(data: bytes, *, canonical: bool) -> Any:
        seen = look(data, canonical=canonical)
        return replace(seen, local_faces=replace(seen.local_faces, findings=(), detail="it stood in for another"))

    monkeypatch.setattr(bench.process, "look", blind)
    moderated(bench, cluster, portrait)
    moderated(bench, cluster, portrait)
    assert len(LOOKS) == 2


def test_photos_of_an_end_to_end_test_are_looked_at(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes
) -> None:
    bench = make()
    moderated(bench, cluster, portrait)
    upload = cluster.upload([portrait])
    media = str(marked.any_id(7))
    cluster.pg.execute("UPDATE media SET id = %s WHERE id = %s", [media, upload.media[0]])
    ours = Upload(upload.job | {"photos": [upload.job["photos"][0] | {"media_id": media}]})

    bench.moderate(ours)

    assert cluster.standing(ours) == [("approved", None)]
    assert len(LOOKS) == 2


# --- a face service ---------------------------------------------------------------------------------------------------


@pytest.fixture
def double() -> Iterator[CompreFaceDouble]:
    with CompreFaceDouble() as running:
        yield running


def served(make: Callable[..., Bench], double: CompreFaceDouble, **compreface: Any) -> Bench:
    bench = make("default", compreface={"urls": [double.url], "setup": "as shipped"} | compreface)
    assert bench.slot.judge.finder is not None
    bench.slot.judge.finder.inventory()  # type: ignore[attr-defined]  # as a worker asks at its start
    return bench


def test_a_face_service_is_not_asked_twice_where_its_operator_has_named_its_setup(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = served(make, double)
    moderated(bench, cluster, portrait)
    second = moderated(bench, cluster, portrait)
    assert cluster.standing(second) == [("approved", None)]
    assert (len(LOOKS), double.detections) == (1, 1)
    bench = served(make, double, setup="a larger limit")
    moderated(bench, cluster, portrait)
    assert double.detections == 2


def test_a_face_service_whose_setup_nobody_named_is_asked_each_time(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = served(make, double, setup=None)
    for _ in range(2):
        moderated(bench, cluster, portrait)
    assert double.detections == 2


def test_a_suspected_minor_goes_to_a_person_again(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, double: CompreFaceDouble
) -> None:
    bench = served(make, double)
    double.script.default = (Face(age=16),)
    uploads = [moderated(bench, cluster, portrait) for _ in range(2)]
    assert double.detections == 1
    assert [cluster.standing(each) for each in uploads] == [[("pending", "needs_review")]] * 2


# --- faults -----------------------------------------------------------------------------------------------------------


def test_without_its_index_nothing_is_looked_for_and_the_photo_is_judged(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.pg.execute("DROP INDEX lomi.decisions_bytes")
    bench = make()
    uploads = [moderated(bench, cluster, portrait) for _ in range(2)]
    assert [cluster.standing(each) for each in uploads] == [[("approved", None)]] * 2
    assert len(LOOKS) == 2
    assert [r.__dict__["action"] for r in caplog.records if r.levelname == "WARNING"] == ["reuse_failed"]


def test_a_look_up_that_hangs_or_fails_in_the_middle_leaves_the_photo_to_the_engines(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    bench = make()
    moderated(bench, cluster, portrait)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hung = Recall(Database(f"postgresql://lomi@127.0.0.1:{silent.getsockname()[1]}/lomi"), 30, 1)
        bench.slot.judge = replace(bench.slot.judge, recall=hung)
        for _ in range(2):
            assert cluster.standing(moderated(bench, cluster, portrait)) == [("approved", None)]
    hung.close()
    assert len(LOOKS) == 3
    warned = [r for r in caplog.records if r.__dict__.get("action") == "reuse_failed"]
    assert len(warned) == 1, "who was silent is left alone for a while"


def test_a_row_that_nobody_can_read_is_not_taken(make: Callable[..., Bench], cluster: Cluster, portrait: bytes) -> None:
    bench = make()
    moderated(bench, cluster, portrait)
    with cluster.pg.transaction():
        cluster.pg.execute("SET LOCAL lomi.erasing = 'yes'")
        cluster.pg.execute('UPDATE lomi.decisions SET engines = \'[{"engine": "tarot"}]\'')
    assert cluster.standing(moderated(bench, cluster, portrait)) == [("approved", None)]
    assert len(LOOKS) == 2


def test_nothing_is_asked_of_the_server_once_the_bytes_are_found(
    make: Callable[..., Bench], cluster: Cluster, portrait: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = make()
    moderated(bench, cluster, portrait)
    recall = bench.slot.judge.recall
    assert recall is not None
    now, asked = recall._database.now, list[int]()

    def once() -> datetime:
        asked.append(1)
        if len(asked) > 1:
            raise DatabaseUnavailable("it went away")
        return now()

    monkeypatch.setattr(recall._database, "now", once)

    again = moderated(bench, cluster, portrait)

    assert len(LOOKS) == 1
    assert cluster.standing(again) == [("approved", None)]
