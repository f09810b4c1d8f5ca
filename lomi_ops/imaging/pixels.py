"""The bytes of a decoded photo, and where they lie in Pillow's memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
"""uint8, (height, width, 3), RGB"""
Samples = npt.NDArray[np.uint8]
"""The same, or (height, width, 4): with a fourth byte that means nothing, as Pillow keeps colours"""


def samples_of(picture: Image.Image) -> Samples:
    """An RGB picture's own memory, read-only, (height, width, 4). It lives as long as the array does.

    Raises ValueError where the picture lies in several pieces: `PILLOW_BLOCK_SIZE` says how large one may be.
    """
    from nanoarrow.c_array import c_array  # what only lists photos shall not pay for it

    memory = c_array(picture).child(0).view().buffer(1)
    return np.asarray(memory).reshape(picture.height, picture.width, 4)
