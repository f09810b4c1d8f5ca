"""`lomi policy simulate` on decisions as workers and people leave them."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from lomi_ops.db import ledger, overrides
from lomi_ops.db.pool import Database
from lomi_ops.domain.quality import estimate
from lomi_ops.domain.review import Ruling
from lomi_ops.domain.verdict import MediaStatus, Reason
from tests.commands import Lomi
from tests.integration.db.conftest import AT, POLICY, Backend, approval, judged, seen
from tests.integration.ops.old_cluster import OldCluster

WINDOW = ("--window", "2026-11-20")


@pytest.fixture(autouse=True)
def here(prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)


def settle(db: Database, backend: Backend, *photos: dict[str, Any]) -> list[uuid.UUID]:
    job = backend.job(len(photos))
    ids = [photo.media_id for photo in job.photos]
    made = [judged(media_id, **properties) for media_id, properties in zip(ids, photos, strict=True)]
    ledger.settle(db, job, made, attempt=1, token="t", worker="w1", at=AT, policy=POLICY)
    return ids


def sampled(plain: psycopg.Connection[Any], media_id: uuid.UUID, kind: str, judged_status: str) -> None:
    plain.execute(
        "INSERT INTO lomi.samples (media_id, kind, drawn_at, probability, status, judged_at, judged_by, judged_status)"
        " VALUES (%s, %s, %s, 0.25, %s, %s, 'hana', %s)",
        [media_id, kind, AT + timedelta(hours=1), kind, AT + timedelta(hours=2), judged_status],
    )


def rows(found: dict[str, Any], table: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = found["tables"][table]["rows"]
    return answer


def test_a_report_and_a_simulation_say_the_same_of_the_same_photos(
    lomi: Lomi, db: Database, backend: Backend, plain: psycopg.Connection[Any]
) -> None:
    """Of four that wait for one reason two are decided, of another reason one of one; one is changed by own choice."""
    ids = settle(db, backend, {"porn": 0.4}, {"porn": 0.45}, {"porn": 0.5}, {"porn": 0.55}, {"sharpness": 30.0},
                 {"porn": 0.7}, {"porn": 0.8}, {"porn": 0.9}, {})  # fmt: skip
    for place in (0, 4, 7):
        overrides.override(db, seen(db, ids[place]), approval("hana", AT), job_id=str(uuid.uuid4()))
    overrides.override(
        db, seen(db, ids[1]), Ruling(MediaStatus.REJECTED, Reason.NSFW, "hana", AT), job_id=str(uuid.uuid4())
    )
    sampled(plain, ids[5], "rejected", "rejected")
    sampled(plain, ids[6], "rejected", "approved")
    sampled(plain, ids[8], "approved", "approved")

    simulated = lomi("policy", "simulate", "local", *WINDOW, "-o", "json").document
    report = lomi("report", "thresholds", *WINDOW, "-o", "json").document

    assert simulated["figures"]["precision_before"] == report["figures"]["precision"] == 0.5
    told = {row["what"]: row for row in rows(simulated, "quality")}["rejections that were right"]
    assert (told["low"], told["high"]) == (report["figures"]["precision_low"], report["figures"]["precision_high"])
    assert report["figures"]["judged"] == told["judged"] + 4 == 6
    # Two of four waited for nudity, each for two; a sample of a quarter stands for four.
    near = estimate([(0.5, False), (0.5, True), (0.25, True), (0.25, False)])
    beyond = {row["threshold"]: row for row in rows(report, "precision")}
    assert [beyond["porn.review"][name] for name in ("judged", "reject_share", "low", "high")] == pytest.approx(
        [4, near.share, near.low, near.high]
    )


def test_what_another_threshold_would_change_is_counted_named_and_judged(
    lomi: Lomi, db: Database, backend: Backend, plain: psycopg.Connection[Any]
) -> None:
    _, doubtful, other, bad, _ = settle(
        db, backend, {}, {"porn": 0.4}, {"porn": 0.5}, {"porn": 0.7}, {"sharpness": 30.0}
    )
    overrides.override(db, seen(db, doubtful), approval("hana", AT), job_id=str(uuid.uuid4()))
    sampled(plain, bad, "rejected", "rejected")

    said = lomi("policy", "simulate", "local", "--set", "nsfw.porn.reject_at=0.38", "--set", "blur.reject_below=25",
                "--set", "blur.review_below=50", "--sweep", "nsfw.porn.reject_at", *WINDOW, "-o", "json")  # fmt: skip

    assert (said.code, said.err) == (0, "")
    found = said.document
    assert found["schema"] == "lomi.report.simulation/v1"
    figures = found["figures"]
    assert (figures["photos"], figures["changed"], figures["unknown"]) == (5, 2, 0)
    assert (figures["review_before"], figures["review_after"]) == (3, 1)
    assert {(each["photo"], each["before"], each["after"]) for each in rows(found, "photos")} == {
        (str(doubtful), "to a person", "rejected"), (str(other), "to a person", "rejected"),
    }  # fmt: skip
    # One of two that waited for nudity was looked at, and approved (weight 2); the sample was right (weight 4).
    assert figures["precision_after"] == pytest.approx(4 / 6)
    assert len(found["charts"]["sweep"]["labels"]) == 101


def test_the_last_verdict_of_a_worker_is_the_one_that_counts(lomi: Lomi, db: Database, backend: Backend) -> None:
    (media_id,) = settle(db, backend, {"porn": 0.7})
    backend.connection.execute(
        "UPDATE media SET moderation_status = 'pending', moderation_reason = NULL WHERE id = %s", [media_id]
    )
    row = backend.row(media_id)
    job = backend.job(1)
    again = type(job)(
        str(uuid.uuid4()), row["batch_id"], row["user_id"], 77, (type(job.photos[0])(media_id, "k", "b"),), AT
    )
    ledger.settle(db, again, [judged(media_id)], attempt=1, token="t", worker="w1", at=AT, policy=POLICY)

    figures = lomi("policy", "simulate", "local", *WINDOW, "-o", "json").document["figures"]
    assert (figures["photos"], figures["approve_before"]) == (1, 1)


def test_photos_that_a_policy_needs_ages_of_are_not_known(lomi: Lomi, db: Database, backend: Backend) -> None:
    settle(db, backend, {}, {"porn": 0.7})

    found = lomi("policy", "simulate", "default", *WINDOW, "-o", "json").document
    assert (found["figures"]["unknown"], found["figures"]["approve_after"]) == (2, 0)
    assert "2 photos have no answer about age" in found["unknown"][0]["what"]
    assert "not known" in lomi("policy", "simulate", "default", *WINDOW).out


def test_a_condition_that_holds_is_exit_1(lomi: Lomi, db: Database, backend: Backend) -> None:
    settle(db, backend, {"sharpness": 30.0})

    said = lomi("policy", "simulate", "local", *WINDOW, "--fail-if", "changed>0")
    assert said.code == 1
    assert "simulation: changed" in said.err


def test_mistakes_are_told_before_anybody_is_asked(lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")

    for words in (["nope"], ["local", "--set", "nsfw.porn=1"], ["local", "--set", "blur.reject_below=much"],
                  ["local", "--sweep", "age.limit"], ["local", "--window", "sometime"]):  # fmt: skip
        assert lomi("policy", "simulate", *words).code in (1, 2), words


def test_before_the_swap_it_says_that_there_is_no_log(old: OldCluster, lomi: Lomi) -> None:
    said = lomi("policy", "simulate", "local")

    assert said.code == 3
    assert "lomi migrate apply" in said.err
