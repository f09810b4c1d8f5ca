"""`lomi report` on rows as old workers and people leave them: odd, late, changed twice, changed meanwhile."""

from __future__ import annotations

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lomi_ops.cli import output
from lomi_ops.db import reporting
from lomi_ops.db.pool import Database
from lomi_ops.domain.score import SCALES, measured
from lomi_ops.domain.window import Window
from tests.commands import Lomi
from tests.integration.reports.rows import DAY, Photo, Plain, by, filled, of_day
from tests.integration.reports.test_reports import WINDOW, body, here, rows  # noqa: F401 - a fixture

CHANGE = (
    "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status, undoes)"
    " VALUES ('2026-11-19 23:00Z', %s, %s, 'j', %s, %s, %s, %s) RETURNING id"
)

JUDGED = (
    "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status, outcome, grounds)"
    " VALUES ('2026-11-19 12:00Z', %s, %s, 'j', 'worker', 'approved', 'approve', '[]')"
)
SAMPLE = (
    "INSERT INTO lomi.samples (media_id, kind, drawn_at, probability, status, judged_at, judged_by, judged_status)"
    " VALUES (%s, 'approved', '2026-11-19 23:00Z', %s, 'approved', '2026-11-19 23:30Z', 'hana', %s)"
)


def changed(plain: Plain, photo: Photo, actor: str, before: str, after: str, undoes: int | None = None) -> int:
    row = plain.execute(CHANGE, [photo.id, photo.user, actor, before, after, undoes]).fetchone()
    assert row is not None
    return int(row["id"])


@pytest.mark.usefixtures("here")
def test_a_reason_that_no_photo_was_rejected_for_is_a_figure_of_zero(lomi: Lomi, plain: Plain) -> None:
    mine = of_day(filled(plain, 40))
    said = lomi("report", "rejections", *WINDOW, "-q", "--fail-if", "rejected.underage>5 or rejected.no_face>5")

    assert (said.code, said.out, said.err) == (0, "", "")
    figures = body(lomi, "rejections")["figures"]
    assert (figures["rejected.underage"], figures["rejected.nsfw"]) == (0, by(mine, "rejected")["nsfw"])
    assert lomi("report", "rejections", *WINDOW, "-q", "--fail-if", "rejected.undrage>5").code == 2
    assert lomi("report", "quality", *WINDOW, "-q", "--fail-if", "rejections.underage_share<0.9").code == 0


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", ["summary", "rejections"])
def test_the_lines_of_rejections_add_up_to_all_of_them(lomi: Lomi, plain: Plain, kind: str) -> None:
    mine = [photo for photo in of_day(filled(plain, 60)) if photo.status == "rejected"]
    chart = body(lomi, kind)["charts"]["rejections" if kind == "summary" else "reasons"]

    assert sum(sum(line) for line in chart["lines"].values()) == len(mine)
    assert sum(chart["lines"]["(no reason)"]) == sum(photo.reason is None for photo in mine)


@pytest.mark.usefixtures("here")
def test_a_number_beyond_its_scale_counts_at_the_end_and_breaks_no_report(lomi: Lomi, plain: Plain) -> None:
    photo = next(photo for photo in of_day(filled(plain, 20)) if photo.status == "approved")
    huge = '{"blur_variance": 2345.6, "estimated_age": 1e400, "nsfw_scores": {"porn": 1e300, "sexy": -1e400},'
    plain.execute(
        "UPDATE media SET moderation_scores = %s WHERE id = %s", [huge + '"processing_time_ms": 1e400}', photo.id]
    )
    changed(plain, photo, "hana", "rejected", "approved")
    bands: dict[str, Any] = {}
    for label in ("porn", "sharpness", "age"):
        bands[label] = rows(body(lomi, "thresholds"), f"bands_{label}")[-1]

    assert {label: (band["from"], band["approved"], band["overturned"]) for label, band in bands.items()} == {
        "porn": (1, 1, 1), "sharpness": (1000, 1, 1), "age": (120, 1, 1),
    }  # fmt: skip
    for kind in ("summary", "latency"):
        assert lomi("report", kind, *WINDOW).code == 0


@pytest.mark.usefixtures("here")
def test_what_a_second_person_changes_was_not_the_thresholds_doing(lomi: Lomi, plain: Plain) -> None:
    first, second, third = [photo for photo in of_day(filled(plain, 60)) if photo.status == "rejected"][:3]
    changed(plain, first, "hana", "rejected", "approved")
    changed(plain, first, "abel", "approved", "rejected")
    changed(plain, second, "hana", "pending", "approved")
    changed(plain, second, "abel", "approved", "rejected")
    taken_back = changed(plain, third, "hana", "rejected", "approved")
    changed(plain, third, "hana", "approved", "rejected", undoes=taken_back)
    changed(plain, third, "abel", "rejected", "approved")

    assert body(lomi, "thresholds")["figures"]["overturned"] == 2, "the first and the third, once each"


