"""From bytes to the tensor that a model's input wants."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from lomi_ops.config.manifest import Colour, DType, Input, Layout
from lomi_ops.imaging.pixels import Pixels
from lomi_ops.imaging.view import Photo
from worker.engines.resize import fit

Tensor = npt.NDArray[Any]
"""float16 or float32, shape `Input.shape`; with a stride, one of both sides may be less."""


class Preparation:
    """Carries out a manifest's `input` part, all of it in float32."""

    def __init__(self, spec: Input) -> None:
        self._spec = spec
        self._dtype = np.float16 if spec.dtype is DType.F16 else np.float32
        self._scale = np.float32(spec.scale)
        self._mean, self._std = (np.asarray(three, dtype=np.float32) for three in (spec.mean, spec.std))

    def tensors(self, photo: Photo) -> list[Tensor]:
        """One tensor per tile of an upright RGB photo. Raises ValueError for an array that is none."""
        return [self._tensor(square) for square in fit(photo, self._spec.resize, self._spec.size)]

    def _tensor(self, square: Pixels) -> Tensor:
        order = (2, 1, 0) if self._spec.colour is Colour.BGR else (0, 1, 2)
        planes = np.empty((3, *square.shape[:2]), dtype=np.float32)
        for place, channel in enumerate(order):
            plane = planes[place]
            np.multiply(square[:, :, channel], self._scale, out=plane, dtype=np.float32)
            # Most models want neither, and a pass over nothing costs as much as one over something.
            if self._mean[place]:
                plane -= self._mean[place]
            if self._std[place] != 1:
                plane /= self._std[place]
        if self._spec.layout is not Layout.NCHW:
            planes = planes.transpose(1, 2, 0)
        whole = np.ascontiguousarray(planes, dtype=self._dtype)
        return whole.reshape(1, -1) if self._spec.layout is Layout.FLAT else whole[None]
