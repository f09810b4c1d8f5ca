"""Do we see what the nudenet library sees, and which way of feeding its model is best?

    python benchmarks/nudenet_agreement.py PHOTOS             agreement with the recorded library, table of variants
    python benchmarks/nudenet_agreement.py PHOTOS --record    writes what the installed library and OpenCV answer

`--record` runs in an environment of its own with nudenet (3.4.2 or 3.0.8) and opencv-python-headless; what it writes
into tests/golden are numbers. The photos stay where they are.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from lomi_ops.config.manifest import Colour, Manifest, Resample  # noqa: E402
from lomi_ops.domain.finding import Finding, Label  # noqa: E402
from worker.engines.resize import resize_linear  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
RESIZES = (
    ((7, 5), (3, 4), None), ((640, 480), (320, 240), None), ((640, 480), (320, 320), (640, 640)),
    ((1600, 1201), (320, 320), (1600, 1600)), ((333, 500), (320, 320), (500, 500)), ((100, 60), (320, 320), (100, 100)),
    ((2, 2), (5, 3), None), ((321, 97), (64, 640), None), ((320, 320), (320, 320), None), ((1000, 3), (320, 7), None),
)  # fmt: skip
"""Source size, target size, frame: for the golden file of the resize."""

Pixels = npt.NDArray[np.uint8]


def pattern(width: int, height: int) -> Pixels:
    """A picture that anybody can compute: no randomness, every byte value, no smooth areas."""
    x, y, channel = np.meshgrid(np.arange(width), np.arange(height), np.arange(3))
    values: npt.NDArray[np.intp] = (x * 7 + y * 13 + channel * 29 + x * y * 3 + (x * x) // 5) % 256
    return values.astype(np.uint8)


def load(path: Path) -> Pixels:
    """Upright RGB at full resolution."""
    with Image.open(path) as photo:
        return np.asarray(ImageOps.exif_transpose(photo).convert("RGB"))


def record(photos: Path) -> None:
    import cv2
    import nudenet

    version = metadata.version("nudenet")
    detector = nudenet.NudeDetector(providers=["CPUExecutionProvider"])
    answers = {
        path.name: {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "detections": detector.detect(str(path))}
        for path in sorted(photos.glob("*.jpg"))
    }
    _write(GOLDEN / f"nudenet-{version}.json", {"nudenet": version, "opencv": cv2.__version__, "photos": answers})
    cases = []
    for source, target, frame in RESIZES:
        picture = pattern(*source)
        if frame:
            whole = np.zeros((frame[1], frame[0], 3), dtype=np.uint8)
            whole[: source[1], : source[0]] = picture
            picture = whole
        resized = cv2.resize(picture, target, interpolation=cv2.INTER_LINEAR)
        same = np.array_equal(resized, resize_linear(pattern(*source), *target, frame=frame))
        print(f"{source} -> {target} in {frame}: {'the same' if same else 'DIFFERENT'}")
        digest = hashlib.sha256(resized.tobytes()).hexdigest()
        cases.append({"source": source, "target": target, "frame": frame, "sha256": digest})
    _write(GOLDEN / "cv2-linear.json", {"opencv": cv2.__version__, "cases": cases})


def differences(found: Sequence[Finding], library: Sequence[dict[str, Any]]) -> tuple[bool, float]:
    """Whether labels, order and boxes are the same, and the largest difference of scores."""
    ours = [(f.raw_label, [f.box.x, f.box.y, f.box.w, f.box.h]) for f in found if f.box is not None]
    theirs = [(d["class"], d["box"]) for d in library]
    gaps = [abs(f.score - d["score"]) for f, d in zip(found, library, strict=False)]
    return ours == theirs, max(gaps, default=0.0)


def agreement(photos: Path, golden: Path, manifest: Manifest, file: Path) -> None:
    from worker.engines.load import load_model

    recorded = json.loads(golden.read_text())
    model = load_model(manifest, file)
    same, gap, boxes = 0, 0.0, 0
    for name, answer in recorded["photos"].items():
        equal, worst = differences(model.look(load(photos / name)), answer["detections"])
        same, gap, boxes = same + equal, max(gap, worst), boxes + len(answer["detections"])
    print(
        f"{manifest.ref} against nudenet {recorded['nudenet']}: {same} of {len(recorded['photos'])} photos the same"
        f" ({boxes} boxes), scores differ by at most {gap:.1e}"
    )


def variants(photos: Path, base: Manifest, file: Path) -> None:
    """One line per colour order and resize: how well faces are found, how steady the scores are, what it costs."""
    from worker.engines.load import load_model

    with (photos / "expected.csv").open() as table:
        people = {row["file"]: int(row["people"]) for row in csv.DictReader(table)}
    pixels = {name: load(photos / name) for name in people}
    halved = {name: _halved(picture) for name, picture in pixels.items() if max(picture.shape) >= 640}
    print("| order | resize | face: least, mean | strongest second face | hard labels | half size: mean, most | ms |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for colour in Colour:
        for resample, gap, stride in _KINDS:
            model = load_model(_variant(base, colour, resample, gap, stride), file)
            started = time.process_time()
            found = {name: model.look(picture) for name, picture in pixels.items()}
            each = (time.process_time() - started) / len(found) * 1000
            moved = [abs(_faces(found[name])[0] - _faces(model.look(half))[0]) for name, half in halved.items()]
            single = [_faces(found[name]) for name, count in people.items() if count == 1]
            first, second = [scores[0] for scores in single], max(scores[1] for scores in single)
            hard = sum(finding.label is Label.PORN for findings in found.values() for finding in findings)
            name = resample.value + (f", gap {gap}" if gap else "") + (f", stride {stride}" if stride else "")
            print(
                f"| {colour} | {name} | {min(first):.2f}, {np.mean(first):.3f} | {second:.2f} | {hard}"
                f" | {np.mean(moved):.4f}, {max(moved):.3f} | {each:.1f} |"
            )


_KINDS = (
    (Resample.CV2_LINEAR, None, None),
    (Resample.BILINEAR, None, None),
    (Resample.BILINEAR, 1.0, None),
    (Resample.BILINEAR, 1.5, None),
    (Resample.BILINEAR, 1.5, 32),
    (Resample.BILINEAR, 1.5, 64),
    (Resample.BILINEAR, 1.0, 32),
    (Resample.AREA, None, None),
    (Resample.BICUBIC, None, None),
    (Resample.NEAREST, None, None),
)


def _variant(base: Manifest, colour: Colour, resample: Resample, gap: float | None, stride: int | None) -> Manifest:
    resize = base.input.resize.model_copy(update={"resample": resample, "reducing_gap": gap, "stride": stride})
    return base.model_copy(update={"input": base.input.model_copy(update={"colour": colour, "resize": resize})})


def _faces(findings: Sequence[Finding]) -> list[float]:
    """Scores of the faces, best first, with two zeros behind."""
    return [*(finding.score for finding in findings if finding.label is Label.FACE), 0.0, 0.0]


def _halved(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    return np.asarray(Image.fromarray(picture).resize((width // 2, height // 2), Image.Resampling.LANCZOS))


def _write(path: Path, body: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(body, separators=(",", ":")) + "\n")
    print(f"wrote {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    if arguments.record:
        record(arguments.photos)
        return
    from lomi_ops.config.model_files import locate

    for name, version in (("nudenet-320n-compat", "3.4.2"), ("nudenet-3.0", "3.0.8")):
        found = locate(name)
        if found.path:
            agreement(arguments.photos, GOLDEN / f"nudenet-{version}.json", found.manifest, found.path)
    shipped = locate("nudenet-320n")
    if shipped.path is None:
        raise SystemExit("nudenet-320n is not installed: lomi models add nudenet-320n --accept-licence")
    variants(arguments.photos, shipped.manifest, shipped.path)


if __name__ == "__main__":
    main()
