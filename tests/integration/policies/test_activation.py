"""`lomi policy activate|rollback|history`: what holds, for whom, and who said so."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from lomi_ops.queue.workers import EngineInfo, WorkerInfo, WorkerRegistry
from tests.commands import Lomi
from tests.integration.ops.old_cluster import OldCluster

POLICIES = """
policy:
  active: local
  policies:
    strict:
      version: 4
      requires: [blur, faces, nsfw]
      nsfw:
        porn: {review_at: 0.2, reject_at: 0.5}
"""
WHY = ("--reason", "too much got through", "--as", "hana")


@pytest.fixture(autouse=True)
def here(prepared_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    monkeypatch.setenv("LOMI_REDIS_URL", redis_url)
    (tmp_path / "lomi.yaml").write_text(POLICIES)


def register(redis_url: str, *engines: str, activation: int | None = 0, host: str = "host-1") -> None:
    found = tuple(EngineInfo(*engine.split(":")) for engine in engines)
    with redis.Redis.from_url(redis_url) as client:
        info = WorkerInfo(str(uuid.uuid4()), host, 7, "0.9", 1, found, "local@1", activation=activation)
        WorkerRegistry(client).register(info)


def active(lomi: Lomi) -> set[str]:
    return {each["ref"] for each in lomi("policy", "list", "-o", "json").document["policies"] if each["active"]}


def audited(plain: psycopg.Connection[Any]) -> list[tuple[str, str, str]]:
    rows = plain.execute("SELECT actor, action, reason FROM lomi.audit ORDER BY id").fetchall()
    return [(row["actor"], row["action"], row["reason"]) for row in rows]


def test_an_activation_holds_is_audited_and_can_be_taken_back(
    lomi: Lomi, redis_url: str, plain: psycopg.Connection[Any]
) -> None:
    register(redis_url, "nsfw:nudenet", "faces:nudenet")
    assert active(lomi) == {"local@1"}

    said = lomi("policy", "activate", "strict", *WHY)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("activation 1: strict@4 (")
    assert "1 worker will take it within" in said.out
    assert active(lomi) == {"strict@4"}
    assert "activation 1 holds: strict@4" in lomi("policy", "list").out

    back = lomi("policy", "rollback", *WHY, "-o", "json")
    assert (back.code, back.document["to"], back.document["arms"]) == (0, 0, [])
    assert active(lomi) == {"local@1"}
    assert audited(plain) == [
        ("hana", "policy.activate", "too much got through"), ("hana", "policy.rollback", "too much got through"),
    ]  # fmt: skip


def test_rollbacks_go_back_step_by_step(lomi: Lomi) -> None:
    for name in ("strict", "local", "strict"):
        assert lomi("policy", "activate", name, *WHY).code == 0

    holds = []
    for _ in range(3):
        assert lomi("policy", "rollback", *WHY).code == 0
        holds.append(lomi("policy", "list", "-o", "json").document["activation"])
    refused = lomi("policy", "rollback", *WHY)

    assert [bool(each) for each in holds] == [True, True, False]
    assert refused.code == 5
    assert "nothing is activated" in refused.err
    found = lomi("policy", "history", "-o", "json").document["activations"]
    assert [each["takes_back"] for each in found] == [None, None, None, 3, 2, 1]
    assert [each["arms"][0]["policy"] if each["arms"] else "" for each in found] == [
        "strict@4", "local@1", "strict@4", "local@1", "strict@4", "",
    ]  # fmt: skip
    assert "takes back 2" in lomi("policy", "history").out


def test_workers_that_lack_an_engine_or_follow_no_activation_are_named_and_nothing_is_activated(
    lomi: Lomi, redis_url: str, plain: psycopg.Connection[Any]
) -> None:
    register(redis_url, "nsfw:nudenet", "faces:nudenet", host="good")
    register(redis_url, "faces:compreface/agegender.AgeDetector", host="blind")
    register(redis_url, "nsfw:nudenet", "faces:nudenet", activation=None, host="old")

    said = lomi("policy", "activate", "strict", *WHY)
    assert (said.code, said.out) == (5, "")
    assert "blind/7 cannot answer nsfw" in said.err
    assert "old/7 runs 0.9, which follows no activation" in said.err
    assert "good/7" not in said.err
    assert plain.execute("SELECT count(*) AS n FROM lomi.policy_activations").fetchone() == {"n": 0}
    assert audited(plain) == []


def test_ages_are_only_the_face_services_to_say(lomi: Lomi, redis_url: str) -> None:
    register(redis_url, "nsfw:nudenet", "faces:nudenet")
    assert "cannot answer age" in lomi("policy", "activate", "default", *WHY, "--dry-run").err

    register(redis_url, "nsfw:nudenet", "faces:compreface/agegender.AgeDetector", host="aged")
    assert "aged/7" not in lomi("policy", "activate", "default", *WHY, "--dry-run").err


def test_a_rehearsal_changes_nothing(lomi: Lomi, plain: psycopg.Connection[Any]) -> None:
    said = lomi("policy", "activate", "strict", *WHY, "--dry-run")

    assert said.out.startswith("would activate strict@4")
    assert plain.execute("SELECT count(*) AS n FROM lomi.policy_activations").fetchone() == {"n": 0}
    assert lomi("policy", "history").out.startswith("nothing was activated")


def test_other_thresholds_need_another_version(lomi: Lomi, tmp_path: Path) -> None:
    assert lomi("policy", "activate", "strict", *WHY).code == 0
    (tmp_path / "lomi.yaml").write_text(POLICIES.replace("0.5}", "0.6}"))
    assert "is not so in this configuration" in lomi("policy", "list").out

    said = lomi("policy", "activate", "strict", *WHY)
    assert said.code == 5
    assert "set policy.policies.strict.version to 5" in said.err


def test_arms_and_shadows_are_part_of_an_activation(lomi: Lomi) -> None:
    said = lomi("policy", "activate", "local", "--arm", "strict=20%", *WHY, "-o", "json")
    assert [(each["policy"], round(each["share"], 9)) for each in said.document["arms"]] == [
        ("local@1", 0.8), ("strict@4", 0.2),
    ]  # fmt: skip
    assert active(lomi) == {"local@1", "strict@4"}
    shadow = lomi("policy", "activate", "local", "--shadow", "strict", *WHY)
    assert "asking strict@4, too" in shadow.out
    for wrong in (["--arm", "strict=100%"], ["--arm", "strict"], ["--arm", "local=10%"], ["--reason", " "]):
        assert lomi("policy", "activate", "local", *WHY, *wrong).code == 2, wrong


def test_rows_of_the_table_are_never_changed(lomi: Lomi, plain: psycopg.Connection[Any]) -> None:
    lomi("policy", "activate", "strict", *WHY)

    with pytest.raises(psycopg.errors.RestrictViolation):
        plain.execute("UPDATE lomi.policy_activations SET reason = 'x'")


def test_before_the_swap_the_list_works_and_an_activation_names_what_is_missing(old: OldCluster, lomi: Lomi) -> None:
    assert active(lomi) == {"local@1"}
    assert lomi("policy", "history").code == 0
    said = lomi("policy", "activate", "strict", *WHY)

    assert said.code == 1
    assert "lomi migrate apply" in said.err


def test_a_database_that_is_away_is_said_beside_the_list(lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    said = lomi("policy", "list")

    assert said.code == 0
    assert "what is activated is not known" in said.err
