"""`lomi report quality` and `lomi review sample`, as an operator runs them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from lomi_ops.db.pool import Database
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.ops.quality import similar
from tests.commands import Lomi, lomi, quiet_machine  # noqa: F401 - fixtures
from tests.integration.db.conftest import Backend
from tests.integration.quality.test_sampling import decided

Plain = psycopg.Connection[dict[str, Any]]


@pytest.fixture
def here(prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)


def judge(plain: Plain, kind: str, status: str, reason: str | None, limit: int) -> None:
    plain.execute(
        "UPDATE lomi.samples SET judged_at = now(), judged_by = 'hana', judged_status = %s, judged_reason = %s"
        " WHERE id IN (SELECT id FROM lomi.samples WHERE kind = %s AND judged_at IS NULL ORDER BY id LIMIT %s)",
        [status, reason, kind, limit],
    )


@pytest.mark.usefixtures("here")
def test_from_a_draw_to_the_report(lomi: Lomi, backend: Backend, plain: Plain) -> None:  # noqa: F811
    now = datetime.now(UTC)
    decided(backend, 300, "approved", at=now - timedelta(hours=1))
    decided(backend, 60, "rejected", "nsfw", at=now - timedelta(hours=1))
    assert "none were drawn: lomi review sample draw" in lomi("report", "quality").out

    said = lomi("review", "sample", "draw", "--approved", "100%", "--rejected", "0.99", "--as", "cron")
    assert said.code == 0
    assert "approved: drew 300 of 300 decisions at 1" in said.out
    judge(plain, "approved", "approved", None, 297)
    judge(plain, "approved", "rejected", "nsfw", 3)
    judge(plain, "rejected", "approved", None, 2)
    judge(plain, "rejected", "rejected", "blurry", 3)

    text = lomi("report", "quality").out
    assert "approvals that were wrong" in text
    assert "too few to tell" in text
    assert "for another reason" in text
    assert "hana" not in text
    body = lomi("report", "quality", "-o", "json").document
    assert body["schema"] == "lomi.report.quality/v2"
    assert body["figures"]["approvals_missed_share"] == pytest.approx(0.01)
    nsfw = next(row for row in body["tables"]["samples"]["rows"] if row["part"].strip() == "nsfw")
    assert nsfw["judged"] == 5
    assert nsfw["share"] == body["figures"]["rejections.nsfw_share"] == pytest.approx(0.6)
    assert nsfw["note"] == "too few to tell"

    disputed = lomi("review", "sample", "disputed", "-o", "json").document
    assert len(disputed["photos"]) == 5
    assert "hana" not in str(disputed), "this is about decisions, not about people"


@pytest.mark.usefixtures("here")
def test_a_golden_photo_is_made_by_its_answer(lomi: Lomi, backend: Backend) -> None:  # noqa: F811
    photo = str(decided(backend, 1, "approved")[0])
    assert lomi("review", "sample", "golden", photo, "--answer", "rejected:nsfw").code == 0
    again = lomi("review", "sample", "golden", photo, "--answer", "approved")
    assert (again.code, "waits as a sample already" in again.err) == (5, True)
    assert lomi("review", "sample", "golden", photo, "--answer", "rejected").code == 2
    assert lomi("review", "sample", "golden", "nonsense", "--answer", "approved").code == 2


@pytest.mark.usefixtures("here")
def test_a_draw_of_nothing_and_an_unknown_report_are_mistakes(lomi: Lomi) -> None:  # noqa: F811
    assert lomi("review", "sample", "draw").code == 2
    assert lomi("review", "sample", "draw", "--approved", "200%").code == 2
    assert lomi("report", "beauty").code == 2


def test_before_the_swap_the_report_says_what_it_cannot_know(
    lomi: Lomi,  # noqa: F811
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", database_url)
    said = lomi("report", "quality")
    assert (said.code, "lomi migrate apply" in said.out) == (0, True)
    drawn = lomi("review", "sample", "draw", "--approved", "1%")
    assert (drawn.code != 0, "lomi migrate apply" in drawn.err) == (True, True)
    assert lomi("review", "sample", "disputed").code == 0


@pytest.mark.usefixtures("here")
def test_photos_that_look_the_same_are_listed_with_how_they_stand(lomi: Lomi, backend: Backend, db: Database) -> None:  # noqa: F811
    one = decided(backend, 1, "approved")[0]
    other = decided(backend, 1, "rejected", "nsfw")[0]
    assert "nothing is known of its looks" in lomi("review", "similar", one).out
    owners = {photo: backend.row(photo)["user_id"] for photo in (one, other)}
    looks = [(photo, owners[photo], Fingerprint(bytes(31) + bytes([bits]))) for photo, bits in ((one, 0), (other, 7))]
    similar.remember(db, looks, at=datetime.now(UTC))
    text = lomi("review", "similar", one).out
    assert str(other) in text
    assert "rejected (nsfw)" in text
    body = lomi("review", "similar", one, "-o", "json").document
    assert (body["known"], body["other_users"], body["near"][0]["distance"]) == ("yes", 1, 3)
    shown = lomi("review", "show", one).out
    assert "looks the same" in shown
    assert str(other) in shown
    assert lomi("review", "show", one, "-o", "json").document["similar"]["near"] == body["near"]
    assert lomi("review", "similar", "nonsense").code == 2