def test_a_report_is_of_one_moment(db: Database, plain: Plain) -> None:
    filled(plain, 10)
    day = Window(DAY, DAY + timedelta(days=1))
    with reporting.reading(db) as session:
        before = reporting.standing(session, day)
        plain.execute("UPDATE media SET moderation_status = 'failed', moderation_reason = 'truncated'")
        assert reporting.standing(session, day) == before
    assert reporting.standing(db, day) != before
    with db.transaction() as session:
        assert session.value("report_lock", name="x"), "the connection reads and writes again"
        plain.execute("DELETE FROM media")
        assert reporting.standing(session, day) == []


@pytest.mark.usefixtures("here")
def test_a_reader_who_takes_his_time_holds_no_transaction_open(
    lomi: Lomi, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    states: list[str] = []

    def read_slowly(_: str) -> None:
        found = plain.execute("SELECT state FROM pg_stat_activity WHERE datname = current_database()"
                              " AND pid <> pg_backend_pid()").fetchall()  # fmt: skip
        states.extend(row["state"] for row in found)

    monkeypatch.setattr(output, "verbatim", read_slowly)
    assert lomi("report", *WINDOW).code == 0
    assert states
    assert "idle in transaction" not in states


@pytest.mark.usefixtures("here")
def test_without_samples_nothing_was_judged_and_without_their_table_it_is_not_known(lomi: Lomi, plain: Plain) -> None:
    assert body(lomi, "thresholds")["figures"]["judged"] == 0
    plain.execute("DROP TABLE lomi.samples CASCADE")
    assert body(lomi, "thresholds")["figures"]["judged"] is None
    assert json.loads(lomi("report", "quality", *WINDOW, "-o", "json").out)["unknown"]


ODD_SCORES = (
    None, "null", "[1]", '"porn"', '{"nsfw_scores": [0.5], "blur_variance": "80"}', '{"nsfw_scores": {"porn": true}}',
    '{"nsfw_scores": {"porn": 0.1, "sexy": 0.30000000000000004, "hentai": 1e-300}, "blur_variance": 2345.6}',
    '{"nsfw_scores": {"porn": -0.5, "sexy": -1e400, "hentai": 1e400}, "blur_variance": 0, "estimated_age": 1e400}',
    '{"nsfw_scores": {"porn": 0.123456789012345678901}, "estimated_age": 17.999999999999999}',
)  # fmt: skip


def test_the_server_measures_judged_photos_as_the_program_does(db: Database, plain: Plain) -> None:
    mine = [photo for photo in of_day(filled(plain, 60)) if photo.status in ("approved", "rejected")]
    expected: dict[tuple[str, str], list[float]] = {(scale.label, str(share)): [] for scale in SCALES
                                                    for share in (0.25, 0.5)}  # fmt: skip
    for number, photo in enumerate(mine[: 2 * len(ODD_SCORES)]):
        odd, share = ODD_SCORES[number % len(ODD_SCORES)], (0.25, 0.5)[number // len(ODD_SCORES)]
        plain.execute("UPDATE media SET moderation_scores = %s WHERE id = %s", [odd, photo.id])
        plain.execute(JUDGED, [photo.id, photo.user])
        plain.execute(SAMPLE, [photo.id, share, photo.status])
        document = json.loads(odd) if odd else None
        for scale in SCALES:
            value = measured(scale, document if isinstance(document, dict) else None)
            expected[scale.label, str(share)] += [] if value is None else [value]

    found: dict[tuple[str, str], list[float]] = {key: [] for key in expected}
    said = reporting.soon_said(db, Window(DAY, DAY + timedelta(days=1)))()
    for each in said:
        for label, values in each.measured.items():
            found[label, str(each.judged.probability)] += values

    assert sum(each.photos for each in said) == 2 * len(ODD_SCORES)
    assert {key: sorted(values) for key, values in found.items()} == {
        key: sorted(values) for key, values in expected.items()
    }


def test_parts_of_any_window_count_each_photo_once(db: Database, plain: Plain) -> None:
    photos = filled(plain, 40)
    chance = random.Random(4)
    for minutes in (1, 15, 60, 360):
        start = DAY + timedelta(seconds=chance.randint(-80000, 80000), microseconds=chance.randint(0, 1))
        window = Window(start, start + timedelta(seconds=chance.randint(1, 100_000)))
        mine = [photo for photo in photos if window.start <= photo.at < window.end]
        epoch, length = datetime(2000, 1, 1, tzinfo=UTC), timedelta(minutes=minutes)
        expected = Counter(
            (epoch + (photo.at - epoch) // length * length, photo.status, photo.reason) for photo in mine
        )

        found = reporting.bins(db, window, minutes)
        assert {(row.at, row.status, row.reason): row.photos for row in found} == expected
        rejected = Counter(photo.user for photo in mine if photo.status == "rejected")
        assert dict(reporting.user_rejections(db, window)) == Counter(rejected.values())
        decided = [photo for photo in mine if photo.status != "pending"]
        assert reporting.delays(db, window) == ([(30.0, len(decided))] if decided else [])


def test_the_example_of_a_cause_is_its_latest_photo(db: Database, plain: Plain) -> None:
    photos = filled(plain, 60)
    failed = [photo for photo in of_day(photos) if photo.status == "failed"]
    latest = max(failed, key=lambda photo: (photo.at, photo.id))

    assert reporting.failed(db, Window(DAY, DAY + timedelta(days=1))) == [
        reporting.Cause("truncated", len(failed), str(latest.id))
    ]
