"""Many photos are read and judged again quickly: nothing else may come of it than the plain way."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.db.documents import evidence_of, log_columns, storable
from lomi_ops.domain.decision import decide
from lomi_ops.domain.finding import Engine, EngineReport, EngineStatus, Evidence, Finding, Label
from lomi_ops.domain.policy import Policy, judge
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.replay import Replay, compared
from lomi_ops.domain.verdict import Verdict
from tests.unit import plainly
from tests.unit.evidence import POLICY, evidence, face
from tests.unit.policies import policies
from tests.unit.test_documents import evidences
from tests.unit.test_replay import ONE

SHORT = 0.5
labels = st.lists(
    st.builds(Finding, st.sampled_from(Label), st.floats(0, 1), value=st.none() | st.floats(0, 500)), max_size=4
).map(tuple)
spoken = st.builds(
    lambda nsfw, faces, blur, seen: Evidence(8, 8, (
        EngineReport(Engine.NSFW, status=EngineStatus.ANSWERED, findings=nsfw),
        EngineReport(Engine.FACES, status=faces, findings=tuple(face(side=side) for side in seen), detail="why"),
        EngineReport(Engine.BLUR, status=EngineStatus.ANSWERED, findings=blur),
    )),
    labels, st.sampled_from(EngineStatus), labels, st.lists(st.integers(1, 200), max_size=3),
)  # fmt: skip
"""Photos of which engines say much."""
junk: st.SearchStrategy[Any] = st.sampled_from([None, "x", 7, [], {}, [1], {"x": 1}])


@given(evidences | spoken, policies)
def test_the_verdict_is_the_plain_one_to_the_letter(seen: Evidence, policy: Policy) -> None:
    assert repr(judge(seen, policy)) == repr(plainly.judge(seen, policy))


@given(evidences | spoken, st.data())
def test_findings_are_read_as_the_plain_way_reads_them_and_odd_ones_are_odd_for_both(
    seen: Evidence, data: st.DataObject
) -> None:
    columns = json.loads(json.dumps(storable(log_columns(decide(ONE, seen, judge(seen, POLICY), POLICY), None))))
    stored = [columns["photo"], columns["engines"], columns["findings"]]
    whole = _read(evidence_of, stored)
    assert repr(whole) == repr(_read(plainly.evidence_of, stored))
    assert whole is not None

    spoilt = deepcopy(stored)
    row = data.draw(st.sampled_from([spoilt[0], *spoilt[1], *spoilt[2]]))
    key = data.draw(st.sampled_from(sorted(row)))
    if data.draw(st.booleans()):
        del row[key]
    else:
        row[key] = data.draw(junk)

    assert repr(_read(evidence_of, spoilt)) == repr(_read(plainly.evidence_of, spoilt))


def test_a_number_that_is_written_otherwise_and_grounds_in_another_order_are_compared_as_before() -> None:
    seen = evidence(sharpness=30, nsfw=(Finding(Label.SEXY, 0.9), Finding(Label.PORN, 0.5)))
    verdict = judge(seen, POLICY)
    turned = replace(verdict, grounds=verdict.grounds[::-1])
    whole = replace(verdict, grounds=tuple(replace(each, observed=30) for each in verdict.grounds))

    assert _compared(turned, seen) == (Replay.SAME if turned.reason == verdict.reason else Replay.DIFFERS)
    assert _compared(whole, seen) is Replay.DIFFERS
    assert _compared(verdict, seen) is Replay.SAME


def _compared(stored: Verdict, seen: Evidence) -> Replay:
    return compared(stored, seen, Rule(POLICY))[0]


def _read(way: Callable[[Any, Any, Any], Evidence], stored: list[Any]) -> Evidence | None:
    """None for what cannot be read."""
    try:
        return way(*stored)
    except (KeyError, TypeError, ValueError):
        return None
