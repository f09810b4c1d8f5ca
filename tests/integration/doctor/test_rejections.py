"""A rate of rejections that jumped, in a real `media`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from lomi_ops.queue.workers import WorkerRegistry
from tests.commands import Lomi
from tests.integration.doctor.conftest import decisions, uploads
from tests.integration.doctor.test_flow import found
from tests.integration.ops.conftest import worker
from tests.integration.ops.old_cluster import BUCKET, OldCluster, scores

WEEK = "1" * 168


def test_a_steady_rate_is_nothing_to_tell(old: OldCluster, lomi: Lomi) -> None:
    uploads(old, WEEK + "1" * 24)

    said = lomi("doctor", "rejections", "-o", "json")

    assert said.code == 0
    assert [each["gravity"] for each in said.document["findings"]] in ([], ["note"])


def test_a_jump_is_told_with_its_hour_its_threshold_and_photos_to_test(old: OldCluster, lomi: Lomi) -> None:
    uploads(old, WEEK + "1" * 12 + "7" * 12)

    said = lomi("doctor", "rejections", "-o", "json")

    assert said.code == 1
    high = found(said)["rejections.high"]
    with old.sql() as pg:
        row = pg.execute("SELECT date_trunc('hour', now()) - interval '11 hours' AS at").fetchone()
    assert row
    assert high["seen"] == f"blurry: 40% of 240 photos in 24 h, 10% before {row['at']:%Y-%m-%d %H:%M} UTC"
    assert "sharpness below 120 is blurry (app.py of the old workers)" in high["why"]
    assert high["next"].startswith("lomi moderate --objects users/u/photo/")
    assert len(high["lines"]) == 3


def test_workers_of_ours_are_judged_by_what_they_logged_and_by_their_policy(
    cluster: OldCluster, registry: WorkerRegistry, lomi: Lomi
) -> None:
    """The log has an index by time; of `media`, where all photos are of last year here, nothing would be recent."""
    registry.register(worker("b1"))
    decisions(cluster, "1" * 12 + WEEK + "1" * 12 + "7" * 12)

    said = lomi("doctor", "rejections", "-o", "json")

    assert said.code == 1
    high = found(said)["rejections.high"]
    assert high["seen"].startswith("blurry: 40% of 240 photos in 24 h, 10% before ")
    assert "sharpness below 50 is blurry (policy.policies.local.blur.reject_below)" in high["why"]
    assert high["next"].startswith("lomi moderate --objects users/u/photo/")


def test_a_log_that_does_not_go_back_far_enough_leaves_it_to_the_photos(cluster: OldCluster, lomi: Lomi) -> None:
    """In the first days after a swap."""
    decisions(cluster, "7" * 24)
    uploads(cluster, WEEK + "1" * 24)

    assert "rejections.high" not in found(lomi("doctor", "rejections", "-o", "json"))


def test_few_photos_are_no_rate(old: OldCluster, lomi: Lomi) -> None:
    old.photo("rejected", "blurry", scores(blur=10), ago=timedelta(hours=1))

    said = lomi("doctor", "rejections", "-o", "json")

    assert (said.code, set(found(said))) == (0, {"rejections.few"})


def test_a_database_that_is_not_the_backends_is_told(
    old: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.integration.ops.conftest import another_database

    monkeypatch.setenv("LOMI_DATABASE_URL", another_database(old.database_url))

    said = lomi("doctor", "rejections", "-o", "json")

    assert (said.code, set(found(said))) == (3, {"rejections.unknown"})


def test_the_command_that_is_named_judges_these_photos(
    old: OldCluster, lomi: Lomi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lomi moderate --objects KEY…`: the object is fetched, judged under its key, and leaves no file behind."""
    astronaut = Path(__file__).parents[3] / "lomi_ops" / "ops" / "demo" / "images" / "astronaut.jpg"
    media = old.photo("rejected", "blurry", scores(), data=astronaut.read_bytes())
    key = f"users/{old.user}/photo/{media}.jpg"
    assert (old.objects / BUCKET / key).is_file()
    monkeypatch.setenv("TMPDIR", str(tmp_path))

    said = lomi("moderate", "--objects", key, "-o", "json")

    assert [photo["path"] for photo in said.document["photos"]] == [key]
    assert said.document["photos"][0]["decision"] in ("approved", "review", "rejected")
    assert not list(tmp_path.glob("lomi-*"))
    missing = lomi("moderate", "--objects", "users/x/photo/none.jpg")
    assert (missing.code, "there is no object users/x/photo/none.jpg" in missing.err) == (1, True)
