"""`lomi review` on real services, without a worker that would publish in between."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import redis

from tests.ears import told
from tests.integration.ops.conftest import Lomi, one_row
from tests.integration.ops.old_cluster import OldCluster, scores
from tests.services import free_port

CHANNEL = "moderation_results"
WHY = ("--reason", "it is a fine portrait", "--as", "Hana", "--grace", "0s")


class Ear:
    def __init__(self, pubsub: Any) -> None:
        self._pubsub = pubsub

    def messages(self) -> list[dict[str, Any]]:
        """Everything published so far."""
        return [json.loads(message) for message in told(self._pubsub)]


@pytest.fixture
def ear(client: redis.Redis) -> Iterator[Ear]:
    pubsub = client.pubsub()  # type: ignore[no-untyped-call]
    pubsub.subscribe(CHANNEL)
    pubsub.get_message(timeout=5)
    yield Ear(pubsub)
    pubsub.close()


def media(cluster: OldCluster, photo: UUID) -> dict[str, Any]:
    return one_row(cluster, "SELECT * FROM media WHERE id = %s", photo)


def count(cluster: OldCluster, table: str) -> int:
    return int(one_row(cluster, f"SELECT count(*) AS n FROM {table}")["n"])


def test_a_person_approves_what_an_old_worker_rejected(cluster: OldCluster, ear: Ear, lomi: Lomi) -> None:
    batch = uuid.uuid4()
    photo = cluster.photo("rejected", "blurry", scores(blur=90.0), batch=batch)

    said = lomi("review", "approve", photo, *WHY, "-o", "json")

    assert (said.code, said.err) == (0, "")
    row = media(cluster, photo)
    assert (row["moderation_status"], row["moderation_reason"], row["is_approved"]) == ("approved", None, True)
    assert row["moderation_scores"] == scores(blur=90.0), "what was measured stays on record"
    (message,) = ear.messages()
    assert message["results"] == [
        {"media_id": str(photo), "status": "approved", "reason": "", "scores": scores(blur=90.0)}
    ]
    assert message["summary"] == {"total": 1, "approved": 1, "rejected": 0, "reasons": {}}
    assert (message["batch_id"], message["user_id"]) == (str(batch), str(cluster.user))
    assert message["telegram_id"] == cluster.telegram
    assert message["job_id"] == said.document["done"][0]["job_id"]
    audit = one_row(cluster, "SELECT * FROM lomi.audit")
    assert (audit["actor"], audit["action"], audit["subject"]) == ("Hana", "review.approve", f"media:{photo}")
    assert audit["reason"] == "it is a fine portrait"
    decision = one_row(cluster, "SELECT * FROM lomi.decisions")
    assert (decision["actor"], decision["status_before"], decision["status"]) == ("Hana", "rejected", "approved")
    assert decision["job_id"] == message["job_id"]


def test_the_same_approval_again_is_refused_and_says_nothing_to_the_app(
    cluster: OldCluster, ear: Ear, lomi: Lomi
) -> None:
    photo = cluster.photo("rejected", "blurry", scores())
    assert lomi("review", "approve", photo, *WHY).out == f"{photo}: rejected -> approved\n"
    assert len(ear.messages()) == 1

    again = lomi("review", "approve", photo, *WHY)

    assert (again.code, again.out) == (5, "")
    assert "is approved already" in again.err
    assert ear.messages() == []
    assert count(cluster, "lomi.audit") == count(cluster, "lomi.decisions") == 1


def test_a_rejection_carries_a_word_that_the_app_knows(cluster: OldCluster, ear: Ear, lomi: Lomi) -> None:
    photo = cluster.photo("approved", None, scores())

    wrong = lomi("review", "reject", photo, "--because", "ugly", *WHY)
    assert wrong.code == 2
    assert "blurry, no_face, group_photo, underage, nsfw" in wrong.err
    said = lomi("review", "reject", photo, "--because", "nsfw", *WHY)

    assert said.code == 0
    assert media(cluster, photo)["moderation_reason"] == "nsfw"
    assert media(cluster, photo)["is_approved"] is False
    (message,) = ear.messages()
    assert message["summary"] == {"total": 1, "approved": 0, "rejected": 1, "reasons": {"nsfw": 1}}


def test_one_refusal_does_not_stop_the_others(cluster: OldCluster, ear: Ear, lomi: Lomi) -> None:
    good, stranger = cluster.photo("rejected", "no_face", scores()), uuid.uuid4()

    said = lomi("review", "approve", stranger, good, good, *WHY, "-o", "json")

    assert said.code == 1
    assert [done["media_id"] for done in said.document["done"]] == [str(good)]
    assert said.document["refused"] == [{"media_id": str(stranger), "why": f"there is no photo {stranger}"}]
    assert said.err == f"error: there is no photo {stranger}\n  try: lomi review list\n"
    assert len(ear.messages()) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("approve", uuid.uuid4()), ("approve", uuid.uuid4(), "--reason", " "), ("approve", "7", *WHY),
        ("reject", uuid.uuid4(), *WHY), ("approve", *WHY),
    ],
)  # fmt: skip
def test_what_is_missing_from_the_command_line_is_misuse(
    cluster: OldCluster, lomi: Lomi, words: tuple[object, ...]
) -> None:
    said = lomi("review", *words)

    assert (said.code, said.out) == (2, "")
    assert said.err.splitlines()[-1].startswith("  try: ")


def test_without_a_place_for_the_record_nothing_is_decided(old: OldCluster, ear: Ear, lomi: Lomi) -> None:
    photo = old.photo("rejected", "blurry", scores())
    before = old.picture()

    said = lomi("review", "approve", photo, *WHY)

    assert (said.code, said.out) == (1, "")
    assert said.err == "error: no schema lomi here: a decision could not be recorded\n  try: lomi migrate apply\n"
    assert old.picture() == before
    assert ear.messages() == []
    assert lomi("migrate", "apply").code == 0
    assert lomi("review", "approve", photo, *WHY).code == 0
    assert len(ear.messages()) == 1


def test_a_status_that_nobody_knows_is_left_alone(cluster: OldCluster, lomi: Lomi) -> None:
    photo = cluster.photo("verified", None, scores())

    said = lomi("review", "approve", photo, *WHY)

    assert said.code == 5
    assert "'verified'" in said.err
    assert media(cluster, photo)["moderation_status"] == "verified"


def test_a_reason_that_was_corrected_is_told_with_both(cluster: OldCluster, lomi: Lomi) -> None:
    photo = cluster.photo("rejected", "blurry", scores())
    said = lomi("review", "reject", photo, "--because", "nsfw", *WHY)
    assert (said.code, said.out) == (0, f"{photo}: rejected (blurry) -> rejected (nsfw)\n")


def test_a_video_is_no_photo(cluster: OldCluster, ear: Ear, lomi: Lomi) -> None:
    video = cluster.photo("pending", None, scores())
    with cluster.sql() as pg:
        pg.execute("UPDATE media SET media_type = 'video'")

    said = lomi("review", "approve", video, *WHY)

    assert (said.code, said.err) == (1, f"error: there is no photo {video}\n  try: lomi review list\n")
    assert (media(cluster, video)["moderation_status"], ear.messages()) == ("pending", [])


def test_a_decision_without_redis_holds_and_is_sent_later(
    cluster: OldCluster, ear: Ear, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (cluster.photo("rejected", "blurry", scores()) for _ in range(2))
    with monkeypatch.context() as patch:
        patch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")
        said = lomi("review", "approve", first, *WHY)
    assert said.code == 3
    assert said.out == f"{first}: rejected -> approved\n"
    assert "it is decided all the same" in said.err
    assert media(cluster, first)["moderation_status"] == "approved"

    said = lomi("review", "approve", second, *WHY, "-o", "json")

    assert said.document["published"] == 2
    assert {message["results"][0]["media_id"] for message in ear.messages()} == {str(first), str(second)}


def test_the_list_shows_what_people_can_decide_the_waiting_first(cluster: OldCluster, lomi: Lomi) -> None:
    failed = cluster.photo("failed", "truncated", scores() | {"failure": {"detail": "ends early"}})
    rejected = cluster.photo("rejected", "blurry", scores(blur=90.5))
    waiting = cluster.photo("pending", "needs_review", scores() | {"grounds": [{"text": "age 17"}]}, ago=timedelta(9))
    cluster.photo("approved", None, scores())
    for _ in range(3):
        cluster.photo("pending")

    said = lomi("review", "list", "-o", "json", "--limit", 3)

    assert said.document["photos"][0]["media_id"] == str(waiting)
    assert {photo["media_id"] for photo in said.document["photos"]} == {str(failed), str(rejected), str(waiting)}
    assert not said.document["more"]
    text = lomi("review", "list").out
    assert "age 17" in text
    assert "ends early" in text
    assert "blur 90.5, faces 1, age 25.0" in text
    for queue, photo in (("waiting", waiting), ("rejected", rejected), ("failed", failed)):
        assert [r["media_id"] for r in lomi("review", "list", "--queue", queue, "-o", "jsonl").records] == [str(photo)]
    assert [r["reason"] for r in lomi("review", "list", "--reason", "blurry", "-o", "jsonl").records] == ["blurry"]


def test_a_list_that_is_cut_says_so_and_an_empty_one_too(cluster: OldCluster, lomi: Lomi) -> None:
    assert lomi("review", "list").out == "nothing to look at\n"
    for _ in range(3):
        cluster.photo("rejected", "blurry", None)

    said = lomi("review", "list", "--limit", 2, "-o", "jsonl")

    assert len(said.records) == 2
    assert "more than these 2" in said.err
