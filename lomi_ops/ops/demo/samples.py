"""The sample set of `lomi demo`: one portrait in every awkward shape, and what must not be approved.

Built when it is needed (about a second), from three photographs in the package. Two builds on one machine give the
same bytes; another version of the image library may compress differently.
"""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from lomi_ops.domain.verdict import FailureCode, MediaStatus, Reason
from lomi_ops.ops.demo import sources

QUALITY = 90
ORIENTATION = 0x0112
"""The EXIF tag; 6 means: turn a quarter clockwise to show it."""
BOMB_SIDE = 20_000
"""Pixels: 400 megapixels in 50 kB, more than any decoder should unpack."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A photo and what is expected of it under the `local` policy."""

    name: str
    """Unique in a set; for the table."""
    filename: str
    data: bytes
    status: MediaStatus | None = None
    """None: nothing is expected, as of photos that somebody brings along."""
    reason: str | None = None
    """`media.moderation_reason`; None for approved."""
    note: str = ""
    """What it shows, in a few words."""


def build_samples() -> tuple[Sample, ...]:
    """The whole set, approved ones first."""
    return (*_approved(), *_rejected(), *_failed())


def _approved() -> tuple[Sample, ...]:
    def sample(name: str, filename: str, data: bytes, note: str) -> Sample:
        return Sample(name, filename, data, MediaStatus.APPROVED, None, note)

    portrait = sources.load("astronaut")
    large = portrait.crop((0, 0, 512, 384)).resize((4000, 3000), Image.Resampling.BILINEAR)
    return (
        sample("portrait", "portrait.jpg", sources.read("astronaut"), "one face, sharp"),
        sample("EXIF-rotated", "rotated.jpg", _rotated(portrait), "lies on its side, EXIF turns it upright"),
        sample("PNG with alpha", "cut-out.png", _encode(_cut_out(portrait), "PNG"), "transparent around the head"),
        sample("CMYK", "cmyk.jpg", _jpeg(portrait.convert("CMYK")), "the colours of a printer"),
        sample("WebP", "portrait.webp", _encode(portrait, "WEBP", quality=QUALITY), "another format"),
        sample("12 megapixels", "large.jpg", _jpeg(large, 85), "4000 x 3000, as phones take them"),
        sample("progressive", "progressive.jpg", _jpeg(portrait, progressive=True), "JPEG in several passes"),
        sample("grey", "grey.jpg", _jpeg(portrait.convert("L")), "one channel"),
        sample("palette", "palette.png", _encode(portrait.quantize(256), "PNG"), "256 colours"),
        sample("small", "small.jpg", _jpeg(portrait.resize((256, 256), Image.Resampling.LANCZOS)), "256 x 256"),
        sample("passer-by", "passer-by.jpg", _jpeg(_with_passer_by(portrait)), "a small face in the background"),
    )


def _rejected() -> tuple[Sample, ...]:
    def sample(name: str, filename: str, image: Image.Image, reason: Reason, note: str) -> Sample:
        return Sample(name, filename, _jpeg(image), MediaStatus.REJECTED, reason.value, note)

    portrait = sources.load("astronaut")
    blurred = portrait.filter(ImageFilter.GaussianBlur(12))
    cup = sources.load("coffee").crop((200, 0, 600, 400))
    return (
        sample("blurred", "blurred.jpg", blurred, Reason.BLURRY, "Gaussian blur, sigma 12 at 512 pixels"),
        sample("two people", "two.jpg", _two_people(portrait), Reason.GROUP_PHOTO, "two faces of one size"),
        sample("animal", "cat.jpg", sources.load("chelsea"), Reason.NO_FACE, "a cat"),
        sample("object", "coffee.jpg", cup, Reason.NO_FACE, "a cup of coffee"),
        sample("screenshot", "screenshot.jpg", _screenshot(), Reason.NO_FACE, "only text"),
    )


def _failed() -> tuple[Sample, ...]:
    def sample(name: str, filename: str, data: bytes, code: FailureCode, note: str) -> Sample:
        return Sample(name, filename, data, MediaStatus.FAILED, code.value, note)

    portrait, text = sources.read("astronaut"), b"This is a text file that somebody renamed.\n" * 20
    cut = portrait[: len(portrait) * 3 // 5]
    return (
        sample("truncated", "truncated.jpg", cut, FailureCode.TRUNCATED, "the upload broke off"),
        sample("bomb", "bomb.png", _bomb(BOMB_SIDE), FailureCode.TOO_LARGE, "400 megapixels in 50 kB"),
        sample("text as .jpg", "text.jpg", text, FailureCode.UNREADABLE, "no image at all"),
    )


def _encode(image: Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def _jpeg(image: Image.Image, quality: int = QUALITY, **options: object) -> bytes:
    return _encode(image, "JPEG", quality=quality, **options)


def _rotated(portrait: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return _jpeg(portrait.transpose(Image.Transpose.ROTATE_90), exif=exif)


def _cut_out(portrait: Image.Image) -> Image.Image:
    """The portrait in a round frame with a soft edge, nothing but transparency around it."""
    mask = Image.new("L", portrait.size, 0)
    ImageDraw.Draw(mask).ellipse((10, 10, 502, 502), fill=255)
    cut = portrait.convert("RGBA")
    cut.putalpha(mask.filter(ImageFilter.GaussianBlur(3)))
    return cut


def _two_people(portrait: Image.Image) -> Image.Image:
    """Head and shoulders beside their slightly smaller mirror image."""
    one = portrait.crop((40, 0, 400, 400))
    other = one.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((324, 360), Image.Resampling.LANCZOS)
    both = Image.new("RGB", (one.width + other.width, one.height), (40, 44, 52))
    both.paste(one, (0, 0))
    both.paste(other, (one.width, one.height - other.height))
    return both


def _with_passer_by(portrait: Image.Image) -> Image.Image:
    """The portrait with a face of a tenth of its area at the right edge."""
    head = portrait.crop((130, 20, 320, 240)).resize((57, 66), Image.Resampling.LANCZOS)
    photo = portrait.copy()
    photo.paste(head, (440, 20))
    return photo


def _screenshot() -> Image.Image:
    photo = Image.new("RGB", (720, 480), (250, 250, 247))
    draw, font = ImageDraw.Draw(photo), ImageFont.load_default(22)
    lines = ("Hi! I am new here.", "I like football, coffee and long walks.", "Write to me on Telegram: @example")
    for number, line in enumerate(lines * 4):
        draw.text((40, 30 + 36 * number), line, fill=(20, 20, 20), font=font)
    return photo


def _bomb(side: int) -> bytes:
    """A valid PNG of `side` x `side` black pixels of one bit."""
    row = bytes(1 + (side + 7) // 8)
    packer = zlib.compressobj(6)
    packed = b"".join(packer.compress(row * 500) for _ in range(side // 500)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, chunks))


def _chunk(chunk: tuple[bytes, bytes]) -> bytes:
    kind, body = chunk
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
