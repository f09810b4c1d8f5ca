"""One photo in the terminal, drawn once and without an app: decoded in a process of its own, veiled unless it is
revealed, as in `lomi review`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lomi_ops.tui.review.darkroom import Darkroom
from lomi_ops.tui.review.fetching import Fetching
from lomi_ops.tui.review.photos import Photos
from lomi_ops.tui.review.plate import Boxes, Plate, Unseen, Wish
from lomi_ops.tui.review.terminal import Images, look

if TYPE_CHECKING:
    from lomi_ops.clients.objects import ObjectStore
    from lomi_ops.config.sections.judging import ImagesSection

_END = "\x1b[0m"


def still(
    store: ObjectStore, bucket: str, limits: ImagesSection, key: str, *, revealed: bool, boxes: Boxes = (),
    measured: tuple[int, int] | None = None, images: Images, environ: Mapping[str, str], size: tuple[int, int],
) -> str | Unseen:  # fmt: skip
    """The photo as a text for a terminal of `size` columns and rows; Unseen says why there is none."""
    screen = look(images, environ)
    columns, rows = size
    photos = Photos(Fetching(store, bucket, limits.max_bytes).get, Darkroom(limits.model_dump(mode="python")))
    try:
        found = photos.plate(Wish(key, screen, columns, rows, revealed=revealed, boxes=boxes, measured=measured))
    finally:
        photos.close()
    return found if isinstance(found, Unseen) else text_of(found)


def text_of(plate: Plate) -> str:
    """Lines of cells, or the sequence that has the terminal draw."""
    match plate.images:
        case Images.BLOCKS:
            return "\n".join("".join(_cells(*run) for run in line) + _END for line in plate.runs)
        case Images.KITTY:
            from lomi_ops.imaging import kitty

            number = plate.number
            colour = f"\x1b[38;2;{number >> 16};{number >> 8 & 255};{number & 255}m"
            lines = (f"{colour}{kitty.line(row, plate.columns)}{_END}" for row in range(plate.rows))
            return plate.sequence + "\n".join(lines)
        case _:
            return plate.sequence


def _cells(number: int, look_: bytes) -> str:
    """Upper half blocks: the text's colour above, the ground's below."""
    upper, lower = ";".join(map(str, look_[:3])), ";".join(map(str, look_[3:]))
    return f"\x1b[38;2;{upper};48;2;{lower}m" + "▀" * number
