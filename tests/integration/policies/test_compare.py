"""`lomi policy compare`: shadows and arms beside what held."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from lomi_ops.db import ledger, overrides
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import decide
from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import Zones
from lomi_ops.domain.quality import wilson
from lomi_ops.domain.regime import Arm, Regime, judged
from lomi_ops.domain.review import Ruling
from lomi_ops.domain.verdict import MediaStatus, Reason
from tests.commands import Lomi
from tests.integration.db.conftest import AT, POLICY, Backend, evidence, seen
from tests.integration.ops.old_cluster import OldCluster
from tests.unit.test_clustered import clustered

STRICT = replace(POLICY, name="strict", version=2, nsfw={Label.PORN: Zones(0.1, 0.4)})
WINDOW = ("--window", "2026-11-20")


@pytest.fixture(autouse=True)
def here(prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)


def settle(db: Database, backend: Backend, regime: Regime, *scores: float) -> list[uuid.UUID]:
    """One job of one user, as a worker judges it."""
    job = backend.job(len(scores))
    rule = regime.rule(job.user_id)
    ids = [photo.media_id for photo in job.photos]
    made = []
    for media_id, porn in zip(ids, scores, strict=True):
        found = evidence(porn=porn)
        made.append(decide(media_id, found, judged(found, rule), rule))
    ledger.settle(db, job, made, attempt=1, token="t", worker="w1", at=AT)
    return ids


def rows(found: dict[str, Any], table: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = found["tables"][table]["rows"]
    return answer


def test_a_shadow_is_set_beside_what_held(lomi: Lomi, db: Database, backend: Backend) -> None:
    regime = Regime((Arm(POLICY),), (STRICT,), 3)
    _, doubtful, rejected, _ = settle(db, backend, regime, 0.0, 0.2, 0.5, 0.9)

    found = lomi("policy", "compare", *WINDOW, "-o", "json").document

    assert found["figures"] == {"asked": 4, "agree": 2, "agree_share": 0.5, "divided": 0}
    (agreement,) = rows(found, "agreement")
    assert (agreement["shadow"], agreement["policy"], agreement["photos"]) == ("strict@2", "local@1", 4)
    assert (agreement["low"], agreement["high"]) == pytest.approx(clustered([(4, 2)]).interval())
    assert {(each["photo"], each["before"], each["after"], each["reason"]) for each in rows(found, "examples")} == {
        (str(doubtful), "approved", "to a person", "nsfw"), (str(rejected), "to a person", "rejected", "nsfw"),
    }  # fmt: skip
    said = lomi("policy", "compare", *WINDOW, "--fail-if", "agree_share<0.9")
    assert said.code == 1
    assert "strict@2" in said.out


def test_photos_of_one_user_do_not_make_a_shadow_sure(lomi: Lomi, db: Database, backend: Backend) -> None:
    regime = Regime((Arm(POLICY),), (STRICT,), 3)
    for _ in range(6):
        settle(db, backend, regime, *[0.0] * 9)
    settle(db, backend, regime, *[0.2] * 9)

    (agreement,) = rows(lomi("policy", "compare", *WINDOW, "-o", "json").document, "agreement")
    assert (agreement["photos"], agreement["users"], agreement["agree"]) == (63, 7, 54 / 63)
    assert (agreement["low"], agreement["high"]) == pytest.approx(clustered([(9, 9)] * 6 + [(9, 0)]).interval())
    assert agreement["low"] < wilson(54 / 63, 63)[0] - 0.2


def test_arms_are_set_beside_each_other_and_their_verdicts_come_out_again(
    lomi: Lomi, db: Database, backend: Backend
) -> None:
    regime = Regime((Arm(POLICY, 0.5), Arm(STRICT, 0.5)), (), 4)
    ids = [settle(db, backend, regime, 0.0, 0.2, 0.9) for _ in range(12)]
    approved = ids[0][0]
    ruling = Ruling(MediaStatus.REJECTED, Reason.NSFW, "hana", AT)
    overrides.override(db, seen(db, approved), ruling, job_id=str(uuid.uuid4()))

    found = lomi("policy", "compare", *WINDOW, "-o", "json").document

    photos = {(each["policy"], each["outcome"]): each["photos"] for each in rows(found, "arms")}
    assert sum(photos.values()) == found["figures"]["divided"] == 36
    assert {policy for policy, _ in photos} == {"local@1", "strict@2"}
    assert sum(each["changed"] for each in rows(found, "changes")) == 1
    assert lomi("policy", "verify").out.startswith("all 36 decisions came out as they were stored")


def test_where_nobody_was_asked_it_says_how_to(lomi: Lomi, db: Database, backend: Backend) -> None:
    settle(db, backend, Regime((Arm(POLICY),)), 0.2)
    said = lomi("policy", "compare", *WINDOW)

    assert said.code == 0
    assert "lomi policy activate NAME --shadow OTHER" in said.out


def test_before_the_swap_it_says_what_is_missing(old: OldCluster, lomi: Lomi) -> None:
    said = lomi("policy", "compare")

    assert said.code == 0
    assert "lomi migrate apply" in said.out
