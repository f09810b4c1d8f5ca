"""Days that are not like others, in every format: no photo, one, 23 and 25 hours, a clock set back, odd reasons."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from lomi_ops.cli.report_formats import ReportFormat
from lomi_ops.domain.shown import shown
from lomi_ops.ops.reports.catalogue import KINDS
from tests.commands import Lomi
from tests.integration.reports.rows import DAY, Photo, Plain, filled, write

WINDOW = ("--window", "2026-11-19")
FORMATS = sorted(ReportFormat)
CHEAP = [each for each in FORMATS if each is not ReportFormat.HTML]
"""A page draws charts, which takes as long as all the others."""
WRONG = re.compile(r"\b(nan|inf|infinity|traceback)\b|-\d+(\.\d+)? (ms|s|min|h)\b", re.IGNORECASE)
REASONS = (
    "=1+1", "a|b", "<script>alert(1)</script>", "two\nlines", "\x1b[31mred", "`code` *bold*", "\u202eright to left",
    "\u1260\u1323\u121d", "\U0001f937", "x" * 300, "it's, \"so\"", "$HOME;", "",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(prepared_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)


def told(lomi: Lomi, kind: str, format_: ReportFormat, *words: str) -> str:
    said = lomi("report", kind, *(words or WINDOW), "-o", format_.value)
    assert (said.code, said.err) == (0, ""), (kind, format_)
    assert sound(format_, said.out), (kind, format_)
    assert not WRONG.search(visible(format_, said.out)), (kind, format_)
    return said.out


def sound(format_: ReportFormat, text: str) -> bool:
    """Whether its readers can read it."""
    match format_:
        case ReportFormat.JSON | ReportFormat.JSONL:
            return bool(json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON")))
        case ReportFormat.CSV:
            return {len(row) for row in csv.reader(io.StringIO(text))} == {6}
        case ReportFormat.MARKDOWN:
            return all(len(set(table)) == 1 for table in pipes(text))
        case ReportFormat.HTML:
            return "<script" not in text and text.rstrip().endswith("</html>")
        case ReportFormat.TEXT:
            return bool(text.strip()) and not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", text)


def pipes(text: str) -> Iterator[list[int]]:
    """Of each table the columns of each row."""
    for part in text.split("\n\n"):
        rows = [line for line in part.splitlines() if line.startswith("|")]
        if rows:
            yield [len(re.findall(r"(?<!\\)\|", row)) for row in rows]


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        if self.lasttag not in ("style", "path"):
            self.found.append(data)


def visible(format_: ReportFormat, text: str) -> str:
    if format_ is not ReportFormat.HTML:
        return text
    words = _Words()
    words.feed(text)
    return " ".join(words.found)


def figures(format_: ReportFormat, text: str) -> dict[str, str]:
    """As the formats for programs have them."""
    if format_ is ReportFormat.CSV:
        return {row["label"]: row["value"] for row in csv.DictReader(io.StringIO(text)) if row["part"] == "figures"}
    return {name: "" if value is None else str(value) for name, value in json.loads(text)["figures"].items()}


def nobody(plain: Plain) -> UUID:
    """A user without photos."""
    user = filled(plain, 1)[0].user
    plain.execute("DELETE FROM media")
    return user


def rejected(plain: Plain, user: UUID, number: int, at: datetime, reason: str | None = "nsfw") -> None:
    write(plain, Photo(UUID(int=number), user, UUID(int=number), at, "rejected", reason, 0.9), logged=True)


PROGRAMS = (ReportFormat.JSON, ReportFormat.JSONL, ReportFormat.CSV)


@pytest.mark.parametrize("photos", [0, 1])
def test_a_day_of_no_photo_or_of_one_is_told_by_every_kind_in_every_format(
    lomi: Lomi, plain: Plain, photos: int
) -> None:
    if photos:
        rejected(plain, nobody(plain), 1, DAY + timedelta(hours=9))
    for kind in KINDS:
        for format_ in CHEAP if kind != "summary" else FORMATS:
            said = told(lomi, kind, format_)
            if kind == "summary" and format_ in PROGRAMS:
                assert figures(format_, said)["uploads"] == str(photos)
    for format_ in FORMATS:
        said = visible(format_, told(lomi, "rejections", format_))
        assert ("nsfw" in re.sub(r"rejections\.nsfw\S*", "", said)) >= bool(photos), format_


@pytest.mark.parametrize(
    ("starts", "hours", "two"),
    [
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 25, ["10-25 02:00 +0200", "10-25 02:00 +0100"]),
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 23, []),
    ],
)
def test_a_day_of_23_or_25_hours_has_them_all_in_every_format(
    lomi: Lomi, plain: Plain, starts: datetime, hours: int, two: list[str]
) -> None:
    """A photo an hour: none is lost where a clock skips an hour, and none is counted twice where it repeats one."""
    user = nobody(plain)
    for hour in range(hours):
        rejected(plain, user, hour + 1, starts + timedelta(hours=hour, minutes=30))
    ends = starts + timedelta(hours=hours)
    words = ("--window", f"{starts:%Y-%m-%dT%H:%MZ}..{ends:%Y-%m-%dT%H:%MZ}", "--tz", "Europe/Vienna")

    for format_ in FORMATS:
        said = told(lomi, "uploads", format_, *words)
        if format_ in PROGRAMS:
            assert figures(format_, said)["uploads"] == str(hours)
            assert line(format_, said, "uploads") == [1] * hours, format_
        else:
            assert str(hours) in visible(format_, said)
    labels = json.loads(told(lomi, "uploads", ReportFormat.JSON, *words))["charts"]["uploads"]["labels"]
    assert len(set(labels)) == hours
    assert [label for label in labels if "02:00" in label] == two


def line(format_: ReportFormat, text: str, name: str) -> list[float]:
    if format_ is ReportFormat.CSV:
        rows = [row for row in csv.DictReader(io.StringIO(text)) if row["part"] == f"chart:{name}"]
        return [float(row["value"]) for row in rows]
    found: list[float] = json.loads(text)["charts"][name]["lines"][name]
    return found


def test_a_clock_that_was_set_back_makes_no_time_negative_in_any_format(lomi: Lomi, plain: Plain) -> None:
    """Photos that were decided before they came, and jobs that were settled before they were claimed and opened."""
    filled(plain, 12, days=1)
    plain.execute("UPDATE media SET moderated_at = created_at - interval '90 seconds' WHERE moderated_at IS NOT NULL")
    plain.execute("UPDATE lomi.jobs SET settled_at = opened_at - interval '80 seconds',"
                  " claimed_at = opened_at - interval '85 seconds'")  # fmt: skip
    window = ("--window", "2026-11-18..2026-11-21")

    for kind in KINDS:
        for format_ in FORMATS if kind in ("latency", "queue") else CHEAP:
            said = told(lomi, kind, format_, *window)
            if format_ in PROGRAMS:
                low = [name for name, value in figures(format_, said).items() if value and float(value) < 0]
                assert not [name for name in low if re.search("_(ms|s)(_|$)", name)], kind


def test_odd_reasons_are_told_apart_and_harm_no_reader_of_any_format(lomi: Lomi, plain: Plain) -> None:
    user = nobody(plain)
    for place, reason in enumerate(REASONS):
        for copy in range(place + 1):
            rejected(plain, user, 1000 * (copy + 1) + place, DAY + timedelta(minutes=place), reason or None)
    expected = {reason or "(no reason)": place + 1 for place, reason in enumerate(REASONS)}

    for kind in ("summary", "rejections", "errors"):
        for format_ in FORMATS:
            said = told(lomi, kind, format_)
            if kind == "rejections" and format_ in PROGRAMS:
                assert counts(format_, said) == expected, format_
            elif kind == "rejections":
                words = visible(format_, said)
                assert all(_found(reason, words) for reason in expected), format_


def _found(reason: str, words: str) -> bool:
    """At least its beginning, as it is shown, without what a format puts before special characters."""
    return shown(reason)[:6].strip() in re.sub(r"\\([^\w\s])", r"\1", words)


def counts(format_: ReportFormat, text: str) -> dict[str, int]:
    """Photos by reason."""
    if format_ is ReportFormat.CSV:
        rows: list[dict[str, Any]] = [row for row in csv.DictReader(io.StringIO(text))
                                      if row["part"] == "reasons" and row["column"] == "photos"]  # fmt: skip
        return {re.sub(r"^'(?=[=+@-])", "", row["label"]): int(row["value"]) for row in rows if int(row["value"])}
    return {row["reason"]: row["photos"] for row in json.loads(text)["tables"]["reasons"]["rows"] if row["photos"]}
