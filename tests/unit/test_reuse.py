"""Which findings may be taken again for the same bytes, and what is decided on them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from lomi_ops.domain.decision import Taken
from lomi_ops.domain.finding import AgeRange, Engine, EngineReport, EngineStatus, Evidence, Label
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.policy import Zones, judge
from lomi_ops.domain.regime import Rule, judged, shadowed
from lomi_ops.domain.reuse import Inputs, Known, complete, retaken
from lomi_ops.domain.verdict import Outcome
from tests.unit.evidence import POLICY, evidence, face, nsfw

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MEDIA = UUID(int=7)
INPUTS = Inputs(dict.fromkeys(Engine, ("m", "v")), "d" * 32)

reports = st.builds(
    EngineReport,
    engine=st.sampled_from(Engine),
    model=st.sampled_from(["m", "m", "m", "other", ""]),
    version=st.sampled_from(["v", "v", "v", "w", ""]),
    status=st.sampled_from([EngineStatus.ANSWERED, EngineStatus.ANSWERED, EngineStatus.UNAVAILABLE]),
    detail=st.sampled_from(["", "", "", "CompreFace: no answer"]),
)
evidences = st.builds(Evidence, st.just(640), st.just(480), st.lists(reports, max_size=4).map(tuple))
scores = st.floats(0, 1)


def known(found: Evidence, *, age_days: float = 1.0) -> Known:
    return Known(41, NOW - timedelta(days=age_days), found, 61.5, Fingerprint(bytes(32)))


WHOLE = tuple(EngineReport(engine, "m", "v", EngineStatus.ANSWERED) for engine in sorted(Engine))


@given(evidences)
@example(Evidence(640, 480, WHOLE))
@example(Evidence(640, 480, (*WHOLE, WHOLE[0])))
def test_findings_are_complete_only_where_each_engine_of_now_has_answered_once_and_in_full(found: Evidence) -> None:
    in_order = tuple(sorted(found.reports, key=lambda each: each.engine))
    assert complete(found, INPUTS) is (in_order == WHOLE)


@given(scores, scores, st.floats(0, 400), st.integers(0, 60), st.integers(0, 3))
def test_what_is_taken_again_is_decided_as_the_policies_of_now_decide_on_the_same_findings(
    porn: float, limit: float, sharpness: float, age: int, people: int
) -> None:
    found = evidence(
        sharpness, tuple(face(age=AgeRange(age, age + 5)) for _ in range(people)), (nsfw(Label.PORN, porn),)
    )
    strict = replace(POLICY, name="strict", nsfw={Label.PORN: Zones(limit, limit)})
    rule = Rule(strict, guards=(POLICY,), shadows=(POLICY,), activation=3)

    decision = retaken(MEDIA, known(found), INPUTS, rule, since=NOW - timedelta(days=30), sha256="ab", ms=0.4)

    assert decision is not None
    assert decision.verdict == judged(found, rule)
    assert decision.shadows == shadowed(found, rule)
    assert decision.rule == rule
    assert decision.evidence is not None
    assert [each.findings for each in decision.evidence.reports] == [each.findings for each in found.reports]
    assert decision.taken == Taken(41, NOW - timedelta(days=1), 61.5)
    assert (decision.media_id, decision.sha256, decision.processing_ms) == (MEDIA, "ab", 0.4)
    assert decision.fingerprint == Fingerprint(bytes(32))
    assert decision.inputs == "", "what was taken is not taken from again: its age would begin anew"
    if age < 18 and people:
        assert decision.verdict.outcome is Outcome.REVIEW, "whoever may be a minor is looked at by a person each time"


def test_an_engine_that_was_not_asked_took_no_time() -> None:
    slow = replace(evidence(), reports=tuple(replace(each, elapsed_ms=30.0) for each in evidence().reports))
    decision = retaken(MEDIA, known(slow), INPUTS, Rule(POLICY), since=NOW - timedelta(days=2), sha256="ab", ms=0.0)
    assert decision is not None
    assert decision.evidence == evidence()


def test_findings_older_than_the_limit_are_not_taken() -> None:
    since = NOW - timedelta(days=30)
    for age, taken in ((30.0, True), (30.001, False)):
        got = retaken(MEDIA, known(evidence(), age_days=age), INPUTS, Rule(POLICY), since=since, sha256="ab", ms=0.0)
        assert (got is not None) is taken


def test_findings_that_leave_open_what_the_policy_or_another_arm_requires_are_not_taken() -> None:
    ageless = evidence(faces=(face(age=None),))
    lax = replace(POLICY, requires=frozenset())
    assert judge(ageless, lax).outcome is Outcome.APPROVE
    for rule, taken in ((Rule(lax), True), (Rule(POLICY), False), (Rule(lax, guards=(POLICY,)), False)):
        got = retaken(MEDIA, known(ageless), INPUTS, rule, since=NOW - timedelta(days=2), sha256="ab", ms=0.0)
        assert (got is not None) is taken


def test_the_words_name_the_decision_and_when_it_was_made() -> None:
    assert Taken(41, NOW).words == "findings of decision 41, made 2026-11-20 12:00 on a photo with the same bytes"
