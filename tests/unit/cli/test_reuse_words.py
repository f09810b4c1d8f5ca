"""Commands say of a decision whose findings it has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from lomi_ops.cli import media_text, review_show
from lomi_ops.db.decisions import LoggedDecision
from lomi_ops.db.reviewing import Told
from lomi_ops.domain.decision import Taken

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
TAKEN = Taken(41, datetime(2026, 11, 3, 9, 30, tzinfo=UTC), 61.5)
WORDS = "findings of decision 41, made 2026-11-03 09:30 on a photo with the same bytes"
LOGGED = LoggedDecision(
    AT, UUID(int=1), None, "j", "worker", "b/0", 1, "pending", None, "rejected", "blurry", None, None, None, None,
    "ab" * 32, 0.8, "sharpness 12 is below 50",
)  # fmt: skip
TOLD = Told(7, AT, UUID(int=1), "worker", "pending", None, "approved", None, "local@1", "", None, None)


def test_a_decision_names_whose_findings_it_has_behind_its_reason() -> None:
    assert media_text.decision_row(replace(LOGGED, taken=TAKEN))[-1] == f"sharpness 12 is below 50; {WORDS}"
    assert media_text.decision_row(LOGGED)[-1] == "sharpness 12 is below 50"
    assert media_text.decision_record(replace(LOGGED, taken=TAKEN))["taken"] == {
        "decision": 41, "at": TAKEN.at, "ms": 61.5,
    }  # fmt: skip
    assert media_text.decision_record(LOGGED)["taken"] is None


def test_a_story_says_it_of_an_approval_that_has_no_reason() -> None:
    assert review_show.told_row(replace(TOLD, taken=TAKEN))[-1] == WORDS
    assert review_show.told_row(TOLD)[-1] == ""
    assert review_show.told_record(replace(TOLD, taken=TAKEN))["taken"]["decision"] == 41
