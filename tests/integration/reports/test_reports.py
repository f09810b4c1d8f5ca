"""`lomi report`, every kind and format, on real rows: right to the photo."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.cli.report import What
from lomi_ops.cli.report_formats import ReportFormat
from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.db import reporting
from lomi_ops.db.pool import Database
from lomi_ops.errors import LomiError
from lomi_ops.ops.reports import growth
from lomi_ops.ops.reports.catalogue import KINDS
from tests.commands import Lomi
from tests.integration.ops.old_cluster import BUCKET, OldCluster
from tests.integration.reports.rows import DAY, ODD, Photo, Plain, by, filled, of_day, write

WINDOW = ("--window", "2026-11-19")


@pytest.fixture
def here(prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)


def body(lomi: Lomi, kind: str, *words: str) -> dict[str, Any]:
    said = lomi("report", kind, *(words or WINDOW), "-o", "json")
    assert (said.code, said.err) == (0, "")
    return said.document


def rows(found: dict[str, Any], table: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = found["tables"][table]["rows"]
    return answer


def test_the_help_shows_the_kinds_that_there_are() -> None:
    assert [each.value for each in What] == list(KINDS)


@pytest.mark.usefixtures("here")
def test_a_summary_is_right_to_the_photo(lomi: Lomi, plain: Plain) -> None:
    photos = filled(plain, 60)
    mine, before = of_day(photos), of_day(photos, DAY - timedelta(days=1))
    statuses = Counter(photo.status for photo in mine)
    found = body(lomi, "summary")

    figures = found["figures"]
    assert figures["uploads"] == len(mine)
    assert figures["uploads_before"] == len(before)
    assert {status: figures[status] for status in statuses} == dict(statuses)
    assert figures["in_review"] == sum(photo.reason == "needs_review" for photo in mine)
    judged = statuses["approved"] + statuses["rejected"]
    assert figures["rejection_rate"] == statuses["rejected"] / judged
    assert figures["rejection_rate_low"] < figures["rejection_rate"] < figures["rejection_rate_high"]
    assert figures["error_rate"] == statuses["failed"] / (judged + statuses["failed"])
    assert figures["processing_ms"] == 180
    assert {row["reason"]: row["photos"] for row in rows(found, "reasons") if row["photos"]} == dict(by(mine))
    assert {row["reason"]: row["before"] for row in rows(found, "reasons") if row["before"]} == dict(by(before))
    assert sum(found["charts"]["uploads"]["lines"]["uploads"]) == len(mine)
    assert [sum(line) for name, line in found["charts"]["rejections"]["lines"].items() if name == ODD] == [
        by(mine, "rejected")[ODD]
    ]


@pytest.mark.usefixtures("here")
def test_the_days_of_a_week_add_up_to_it_and_agree_with_the_ledger(lomi: Lomi, plain: Plain) -> None:
    photos = filled(plain, 80, days=4)
    days = [body(lomi, "summary", "--window", f"2026-11-{day}") for day in range(18, 23)]
    week = body(lomi, "summary", "--window", "2026-11-18..2026-11-23")

    for name in ("uploads", "approved", "rejected", "failed", "pending", "in_review"):
        assert sum(day["figures"][name] for day in days) == week["figures"][name], name
    assert week["figures"]["uploads"] == len(photos)
    assert week["charts"]["uploads"]["lines"]["uploads"] == [day["figures"]["uploads"] for day in days]
    ledger = plain.execute(
        "SELECT sum(approved) AS approved, sum(rejected) AS rejected, sum(failed) AS failed,"
        " sum(in_review) AS in_review FROM lomi.jobs"
    ).fetchone()
    assert ledger == {name: week["figures"][name] for name in ("approved", "rejected", "failed", "in_review")}
    log = plain.execute("SELECT count(DISTINCT media_id) AS photos FROM lomi.decisions").fetchone()
    undecided = week["figures"]["pending"] - week["figures"]["in_review"]
    assert log == {"photos": week["figures"]["uploads"] - undecided}
    workers = body(lomi, "workers", "--window", "2026-11-18..2026-11-24")
    assert workers["figures"]["photos"] == week["figures"]["uploads"] - undecided


@pytest.mark.usefixtures("here")
def test_rejections_add_up_by_reason_hour_and_user(lomi: Lomi, plain: Plain) -> None:
    mine = [photo for photo in of_day(filled(plain, 60)) if photo.status == "rejected"]
    found = body(lomi, "rejections")

    told = {row["reason"]: row["photos"] for row in rows(found, "reasons") if row["photos"]}
    assert told == {**by(mine), "(no reason)": sum(photo.reason is None for photo in mine)}
    hours = Counter(photo.at.hour for photo in mine)
    assert found["charts"]["week"]["lines"]["Thu"] == [hours[hour] for hour in range(24)]
    assert found["figures"]["users_rejected"] == len({photo.user for photo in mine})
    assert sum(row["number"] for row in rows(found, "users")) == len({photo.user for photo in mine})
    assert found["figures"][f"rejected.{ODD}"] == by(mine)[ODD]


@pytest.mark.usefixtures("here")
def test_uploads_count_users_batches_and_who_is_at_the_limit(lomi: Lomi, plain: Plain) -> None:
    mine = of_day(filled(plain, 60))
    found = body(lomi, "uploads")

    assert found["figures"]["users"] == len({photo.user for photo in mine})
    assert found["figures"]["batches"] == len({photo.batch for photo in mine})
    photos = Counter(photo.user for photo in mine)
    assert found["figures"]["users_at_limit"] == sum(many >= 30 for many in photos.values())
    sizes = Counter(Counter(photo.batch for photo in mine).values())
    assert {int(row["photos"]): row["number"] for row in rows(found, "batches")} == dict(sizes)


@pytest.mark.usefixtures("here")
def test_the_limit_is_30_photos_in_any_24_hours_of_the_window(lomi: Lomi, plain: Plain) -> None:
    day, second = timedelta(days=1), timedelta(seconds=1)
    late = DAY + timedelta(hours=20)
    for number, (many, last) in enumerate([(30, day - second), (30, day), (29, timedelta(0)), (31, day)]):
        user = UUID(int=number + 1)
        plain.execute("INSERT INTO users (id, telegram_id, name) VALUES (%s, %s, 'A')", [user, number + 1])
        for place in range(many):
            at = late + (last if place == many - 1 else timedelta(0))
            photo = UUID(int=1000 * (number + 1) + place)
            write(plain, Photo(photo, user, photo, at, "pending", None, 0.1), logged=False)

    two_days = ("--window", "2026-11-19..2026-11-21")
    assert body(lomi, "uploads", *two_days)["figures"]["users_at_limit"] == 2, "the first and the last"
    assert body(lomi, "uploads")["figures"]["users_at_limit"] == 1, "of the day that ends between them, the last alone"


@pytest.mark.usefixtures("here")
def test_latency_knows_waits_engines_and_batches(lomi: Lomi, plain: Plain, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = filled(plain, 60)
    mine = of_day(photos)
    found = body(lomi, "latency")

    times = {row["what"].strip(): row for row in rows(found, "latency")}
    assert times["from upload to decision"]["number"] == sum(photo.status != "pending" for photo in mine)
    assert times["from upload to decision"]["p95"] == 30_000
    assert times["from upload to a worker"]["p50"] == 2000
    assert times["from upload to a worker"]["on_target"] == 1
    assert times["faces"]["p99"] == 160
    assert times["a photo, all engines"]["number"] == len(mine)
    assert times["of nine photos"]["target"] == 3000
    assert not any("spans" in note for note in body(lomi, "latency", "--window", "2026-11")["notes"])
    monkeypatch.setattr("lomi_ops.ops.reports.asked.MANY", 10)
    month = body(lomi, "latency", "--window", "2026-11")
    assert any("from 48 spans of 15 min" in note for note in month["notes"]), "a sample is said to be one"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("window", "named"),
    [
        ("2026-11-18..2026-11-21", "processing_ms"),
        ("2026-11-18..2026-11-20", "processing_ms"),
        ("2026-11-20..2026-11-22", "processing_ms and processing_ms_before"),
        ("2026-11-21..2026-11-24", "processing_ms_before"),
        ("2026-11-01..2026-11-11", None),
    ],
)
def test_a_summary_says_which_of_its_times_are_of_a_sample(
    lomi: Lomi, plain: Plain, monkeypatch: pytest.MonkeyPatch, window: str, named: str | None
) -> None:
    filled(plain, 60)
    monkeypatch.setattr("lomi_ops.ops.reports.summary.MANY", 10)
    notes = [note for note in body(lomi, "summary", "--window", window)["notes"] if "spans" in note]
    assert notes == ([f"{named}: from 48 spans of 15 min, evenly spread"] if named else [])


@pytest.mark.usefixtures("here")
def test_errors_have_an_example_and_the_command_to_look_further(lomi: Lomi, plain: Plain) -> None:
    mine = [photo for photo in of_day(filled(plain, 60)) if photo.status == "failed"]
    grounds = json.dumps([{"reason": "missing_evidence", "label": "faces", "text": "faces did not answer"}])
    plain.execute(
        "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status, reason, grounds)"
        " VALUES ('2026-11-19 10:00Z', %s, %s, 'j', 'worker', 'pending', 'pending', 'needs_review', %s)",
        [mine[0].id, mine[0].user, grounds],
    )
    plain.execute(
        "INSERT INTO lomi.job_ends (job_id, entry, what, at, note, error)"
        " VALUES ('j1', '1-0', 'dead', '2026-11-19 10:00Z', 'not_json', 'no JSON')"
    )
    causes = {row["cause"]: row for row in rows(body(lomi, "errors"), "errors")}

    assert causes["truncated"]["number"] == len(mine)
    latest = max(mine, key=lambda photo: (photo.at, photo.id.int))
    assert causes["truncated"]["command"] == f"lomi review show {latest.id}"
    assert causes["not_json"]["command"] == "lomi queue show j1"
    assert causes["faces"]["text"] == "faces did not answer"
    assert body(lomi, "queue")["figures"]["dead"] == 1


@pytest.mark.usefixtures("here")
def test_the_queue_is_as_deep_as_batches_wait(lomi: Lomi, plain: Plain) -> None:
    mine = of_day(filled(plain, 60))
    late = DAY + timedelta(hours=20)
    for number in range(12):
        photo = Photo(UUID(int=number), mine[0].user, UUID(int=number + 99), late, "pending", None, 0.1)
        write(plain, photo, logged=True)
    figures = body(lomi, "queue")["figures"]

    assert figures["came"] == len({photo.batch for photo in mine}) + 12
    assert figures["left"] >= 12
    assert figures["minutes_above_10"] >= 239
    assert figures["oldest_s"] >= 4 * 3600


@pytest.mark.usefixtures("here")
def test_a_takedown_is_measured_from_its_approval(lomi: Lomi, plain: Plain) -> None:
    photo = next(photo for photo in of_day(filled(plain, 40)) if photo.status == "approved")
    for minutes, before, after, reason in ((90, "approved", "rejected", "nsfw"), (95, "rejected", "approved", None)):
        plain.execute(
            "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status, reason,"
            " moderated_before) VALUES (%s, %s, %s, 'j', 'hana', %s, %s, %s, %s)",
            [photo.at + timedelta(minutes=minutes), photo.id, photo.user, before, after, reason,
             photo.at + timedelta(minutes=30)],
        )  # fmt: skip
    found = body(lomi, "takedowns", "--window", "2026-11-19..2026-11-21")

    assert found["figures"]["taken_down"] == 1
    assert found["figures"]["live_s_p50"] == 3600
    assert found["figures"]["upload_s_p50"] == 30
    assert "hana" not in json.dumps(found)


@pytest.mark.usefixtures("here")
def test_what_thresholds_counted_in_spans_is_never_read_as_a_total(
    lomi: Lomi, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(plain, 300, days=9)
    monkeypatch.setattr("lomi_ops.ops.reports.asked.MANY", 10)
    window = ("--window", "2026-11-18..2026-11-28")
    found = body(lomi, "thresholds", *window)
    seen = {row["threshold"]: row["near"] for row in rows(found, "thresholds")}
    assert sum(seen.values()) > 0
    for name, near in seen.items():
        assert found["figures"][f"near_in_spans.{name}"] == near
        assert found["figures"][f"near.{name}"] == near * 20, "half a day of ten"
        assert near <= found["figures"][f"near_low.{name}"] <= near * 20 < found["figures"][f"near_high.{name}"]
    ends = {row["threshold"]: (row["near_low"], row["near_high"]) for row in rows(found, "window")}
    assert ends == {name: tuple(found["figures"][f"near_{end}.{name}"] for end in ("low", "high")) for name in seen}
    titles = [table["title"] for table in found["tables"].values()]
    assert all(title.endswith(", counted in 48 spans") for title in titles)
    (note,) = [note for note in found["notes"] if "spans of" in note]
    assert "5.0% of the window, so no totals; the figures near.… are scaled to all of it" in note
    assert "counted in 48 spans" in lomi("report", "thresholds", *window).out


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("many", [False, True])
def test_a_batch_that_lasts_for_hours_counts_once_or_the_report_says_that_it_may_not(
    lomi: Lomi, plain: Plain, monkeypatch: pytest.MonkeyPatch, *, many: bool
) -> None:
    mine = of_day(filled(plain, 60))
    batch = Counter(photo.batch for photo in mine).most_common(1)[0][0]
    one, *rest = [photo for photo in mine if photo.batch == batch]
    plain.execute("UPDATE media SET created_at = %s WHERE id = %s", [DAY + timedelta(hours=2), one.id])
    for photo in rest:
        plain.execute("UPDATE media SET created_at = %s WHERE id = %s", [DAY + timedelta(hours=20), photo.id])
    if many:
        monkeypatch.setattr("lomi_ops.ops.reports.asked.MANY", 10)
    row = plain.execute(
        "SELECT count(DISTINCT batch_id) AS batches FROM media WHERE created_at >= %s AND created_at < %s",
        [DAY, DAY + timedelta(days=1)],
    ).fetchone()
    assert row
    found = body(lomi, "uploads")
    assert found["figures"]["batches"] == row["batches"] + many
    for told in (found, body(lomi, "queue")):
        noted = [note for note in told["notes"] if note.startswith("batches: counted in two halves")]
        assert len(noted) == many
    sizes = {int(each["photos"]): each["number"] for each in rows(found, "batches")}
    if not many:
        assert sizes == dict(Counter(Counter(photo.batch for photo in mine).values()))


@pytest.mark.usefixtures("here")
def test_thresholds_count_what_lies_near_them_and_what_people_changed(lomi: Lomi, plain: Plain) -> None:
    mine = [photo for photo in of_day(filled(plain, 60)) if photo.status in ("approved", "rejected")]
    found = body(lomi, "thresholds")
    limit = next(row for row in rows(found, "thresholds") if row["threshold"] == "porn.reject")
    near = [photo for photo in mine if limit["value"] - 0.05 <= photo.porn < limit["value"] + 0.05 - 1e-9]
    assert limit["near"] == len(near)
    assert sum(row["approved"] + row["rejected"] for row in rows(found, "bands_porn")) == len(mine)
    assert sum(row["approved"] + row["rejected"] for row in rows(found, "bands_sharpness")) == len(mine)
    assert "bands_hentai" not in found["tables"], "a score that is no number is no score"

    assert (found["figures"]["near.porn.reject"], found["tables"]["thresholds"]["title"]) == (
        len(near), "Near each threshold",
    )  # fmt: skip
    assert not [name for name in found["figures"] if name.startswith(("near_in_spans", "near_low", "near_high"))]
    assert "window" not in found["tables"], "all of it was counted"

    changed = near[0]
    other = "approved" if changed.status == "rejected" else "rejected"
    plain.execute(
        "INSERT INTO lomi.decisions (at, media_id, user_id, job_id, actor, status_before, status)"
        " VALUES ('2026-11-19 23:00Z', %s, %s, 'j', 'hana', %s, %s)",
        [changed.id, changed.user, changed.status, other],
    )
    limit = next(row for row in rows(body(lomi, "thresholds"), "thresholds") if row["threshold"] == "porn.reject")
    assert (limit["overturned"], limit["judged"], limit["reject_share"]) == (1, 0, None), "of somebody's own choice"


@pytest.mark.usefixtures("here")
def test_people_read_the_bands_around_thresholds_and_programs_read_all(lomi: Lomi, plain: Plain) -> None:
    mine = [photo for photo in of_day(filled(plain, 200)) if photo.status in ("approved", "rejected")]
    found = rows(body(lomi, "thresholds"), "bands_porn")
    said = lomi("report", "thresholds", *WINDOW).out
    table = said[said.index("By porn score") :].split("\n\n")[0].splitlines()[3:]
    told = [re.split("  +", line.strip()) for line in table]

    assert len(found) >= 20
    assert len(told) == 11
    assert sum(int(cells[1].replace(",", "")) + int(cells[2].replace(",", "")) for cells in told) == len(mine)
    lines = {row["from"]: row["threshold"] for row in found if row["threshold"]}
    assert lines == {0.25: "review 0.25", 0.6: "reject 0.6"}
    assert {cells[0]: cells[-1] for cells in told if "re" in cells[-1]} == {
        "0.25 - 0.30": "review 0.25", "0.60 - 0.65": "reject 0.6",
    }  # fmt: skip
    assert told[0][0] == "0.00 - 0.15"
    curve = body(lomi, "thresholds")["charts"]["curve_age"]["lines"]["rejected"]
    assert None not in curve, "25 years have many"


@pytest.mark.usefixtures("here")
def test_a_share_of_few_photos_is_no_point_of_a_curve(lomi: Lomi, plain: Plain) -> None:
    filled(plain, 2)
    charts = body(lomi, "thresholds")["charts"]

    assert set(charts["curve_porn"]["lines"]["rejected"]) == {None}


@pytest.mark.usefixtures("here")
def test_a_change_is_told_with_how_far_chance_goes(lomi: Lomi, plain: Plain) -> None:
    mine = of_day(filled(plain, 200))
    plain.execute(
        "UPDATE media SET moderation_status = 'approved', moderation_reason = NULL"
        " WHERE created_at < %s AND moderation_reason = 'nsfw'",
        [DAY],
    )
    found = body(lomi, "rejections")
    figures = found["figures"]

    assert figures["rejection_rate_points"] == figures["rejection_rate"] - figures["rejection_rate_before"]
    assert 0 < figures["rejection_rate_points_low"] < figures["rejection_rate_points"]
    assert figures["error_rate_low"] < figures["error_rate"] < figures["error_rate_high"]
    chances = {row["reason"]: row["by_chance"] for row in rows(found, "reasons")}
    assert (chances["nsfw"], chances["blurry"]) == ("hardly", "maybe")
    assert by(mine)["nsfw"] > 0
    first = rows(body(lomi, "rejections", "--window", "2026-11-18"), "reasons")
    assert {row["by_chance"] for row in first} == {None}, "there is nothing to set it beside"


@pytest.mark.usefixtures("here")
def test_a_window_that_goes_on_says_so(lomi: Lomi, db: Database) -> None:
    month, next_year = f"{db.now():%Y-%m}", f"{db.now().year + 1}-06-01"

    assert "this window is not over" in lomi("report", "--window", month).out
    assert "this window has not begun" in lomi("report", "--window", next_year).out
    for text in ("7d", "month", "yesterday"):
        said = lomi("report", "--window", text).out
        assert "is not over" not in said
        assert "has not begun" not in said


@pytest.mark.usefixtures("here")
def test_growth_forecasts_from_what_the_server_has_counted(lomi: Lomi, plain: Plain) -> None:
    photos = filled(plain, 30)
    plain.execute("ANALYZE media")
    found = body(lomi, "growth", "--window", "2026-11-18..2026-11-22")

    assert found["figures"]["rows"] == len(photos)
    assert found["figures"]["uploads_a_day"] == len(photos) / 4
    assert [row["photos"] for row in rows(found, "forecast")] == [
        round(len(photos) + len(photos) / 4 * days) for days in (30, 90, 365)
    ]


@pytest.mark.usefixtures("here")
def test_growth_tells_the_bytes_of_objects_where_it_may_look(
    lomi: Lomi, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = filled(plain, 10)
    plain.execute("ANALYZE media")
    store = DirectoryStore(tmp_path / "objects", Buckets(frozenset({BUCKET})))
    store.ensure_bucket(BUCKET)
    for number, size in enumerate((1000, 2000, 6000)):
        store.put(BUCKET, f"users/{number}.jpg", b"x" * size)
    monkeypatch.setenv("LOMI_OBJECTS", str(tmp_path / "objects"))
    monkeypatch.setenv("LOMI_OBJECTS__BUCKET_PHOTOS", BUCKET)
    words = ("--window", "2026-11-18..2026-11-22", "--objects")

    found = body(lomi, "growth", *words)
    assert found["unknown"] == []
    figures = {name: found["figures"][name] for name in ("objects_listed", "bytes_an_object", "object_bytes")}
    assert figures == {"objects_listed": 3, "bytes_an_object": 3000, "object_bytes": 9000}
    assert [row["object_bytes"] for row in rows(found, "forecast")] == [
        round((len(photos) + len(photos) / 4 * days) * 3000) for days in (30, 90, 365)
    ]
    monkeypatch.setattr(growth, "MOST", 2)
    part = body(lomi, "growth", *words)
    assert part["figures"]["object_bytes"] == len(photos) * 1500, "as many as there are photos, of that size"
    assert "bytes of objects are estimated from the first 2 that the store lists" in part["notes"]
    assert body(lomi, "growth", *words[:2])["unknown"][0]["command"] == "lomi report growth --objects"
    assert lomi("report", "summary", "--objects").code == 2


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_day_with_nothing_and_a_day_with_one_photo_can_be_told(lomi: Lomi, plain: Plain, kind: str) -> None:
    nothing = lomi("report", kind, *WINDOW)
    assert (nothing.code, nothing.err) == (0, "")
    assert nothing.out.strip()
    filled(plain, 1)
    for format_ in (ReportFormat.TEXT, ReportFormat.JSON):
        said = lomi("report", kind, *WINDOW, "-o", format_.value)
        assert (said.code, said.err) == (0, "")
        assert "NaN" not in said.out


@pytest.mark.parametrize("kind", KINDS)
def test_before_the_swap_every_kind_works_and_says_what_it_cannot_know(old: OldCluster, lomi: Lomi, kind: str) -> None:
    with old.sql() as plain:
        filled(plain, 20, logged=False)
    picture = old.picture()
    found = body(lomi, kind, "--window", "2026-11-18..2026-11-22")

    if kind not in ("uploads", "growth"):
        assert any(gap["command"] == "lomi migrate apply" for gap in found["unknown"])
    assert old.picture() == picture, "reading changes nothing"
    if kind == "summary":
        assert found["figures"]["processing_ms"] == 180
        assert found["figures"]["rejected"] > 0
    if kind == "latency":
        assert found["figures"]["decision_ms_p50"] == 30_000
    if kind == "thresholds":
        row = rows(found, "thresholds")[0]
        assert (row["overturned"], row["overturn_rate"], row["judged"], row["reject_share"]) == (None, None, None, None)
    if kind == "workers":
        assert found["figures"]["photos"] is None
        assert "old workers leave no trace" in lomi("report", kind).out


@pytest.mark.usefixtures("here")
def test_the_same_window_twice_is_the_same_to_the_byte(lomi: Lomi, plain: Plain) -> None:
    filled(plain, 30)
    for format_ in sorted(set(ReportFormat) - {ReportFormat.HTML}):
        once, again = (lomi("report", "rejections", *WINDOW, "-o", format_.value).out for _ in range(2))
        assert once == again


@pytest.mark.usefixtures("here")
def test_labels_follow_the_zone_and_the_window_stays(lomi: Lomi, plain: Plain) -> None:
    mine = of_day(filled(plain, 40))
    found = body(lomi, "uploads", *WINDOW, "--tz", "Asia/Kathmandu")

    assert found["figures"]["uploads"] == len(mine)
    assert found["charts"]["uploads"]["labels"][:2] == ["05:45", "06:00"]
    counts = found["charts"]["uploads"]["lines"]["uploads"]
    assert sum(counts) == len(mine)
    assert counts[0] == sum(photo.at < DAY + timedelta(minutes=15) for photo in mine)
    assert lomi("report", "--tz", "Mars/Olympus").code == 2


@pytest.mark.usefixtures("here")
def test_a_file_is_written_in_one_step_and_its_name_says_how(lomi: Lomi, plain: Plain, tmp_path: Path) -> None:
    filled(plain, 10)
    file = tmp_path / "report.csv"
    said = lomi("report", *WINDOW, "--to", file)
    assert (said.code, said.out, said.err) == (0, "", f"written: {file}\n")
    table = list(csv.DictReader(io.StringIO(file.read_text())))
    assert table[0]["part"] == "figures"
    assert list(tmp_path.glob(".report*")) == []

    quiet = lomi("report", *WINDOW, "-q", "--to", tmp_path / "report.md")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")
    assert (tmp_path / "report.md").read_text().startswith("# Photos uploaded")
    refused = lomi("report", *WINDOW, "--to", tmp_path / "no folder" / "x.csv")
    assert refused.code == 3
    assert refused.err.endswith("try: --to FILE\n")


@pytest.mark.usefixtures("here")
def test_a_condition_that_holds_is_exit_1_even_when_quiet(lomi: Lomi, plain: Plain, tmp_path: Path) -> None:
    filled(plain, 20)

    bad = lomi("report", *WINDOW, "-q", "--fail-if", "rejection_rate > 1%")
    assert (bad.code, bad.out) == (1, "")
    assert bad.err.startswith("summary: rejection_rate is ")
    assert lomi("report", *WINDOW, "-q", "--fail-if", "rejection_rate>1").code == 0
    file = tmp_path / "report.txt"
    unknown = lomi("report", *WINDOW, "--fail-if", "beauty>1", "--to", file)
    assert (unknown.code, file.exists()) == (2, False), "misuse writes nothing"
    assert lomi("report", *WINDOW, "--fail-if", "beauty>1").out == ""
    assert "rejection_rate" in unknown.err
    assert lomi("report", *WINDOW, "--fail-if", "nonsense").code == 2
    open_ = lomi("report", "--window", "2026-10-01", "--fail-if", "rejection_rate>1%")
    assert (open_.code, open_.err) == (0, "summary: rejection_rate is not known: rejection_rate > 0.01 says nothing\n")
    assert lomi("report", "--window", "2026-10-01", "-q", "--fail-if", "rejection_rate>1%").err == ""


@pytest.mark.usefixtures("here")
def test_of_two_runs_that_write_one_waits_for_nobody_and_says_so(
    lomi: Lomi, db: Database, plain: Plain, tmp_path: Path
) -> None:
    with reporting.exclusive(db, "summary"):
        held = lomi("report", *WINDOW, "--to", tmp_path / "x.txt")
        other = lomi("report", "uploads", *WINDOW, "--to", tmp_path / "y.txt")
        reading = lomi("report", *WINDOW)

    assert (held.code, held.out) == (75, "")
    assert "another `lomi report summary` is at work" in held.err
    assert not (tmp_path / "x.txt").exists()
    assert other.code == reading.code == 0, "only runs of one kind that write are in each other's way"
    assert lomi("report", *WINDOW, "--to", tmp_path / "x.txt").code == 0


@pytest.mark.usefixtures("here")
def test_the_lock_of_a_killed_run_is_free_at_once(lomi: Lomi, prepared_url: str, plain: Plain, tmp_path: Path) -> None:
    taken, over = threading.Event(), threading.Event()

    def stuck() -> None:
        with (
            Database(prepared_url, application="stuck report") as other,
            contextlib.suppress(LomiError),
            reporting.exclusive(other, "summary"),
        ):
            taken.set()
            over.wait(60)

    thread = threading.Thread(target=stuck)
    thread.start()
    assert taken.wait(60)
    assert lomi("report", *WINDOW, "--to", tmp_path / "x.txt").code == 75
    plain.execute("SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
                  " WHERE application_name = 'stuck report'")  # fmt: skip
    freed = lomi("report", *WINDOW, "--to", tmp_path / "x.txt")
    over.set()
    thread.join()

    assert freed.code == 0
