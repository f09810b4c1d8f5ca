"""Does a detector say the same of a photo whose padding ends at a stride?

    python -m benchmarks.padding PHOTOS

The best score of each label before any floor, in units of its logit, beside what the shipped detector says of the same
photo padded to the square; and beside it what two other changes do that show the same people: the photo mirrored, and
padded on both sides. Square photos are left out. A mean that is not zero is a bias; the spread is chance.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.nudenet_agreement import Pixels, load
from lomi_ops.config.manifest import Manifest, Mode
from lomi_ops.config.model_files import locate
from lomi_ops.domain.finding import Label
from worker.engines.load import load_model
from worker.engines.tensor import Preparation

LEAST = {"all labels": 0.1, "exposed parts": 0.002}
"""A score below it, in both, tells nothing. Ordinary photos have hardly any exposed part above 0.1."""

Scores = npt.NDArray[np.float32]
Best = Callable[[Pixels], Scores]


def best(manifest: Manifest, file: Path) -> Best:
    """The best score of each label, from 0 to 1."""
    model, prepare = load_model(manifest, file), Preparation(manifest.input)
    return lambda photo: model.session.run(prepare.tensors(photo)[0])[0, 4:].max(axis=1)


def resized(base: Manifest, **changes: object) -> Manifest:
    resize = base.input.resize.model_copy(update=changes)
    return base.model_copy(update={"input": base.input.model_copy(update={"resize": resize})})


def logit(scores: Scores) -> Scores:
    kept = np.clip(scores, 1e-6, 1 - 1e-6)
    odds: Scores = np.log(kept / (1 - kept))
    return odds


def main() -> None:
    shipped = locate("nudenet-320n")
    if shipped.path is None:
        raise SystemExit("nudenet-320n is not installed: lomi models add nudenet-320n --accept-licence")
    base, file = shipped.manifest, shipped.path
    photos = [load(each) for each in sorted(Path(sys.argv[1]).glob("*.jpg"))]
    photos = [each for each in photos if each.shape[0] != each.shape[1]]
    square = best(resized(base, stride=None), file)
    before = np.array([square(each) for each in photos])
    ways: dict[str, Best] = {
        "stride 32": best(resized(base, stride=32), file),
        "mirrored": lambda photo: square(np.ascontiguousarray(photo[:, ::-1])),
        "padded on both sides": best(resized(base, stride=None, mode=Mode.PAD_CENTRE), file),
    }
    hard = np.array([base.mapping[label] is Label.PORN for label in base.labels])
    print(f"{len(photos)} photos that are not square\n")
    print("| beside the square | labels | scores | mean | spread |\n| --- | --- | ---: | ---: | ---: |")
    for name, way in ways.items():
        after = np.array([way(each) for each in photos])
        for what, chosen in (("all labels", np.ones_like(hard)), ("exposed parts", hard)):
            told = (np.maximum(before, after) > LEAST[what]) & chosen
            moved = (logit(after) - logit(before))[told]
            error = moved.std() / len(moved) ** 0.5
            print(f"| {name} | {what} | {len(moved)} | {moved.mean():+.3f} ± {error:.3f} | {moved.std():.3f} |")


if __name__ == "__main__":
    main()
