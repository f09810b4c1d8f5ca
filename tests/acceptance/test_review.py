"""A person overturns a worker's decision, seen from outside: the app hears of it once."""

from __future__ import annotations

import json

import pytest

from lomi_ops.ops.demo.samples import Sample
from tests.acceptance.conftest import Cluster, Subscriber, lomi

pytestmark = pytest.mark.xdist_group("stack")


def test_a_rejected_photo_is_approved_by_a_person_and_the_app_hears_of_it_once(
    cluster: Cluster, subscriber: Subscriber, samples: dict[str, Sample]
) -> None:
    upload = cluster.upload([samples["blurred"].data, samples["portrait"].data])
    cluster.push(upload)
    first = subscriber.wait_for(upload)
    assert first["results"][0]["reason"] == "blurry"
    photo = upload.media[0]
    listed = json.loads(lomi("review", "list", "--data", cluster.data, "--queue", "rejected", "-o", "json").stdout)
    assert photo in [row["media_id"] for row in listed["photos"]]

    words = ("review", "approve", photo, "--reason", "sharp enough", "--grace", "1s", "--data", cluster.data)
    done = lomi(*words, LOMI_ACTOR="Hana")
    again = lomi(*words, check=5, LOMI_ACTOR="Hana")

    assert done.stdout == f"{photo}: rejected -> approved\n"
    assert "a worker, or a later lomi review, sends it" in done.stderr
    assert "approved already" in again.stderr
    while len(subscriber.of(upload)) < 2:
        subscriber.listen(5)
    subscriber.listen(1.0)
    (_, second) = subscriber.of(upload)
    assert list(second) == list(first)
    assert second["job_id"] != first["job_id"]
    assert {key: second[key] for key in ("batch_id", "user_id", "telegram_id")} == {
        key: upload.job[key] for key in ("batch_id", "user_id", "telegram_id")
    }
    assert second["summary"] == {"total": 1, "approved": 1, "rejected": 0, "reasons": {}}
    (row, _) = cluster.rows(upload)
    assert (row["moderation_status"], row["moderation_reason"], row["is_approved"]) == ("approved", None, True)
    log = cluster.pg.execute("SELECT * FROM lomi.decisions WHERE media_id = %s ORDER BY id", (photo,)).fetchall()
    assert [(entry["actor"], entry["status"]) for entry in log][1:] == [("Hana", "approved")]
    assert log[1]["detail"] == "sharp enough"
    audit = cluster.pg.execute("SELECT * FROM lomi.audit WHERE subject = %s", (f"media:{photo}",)).fetchall()
    assert [(entry["actor"], entry["action"], entry["reason"]) for entry in audit] == [
        ("Hana", "review.approve", "sharp enough")
    ]
