from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.db.replaying import Stored
from lomi_ops.domain.finding import AgeRange, Engine, Evidence, Label
from lomi_ops.domain.policy import Policy, Requirement, Zones, judge
from lomi_ops.domain.quality import estimate
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.simulation import Fate, rejudged, right
from lomi_ops.domain.verdict import Outcome, Verdict
from lomi_ops.domain.window import Window
from lomi_ops.errors import UsageError
from lomi_ops.ops.policies import simulation_report, sweep
from lomi_ops.ops.policies.simulate import Said, Simulated, simulate
from tests.unit.evidence import POLICY, evidence, face, nsfw
from tests.unit.policies import policies
from tests.unit.test_documents import evidences

START = datetime(2026, 11, 1, tzinfo=UTC)
WINDOW = Window(START, START + timedelta(days=10))
NOBODY = Said({}, {})
KEYS = ["nsfw.porn.review_at", "nsfw.porn.reject_at", "blur.reject_below", "blur.review_below"]


def stored(number: int, seen: Evidence, policy: Policy = POLICY) -> Stored:
    return Stored(number, START, UUID(int=number), UUID(int=1), False, judge(seen, policy), seen, Rule(policy))


def ran(photos: list[Evidence], policy: Policy, said: Said = NOBODY, **options: Any) -> Simulated:
    rows = [stored(number, seen) for number, seen in enumerate(photos, start=1)]
    return simulate(rows, said, policy, WINDOW, options.pop("limit", 50), **options)


def porn(score: float) -> Evidence:
    return evidence(nsfw=(nsfw(Label.PORN, score),))


@given(evidences, policies, policies)
def test_nothing_is_approved_on_what_no_engine_has_said(seen: Evidence, old: Policy, new: Policy) -> None:
    found = rejudged(judge(seen, old), seen, new)

    if found.fate is Fate.APPROVE:
        assert seen.report(Engine.BLUR).answered
        assert seen.report(Engine.FACES).answered
        assert seen.report(Engine.NSFW).answered or not (new.nsfw or Requirement.NSFW in new.requires)
        assert judge(seen, new).outcome is Outcome.APPROVE


@given(evidences, policies)
def test_the_same_policy_changes_nothing_that_is_known(seen: Evidence, policy: Policy) -> None:
    verdict = judge(seen, policy)
    found = rejudged(verdict, seen, policy)

    assert found.fate in (Fate.UNKNOWN, Fate(verdict.outcome.value)) or not seen.reports


def test_an_engine_that_the_old_policy_did_not_ask_makes_a_photo_unknown() -> None:
    old = replace(POLICY, requires=frozenset({Requirement.BLUR, Requirement.FACES}), nsfw={})
    seen = evidence(nsfw=None)
    verdict = judge(seen, old)
    optional = replace(POLICY, requires=POLICY.requires - {Requirement.NSFW})

    assert verdict.outcome is Outcome.APPROVE
    assert rejudged(verdict, seen, old).fate is Fate.APPROVE
    assert rejudged(verdict, seen, POLICY).fate is Fate.UNKNOWN
    assert rejudged(verdict, seen, optional).fate is Fate.UNKNOWN, "its zones would have read what nobody said"


def test_faces_without_ages_are_unknown_to_a_policy_that_wants_ages() -> None:
    local = replace(POLICY, requires=POLICY.requires - {Requirement.AGE})
    seen = evidence(faces=(face(age=None),))

    found = rejudged(judge(seen, local), seen, POLICY)
    assert (found.fate, found.unanswered) == (Fate.UNKNOWN, ("age",))


def test_an_outage_was_one_for_both() -> None:
    seen = evidence(nsfw=None)
    waited = judge(seen, POLICY)

    assert waited.incomplete
    assert rejudged(waited, seen, replace(POLICY, age=replace(POLICY.age, limit=21))).fate is Fate.REVIEW
    assert rejudged(Verdict(Outcome.REVIEW, "p@1"), Evidence(0, 0), POLICY).fate is Fate.REVIEW


def test_transitions_reasons_and_the_load_add_up() -> None:
    lower = replace(POLICY, nsfw=POLICY.nsfw | {Label.PORN: Zones(0.3, 0.5)})
    photos = [evidence(), porn(0.4), porn(0.55), porn(0.58), porn(0.9), evidence(sharpness=5)]

    found = ran(photos, lower).sums

    assert found.transitions == {
        (Outcome.APPROVE, Fate.APPROVE): 1, (Outcome.REVIEW, Fate.REVIEW): 1,
        (Outcome.REVIEW, Fate.REJECT): 2, (Outcome.REJECT, Fate.REJECT): 2,
    }  # fmt: skip
    assert found.changed == 2
    assert found.reasons_after == found.reasons_before == {"": 1, "nsfw (porn)": 4, "blurry": 1}
    figures = simulation_report.report(ran(photos, lower), lower, POLICY).figures
    assert (figures["review_per_day_before"], figures["review_per_day_after"]) == (0.3, 0.1)


