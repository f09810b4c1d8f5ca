"""`lomi policy verify` on decisions as workers and people leave them."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from lomi_ops.db import checkpoints, ledger, overrides
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision, decide, fail
from lomi_ops.domain.finding import Evidence
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.verdict import FailureCode, Ground, Outcome, Reason, Verdict
from tests.commands import Lomi, Said
from tests.integration.db.conftest import AT, POLICY, Backend, approval, judged, seen
from tests.integration.ops.old_cluster import OldCluster


@pytest.fixture(autouse=True)
def here(prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)


def settle(db: Database, backend: Backend, *made: Any, policy: Policy = POLICY) -> list[uuid.UUID]:
    """One job with a photo for each decision; `made` are functions from a photo to its decision."""
    job = backend.job(len(made))
    ids = [photo.media_id for photo in job.photos]
    decisions: list[PhotoDecision] = [make(media_id) for make, media_id in zip(made, ids, strict=True)]
    ledger.settle(db, job, decisions, attempt=1, token="t", worker="w1", at=AT, policy=policy)
    return ids


def photo(**properties: Any) -> Any:
    return lambda media_id: judged(media_id, **properties)


def verify(lomi: Lomi, *words: str) -> Said:
    return lomi("policy", "verify", *words, "-o", "json")


def test_every_verdict_of_a_worker_comes_out_again_and_all_else_is_counted_apart(
    lomi: Lomi, db: Database, backend: Backend
) -> None:
    crashed = Verdict(Outcome.REVIEW, POLICY.ref, (Ground(Reason.CRASH, Outcome.REVIEW, "crash", text="twice"),))
    settle(db, backend, photo(), photo(porn=0.4), photo(porn=0.7, sharpness=3.0), photo(faces=0), photo(faces=3))
    settle(db, backend, lambda each: fail(each, FailureCode.TRUNCATED, "ends early"))
    settle(db, backend, lambda each: decide(each, Evidence(0, 0), crashed, POLICY))
    (doubtful,) = settle(db, backend, photo(porn=0.45))
    overrides.override(db, seen(db, doubtful), approval("hana", AT), job_id=str(uuid.uuid4()))
    old = backend.photo(backend.user(5), uuid.uuid4())
    backend.connection.execute(
        "UPDATE media SET moderation_status = 'approved', moderated_at = %s WHERE id = %s", [AT, old]
    )

    said = verify(lomi)

    assert (said.code, said.err) == (0, "")
    body = said.document
    assert body["ok"] is True
    assert body["replayed"] == body["counts"]["same"] == 6
    assert {name: body["counts"][name] for name in ("person", "failed", "no_judgement")} == {
        "person": 1, "failed": 1, "no_judgement": 1,
    }  # fmt: skip
    assert body["unlogged_photos"] == 1
    assert lomi("policy", "verify").out.startswith("all 6 decisions came out as they were stored\n")


def test_a_verdict_that_does_not_follow_from_its_findings_is_named(
    lomi: Lomi, db: Database, backend: Backend, plain: psycopg.Connection[Any]
) -> None:
    good, wrong = settle(db, backend, photo(), photo(porn=0.7))
    with plain.transaction():
        plain.execute("SET LOCAL lomi.erasing = 'yes'")
        plain.execute("UPDATE lomi.decisions SET outcome = 'approve', grounds = '[]' WHERE media_id = %s", [wrong])

    said = verify(lomi)

    assert said.code == 1
    (named,) = said.document["differ"]
    assert (named["media_id"], named["stored"], named["again"]) == (str(wrong), "approve", "reject (nsfw)")
    text = lomi("policy", "verify").out
    assert text.startswith("1 of 2 decisions came out otherwise than they were stored\n")
    assert str(wrong) in text
    assert str(good) not in text


def test_a_decision_without_its_policy_is_not_called_the_same(lomi: Lomi, db: Database, backend: Backend) -> None:
    other = replace(POLICY, version=9)
    settle(db, backend, photo(), lambda each: replace(judged(each, porn=0.7), rule=None), policy=other)

    said = verify(lomi)

    assert said.code == 3
    assert said.document["counts"]["no_policy"] == 1
    assert said.document["ok"] is False


def test_a_decision_kept_by_an_earlier_attempt_is_logged_with_the_policy_that_made_it(
    lomi: Lomi, db: Database, backend: Backend
) -> None:
    """The worker that finishes the job may judge by another policy by then."""
    job = backend.job(1)
    (media_id,) = (each.media_id for each in job.photos)
    checkpoints.save(db, job.job_id, judged(media_id, porn=0.7), at=AT)
    kept = checkpoints.load(db, job.job_id)[media_id].decision
    assert kept is not None
    other = replace(POLICY, version=2)
    ledger.settle(db, job, [kept], attempt=2, token="t", worker="w2", at=AT, policy=other)

    said = verify(lomi)

    assert (said.code, said.document["counts"]["same"]) == (0, 1)


def test_a_window_keeps_the_rest_out(lomi: Lomi, db: Database, backend: Backend) -> None:
    settle(db, backend, photo())

    assert verify(lomi, "--window", "2026-11-20").document["decisions"] == 1
    assert verify(lomi, "--window", "2026-11-19").document["decisions"] == 0
    assert lomi("policy", "verify", "--window", "2026-11-19").out.startswith("nothing to judge again")
    assert lomi("policy", "verify", "--window", "sometime").code == 2


def test_before_the_swap_it_says_that_there_is_no_log(old: OldCluster, lomi: Lomi) -> None:
    said = lomi("policy", "verify")

    assert (said.code, said.out) == (3, "")
    assert "there is no decision log" in said.err
    assert "lomi migrate apply" in said.err
