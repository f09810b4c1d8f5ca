"""Strategies for policies in tests."""

from __future__ import annotations

from hypothesis import strategies as st

from lomi_ops.domain.finding import NSFW_LABELS
from lomi_ops.domain.policy import AgeRule, BlurRule, FaceRule, Policy, Requirement, Zones

shares = st.floats(0, 1)
zones = st.builds(Zones, st.none() | shares, st.none() | shares)
policies = st.builds(
    Policy,
    name=st.sampled_from(["default", "local", "mine"]),
    version=st.integers(1, 9),
    requires=st.frozensets(st.sampled_from(Requirement), min_size=1),
    blur=st.builds(BlurRule, *[st.floats(0, 500)] * 3),
    faces=st.builds(FaceRule, shares, shares),
    age=st.builds(AgeRule, st.integers(13, 30)),
    nsfw=st.dictionaries(st.sampled_from(NSFW_LABELS), zones),
    description=st.sampled_from(["", "for people"]),
)
