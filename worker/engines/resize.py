"""From an upright photo of any shape to the squares of bytes that a model wants, by its manifest.

Where the manifest has a `stride`, a square ends at the next multiple of it after the photo. Arrays are uint8
`[height, width, 3]` in RGB. `resize_linear` repeats OpenCV's INTER_LINEAR on bytes to the last bit (11-bit weights, 4
bits dropped between the passes), which is what detectors were trained and measured with; the other kinds are Pillow's.
"""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image

from lomi_ops.config.manifest import Mode, Resample, Resize
from lomi_ops.imaging.pixels import Pixels
from lomi_ops.imaging.view import Photo, View

Ints = npt.NDArray[np.int32]

_UNIT = 2048
"""OpenCV's weights are multiples of 1/2048."""

_PILLOW = {
    Resample.NEAREST: Image.Resampling.NEAREST,
    Resample.AREA: Image.Resampling.BOX,
    Resample.BILINEAR: Image.Resampling.BILINEAR,
    Resample.BICUBIC: Image.Resampling.BICUBIC,
}


def fit(photo: Photo, rule: Resize, size: int) -> list[Pixels]:
    """One square of `size` pixels, or what is left of it with a stride; or one square per tile."""
    view = View.of(photo)
    match rule.mode:
        case Mode.SQUASH:
            return [_squash(view, rule, size)]
        case Mode.PAD_RIGHT_BOTTOM:
            return [_pad_right_bottom(view, rule, size)]
        case Mode.PAD_CENTRE:
            return [_pad_centre(view, rule, size)]
        case Mode.CENTRE_CROP:
            return _crops(view, rule, size)


def resize(photo: Photo, width: int, height: int, rule: Resize) -> Pixels:
    """The whole of `photo` at `width` x `height`."""
    view = View.of(photo)
    if rule.resample is Resample.CV2_LINEAR:
        return resize_linear(view.pixels, width, height)
    return np.asarray(_smoothly(view, width, height, rule))


def _smoothly(view: View, width: int, height: int, rule: Resize) -> Image.Image:
    """As Pillow does it. Where that begins with whole blocks (`reducing_gap`), these may be there already."""
    resample, size = _PILLOW[rule.resample], (width, height)
    if rule.reducing_gap is None:
        return view.picture.resize(size, resample)
    factor = _blocks(view.size[0], width, rule.reducing_gap), _blocks(view.size[1], height, rule.reducing_gap)
    reduced = view.reduced(factor)
    if reduced is None:
        return view.picture.resize(size, resample, reducing_gap=rule.reducing_gap)
    return reduced.resize(size, resample, box=(0, 0, view.size[0] / factor[0], view.size[1] / factor[1]))


def _blocks(side: int, target: int, gap: float) -> int:
    """Pixels that Pillow takes together first, on one side."""
    return int(side / target / gap) or 1


