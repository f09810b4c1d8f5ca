"""The two kinds of builds, which differ in default threshold, plugins, and what an age looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

BUCKETS = ((0, 2), (4, 6), (8, 12), (15, 20), (25, 32), (38, 43), (48, 53), (60, 100))
"""All that the agegender model can say. None begins or ends at 18."""


@dataclass(frozen=True)
class Personality:
    """One build of the core."""

    name: str
    threshold: float
    """Of the detector, when the request names none."""
    plugins: Mapping[str, str]
    """Slug to `module.Class` or `module.Class@model`."""
    similarity: tuple[float, float]

    def age(self, years: float, probability: float) -> dict[str, object]:
        if self.name == "insightface":
            # One year, and a probability that nobody computes.
            return {"probability": 1.0, "high": round(years), "low": round(years)}
        low, high = min(BUCKETS, key=lambda bucket: abs(years - min(max(years, bucket[0]), bucket[1])))
        return {"probability": probability, "high": high, "low": low}

    def whole_frame(self, width: int, height: int) -> tuple[int, int, int, int]:
        """The box of a face that skipped detection makes up: x_min, y_min, x_max, y_max.

        FaceNet builds take the height for the width, and then add their margins as to any face.
        """
        if self.name == "insightface":
            return 0, 0, width, height
        return 0, 0, int(min(height * 1.2230769, width)), int(min(width * 1.0986842, height))


FACENET = Personality(
    "facenet",
    0.85,
    {
        "detector": "facenet.FaceDetector",
        "calculator": "facenet.Calculator",
        "landmarks": "facenet.LandmarksDetector",
        "age": "agegender.AgeDetector",
        "gender": "agegender.GenderDetector",
        "mask": "facemask.MaskDetector",
        "pose": "facenet.PoseEstimator",
    },
    (1.1817961, 5.291995557),
)

INSIGHTFACE = Personality(
    "insightface",
    0.8,
    {
        "detector": "insightface.FaceDetector@retinaface_r50_v1",
        "calculator": "insightface.Calculator@arcface_r100_v1",
        "landmarks": "insightface.LandmarksDetector",
        "age": "insightface.AgeDetector",
        "gender": "insightface.GenderDetector",
        "mask": "facemask.MaskDetector",
        "pose": "insightface.PoseEstimator",
    },
    (1.23132175, 6.602259425),
)

PERSONALITIES = {personality.name: personality for personality in (FACENET, INSIGHTFACE)}
