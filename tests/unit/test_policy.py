from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.finding import AgeRange, Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.policy import Policy, Requirement, counted_faces, judge, missing
from lomi_ops.domain.verdict import NEEDS_REVIEW, MediaStatus, Outcome, Reason
from tests.unit.evidence import ADULT, POLICY, answered, evidence, face, nsfw


def outcome(seen: Evidence, policy: Policy = POLICY) -> tuple[Outcome, Reason | None]:
    verdict = judge(seen, policy)
    return verdict.outcome, verdict.reason


def test_a_sharp_photo_of_one_adult_is_approved() -> None:
    verdict = judge(evidence(), POLICY)

    assert verdict.outcome is Outcome.APPROVE
    assert verdict.status is MediaStatus.APPROVED
    assert verdict.media_reason is None
    assert verdict.policy == "test@3"


@pytest.mark.parametrize(
    ("sharpness", "expected"),
    [
        (19.9, (Outcome.REJECT, Reason.BLURRY)),
        (20.0, (Outcome.REVIEW, Reason.BLURRY)),
        (39.9, (Outcome.REVIEW, Reason.BLURRY)),
        (40.0, (Outcome.APPROVE, None)),
    ],
)
def test_sharpness_has_three_zones(sharpness: float, expected: tuple[Outcome, Reason | None]) -> None:
    assert outcome(evidence(sharpness=sharpness)) == expected


def test_a_sharp_face_rescues_a_soft_background() -> None:
    assert outcome(evidence(sharpness=10, face_sharpness=61)) == (Outcome.APPROVE, None)
    assert outcome(evidence(sharpness=10, face_sharpness=59)) == (Outcome.REJECT, Reason.BLURRY)


@pytest.mark.parametrize(
    ("label", "score", "expected"),
    [
        (Label.PORN, 0.29, (Outcome.APPROVE, None)),
        (Label.PORN, 0.30, (Outcome.REVIEW, Reason.NSFW)),
        (Label.PORN, 0.60, (Outcome.REJECT, Reason.NSFW)),
        (Label.SEXY, 0.99, (Outcome.REVIEW, Reason.NSFW)),
        (Label.HENTAI, 0.74, (Outcome.APPROVE, None)),
        (Label.HENTAI, 0.75, (Outcome.REJECT, Reason.NSFW)),
    ],
)
def test_each_nsfw_label_has_its_own_zones(label: Label, score: float, expected: tuple[Outcome, Reason]) -> None:
    assert outcome(evidence(nsfw=(nsfw(label, score),))) == expected


def test_no_face_is_rejected() -> None:
    assert outcome(evidence(faces=())) == (Outcome.REJECT, Reason.NO_FACE)


def test_a_face_that_only_the_second_engine_sees_asks_a_person() -> None:
    seen = evidence(faces=(), nsfw=(face(0.8, age=None),))

    assert outcome(seen) == (Outcome.REVIEW, Reason.NO_FACE)


def test_two_people_in_front_are_a_group() -> None:
    assert outcome(evidence(faces=(face(), face(side=90)))) == (Outcome.REJECT, Reason.GROUP_PHOTO)


@pytest.mark.parametrize("background", [face(score=0.49), face(side=40)])
def test_people_in_the_background_do_not_make_a_group(background: Finding) -> None:
    assert outcome(evidence(faces=(face(), background))) == (Outcome.APPROVE, None)


@pytest.mark.parametrize("age", [AgeRange(15, 20), AgeRange(8, 12, 0.99), AgeRange(17, 17)])
def test_a_range_that_reaches_below_the_limit_goes_to_a_person(age: AgeRange) -> None:
    assert outcome(evidence(faces=(face(age=age),))) == (Outcome.REVIEW, Reason.UNDERAGE)


def test_a_suspected_minor_is_seen_by_a_person_whatever_else_speaks() -> None:
    seen = evidence(sharpness=1, faces=(face(age=AgeRange(15, 20)),), nsfw=(nsfw(Label.PORN, 0.99),))

    verdict = judge(seen, POLICY)

    assert (verdict.outcome, verdict.reason) == (Outcome.REVIEW, Reason.UNDERAGE)
    assert {ground.reason for ground in verdict.grounds} == {Reason.UNDERAGE, Reason.NSFW, Reason.BLURRY}
    assert verdict.media_reason == NEEDS_REVIEW


def test_a_child_in_the_background_is_not_the_user() -> None:
    seen = evidence(faces=(face(side=200), face(side=50, age=AgeRange(4, 6))))

    assert outcome(seen) == (Outcome.APPROVE, None)


def test_several_reasons_are_all_kept_and_safety_names_the_decision() -> None:
    verdict = judge(evidence(sharpness=5, faces=(), nsfw=(nsfw(Label.PORN, 0.9),)), POLICY)

    assert [ground.reason for ground in verdict.grounds] == [Reason.NSFW, Reason.BLURRY, Reason.NO_FACE]
    assert verdict.media_reason == "nsfw"


