"""The sample set: what it holds, and what the engines of the `local` policy make of it."""

from __future__ import annotations

import io
import struct
from uuid import UUID

import pytest
from PIL import Image

from lomi_ops.config import model_files
from lomi_ops.config.schema import Settings
from lomi_ops.domain.decision import PhotoDecision, fail
from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.verdict import FailureCode, MediaStatus
from lomi_ops.errors import PhotoError
from lomi_ops.ops.demo import sources
from lomi_ops.ops.demo.samples import Sample, _bomb, build_samples
from tests.conftest import need
from worker.engines.load import load_engines
from worker.judging.judge import conclude
from worker.judging.look import Looker

NOBODY = UUID(int=0)


@pytest.fixture(scope="module")
def samples() -> dict[str, Sample]:
    return {sample.name: sample for sample in build_samples()}


def test_two_builds_give_the_same_bytes(samples: dict[str, Sample]) -> None:
    again = {sample.name: sample for sample in build_samples()}
    assert [name for name in samples if samples[name] != again[name]] == []


def test_names_and_file_names_are_unique_and_everything_has_a_note(samples: dict[str, Sample]) -> None:
    assert len(samples) == len(build_samples()) == len({sample.filename for sample in samples.values()})
    assert all(sample.note and sample.status for sample in samples.values())


def test_the_set_has_every_kind_of_outcome_and_fits_into_a_few_megabytes(samples: dict[str, Sample]) -> None:
    outcomes = {(sample.status, sample.reason) for sample in samples.values()}
    assert {reason for status, reason in outcomes if status is MediaStatus.REJECTED} == {
        "blurry",
        "group_photo",
        "no_face",
    }
    assert {reason for status, reason in outcomes if status is MediaStatus.FAILED} == {
        "truncated",
        "too_large",
        "unreadable",
    }
    assert (MediaStatus.APPROVED, None) in outcomes
    assert sum(len(sample.data) for sample in samples.values()) < 4_000_000


@pytest.mark.parametrize(
    ("name", "format_", "mode", "size"),
    [
        ("EXIF-rotated", "JPEG", "RGB", (512, 512)),
        ("PNG with alpha", "PNG", "RGBA", (512, 512)),
        ("CMYK", "JPEG", "CMYK", (512, 512)),
        ("WebP", "WEBP", "RGB", (512, 512)),
        ("12 megapixels", "JPEG", "RGB", (4000, 3000)),
        ("grey", "JPEG", "L", (512, 512)),
        ("palette", "PNG", "P", (512, 512)),
    ],
)
def test_an_awkward_encoding_is_what_its_name_says(
    samples: dict[str, Sample], name: str, format_: str, mode: str, size: tuple[int, int]
) -> None:
    with Image.open(io.BytesIO(samples[name].data)) as image:
        assert (image.format, image.mode, image.size) == (format_, mode, size)


def test_the_rotated_portrait_needs_its_exif_tag_to_be_upright(samples: dict[str, Sample]) -> None:
    with Image.open(io.BytesIO(samples["EXIF-rotated"].data)) as image:
        assert image.getexif()[0x0112] == 6
        # Upright, the bright flag is on the left: on its side, that is where the top of the portrait was.
        upright = image.transpose(Image.Transpose.ROTATE_270).resize((32, 32))
    portrait = sources.load("astronaut").resize((32, 32))
    pairs = zip(upright.tobytes(), portrait.tobytes(), strict=True)
    assert sum(abs(one - other) for one, other in pairs) / (32 * 32 * 3) < 4


def test_the_bomb_is_a_small_file_that_claims_400_megapixels(samples: dict[str, Sample]) -> None:
    data = samples["bomb"].data
    assert len(data) < 300_000
    assert struct.unpack(">II", data[16:24]) == (20_000, 20_000)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(data))


def test_the_bomb_unpacks_to_what_it_claims() -> None:
    with Image.open(io.BytesIO(_bomb(1000))) as image:
        image.load()
        assert (image.size, image.mode, image.getextrema()) == ((1000, 1000), "1", (0, 0))


@pytest.fixture(scope="module")
def decisions(samples: dict[str, Sample]) -> dict[str, PhotoDecision]:
    """What the local engines and the `local` policy make of each sample, in one process."""
    settings = Settings()
    need(model_files.locate(settings.models.local_faces, settings.models.dir).path, "the model nudenet-320n")
    policy = settings.active_policy("local")
    looker = Looker(load_engines(settings, policy), settings.images)
    return {name: judged(looker, sample, policy) for name, sample in samples.items()}


def judged(looker: Looker, sample: Sample, policy: Policy) -> PhotoDecision:
    try:
        look = looker.look(sample.data, canonical=False)
    except PhotoError as error:
        return fail(NOBODY, FailureCode(error.code), error.message)
    return conclude(NOBODY, look, Rule(policy), None).decision


def test_every_sample_gets_its_expected_decision_under_the_local_policy(
    samples: dict[str, Sample], decisions: dict[str, PhotoDecision]
) -> None:
    expected = {name: (sample.status, sample.reason) for name, sample in samples.items()}
    assert {name: (decision.status, decision.reason) for name, decision in decisions.items()} == expected


def test_every_approved_portrait_is_one_face(decisions: dict[str, PhotoDecision]) -> None:
    counts = {name: d.scores["face_count"] for name, d in decisions.items() if d.status is MediaStatus.APPROVED}
    assert set(counts.values()) == {1}, counts


def test_no_sample_stands_close_to_a_threshold(decisions: dict[str, PhotoDecision]) -> None:
    """So that another build of the libraries does not turn the demo red."""
    policy = Settings().active_policy("local")
    for name, decision in decisions.items():
        if decision.evidence is None:
            continue
        blur = decision.scores["blur_variance"]
        assert blur < 0.7 * policy.blur.reject_below or blur > 1.4 * policy.blur.review_below, (name, blur)
        counts = decision.reason != "blurry"  # a blurred face is found or not; it makes no difference
        scores = [face.score for face in decision.evidence.labelled(Label.FACE) if counts]
        assert not [score for score in scores if abs(score - policy.faces.min_score) < 0.06], (name, scores)
