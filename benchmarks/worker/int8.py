"""Does a model in whole numbers decide as it does in floats, and how much faster is it here?

    .venv/bin/python -m benchmarks.worker.int8 [--photos FOLDER] [--rounds 5]

Quantizes the small detector (dynamically, and statically after looking at photos of the package) and the ViT with
random weights (dynamically). Judges the same photos by the default local policy with each, and times inference in turns
with the model in floats. The ViT knows nothing: look at how far its scores are apart, not at its decisions. Nothing is
installed.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_dynamic, quantize_static

from benchmarks.worker import vit
from benchmarks.worker.photos import photos as package_photos
from benchmarks.worker.results import Sample
from lomi_ops.config import model_files
from lomi_ops.config.manifest import Manifest, read_manifest
from lomi_ops.config.sections.judging import LOCAL_POLICY, ImagesSection
from lomi_ops.domain.finding import Evidence, Finding
from lomi_ops.domain.regime import Rule, judged
from lomi_ops.errors import PhotoError
from lomi_ops.imaging.decode import decode
from lomi_ops.imaging.pixels import Pixels
from lomi_ops.ops.demo.samples import build_samples
from tests.services import open_folder
from worker.engines.load import Engines, Model, load_model
from worker.engines.tensor import Preparation, Tensor
from worker.judging.look import Look, Looker

DETECTOR = "nudenet-320n"
CALIBRATED_ON = 40
VIT_PHOTOS = 20
"""Half a second each, and it knows nothing."""
RULE = Rule(LOCAL_POLICY.to_policy("local"))
LIMITS = ImagesSection()


@dataclass(frozen=True, slots=True)
class Compared:
    """One model in whole numbers beside the same in floats."""

    name: str
    speed: Sample
    """Time of the floats over its own, round by round."""
    megabytes: float
    photos: int
    differ: int
    """Photos with another outcome or another reason."""
    labels: int
    """Photos in which it found other labels."""
    apart: float
    """The largest difference between the best scores of one label in one photo."""

    @property
    def row(self) -> str:
        return (
            f"| {self.name} | {self.speed.middle:.2f} ({self.speed.spread}) | {self.megabytes:.0f} "
            f"| {self.differ} of {self.photos} | {self.labels} | {self.apart:.3f} |"
        )


class Reader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no types
    """The model's input for photos, one after another."""

    def __init__(self, name: str, tensors: Sequence[Tensor]) -> None:
        self._left: Iterator[Tensor] = iter(tensors)
        self._name = name

    def get_next(self) -> dict[str, Tensor] | None:
        tensor = next(self._left, None)
        return None if tensor is None else {self._name: tensor}


def compared(name: str, floats: Model, whole: Model, file: Path, files: Sequence[bytes], rounds: int) -> Compared:
    """Decisions over all photos, and times over the first of them."""
    seen = [(looks_of(floats, data), looks_of(whole, data)) for data in files]
    pixels = decode(files[0], LIMITS).pixels
    return Compared(
        name,
        Sample(tuple(_time(floats, pixels) / _time(whole, pixels) for _ in range(rounds))),
        file.stat().st_size / 1e6,
        len(seen),
        sum(_decided(one) != _decided(other) for one, other in seen),
        sum(set(_best(one)) != set(_best(other)) for one, other in seen),
        max(_apart(one, other) for one, other in seen),
    )


def looks_of(model: Model, data: bytes) -> Look:
    """The model looks for faces, too, where it knows any."""
    finds_faces = any(label.value == "face" for label in model.session.manifest.mapping.values())
    return Looker(Engines((model,), model if finds_faces else None), LIMITS).look(data, canonical=False)


def _decided(look: Look) -> tuple[str, tuple[str, ...]]:
    verdict = judged(Evidence(look.width, look.height, (look.blur, look.local_faces, look.nsfw)), RULE)
    return verdict.outcome.value, tuple(ground.reason.value for ground in verdict.grounds)


def _best(look: Look) -> dict[str, float]:
    """By the model's own labels."""
    best: dict[str, float] = {}
    findings: tuple[Finding, ...] = look.nsfw.findings
    for finding in findings:
        best[finding.raw_label] = max(best.get(finding.raw_label, 0.0), finding.score)
    return best


def _apart(one: Look, other: Look) -> float:
    """A label that only one of them found is told by the labels, not here."""
    left, right = _best(one), _best(other)
    return max((abs(left[label] - right[label]) for label in left.keys() & right.keys()), default=0.0)


def _time(model: Model, pixels: Pixels, least_s: float = 0.5) -> float:
    """Processor time of one inference."""
    tensor = Preparation(model.session.manifest.input).tensors(pixels)[0]
    began, times = time.process_time(), 0
    while not times or time.process_time() - began < least_s:
        model.session.run(tensor)
        times += 1
    return (time.process_time() - began) / times


def readable(folder: Path | None) -> list[bytes]:
    """The photos of the package in many sizes, those of `lomi demo` and of the folder: whatever can be decoded."""
    own = sorted(folder.iterdir()) if folder else []
    files = [*package_photos("mixed"), *(sample.data for sample in build_samples())]
    files += [each.read_bytes() for each in own if each.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")]
    return [data for data in files if _decodes(data)]


def _decodes(data: bytes) -> bool:
    try:
        decode(data, LIMITS)
    except PhotoError:
        return False
    return True


def dynamic(source: Path, target: Path, kinds: Sequence[str]) -> None:
    # Without VNNI two products of full range overflow 16 bits.
    quantize_dynamic(source, target, op_types_to_quantize=list(kinds), per_channel=True, reduce_range=True)


def static(source: Path, target: Path, manifest: Manifest) -> None:
    """Convolutions alone: behind them boxes in pixels and scores from 0 to 1 share one tensor."""
    prepare = Preparation(manifest.input)
    seen = [prepare.tensors(decode(data, LIMITS).pixels)[0] for data in package_photos("mixed")[:CALIBRATED_ON]]
    quantize_static(
        source, target, Reader(manifest.input.name or "images", seen),
        op_types_to_quantize=["Conv"], per_channel=True, reduce_range=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip


def measured(folder: Path, own: Path | None, rounds: int) -> list[Compared]:
    """Every kind of every model."""
    files, found = readable(own), []
    manifest, path, _ = model_files.require(DETECTOR, None)
    floats = load_model(manifest, path)
    kinds: dict[str, Callable[[Path], None]] = {
        "dynamic": lambda target: dynamic(path, target, ["Conv", "MatMul"]),
        "static": lambda target: static(path, target, manifest),
    }
    for kind, quantize in kinds.items():
        quantize(target := folder / f"{kind}.onnx")
        whole = load_model(manifest.model_copy(update={"sha256": None}), target)
        found.append(compared(f"{DETECTOR}, {kind}", floats, whole, target, files, rounds))
        print(found[-1].row, file=sys.stderr)
    source, described = vit.write(folder)
    dynamic(source, target := folder / "vit-int8.onnx", ["MatMul"])
    blind = read_manifest(described)
    floats, whole = load_model(blind, source), load_model(blind, target)
    some = files[:: max(1, len(files) // VIT_PHOTOS)]
    return [*found, compared("ViT-B/16, random, dynamic", floats, whole, target, some, rounds)]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--photos", type=Path, help="folder of photos, beside those of the package")
    asked.add_argument("--rounds", type=int, default=5)
    options = asked.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with open_folder("lomi-int8-") as folder:
        found = measured(folder, options.photos, options.rounds)
    print("| model | speed, float = 1 | MB | decided otherwise | photos with other labels | scores apart, most |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    print("\n".join(each.row for each in found))


if __name__ == "__main__":
    main()