def inner_size(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height of a photo whose longer side becomes `size`; halves are rounded to even, as NudeNet 3.0 does."""
    if height > width:
        return max(1, round(size * (width / height))), size
    return size, max(1, round(size / (width / height)))


def resize_linear(
    pixels: Pixels, width: int, height: int, *, frame: tuple[int, int] | None = None, pad_value: int = 0
) -> Pixels:
    """OpenCV's `resize(..., INTER_LINEAR)`, bit for bit.

    With `frame` (width, height), the photo lies at the top left of a larger frame filled with `pad_value`, and the
    frame is what is resized; the frame itself is never built.
    """
    frame_w, frame_h = frame or (pixels.shape[1], pixels.shape[0])
    if frame_w == 2 * width and frame_h == 2 * height:
        return _halve(pixels, width, height, pad_value)
    rows, row_weights = _taps(frame_h, height)
    cols, col_weights = _taps(frame_w, width)
    # OpenCV treats the two directions differently at the edges: a column outside takes the edge with full weight, a
    # row outside is the edge's row with the weights as they are. The last bit depends on it.
    col_weights[(cols < 0) | (cols >= frame_w - 1)] = 0
    cols = np.clip(cols, 0, frame_w - 1)
    # Only what touches the photo is computed; the rest is padding, which stays itself.
    down, right = int(np.searchsorted(rows, pixels.shape[0])), int(np.searchsorted(cols, pixels.shape[1]))
    both_rows = np.clip(np.concatenate([rows[:down], rows[:down] + 1]), 0, frame_h - 1)
    cells = _gather(pixels, both_rows, cols[:right], pad_value)
    target = np.full((height, width, 3), pad_value, dtype=np.uint8)
    for channel in range(3):
        left, neighbour = cells[:, :, channel].astype(np.int32), cells[:, :, 3 + channel].astype(np.int32)
        across = _mixed_across(left, neighbour, col_weights[:right])
        target[:down, :right, channel] = _mixed_down(across[:down], across[down:], row_weights[:down, None])
    return target


def _mixed_across(left: Ints, right: Ints, weights: Ints) -> Ints:
    """In place: pixels mixed in 1/2048, 4 bits dropped."""
    right -= left
    right *= weights
    left <<= 11
    left += right
    left >>= 4
    return left


def _mixed_down(above: Ints, below: Ints, weights: Ints) -> Ints:
    """In place: rows mixed, each product cut to 16 bits, the sum rounded to a byte."""
    above *= _UNIT - weights
    above >>= 16
    below *= weights
    below >>= 16
    above += below
    above += 2
    above >>= 2
    return above


def _taps(source: int, target: int) -> tuple[npt.NDArray[np.intp], Ints]:
    """For each target pixel the left one of the two source pixels, and the weight of the right one in 1/2048."""
    scale = 1.0 / (target / source)
    centres = ((np.arange(target) + 0.5) * scale - 0.5).astype(np.float32)
    first = np.floor(centres)
    weights = np.rint((centres - first) * np.float32(_UNIT)).astype(np.int32)
    return first.astype(np.intp), weights


def _gather(
    pixels: Pixels, rows: npt.NDArray[np.intp], cols: npt.NDArray[np.intp], pad_value: int
) -> npt.NDArray[np.uint8]:
    """`[len(rows), len(cols), 8]`: in each cell the bytes of the pixel at that place, of its right neighbour, and two
    more. Places outside the photo hold `pad_value`.

    Whole rows are copied first; then one unaligned 8-byte load fetches a pixel and its neighbour, which is ten times
    quicker than indexing single pixels.
    """
    height, width = pixels.shape[:2]
    stride = 3 * width + 16
    copied = np.full((len(rows), stride), pad_value, dtype=np.uint8)
    flat = np.ascontiguousarray(pixels).reshape(height, 3 * width)
    inside = rows < height
    if inside.all():
        copied[:, : 3 * width] = flat[rows]
    else:
        copied[inside, : 3 * width] = flat[rows[inside]]
    words = np.ndarray((len(rows), width + 1), dtype="<u8", buffer=copied, strides=(stride, 3))
    beyond = np.minimum(cols, width)  # everything further right is padding as well
    cells = np.empty((len(rows), len(cols)), dtype="<u8")
    cells[:] = words[:, beyond]  # indexing alone would leave the axes in the order of columns
    return cells.view(np.uint8).reshape(len(rows), len(cols), 8)


def _halve(pixels: Pixels, width: int, height: int, pad_value: int) -> Pixels:
    """OpenCV takes the mean of four pixels where both sides are exactly halved, whatever was asked for."""
    whole = pixels
    if pixels.shape[:2] != (2 * height, 2 * width):
        whole = np.full((2 * height, 2 * width, 3), pad_value, dtype=np.uint8)
        whole[: pixels.shape[0], : pixels.shape[1]] = pixels
    quads = whole.reshape(height, 2, width, 2, 3).astype(np.uint16)
    sums: npt.NDArray[np.uint16] = quads.sum(axis=(1, 3), dtype=np.uint16)
    return ((sums + 2) >> 2).astype(np.uint8)


def _squash(view: View, rule: Resize, size: int) -> Pixels:
    side = rule.crop_from or size
    square = _encoded(resize(view, side, side, rule), rule)
    start = (side - size) // 2
    return square[start : start + size, start : start + size]


def _pad_right_bottom(view: View, rule: Resize, size: int) -> Pixels:
    width, height = view.size
    longest = max(width, height)
    wide, tall = _share(width, longest, size), _share(height, longest, size)
    if rule.resample is Resample.CV2_LINEAR:
        square = resize_linear(view.pixels, size, size, frame=(longest, longest), pad_value=rule.pad_value)
    else:
        # Smoothing kinds: the photo alone, so that it does not mix with the padding at its edge.
        square = _placed(resize(view, wide, tall, rule), 0, 0, rule.pad_value, size, size)
    stride = rule.stride or size
    return _encoded(square[: _up_to(tall, stride), : _up_to(wide, stride)], rule)


def _pad_centre(view: View, rule: Resize, size: int) -> Pixels:
    width, height = view.size
    inner_w, inner_h = inner_size(width, height, size)
    inner = resize(view, inner_w, inner_h, rule)
    left, top = (size - inner_w) // 2, (size - inner_h) // 2
    if rule.odd == "stretch":
        padded = _placed(inner, left, top, rule.pad_value, inner_w + 2 * left, inner_h + 2 * top)
        square = padded if padded.shape[:2] == (size, size) else resize(padded, size, size, rule)
    else:
        square = _placed(inner, left, top, rule.pad_value, size, size)
    return _encoded(square, rule)


def _crops(view: View, rule: Resize, size: int) -> list[Pixels]:
    """Crops of a photo whose shorter side has become `size / crop_pct`."""
    width, height = view.size
    short = math.floor(size / rule.crop_pct)
    long = int(short * max(width, height) / min(width, height))
    inner_w, inner_h = (short, long) if height >= width else (long, short)
    inner = _encoded(resize(view, inner_w, inner_h, rule), rule)
    across = round((short - size) / 2)
    cut = []
    for along in _starts(long, size, rule.tiles):
        top, left = (along, across) if height >= width else (across, along)
        cut.append(inner[top : top + size, left : left + size])
    return cut


def _starts(length: int, size: int, tiles: int) -> list[int]:
    """Where tiles begin on a side of `length`: the centre alone, or from end to end without a gap."""
    spare = length - size
    if tiles == 1:
        return [round(spare / 2)]
    if spare == 0:
        return [0]
    count = max(tiles, math.ceil(length / size))
    return [round(spare * index / (count - 1)) for index in range(count)]


def _share(side: int, longest: int, size: int) -> int:
    return max(1, round(size * side / longest))


def _up_to(side: int, stride: int) -> int:
    """The next multiple."""
    return -(-side // stride) * stride


def _placed(inner: Pixels, left: int, top: int, pad_value: int, width: int, height: int) -> Pixels:
    frame = np.full((height, width, 3), pad_value, dtype=np.uint8)
    frame[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return frame


def _encoded(pixels: Pixels, rule: Resize) -> Pixels:
    if rule.jpeg_quality is None:
        return pixels
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=rule.jpeg_quality)
    return np.asarray(Image.open(buffer))