def test_a_blurred_face_that_is_not_found_is_called_blurry() -> None:
    assert outcome(evidence(sharpness=5, faces=())) == (Outcome.REJECT, Reason.BLURRY)


def test_a_rejection_outweighs_a_doubt() -> None:
    verdict = judge(evidence(sharpness=30, faces=(face(), face())), POLICY)

    assert (verdict.outcome, verdict.reason) == (Outcome.REJECT, Reason.GROUP_PHOTO)


@pytest.mark.parametrize(
    ("seen", "needs"),
    [
        (evidence(sharpness=None), (Requirement.BLUR,)),
        (evidence(faces=None), (Requirement.FACES, Requirement.AGE)),
        (evidence(nsfw=None), (Requirement.NSFW,)),
        (evidence(faces=(face(age=None),)), (Requirement.AGE,)),
        (Evidence(1, 1), tuple(Requirement)),
    ],
)
def test_missing_evidence_goes_to_a_person_and_names_what_is_missing(
    seen: Evidence, needs: tuple[Requirement, ...]
) -> None:
    verdict = judge(seen, POLICY)

    assert missing(seen, POLICY) == needs
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.incomplete


def test_missing_evidence_decides_before_a_rejection_does() -> None:
    verdict = judge(evidence(sharpness=1, faces=None), POLICY)

    assert (verdict.outcome, verdict.reason) == (Outcome.REVIEW, Reason.MISSING_EVIDENCE)
    assert Reason.BLURRY in {ground.reason for ground in verdict.grounds}


def test_an_unavailable_report_with_findings_is_still_no_clearance() -> None:
    broken = EngineReport(Engine.NSFW, findings=(nsfw(Label.PORN, 0.0),), detail="the model answered NaN")
    seen = Evidence(1, 1, (*evidence(nsfw=None).reports, broken))

    verdict = judge(seen, POLICY)

    assert verdict.incomplete
    assert "NaN" in verdict.grounds[0].text


def test_a_policy_without_an_age_engine_approves_without_ages() -> None:
    local = replace(POLICY, requires=POLICY.requires - {Requirement.AGE})

    assert outcome(evidence(faces=(face(age=None),)), local) == (Outcome.APPROVE, None)


def test_a_report_without_a_status_is_not_an_answer() -> None:
    assert not EngineReport(Engine.NSFW).answered
    assert not Evidence(1, 1).report(Engine.BLUR).answered


def test_faces_without_boxes_all_count() -> None:
    faces = (Finding(Label.FACE, 0.9, age=ADULT), Finding(Label.FACE, 0.8, age=ADULT))

    assert len(counted_faces(evidence(faces=faces), POLICY.faces)) == 2


scores = st.floats(0, 1)
ages = st.one_of(
    st.none(), st.builds(lambda low, span: AgeRange(low, low + span), st.integers(0, 90), st.integers(0, 9))
)
faces_found = st.lists(st.builds(face, scores, st.integers(1, 500), ages), max_size=4).map(tuple)
nsfw_found = st.lists(st.builds(nsfw, st.sampled_from([Label.PORN, Label.SEXY, Label.HENTAI]), scores), max_size=4)
statuses = st.sampled_from(EngineStatus)


@given(
    st.one_of(st.none(), st.floats(0, 1000)),
    st.one_of(st.none(), faces_found),
    st.one_of(st.none(), nsfw_found.map(tuple)),
    st.lists(st.sampled_from(Engine), max_size=2),
)
def test_nothing_is_approved_without_all_evidence_and_nothing_worse_than_its_thresholds(
    sharpness: float | None,
    faces: tuple[Finding, ...] | None,
    found: tuple[Finding, ...] | None,
    silenced: list[Engine],
) -> None:
    seen = evidence(sharpness=sharpness, faces=faces, nsfw=found)
    seen = replace(
        seen,
        reports=tuple(replace(r, status=EngineStatus.UNAVAILABLE) if r.engine in silenced else r for r in seen.reports),
    )

    verdict = judge(seen, POLICY)

    if verdict.outcome is Outcome.APPROVE:
        assert missing(seen, POLICY) == ()
        counted = counted_faces(seen, POLICY.faces)
        assert len(counted) == 1
        assert counted[0].age is not None
        assert counted[0].age.low >= 18
        assert seen.top_score(Label.PORN) < 0.3
        assert not verdict.grounds
    assert judge(seen, POLICY) == verdict


def test_reports_are_found_by_engine() -> None:
    report = answered(Engine.BLUR)

    assert Evidence(1, 1, (report,)).report(Engine.BLUR) is report
