"""Decisions as documents: nothing is lost, and everything can be stored."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.db import documents
from lomi_ops.db.documents import cleaned, decision_document, decision_of, jsonb, log_columns, readable, storable
from lomi_ops.domain.decision import PhotoDecision, Taken
from lomi_ops.domain.finding import AgeRange, Box, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.verdict import FailureCode, Ground, MediaStatus, Outcome, Reason, Verdict
from tests.unit.evidence import POLICY

texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
scores = st.floats(0, 1)
sides = st.integers(0, 12_000)
findings = st.builds(
    Finding,
    label=st.sampled_from(Label),
    score=scores,
    box=st.none() | st.builds(Box, sides, sides, sides, sides),
    raw_label=texts,
    value=st.none() | st.floats(-1e9, 1e9),
    age=st.none() | st.builds(AgeRange, st.integers(0, 99), st.integers(0, 99), st.none() | scores),
)
reports = st.builds(
    EngineReport,
    engine=st.sampled_from(Engine),
    model=texts,
    version=texts,
    status=st.sampled_from(EngineStatus),
    findings=st.lists(findings, max_size=3).map(tuple),
    detail=texts,
    elapsed_ms=st.floats(0, 1e6),
)
evidences = st.builds(
    Evidence, sides, sides, st.lists(reports, max_size=3, unique_by=lambda report: report.engine).map(tuple)
)
grounds = st.builds(
    Ground,
    reason=st.sampled_from(Reason),
    outcome=st.sampled_from(Outcome),
    label=texts,
    observed=st.none() | st.floats(-1e9, 1e9),
    threshold=st.none() | st.floats(-1e9, 1e9),
    text=texts,
)
decisions = st.builds(
    PhotoDecision,
    media_id=st.uuids(),
    status=st.sampled_from(MediaStatus),
    reason=st.none() | texts,
    scores=st.dictionaries(texts, st.none() | st.integers() | scores | texts, max_size=3),
    verdict=st.none() | st.builds(Verdict, st.sampled_from(Outcome), texts, st.lists(grounds, max_size=3).map(tuple)),
    evidence=st.none() | evidences,
    failure=st.none() | st.sampled_from(FailureCode),
    detail=texts,
    sha256=texts,
    processing_ms=st.floats(0, 1e6),
    inputs=texts,
    taken=st.none() | st.builds(Taken, st.integers(1, 2**62), st.datetimes(timezones=st.just(UTC)), st.floats(0, 1e6)),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(decisions)
def test_a_decision_comes_back_from_its_document_unchanged(decision: PhotoDecision) -> None:
    text = json.dumps(storable(decision_document(decision)), allow_nan=False)
    assert decision_of(json.loads(text)) == decision


@given(anything)
def test_whatever_was_made_storable_has_nothing_that_postgres_refuses(value: Any) -> None:
    text = json.dumps(storable(value), ensure_ascii=False, allow_nan=False)
    text.encode("utf-8")
    assert "\\u0000" not in text.replace("\\\\", "")


@given(st.recursive(st.none() | st.booleans() | st.integers() | scores | texts, lambda x: st.lists(x, max_size=3)))
def test_what_is_storable_already_stays_as_it_is(value: Any) -> None:
    assert storable(value) == value
    assert storable(storable(value)) == storable(value)


def test_ids_and_sets_become_texts_and_sorted_lists() -> None:
    assert storable({"id": UUID(int=1), "needs": frozenset({"b", "a"})}) == {
        "id": "00000000-0000-0000-0000-000000000001",
        "needs": ["a", "b"],
    }


@given(decisions)
def test_a_decision_by_a_policy_is_written_as_json_without_looking_at_each_part(decision: PhotoDecision) -> None:
    document = log_columns(replace(decision, rule=Rule(POLICY)), None)
    plain = json.dumps(storable(document), ensure_ascii=False)
    dumps = jsonb(document).dumps
    assert dumps is not None
    with patch.object(documents, "storable", side_effect=AssertionError("the long way")):
        assert dumps(document) == plain


def test_an_amharic_text_and_an_emoji_stay_readable() -> None:
    assert readable("ፎቶው ብዥ ነው! 📷") == "ፎቶው ብዥ ነው! 📷"


def test_the_message_of_a_cleaned_decision_can_be_published() -> None:
    from lomi_ops.domain.decision import ResultMessage

    odd = PhotoDecision(UUID(int=1), MediaStatus.FAILED, "unreadable", {"note": "\ud800"}, detail="\x00")
    message = ResultMessage("j", UUID(int=2), UUID(int=3), 0, (cleaned(odd),), datetime(2026, 11, 20, tzinfo=UTC))
    assert json.loads(message.to_json().encode("utf-8"))["results"][0]["scores"] == {"note": "\ufffd"}