def test_those_affected_most_come_first_and_only_so_many() -> None:
    lower = replace(POLICY, nsfw=POLICY.nsfw | {Label.PORN: Zones(None, 0.2)})
    scores = [0.25, 0.29, 0.21, 0.5, 0.4]

    most = ran([porn(score) for score in scores], lower, limit=4).sums.most_affected

    assert [each.why.observed for each in most if each.why] == [0.29, 0.25, 0.21, 0.5], "approved to rejected first"
    assert most[0].distance == pytest.approx(0.45)
    assert most[0].threshold == 0.2


def test_a_photo_that_would_be_approved_is_told_by_the_line_that_it_no_longer_reaches() -> None:
    higher = replace(POLICY, nsfw=POLICY.nsfw | {Label.PORN: Zones(0.8, 0.9)})

    (most,) = ran([porn(0.6)], higher).sums.most_affected
    assert (most.before, most.after, most.threshold) == (Outcome.REJECT, Fate.APPROVE, 0.8)
    assert most.distance == pytest.approx(0.25)


def test_precision_is_weighted_by_the_chance_of_being_judged() -> None:
    lower = replace(POLICY, nsfw=POLICY.nsfw | {Label.PORN: Zones(0.3, 0.5)})
    photos = [porn(0.9), porn(0.8), porn(0.55), porn(0.56), porn(0.57), porn(0.58), evidence()]
    said = Said(
        people={UUID(int=3): True, UUID(int=4): False, UUID(int=1): False},
        sampled={UUID(int=2): (0.1, True), UUID(int=7): (0.01, True)},
    )
    found = ran(photos, lower, said)

    assert {(each.before, each.probability, each.reject) for each in found.truths} == {
        (Outcome.REJECT, 0.1, True), (Outcome.REVIEW, 0.5, True), (Outcome.REVIEW, 0.5, False),
        (Outcome.APPROVE, 0.01, True),
    }, "of its own choice somebody approved photo 1: that says nothing about the others"  # fmt: skip
    assert right(found.truths, Fate.REJECT) == estimate([(0.1, True), (0.5, True), (0.5, False)])
    assert right(found.truths, Fate.REJECT).share == pytest.approx(12 / 14)
    figures = simulation_report.report(found, lower, POLICY).figures
    assert (figures["precision_before"], figures["missed_after"]) == (1.0, 1.0)


@given(st.lists(evidences, max_size=12), policies, st.sampled_from(KEYS), st.floats(0, 1))
def test_each_place_of_a_sweep_counts_what_judging_by_it_would(
    photos: list[Evidence], policy: Policy, key: str, point: float
) -> None:
    line = sweep.line_of(key)
    place = point * 400 if key.startswith("blur") else point
    seen, kept = sweep.Columns(), []
    for each in photos:
        if sweep.gather(seen, line, each, line.off(policy), line.on(policy)):
            kept.append(each)
    (found,) = sweep.counts(
        np.array(seen.values), np.array(seen.off, np.int8), np.array(seen.on, np.int8), np.array([place]), line
    )

    judged = [judge(each, line.set(policy, place)).outcome for each in kept]
    assert tuple(found) == tuple(judged.count(outcome) for outcome in sweep.OUTCOMES)


def test_a_sweep_says_at_each_place_how_often_rejections_would_be_right() -> None:
    photos = [porn(0.35), porn(0.45), porn(0.9), evidence()]
    said = Said({}, {UUID(int=1): (0.5, False), UUID(int=2): (0.5, True), UUID(int=3): (0.25, True)})
    found = ran(photos, POLICY, said, line=sweep.parse("nsfw.porn.reject_at=0.3..0.5")).sweep

    assert found is not None
    assert (found.points[0], len(found.points)) == (0.3, 101)
    assert found.points[50] == pytest.approx(0.4)
    assert found.counts[0] == (1, 0, 3)
    assert found.counts[-1] == (1, 2, 1)
    assert found.right[0].share == pytest.approx(6 / 8)
    expected = estimate([(0.5, True), (0.25, True)])
    assert found.right[50].share == pytest.approx(expected.share, abs=1e-12)
    assert (found.right[50].low, found.right[50].high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("text", ["nsfw.porn", "age.limit", "nsfw.porn.reject_at=1", "blur.reject_below=9..3"])
def test_what_cannot_be_swept_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        sweep.parse(text)


def test_a_window_without_photos_can_be_told() -> None:
    report = simulation_report.report(ran([], POLICY), POLICY, POLICY)

    assert report.figures["changed_share"] is None
    assert report.figures["review_per_day_after"] == 0


def test_a_suspected_minor_stays_with_a_person_wherever_a_line_is_moved() -> None:
    minor = evidence(faces=(face(age=AgeRange(15, 20)),), nsfw=(nsfw(Label.PORN, 0.9),))
    found = ran([minor], POLICY, line=sweep.parse("nsfw.porn.reject_at")).sweep

    assert found is not None
    assert set(found.counts) == {(0, 1, 0)}
