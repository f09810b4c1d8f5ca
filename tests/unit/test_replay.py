from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import given

from lomi_ops.db.documents import decision_document, decision_of, log_columns, storable
from lomi_ops.db.replaying import Stored
from lomi_ops.domain.decision import decide
from lomi_ops.domain.finding import Evidence
from lomi_ops.domain.policy import Policy, judge
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.replay import Replay, compared
from lomi_ops.domain.verdict import Outcome, Verdict
from lomi_ops.errors import ExitCode
from lomi_ops.ops.policies.verify import replayed
from tests.unit.evidence import POLICY, evidence
from tests.unit.policies import policies
from tests.unit.test_documents import evidences

AT = datetime(2026, 11, 20, tzinfo=UTC)
ONE = UUID(int=1)


def stored(seen: Evidence, policy: Policy) -> Any:
    """A decision as it lies in the log."""
    decision = decide(ONE, seen, judge(seen, policy), policy)
    return json.loads(json.dumps(storable(log_columns(decision, None))))


def row(**changes: Any) -> Stored:
    seen = evidence()
    whole: dict[str, Any] = {"verdict": judge(seen, POLICY), "evidence": seen, "rule": Rule(POLICY)}
    return Stored(7, AT, ONE, ONE, by_person=False, **(whole | changes))


@given(evidences, policies)
def test_whatever_was_seen_and_by_whatever_policy_the_stored_verdict_comes_out_again(
    seen: Evidence, policy: Policy
) -> None:
    again = decision_of(stored(seen, policy))

    assert again.verdict is not None
    assert again.evidence is not None
    assert again.rule == Rule(policy)
    what, _ = compared(again.verdict, again.evidence, Rule(policy))
    assert what is Replay.SAME or not seen.reports


@given(evidences, policies)
def test_a_decision_that_waits_for_the_rest_of_its_job_keeps_the_policy_that_made_it(
    seen: Evidence, policy: Policy
) -> None:
    kept = decision_of(
        json.loads(json.dumps(storable(decision_document(decide(ONE, seen, judge(seen, policy), policy)))))
    )

    assert log_columns(kept, POLICY)["thresholds"]["name"] == policy.name
    assert kept.rule == Rule(policy)


def test_another_threshold_another_outcome_and_another_number_are_each_noticed() -> None:
    seen = evidence(sharpness=30)
    verdict = judge(seen, POLICY)
    moved = replace(POLICY, blur=replace(POLICY.blur, review_below=41))
    lied = replace(verdict, outcome=Outcome.APPROVE)

    assert compared(verdict, seen, Rule(POLICY))[0] is Replay.SAME
    assert compared(verdict, seen, Rule(moved))[0] is Replay.DIFFERS
    assert compared(lied, seen, Rule(POLICY))[0] is Replay.DIFFERS
    assert compared(verdict, evidence(sharpness=31), Rule(POLICY))[0] is Replay.DIFFERS


def test_words_may_be_others() -> None:
    seen = evidence(sharpness=30)
    verdict = judge(seen, POLICY)
    reworded = replace(verdict, grounds=tuple(replace(ground, text="soft") for ground in verdict.grounds))

    assert compared(reworded, seen, Rule(POLICY))[0] is Replay.SAME


def test_an_approval_that_no_engine_stands_behind_differs() -> None:
    """A photo that went to a person without any answer is none of a policy's; an approval never is like that."""
    nothing = Evidence(0, 0)

    assert compared(Verdict(Outcome.REVIEW, "p@1"), nothing, Rule(POLICY))[0] is Replay.NO_JUDGEMENT
    assert compared(Verdict(Outcome.APPROVE, "p@1"), nothing, Rule(POLICY))[0] is Replay.DIFFERS


def test_what_cannot_be_judged_again_is_counted_and_named() -> None:
    found = replayed(
        [
            row(),
            row(rule=None),
            row(verdict=None, evidence=None, rule=None, odd=True),
            row(verdict=None, evidence=None),
            row(evidence=Evidence(0, 0), rule=None, verdict=Verdict(Outcome.REVIEW, "p@1")),
            Stored(8, AT, ONE, ONE, by_person=True),
        ],
        50,
    )

    assert found.tally.counts == {each: 0 if each is Replay.DIFFERS else 1 for each in Replay}
    assert [each.what for each in found.odd] == [Replay.NO_POLICY, Replay.UNREADABLE]
    assert found.exit_code is ExitCode.UNKNOWN


def test_only_so_many_are_named_and_all_are_counted() -> None:
    wrong = row(verdict=Verdict(Outcome.REJECT, POLICY.ref))
    found = replayed([wrong] * 5, 2)

    assert (len(found.odd), found.tally.counts[Replay.DIFFERS]) == (2, 5)
    assert (found.odd[0].stored, found.odd[0].again) == ("reject", "approve")
    assert found.exit_code is ExitCode.BAD
