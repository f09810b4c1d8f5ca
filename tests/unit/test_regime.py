from __future__ import annotations

import json
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.db.documents import decision_of, log_columns, storable
from lomi_ops.domain.decision import decide
from lomi_ops.domain.finding import AgeRange, Evidence, Label
from lomi_ops.domain.policy import Policy, Requirement, Zones, judge
from lomi_ops.domain.regime import Arm, Regime, Rule, guarded, judged, needs, served, shadowed, stored_rule
from lomi_ops.domain.replay import Replay, compared
from lomi_ops.domain.verdict import Outcome, Reason
from tests.unit.evidence import POLICY, evidence, face, nsfw
from tests.unit.policies import policies
from tests.unit.test_documents import evidences

ONE = UUID(int=1)
LOOSE = replace(POLICY, name="loose", nsfw={Label.PORN: Zones(0.8, 0.9)}, age=replace(POLICY.age, limit=13))
rules = st.builds(Rule, policies, st.lists(policies, max_size=2).map(tuple), st.lists(policies, max_size=2).map(tuple))


def stops(seen: Evidence, policy: Policy) -> bool:
    """Whether the policy rejects for nudity, or holds the photo for a suspected minor."""
    return any(
        ground.reason is Reason.UNDERAGE or (ground.reason is Reason.NSFW and ground.outcome is Outcome.REJECT)
        for ground in judge(seen, policy).grounds
    )


@given(evidences, rules)
def test_no_arm_approves_what_another_one_stops_for_safety(seen: Evidence, rule: Rule) -> None:
    verdict = judged(seen, rule)

    if verdict.outcome is Outcome.APPROVE:
        assert not any(stops(seen, guard) for guard in rule.guards)
        assert judge(seen, rule.policy).outcome is Outcome.APPROVE
    assert verdict.policy == rule.policy.ref


@given(evidences, rules)
def test_a_guard_only_ever_sends_a_photo_to_a_person(seen: Evidence, rule: Rule) -> None:
    own, verdict = judge(seen, rule.policy), judged(seen, rule)

    assert verdict == own or verdict.outcome is Outcome.REVIEW


@given(evidences, rules)
def test_a_verdict_of_an_experiment_comes_out_again_from_what_is_stored(seen: Evidence, rule: Rule) -> None:
    stored = json.loads(json.dumps(storable(log_columns(decide(ONE, seen, judged(seen, rule), rule), None))))
    again = decision_of(stored)

    assert again.rule == replace(rule, shadows=())
    assert again.verdict is not None
    assert again.evidence is not None
    assert compared(again.verdict, again.evidence, again.rule)[0] in (Replay.SAME, Replay.NO_JUDGEMENT)
    assert again.shadows == shadowed(seen, rule)


def test_the_loose_arm_hands_a_person_what_the_strict_one_would_reject() -> None:
    seen = evidence(nsfw=(nsfw(Label.PORN, 0.7),))
    verdict = judged(seen, Rule(LOOSE, (POLICY,)))

    assert judge(seen, LOOSE).outcome is Outcome.APPROVE
    assert (verdict.outcome, verdict.reason) == (Outcome.REVIEW, Reason.NSFW)


def test_a_suspected_minor_of_one_arm_is_looked_at_whatever_the_other_one_says() -> None:
    seen = evidence(sharpness=1, faces=(face(age=AgeRange(15, 20)),))

    assert judge(seen, LOOSE).outcome is Outcome.REJECT
    assert judged(seen, Rule(LOOSE, (POLICY,))).outcome is Outcome.REVIEW


def test_a_photo_that_another_arm_only_doubts_or_finds_blurred_stays_with_its_own() -> None:
    blurred, doubtful = evidence(sharpness=10), evidence(nsfw=(nsfw(Label.PORN, 0.4),))
    soft = replace(LOOSE, blur=replace(POLICY.blur, reject_below=0, review_below=0))

    assert judged(blurred, Rule(soft, (POLICY,))).outcome is Outcome.APPROVE
    assert judged(doubtful, Rule(soft, (POLICY,))).outcome is Outcome.APPROVE


def test_the_arm_of_a_user_is_stable_and_the_shares_hold() -> None:
    regime = Regime((Arm(POLICY, 0.8), Arm(LOOSE, 0.2)))
    users = [UUID(int=number) for number in range(4000)]
    loose = [user for user in users if regime.rule(user).policy is LOOSE]

    assert [user for user in users if regime.rule(user).policy is LOOSE] == loose
    assert 0.17 < len(loose) / len(users) < 0.23
    larger = Regime((Arm(POLICY, 0.7), Arm(LOOSE, 0.3)))
    assert all(larger.rule(user).policy is LOOSE for user in loose), "a larger share takes nobody back"
    assert regime.rule(loose[0]).guards == (POLICY,)
    assert regime.title == "test@3 80% + loose@3 20%"


def test_one_experiment_says_nothing_about_the_next() -> None:
    first = Regime((Arm(POLICY, 0.5), Arm(LOOSE, 0.5)))
    second = Regime((Arm(POLICY, 0.5), Arm(replace(LOOSE, version=4), 0.5)))
    users = [UUID(int=number) for number in range(2000)]
    both = sum(first.rule(user).policy.name == second.rule(user).policy.name for user in users)

    assert 0.45 < both / len(users) < 0.55


@given(evidences, policies)
def test_a_worker_that_cannot_answer_what_a_policy_reads_approves_nothing_by_it(seen: Evidence, policy: Policy) -> None:
    blind = replace(seen, reports=tuple(report for report in seen.reports if report.engine != "nsfw"))
    able = frozenset({Requirement.BLUR, Requirement.FACES, Requirement.AGE})

    if Requirement.NSFW in needs(policy):
        assert judge(blind, served(policy, able)).outcome is not Outcome.APPROVE
    assert served(policy, frozenset(Requirement)) == policy


@pytest.mark.parametrize("guards", [[{"name": "half"}], "x", [None]])
def test_a_rule_of_which_a_part_cannot_be_read_is_none(guards: object) -> None:
    stored = json.loads(json.dumps(storable(Rule(POLICY, (LOOSE,)).stored())))

    assert stored_rule(stored) == Rule(POLICY, (LOOSE,))
    assert stored_rule(stored | {"guards": guards}) is None
    assert stored_rule(None) is None


def test_nothing_is_held_back_where_nobody_stops() -> None:
    own = judge(evidence(), POLICY)

    assert guarded(own, [judge(evidence(), LOOSE)]) is own
