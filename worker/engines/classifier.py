"""A classifier: one score per label for the whole photo."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lomi_ops.config.manifest import Classes, Values
from lomi_ops.domain.finding import Finding, Label
from lomi_ops.imaging.view import Photo
from worker.engines.session import Output, Session
from worker.engines.tensor import Preparation

_SUM_TOLERANCE = 0.02
"""How far the sum of a softmax may be from 1: half precision over a thousand labels stays below it."""


class Classifier:
    """Scores one photo at a time, over all its tiles."""

    def __init__(self, session: Session, output: Classes) -> None:
        self.session = session
        self._output = output
        self._prepare = Preparation(session.manifest.input)

    def look(self, photo: Photo) -> tuple[Finding, ...]:
        """One finding per label of the model, in its order. Raises ValueError for a faulty output."""
        manifest = self.session.manifest
        tiles = [
            probabilities(self.session.run(tensor)[0], self._output.values) for tensor in self._prepare.tensors(photo)
        ]
        mapped = [manifest.mapping[raw] for raw in manifest.labels]
        scores = worst(np.stack(tiles), mapped)
        return tuple(
            Finding(label, float(score), raw_label=raw)
            for raw, label, score in zip(manifest.labels, mapped, scores, strict=True)
        )


def probabilities(row: Output, values: Values) -> npt.NDArray[np.float64]:
    """What a row of numbers says, in 0..1 per label. Raises ValueError where it cannot be what `values` claims."""
    numbers = row.astype(np.float64)
    if values is Values.LOGITS:
        return _logistic(numbers) if len(numbers) == 1 else _softmax(numbers)
    if not (numbers.min() >= 0.0 and numbers.max() <= 1.0):
        raise ValueError("probabilities lie outside 0..1")
    if values is Values.SOFTMAX and abs(float(numbers.sum()) - 1.0) > _SUM_TOLERANCE:
        raise ValueError("probabilities do not sum to 1")
    return numbers


def worst(tiles: npt.NDArray[np.float64], labels: list[Label]) -> npt.NDArray[np.float64]:
    """Over tiles `[n, labels]` the highest score of each label; for neutral ones the lowest, so that no clean corner
    speaks for the whole."""
    neutral = np.array([label is Label.NEUTRAL for label in labels])
    chosen: npt.NDArray[np.float64] = np.where(neutral, tiles.min(axis=0), tiles.max(axis=0))
    return chosen


def _softmax(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(numbers - numbers.max())
    shares: npt.NDArray[np.float64] = powers / powers.sum()
    return shares


def _logistic(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    share: npt.NDArray[np.float64] = 0.5 * (1.0 + np.tanh(0.5 * numbers))  # never overflows
    return share
