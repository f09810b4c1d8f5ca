"""`lomi report latency`: what jobs waited for beside their engines, set beside the rows of the ledger."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import quantiles
from typing import Any

import pytest

from lomi_ops.cli.report_formats import ReportFormat
from lomi_ops.db import reporting
from lomi_ops.db.pool import Database
from lomi_ops.domain.window import Window
from tests.commands import Lomi
from tests.integration.reports.rows import DAY, Plain, filled
from tests.integration.reports.test_reports import WINDOW, body, here, rows  # noqa: F401 - a fixture

NAMES = {"download": "a photo, download", "opening": "database, before judging", "settled": "database, settling"}


@dataclass(frozen=True, slots=True)
class Noted:
    """What a worker has noted of one job."""

    at: datetime
    opening: float
    downloads: list[float]
    settled: float | None

    def of(self, name: str) -> list[float]:
        found = {"download": self.downloads, "opening": [self.opening]}
        return found.get(name, [self.settled] if self.settled is not None else [])


def noted(plain: Plain, share: float = 1.0, seed: int = 3) -> list[Noted]:
    """Fills a share of the jobs as workers do: of a slot's first one nobody knows the settlement before."""
    chance, found = random.Random(seed), []
    for row in plain.execute("SELECT job_id, settled_at, media_ids FROM lomi.jobs ORDER BY job_id").fetchall():
        if chance.random() >= share:
            continue
        downloads = [_ms(chance, 400) for _ in row["media_ids"]]
        job = Noted(row["settled_at"], _ms(chance, 20), downloads, _ms(chance, 200) if chance.random() < 0.8 else None)
        plain.execute(
            "UPDATE lomi.jobs SET opening_ms = %s, downloads_ms = %s, settled_before_ms = %s WHERE job_id = %s",
            [job.opening, job.downloads, job.settled, row["job_id"]],
        )
        found.append(job)
    return found


def _ms(chance: random.Random, most: int) -> float:
    """Never in the middle between two that a report tells apart."""
    return chance.randrange(most) + chance.choice((0.1, 0.3, 0.9))


def told(ms: float) -> float:
    return round(ms, 1) if ms < 10 else round(ms)


def of_day(jobs: Sequence[Noted]) -> list[Noted]:
    return [job for job in jobs if DAY <= job.at < DAY + timedelta(days=1)]


@pytest.mark.usefixtures("here")
def test_downloads_and_the_database_are_what_the_rows_say(lomi: Lomi, plain: Plain) -> None:
    filled(plain, 60)
    mine = of_day(noted(plain))
    found = body(lomi, "latency")
    times = {row["what"]: row for row in rows(found, "latency")}

    for name, said in NAMES.items():
        values = [told(ms) for job in mine for ms in job.of(name)]
        parts = quantiles(values, n=100, method="inclusive")
        expected = {"p50": parts[49], "p95": parts[94], "p99": parts[98]}
        assert {each: times[said][each] for each in expected} == pytest.approx(expected), name
        assert {each: found["figures"][f"{name}_ms_{each}"] for each in expected} == pytest.approx(expected), name
        assert (times[said]["number"], times[said]["highest"]) == (len(values), max(values))
    settled = [told(job.settled) for job in mine if job.settled is not None]
    kept = sum(ms <= 100 for ms in settled) / len(settled)
    assert 0 < kept < 1
    assert (times[NAMES["settled"]]["target"], times[NAMES["settled"]]["on_target"]) == (100, kept)
    assert found["figures"]["settled_on_target"] == kept
    assert times[NAMES["download"]]["target"] is None
    assert found["unknown"] == []
    assert not any("jobs; workers note" in note for note in found["notes"])


@pytest.mark.usefixtures("here")
def test_of_jobs_of_workers_of_before_it_says_that_they_noted_nothing(lomi: Lomi, plain: Plain) -> None:
    filled(plain, 60)
    mine = of_day(noted(plain, share=0.4))
    plain.execute("UPDATE lomi.schema_migrations SET applied_at = '2026-11-19 08:15:00+03' WHERE name = 'times'")
    found = body(lomi, "latency")
    times = {row["what"]: row for row in rows(found, "latency")}

    assert 0 < len(mine) < times["a job in hand"]["number"]
    assert times[NAMES["opening"]]["number"] == len(mine)
    assert times[NAMES["download"]]["number"] == sum(len(job.downloads) for job in mine)
    assert (
        f"downloads and database: of {len(mine)} of {times['a job in hand']['number']} jobs;"
        " workers note them since 2026-11-19 05:15 UTC"
    ) in found["notes"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("format_", ReportFormat)
def test_every_format_has_a_place_for_what_nobody_noted(lomi: Lomi, plain: Plain, format_: ReportFormat) -> None:
    filled(plain, 30)
    before = lomi("report", "latency", *WINDOW, "-o", format_.value)
    noted(plain)
    after = lomi("report", "latency", *WINDOW, "-o", format_.value)

    for said in (before, after):
        assert (said.code, said.err) == (0, "")
        assert "NaN" not in said.out
        for name in NAMES.values():
            assert name in said.out
    assert format_ is ReportFormat.CSV or "downloads and database: of 0 of " in before.out, "CSV has values alone"
    assert "downloads and database: of " not in after.out


@pytest.mark.usefixtures("here")
def test_a_schema_of_before_has_no_place_for_them_and_the_report_names_the_command(lomi: Lomi, plain: Plain) -> None:
    filled(plain, 30)
    plain.execute("DELETE FROM lomi.schema_migrations WHERE name = 'times'")
    plain.execute("ALTER TABLE lomi.jobs DROP opening_ms, DROP downloads_ms, DROP settled_before_ms")
    found = body(lomi, "latency")
    times = {row["what"]: row for row in rows(found, "latency")}

    assert times["a job in hand"]["number"] > 0
    assert {(times[name]["number"], times[name]["p50"]) for name in NAMES.values()} == {(0, None)}
    assert {name: found["figures"][f"{name}_ms_p95"] for name in NAMES} == dict.fromkeys(NAMES)
    (gap,) = found["unknown"]
    assert (gap["what"], gap["command"]) == (
        "how long downloads and the database took is not kept here", "lomi migrate apply",
    )  # fmt: skip


def test_any_window_has_the_times_of_the_jobs_that_were_settled_in_it(db: Database, plain: Plain) -> None:
    filled(plain, 60)
    jobs, chance = noted(plain, share=0.8), random.Random(5)
    for _ in range(20):
        start = DAY + timedelta(seconds=chance.randint(-80000, 80000), microseconds=chance.randint(0, 1))
        window = Window(start, start + timedelta(seconds=chance.randint(1, 100_000)))
        mine = [job for job in jobs if window.start <= job.at < window.end]
        expected = Counter[tuple[str, Any]]((name, told(ms)) for name in NAMES for job in mine for ms in job.of(name))

        assert {(name, ms): many for name, ms, many in reporting.job_parts(db, window)} == expected
    since = reporting.job_parts_since(db)
    assert since is not None
    assert since <= datetime.now(UTC) + timedelta(minutes=1)
