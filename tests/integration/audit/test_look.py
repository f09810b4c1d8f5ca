"""`lomi audit list` and `show`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from lomi_ops.db import audit
from lomi_ops.db.pool import Database
from tests.integration.audit.conftest import AT, Lomi, entry
from tests.integration.ops.conftest import old  # noqa: F401
from tests.integration.ops.old_cluster import OldCluster


@pytest.fixture
def several(db: Database) -> Database:
    changed: tuple[dict[str, Any], ...] = (
        {"actor": "sara", "action": "review.approve", "subject": "media:11111111-1111-1111-1111-111111111111"},
        {"actor": "sara", "action": "review.reject", "reason": "blurred\x1b[31m [red]sky[/red]"},
        {"at": AT - timedelta(days=3)},
        {"action": "queue.resume", "reason": "", "before": {"by": "almaz"}, "after": {}},
    )
    for number, changes in enumerate(changed, start=1):
        audit.record(db, entry(number, **changes))
    return db


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [4, 3, 2, 1]),
        (["--by", "sara"], [2, 1]),
        (["--action", "review"], [2, 1]),
        (["--action", "review.reject"], [2]),
        (["--action", "rev"], []),
        (["--subject", "media:11111111-1111-1111-1111-111111111111"], [1]),
        (["--subject", "11111111-1111-1111-1111-111111111111"], [1]),
        (["--since", "2026-11-19"], [4, 2, 1]),
        (["--until", "2026-11-19"], [3]),
        (["--since", "2026-11-16", "--until", "2026-11-18T00:00+03:00"], [3]),
        (["--text", "BLURRED"], [2]),
        (["--text", "“ሰላም”", "--by", "sara"], [1]),
        (["--limit", "2"], [4, 3]),
    ],
)
def test_a_filter_leaves_what_it_names(several: Database, lomi: Lomi, words: list[str], expected: list[int]) -> None:
    said = lomi("audit", "list", "-o", "json", *words)
    assert said.code == 0
    assert [each["seq"] for each in said.document["entries"]] == expected
    assert said.document["more"] is ("--limit" in words)
    lines = lomi("audit", "list", "-o", "jsonl", *words)
    assert [each["seq"] for each in lines.records] == expected


@pytest.mark.parametrize("words", [("--since", "soon"), ("--since", "2026-11-20", "--until", "2026-11-19")])
def test_a_time_that_is_none_is_refused(several: Database, lomi: Lomi, words: tuple[str, ...]) -> None:
    assert lomi("audit", "list", *words).code == 2


def test_what_people_wrote_is_shown_and_not_obeyed(several: Database, lomi: Lomi) -> None:
    for said in (lomi("audit", "list"), lomi("audit", "show", 2)):
        assert "\x1b" not in said.out
        assert r"blurred\x1b[31m [red]sky[/red]" in said.out


def test_one_entry_is_shown_with_before_after_and_link(several: Database, lomi: Lomi) -> None:
    out = lomi("audit", "show", 4).out
    assert re.search(r"^values +by: was almaz$", out, re.MULTILINE)
    assert re.search(r"^hash +[0-9a-f]{64}$", out, re.MULTILINE)
    body = lomi("audit", "show", 4, "-o", "json").document["entry"]
    assert (body["before"], body["after"], body["erased_at"]) == ({"by": "almaz"}, {}, None)
    before = lomi("audit", "show", 3, "-o", "json").document["entry"]
    assert body["previous"] == before["hash"]


def test_an_entry_that_is_not_there_is_told(several: Database, lomi: Lomi) -> None:
    said = lomi("audit", "show", 5)
    assert said.code == 1
    assert "the audit has no entry 5" in said.err


def test_without_a_schema_it_is_said_what_would_make_it_known(old: OldCluster, lomi: Lomi) -> None:  # noqa: F811
    said = lomi("audit", "list")
    assert (said.code, said.out) == (0, "there is no audit here: who did what is not recorded: lomi migrate apply\n")
    assert lomi("audit", "list", "-o", "json").document["unknown"][0]["command"] == "lomi migrate apply"
    for words in (("show", "1"), ("verify",), ("export",)):
        said = lomi("audit", *words)
        assert (said.code, said.out) == (3, "")
        assert said.err.splitlines()[-1] == "  try: lomi migrate apply"


@pytest.mark.parametrize("option", ["--by", "--action", "--subject", "--text"])
def test_bytes_that_are_no_text_match_nothing(several: Database, lomi: Lomi, option: str) -> None:
    assert (lomi("audit", "list", option, "\udcff").code, lomi("audit", "list", option, "x\udcff").out) == (
        0, "no entry matches\n",
    )  # fmt: skip
