"""What people said, band by band."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lomi_ops.domain.quality import estimate
from lomi_ops.domain.score import SCALES, Limit
from lomi_ops.domain.simulation import Truth
from lomi_ops.domain.verdict import Outcome
from lomi_ops.ops.reports.score_bands import Told, along

PORN, SHARPNESS = (next(scale for scale in SCALES if scale.label == label) for label in ("porn", "sharpness"))
cents = st.integers(0, 100).map(lambda number: number / 100)
truths = st.builds(Truth, st.sampled_from([0.01, 0.5, 1.0]), st.booleans(), st.just(Outcome.REJECT))


@given(st.lists(st.tuples(truths, cents)), st.lists(cents, min_size=2, max_size=2).map(sorted))
def test_a_band_has_the_estimate_of_the_photos_in_it(told: list[tuple[Truth, float]], ends: list[float]) -> None:
    low, high = ends
    found = along("porn", [Told(truth, 1, {"porn": [score]}) for truth, score in told])

    assert found.rejecting(low, high) == estimate(
        (truth.probability, truth.reject) for truth, score in told if low <= score < high
    )


def test_what_was_not_measured_lies_in_no_band() -> None:
    truth = Truth(1.0, True, Outcome.REJECT)
    found = along("porn", [Told(truth, 3, {"porn": (), "sharpness": (0.5, 0.5)})])

    assert found.rejecting(0, 1).share is None


def test_a_score_is_concerned_from_its_line_on_and_sharpness_below_it() -> None:
    truth = Truth(1.0, True, Outcome.REJECT)
    told = [Told(truth, 3, {"porn": (0.61, 0.59, 0.6), "sharpness": (60, 61, 59)})]

    assert along("porn", told).rejecting(*Limit("porn.reject", PORN, 0.6).concerned).judged == 2
    assert along("sharpness", told).rejecting(*Limit("sharpness.reject", SHARPNESS, 60).concerned).judged == 1
