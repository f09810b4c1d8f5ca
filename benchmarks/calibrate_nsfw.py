"""What the NSFW models and the local face detector say about ordinary photos, for choosing thresholds.

    python benchmarks/calibrate_nsfw.py PHOTOS [--model NAME-OR-MANIFEST]...

PHOTOS holds images and `expected.csv` (file, people). Prints, as Markdown: percentiles of the best score per label over
the single portraits, how the default zones would treat them, and how many people the face rule counts. It measures
false alarms only. Without nude photos it says nothing about what is missed: those thresholds come from the sources in
docs/models.md.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parents[1]))

from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.judging import ModelsSection, PolicySection
from lomi_ops.domain.finding import Engine, EngineReport, Evidence, Finding
from lomi_ops.domain.policy import Policy, counted_faces
from worker.engines.load import load_engines

PERCENTILES = (50, 90, 95, 99, 100)

Reports = Mapping[str, tuple[EngineReport, EngineReport]]


def look(folder: Path, names: Sequence[str], settings: Settings, policy: Policy) -> Reports:
    engines = load_engines(settings, policy)
    reports = {}
    for name in names:
        with Image.open(folder / name) as photo:
            pixels = np.asarray(ImageOps.exif_transpose(photo).convert("RGB"))
        (reports[name],) = engines.look([pixels])
    return reports


def show_scores(reports: Sequence[EngineReport]) -> None:
    """One line per label of the model: on how many photos it was found at all, and how high."""
    mapped = {f.raw_label: f.label for report in reports for f in report.findings}
    print("\n| model's label | ours | photos | " + " | ".join(f"p{p}" for p in PERCENTILES) + " |")
    print("| --- | --- | --- |" + " --- |" * len(PERCENTILES))
    for raw, label in sorted(mapped.items(), key=lambda pair: (pair[1], pair[0])):
        best = [max((f.score for f in report.findings if f.raw_label == raw), default=0.0) for report in reports]
        points = " | ".join(f"{value:.2f}" for value in np.percentile(best, PERCENTILES))
        print(f"| {raw} | {label} | {sum(score > 0 for score in best)} of {len(best)} | {points} |")


def show_zones(reports: Sequence[EngineReport], policy: Policy) -> None:
    print("\n| label | review from | reject from | reviewed | rejected |\n| --- | --- | --- | --- | --- |")
    for label, zones in policy.nsfw.items():
        best = [max((f.score for f in report.findings if f.label is label), default=0.0) for report in reports]
        rejected = sum(zones.reject_at is not None and score >= zones.reject_at for score in best)
        reviewed = sum(zones.review_at is not None and score >= zones.review_at for score in best) - rejected
        print(f"| {label} | {zones.review_at} | {zones.reject_at or '-'} | {reviewed} | {rejected} |")


def show_faces(reports: Reports, people: Mapping[str, int], policy: Policy) -> None:
    counts: Counter[tuple[bool, int]] = Counter()
    seconds: list[float] = []
    for name, (_, faces) in reports.items():
        counted = counted_faces(Evidence(0, 0, (faces,)), policy.faces)
        counts[people[name] > 1, len(counted)] += 1
        if people[name] == 1:
            seconds.append(_second(faces.findings))
    rule = policy.faces
    print(f"\nFaces from {rule.min_score} and {rule.min_area_share:.0%} of the largest one's area on count.")
    print("\n| photos of | counted faces | photos |\n| --- | --- | --- |")
    for (group, count), photos in sorted(counts.items()):
        print(f"| {'several' if group else 'one'} | {count} | {photos} |")
    print(f"\nThe strongest second face in a photo of one person scores {max(seconds):.2f}.")


def _second(findings: Sequence[Finding]) -> float:
    return sorted((f.score for f in findings), reverse=True)[1] if len(findings) > 1 else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", action="append", default=[])
    arguments = parser.parse_args()
    section = ModelsSection(nsfw=tuple(arguments.model)) if arguments.model else ModelsSection()
    policy = PolicySection().to_policy("calibration")
    with (arguments.photos / "expected.csv").open() as table:
        people = {row["file"]: int(row["people"]) for row in csv.DictReader(table)}
    reports = look(arguments.photos, list(people), Settings(models=section), policy)
    single = [nsfw for name, (nsfw, _) in reports.items() if people[name] == 1]
    if silent := [report.detail for report in single if not report.answered]:
        raise SystemExit(f"{len(silent)} photos got no answer: {silent[0]}")
    assert all(report.engine is Engine.NSFW for report in single)
    print(f"{single[0].model} on {len(single)} ordinary portraits")
    show_scores(single)
    show_zones(single, policy)
    show_faces(reports, people, policy)


if __name__ == "__main__":
    main()
