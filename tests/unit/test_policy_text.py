from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.db.documents import storable
from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import Policy, Requirement, Zones, judge
from lomi_ops.domain.policy_text import Turn, differences, digest, doubts, lines
from lomi_ops.domain.stored_policy import stored_policy
from tests.unit.evidence import POLICY
from tests.unit.policies import policies
from tests.unit.test_documents import evidences


def test_a_policy_differs_from_itself_in_nothing() -> None:
    assert differences(POLICY, replace(POLICY, name="other", version=9)) == ()


@pytest.mark.parametrize(
    ("changed", "key", "turn"),
    [
        (replace(POLICY, nsfw=POLICY.nsfw | {Label.PORN: Zones(0.3, 0.7)}), "nsfw.porn.reject_at", Turn.LOOSER),
        (replace(POLICY, nsfw=POLICY.nsfw | {Label.PORN: Zones(0.2, 0.6)}), "nsfw.porn.review_at", Turn.STRICTER),
        (replace(POLICY, nsfw=POLICY.nsfw | {Label.SEXY: Zones(0.7, 0.9)}), "nsfw.sexy.reject_at", Turn.STRICTER),
        (replace(POLICY, nsfw=POLICY.nsfw | {Label.SEXY: Zones()}), "nsfw.sexy.review_at", Turn.LOOSER),
        (replace(POLICY, blur=replace(POLICY.blur, reject_below=30)), "blur.reject_below", Turn.STRICTER),
        (replace(POLICY, age=replace(POLICY.age, limit=16)), "age.limit", Turn.LOOSER),
        (replace(POLICY, faces=replace(POLICY.faces, min_score=0.6)), "faces.min_score", Turn.OTHER),
        (replace(POLICY, requires=POLICY.requires - {Requirement.NSFW}), "requires.nsfw", Turn.LOOSER),
    ],
)
def test_each_change_is_named_with_the_way_it_goes(changed: Policy, key: str, turn: Turn) -> None:
    (found,) = differences(POLICY, changed)

    assert (found.first.key, found.turn) == (key, turn)
    assert digest(POLICY) != digest(changed)


def test_a_face_that_must_be_sharper_to_rescue_a_photo_is_stricter() -> None:
    (found,) = differences(POLICY, replace(POLICY, blur=replace(POLICY.blur, face_sharp_at=80)))

    assert found.turn is Turn.STRICTER


def test_a_digest_is_of_what_judges_and_not_of_the_description() -> None:
    assert digest(POLICY) == digest(replace(POLICY, description="other words"))
    assert digest(POLICY) != digest(replace(POLICY, version=4))


@given(policies, evidences)
def test_a_stored_policy_is_read_back_whole_and_judges_alike(policy: Policy, seen: object) -> None:
    again = stored_policy(json.loads(json.dumps(storable(asdict(policy)))))

    assert again == policy
    assert digest(again) == digest(policy)
    assert judge(seen, again) == judge(seen, policy)  # type: ignore[arg-type]


@given(policies, st.sampled_from(["requires", "blur", "nsfw", "age"]))
def test_a_stored_policy_that_lacks_a_part_is_none(policy: Policy, part: str) -> None:
    stored = json.loads(json.dumps(storable(asdict(policy))))
    del stored[part]

    assert stored_policy(stored) is None


def test_every_policy_has_the_same_lines() -> None:
    bare = replace(POLICY, nsfw={}, requires=frozenset({Requirement.BLUR}))

    assert [line.key for line in lines(bare)] == [line.key for line in lines(POLICY)]


def test_what_is_rarely_meant_is_said() -> None:
    assert list(doubts(POLICY)) == []
    told = list(doubts(replace(POLICY, nsfw={}, requires=POLICY.requires - {Requirement.NSFW})))

    assert told[0].startswith("nsfw is not required")
    assert len(told) == 4
