"""Hostile and odd files, built in memory, each with the exact outcome that the hygiene gate owes it.

Deterministic: no file of anybody else, no clock, fixed seeds. `corpus()` is for every test that feeds the system with
files from strangers; the names say what is odd.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, PngImagePlugin

from lomi_ops.domain.verdict import FailureCode

WIDTH, HEIGHT = 160, 120
"""Of the scene that most files show, upright."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """The file is a photo after all."""

    width: int = WIDTH
    height: int = HEIGHT
    format: str = "JPEG"
    note: str = ""
    """Part of one of the notes; empty: any."""
    frames: int = 0
    """Further frames that engines get."""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Hostile:
    name: str
    data: bytes
    outcome: Decoded | FailureCode
    filename: str = "photo.jpg"
    """What the stranger called it. It must not matter."""
    bomb: bool = False
    """It promises far more pixels than it has bytes: nothing of it may be decoded."""


@cache
def corpus() -> tuple[Hostile, ...]:
    """All files, each name once."""
    groups = (_jpegs, _oriented, _modes, _alphas, _animations, _other_formats, _cut, _bombs, _sizes, _lies, _no_photos)
    files = tuple(one for group in groups for one in group())
    assert len({one.name for one in files}) == len(files)
    return files


def file(name: str) -> Hostile:
    return next(one for one in corpus() if one.name == name)


@cache
def scene() -> npt.NDArray[np.uint8]:
    """The picture in most files: (120, 160, 3) RGB, no symmetry, every channel different, with fine detail."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    noise = np.random.default_rng(7).integers(-20, 20, (HEIGHT, WIDTH, 1))
    red, green = x * 255 // WIDTH, y * 255 // HEIGHT
    blue = 255 * ((x - 40) ** 2 + (y - 30) ** 2 < 500)
    return np.clip(np.stack([red, green, blue], axis=2) + noise, 0, 255).astype(np.uint8)


def image() -> Image.Image:
    return Image.fromarray(scene())


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def jpeg() -> bytes:
    return saved(image(), "JPEG", quality=92)


@cache
def png() -> bytes:
    return saved(image(), "PNG")


def oriented(orientation: int, kind: str, picture: Image.Image | None = None) -> bytes:
    """The scene, or another picture, stored so that this EXIF orientation shows it upright."""
    picture = picture or image()
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Make] = "somebody's camera"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    stored = picture if undo is None else picture.transpose(undo)
    return saved(stored, kind, exif=exif.tobytes())


def _jpegs() -> Iterator[Hostile]:
    ok = Decoded()
    yield Hostile("jpeg", jpeg(), ok)
    yield Hostile("jpeg progressive", saved(image(), "JPEG", progressive=True), ok)
    yield Hostile("jpeg 4:4:4 optimised", saved(image(), "JPEG", subsampling="4:4:4", optimize=True), ok)
    yield Hostile("jpeg with restart markers", saved(image(), "JPEG", restart_marker_blocks=3), ok)
    yield Hostile("jpeg grey", saved(image().convert("L"), "JPEG"), ok)
    cmyk = saved(image().convert("CMYK"), "JPEG")
    yield Hostile("jpeg cmyk", cmyk, ok)
    yield Hostile("jpeg adobe ycck", as_ycck(cmyk), ok)
    yield Hostile("jpeg with trailing garbage", jpeg() + bytes(range(256)) * 8, ok)
    yield Hostile("jpeg with trailing zip", jpeg() + _zip(), ok)
    yield Hostile("jpeg with trailing web page", jpeg() + b"<script>alert(1)</script>", ok)
    yield Hostile("jpeg without its end marker", jpeg()[:-2], FailureCode.TRUNCATED)
    yield Hostile("jpeg with a huge comment", jpeg()[:2] + _segment(0xFE, b"x" * 65_000) * 20 + jpeg()[2:], ok)
    yield Hostile("jpeg with fill bytes", jpeg()[:2] + b"\xff" * 500 + jpeg()[2:], ok)
    yield Hostile("jpeg with a broken profile", _with_icc(b"\0" * 200), Decoded(note="colour profile ignored"))
    yield Hostile("jpeg with a cut profile", _with_icc(_srgb_profile()[:300]), Decoded(note="colour profile ignored"))
    alien = _srgb_profile()[:16] + b"CMYK" + _srgb_profile()[20:]
    yield Hostile("jpeg with a profile for cmyk", _with_icc(alien), Decoded(note="colour profile ignored"))
    yield Hostile("jpeg with an sRGB profile", _with_icc(_srgb_profile()), ok)
    yield Hostile("jpeg with broken exif", _with_exif(b"II*\0\xff\xff\xff\xff" + b"\xab" * 60), ok)
    yield Hostile("jpeg with a huge exif", _with_exif(b"MM\0*\0\0\0\x08\0\0" + b"\0" * 65_000), ok)
    yield Hostile("jpeg with an exif that points to itself", _with_exif(_circular_exif()), ok)
    odd = Image.Exif()
    odd[ExifTags.Base.Orientation] = 77
    yield Hostile("jpeg with exif orientation 77", saved(image(), "JPEG", exif=odd.tobytes()), ok)
    yield Hostile("jpeg called png", jpeg(), ok, "photo.png")
    mpo = saved(image(), "MPO", save_all=True, append_images=[image().rotate(180)])
    yield Hostile("mpo", mpo, Decoded(format="MPO", note="the first"))
    two = jpeg() + saved(image().rotate(180), "JPEG")
    yield Hostile("two jpegs in a row", two, ok)


def _oriented() -> Iterator[Hostile]:
    for kind in ("JPEG", "PNG", "WEBP"):
        for orientation in range(1, 9):
            note = f"exif orientation {orientation}" if orientation > 1 else ""
            data = oriented(orientation, kind)
            yield Hostile(f"{kind.lower()} orientation {orientation}", data, Decoded(format=kind, note=note))


def _modes() -> Iterator[Hostile]:
    ok = Decoded(format="PNG")
    yield Hostile("png", png(), ok)
    yield Hostile("png called jpg", png(), ok)
    yield Hostile("png 1 bit", saved(image().convert("1"), "PNG"), ok)
    yield Hostile("png 2 bits grey", raw_png(2, 0, _packed(2)), ok)
    yield Hostile("png palette", saved(image().quantize(32), "PNG"), ok)
    deep = scene().astype(np.uint16) * 257
    grey = Image.fromarray(np.ascontiguousarray(deep[:, :, 0]))
    yield Hostile("png 16 bits grey", saved(grey, "PNG"), Decoded(format="PNG", note="scaled to 8 bits"))
    yield Hostile("png 16 bits colour", raw_png(16, 2, deep.astype(">u2").tobytes()), ok)
    yield Hostile("png with a broken profile", saved(image(), "PNG", icc_profile=b"nonsense"), _ignored("PNG"))
    yield Hostile("webp", saved(image(), "WEBP"), Decoded(format="WEBP"))
    yield Hostile("webp lossless", saved(image(), "WEBP", lossless=True), Decoded(format="WEBP"))
    yield Hostile("gif", saved(image(), "GIF"), Decoded(format="GIF"))
    yield Hostile("bmp", saved(image(), "BMP"), Decoded(format="BMP"))
    yield Hostile("bmp 1 bit", saved(image().convert("1"), "BMP"), Decoded(format="BMP"))
    yield Hostile("bmp palette", saved(image().quantize(16), "BMP"), Decoded(format="BMP"))
    yield Hostile("avif", saved(image(), "AVIF"), Decoded(format="AVIF"))


def _alphas() -> Iterator[Hostile]:
    plain, hiding = Decoded(format="PNG"), Decoded(format="PNG", hidden=True, note="hide colours")
    opaque = np.full((HEIGHT, WIDTH), 255, np.uint8)
    half_gone = opaque.copy()
    half_gone[:, WIDTH // 2 :] = 0
    yield Hostile("png rgba opaque", saved(with_alpha(opaque), "PNG"), plain)
    yield Hostile("png rgba with hidden colours", saved(with_alpha(half_gone), "PNG"), hiding)
    yield Hostile("png rgba invisible", saved(with_alpha(opaque * 0), "PNG"), hiding)
    yield Hostile("png rgba nearly invisible", saved(with_alpha(opaque * 0 + 1), "PNG"), hiding)
    cut_out = scene().copy()
    cut_out[half_gone == 0] = 0
    honest = Image.fromarray(np.dstack([cut_out, half_gone]))
    yield Hostile("png rgba cut out", saved(honest, "PNG"), plain)
    yield Hostile("png grey with alpha", saved(with_alpha(half_gone).convert("LA"), "PNG"), hiding)
    deep = np.dstack([scene(), half_gone]).astype(np.uint16) * 257
    yield Hostile("png 16 bits with alpha", raw_png(16, 6, deep.astype(">u2").tobytes()), hiding)
    palette = image().quantize(16)
    yield Hostile("png palette with transparency", saved(palette, "PNG", transparency=bytes(16)), hiding)
    yield Hostile("png with a colour key", saved(image(), "PNG", transparency=(1, 2, 3)), plain)
    yield Hostile(
        "webp with hidden colours",
        saved(with_alpha(half_gone), "WEBP", lossless=True, exact=True),
        Decoded(format="WEBP", hidden=True),
    )


def _animations() -> Iterator[Hostile]:
    turned = image().rotate(180)
    others = [turned, turned.convert("L").convert("RGB"), turned.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
    for kind in ("GIF", "WEBP", "PNG", "AVIF"):
        data = saved(image(), kind, save_all=True, append_images=others, duration=100)
        outcome = Decoded(format=kind, frames=2, note="first of 4 frames")
        yield Hostile(f"{kind.lower()} animated", data, outcome)
    pair = saved(image(), "GIF", save_all=True, append_images=others[:1])
    yield Hostile("gif of two frames", pair, Decoded(format="GIF", frames=1, note="first of 2 frames"))


def _other_formats() -> Iterator[Hostile]:
    no = FailureCode.UNSUPPORTED_FORMAT
    tiff = saved(image(), "TIFF")
    yield Hostile("tiff", tiff, no)
    yield Hostile("tiff big endian", b"MM\0*\0\0\0\x08" + tiff[8:], no)
    yield Hostile("tiff compressed", saved(image(), "TIFF", compression="tiff_lzw"), no)
    yield Hostile("bigtiff", saved(image(), "TIFF", big_tiff=True), no)
    yield Hostile("icon", saved(image().resize((64, 64)), "ICO"), no)
    yield Hostile("cursor", b"\0\0\2\0\1\0" + bytes(64), no)
    yield Hostile("photoshop", b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 100, 100, 8, 3) + bytes(90), no)
    yield Hostile("fits", b"SIMPLE  =                    T".ljust(2880), no)
    yield Hostile("postscript", saved(image(), "EPS"), no)
    yield Hostile("jpeg 2000", saved(image(), "JPEG2000"), no)
    yield Hostile("jpeg xl", b"\xff\x0a" + bytes(64), no)
    yield Hostile("dds", saved(image(), "DDS"), no)
    yield Hostile("qoi", saved(image(), "QOI"), no)
    yield Hostile("svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', no)
    yield Hostile("svg with an xml head", b'<?xml version="1.0"?>\n<!-- x -->\n<svg width="9" height="9"></svg>', no)
    if find_spec("pi_heif") is None:
        yield Hostile("heic", iso_header(b"heic", b"mif1", b"heic") + bytes(200), no, "IMG_0001.HEIC")
        yield Hostile("heic of the general brand", iso_header(b"mif1", b"mif1", b"heic") + bytes(200), no)
    yield Hostile("film", iso_header(b"isom", b"mp42") + bytes(200), FailureCode.UNREADABLE)


def _cut() -> Iterator[Hostile]:
    cut = FailureCode.TRUNCATED
    for tenth in range(1, 11):
        # The last one lacks 40 bytes: nothing but the end of the last row of blocks.
        end = len(jpeg()) * tenth // 10 if tenth < 10 else len(jpeg()) - 40
        yield Hostile(f"jpeg cut at {tenth} tenths", jpeg()[:end], cut)
    slow = saved(image(), "JPEG", progressive=True)
    yield Hostile("jpeg progressive cut", slow[: len(slow) // 2], cut)
    yield Hostile("jpeg of three bytes", b"\xff\xd8\xff", cut)
    yield Hostile("png cut", png()[: len(png()) // 2], cut)
    yield Hostile("png cut in its header", png()[:20], cut)
    yield Hostile("gif cut", file_bytes("GIF")[:2000], cut)
    yield Hostile("webp cut", file_bytes("WEBP")[:-500], cut)
    yield Hostile("webp lossless cut", saved(image(), "WEBP", lossless=True)[:9000], cut)
    yield Hostile("bmp cut", file_bytes("BMP")[:9000], cut)
    yield Hostile("avif cut", file_bytes("AVIF")[:-200], cut)


def file_bytes(kind: str) -> bytes:
    return saved(image(), kind)


def _bombs() -> Iterator[Hostile]:
    big = FailureCode.TOO_LARGE
    yield Hostile("png bomb", raw_png(8, 2, b"", size=(60_000, 60_000)), big, bomb=True)
    yield Hostile("png bomb of 2 billion", raw_png(1, 0, b"", size=(2**31 - 1, 2**31 - 1)), big, bomb=True)
    yield Hostile("png of 64 megapixels", raw_png(1, 0, bytes(1000 * 8000), size=(8000, 8000)), big, bomb=True)
    yield Hostile("png too wide", raw_png(8, 0, b"", size=(12_001, 4000)), big, bomb=True)
    yield Hostile("jpeg bomb", with_jpeg_size(jpeg(), 65_500, 65_500), big, bomb=True)
    slow = saved(image(), "JPEG", progressive=True)
    yield Hostile("jpeg progressive bomb", with_jpeg_size(slow, 65_500, 65_500), big, bomb=True)
    gif = file_bytes("GIF")
    yield Hostile("gif bomb", gif[:6] + struct.pack("<HH", 65_535, 65_535) + gif[10:], big, bomb=True)
    bmp = file_bytes("BMP")
    yield Hostile("bmp bomb", bmp[:18] + struct.pack("<ii", 2**30, 2**30) + bmp[26:], big, bomb=True)
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xfe\x3f\x00" * 2
    webp = file_bytes("WEBP")
    body = b"WEBP" + canvas + webp[12:]
    yield Hostile("webp bomb", b"RIFF" + struct.pack("<I", len(body)) + body, big, bomb=True)
    yield Hostile("gif of a thousand frames", _long_gif(1000), big, bomb=True)
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "a" * 30_000_000, zip=True)
    yield Hostile("png with a text bomb", saved(image(), "PNG", pnginfo=note), big)
    note = PngImagePlugin.PngInfo()
    note.add_itxt("note", "a" * 30_000_000, zip=True)
    yield Hostile("png with an international text bomb", saved(image(), "PNG", pnginfo=note), big)
    profile = saved(image(), "PNG", icc_profile=bytes(5 << 20))
    yield Hostile("png with a profile bomb", profile, big)
    yield Hostile("jpeg of 26 megabytes", jpeg() + bytes(26_000_000), big)


def _sizes() -> Iterator[Hostile]:
    no = FailureCode.UNREADABLE
    yield Hostile("one pixel", saved(image().resize((1, 1)), "PNG"), no)
    yield Hostile("63 pixels", saved(image().resize((63, 63)), "PNG"), no)
    yield Hostile("64 pixels", saved(image().resize((64, 64)), "PNG"), Decoded(64, 64, "PNG"))
    yield Hostile("strip of one column", saved(image().resize((1, 5000)), "PNG"), no)
    yield Hostile("strip 100 to 1", saved(image().resize((7000, 70)), "JPEG"), no)
    yield Hostile("strip just over 5 to 1", saved(image().resize((511, 102)), "PNG"), no)
    yield Hostile("ratio 5 to 1", saved(image().resize((510, 102)), "PNG"), Decoded(510, 102, "PNG"))
    yield Hostile("png of zero width", raw_png(8, 2, b"", size=(0, 100)), no)
    yield Hostile("jpeg of zero height", with_jpeg_size(jpeg(), WIDTH, 0), no)
    gif = file_bytes("GIF")
    # Viewers, too, take the size of the first frame where the canvas has none.
    yield Hostile("gif of zero size", gif[:6] + bytes(4) + gif[10:], Decoded(format="GIF"))


def _lies() -> Iterator[Hostile]:
    no = FailureCode.UNREADABLE
    # Complete as a file: every viewer shows the data and grey below, and so do we.
    yield Hostile("jpeg taller than its data", with_jpeg_size(jpeg(), WIDTH, HEIGHT * 4), Decoded(WIDTH, HEIGHT * 4))
    yield Hostile("jpeg lower than its data", with_jpeg_size(jpeg(), WIDTH, 80), Decoded(WIDTH, 80))
    yield Hostile("jpeg of 12 bits", jpeg().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc0\x00\x11\x0c"), no)
    yield Hostile("jpeg head before noise", jpeg()[:300] + _noise(3000) + b"\xff\xd9", no)
    # As in motion JPEG: decoders then use the standard Huffman tables.
    yield Hostile("jpeg without huffman tables", jpeg().replace(b"\xff\xc4", b"\xff\xe5"), Decoded())
    yield Hostile("jpeg without quantisation", jpeg().replace(b"\xff\xdb", b"\xff\xe5"), no)
    body = bytearray(png())
    body[29] ^= 0xFF
    yield Hostile("png with a bad header sum", bytes(body), no)
    body = bytearray(png())
    body[body.index(b"IDAT") + 40] ^= 0xFF
    yield Hostile("png with bad data", bytes(body), no)
    yield Hostile("png with an unknown colour type", raw_png(8, 5, b""), no)
    yield Hostile("png without data", raw_png(8, 2, None), no)
    yield Hostile("webp of an unknown kind", file_bytes("WEBP")[:12] + b"VP9 " + file_bytes("WEBP")[16:], no)
    yield Hostile("avif with a broken index", _broken_avif(), no)


def _no_photos() -> Iterator[Hostile]:
    no = FailureCode.UNREADABLE
    yield Hostile("empty", b"", no)
    yield Hostile("one byte", b"\xff", no)
    yield Hostile("nul bytes", bytes(4096), no)
    yield Hostile("noise", _noise(4096), no)
    yield Hostile("text", b"I am a photo, believe me.\n", no)
    yield Hostile("text that begins like a bmp", b"BM is not enough to be a bitmap file, is it?" * 9, no)
    yield Hostile("web page", b"<!DOCTYPE html><html><body>404 Not Found</body></html>", no)
    yield Hostile("json", b'{"error": "NoSuchKey"}', no)
    yield Hostile("xml of an object store", b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', no)
    yield Hostile("pdf", b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF", no)
    yield Hostile("zip", _zip(), no)
    yield Hostile("program", b"\x7fELF\2\1\1" + bytes(200), no)


# Building blocks.


def with_alpha(alpha: npt.NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(np.dstack([scene(), alpha]))


def with_jpeg_size(data: bytes, width: int, height: int) -> bytes:
    """The same file with other dimensions in its frame header (baseline or progressive)."""
    at = max(data.find(b"\xff\xc0\x00"), data.find(b"\xff\xc2\x00"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def as_ycck(cmyk: bytes) -> bytes:
    """The same file declared as YCCK in its Adobe segment."""
    at = cmyk.index(b"Adobe") + 11
    return cmyk[:at] + b"\x02" + cmyk[at + 1 :]


def raw_png(
    bits: int,
    colour: int,
    pixels: bytes | None,
    *,
    size: tuple[int, int] = (WIDTH, HEIGHT),
) -> bytes:
    """A PNG of any depth and colour type around raw rows; None leaves out the data chunk."""
    width, height = size
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [_chunk(b"IHDR", head)]
    if pixels is not None:
        stride = len(pixels) // height if height else 0
        rows = b"".join(b"\0" + pixels[row * stride : (row + 1) * stride] for row in range(height)) if pixels else b""
        chunks.append(_chunk(b"IDAT", zlib.compress(rows, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def iso_header(brand: bytes, *compatible: bytes) -> bytes:
    """The first box of an ISO container: AVIF, HEIC, films."""
    body = b"ftyp" + brand + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(body) + 4) + body


def _ignored(kind: str) -> Decoded:
    return Decoded(format=kind, note="colour profile ignored")


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def _packed(bits: int) -> bytes:
    grey = scene()[:, :, 0] >> (8 - bits)
    per_byte = 8 // bits
    shifts = np.arange(per_byte)[::-1] * bits
    return bytes((grey.reshape(HEIGHT, -1, per_byte) << shifts).sum(axis=2).astype(np.uint8).tobytes())


def _with_exif(body: bytes) -> bytes:
    return jpeg()[:2] + _segment(0xE1, b"Exif\0\0" + body[:65_500]) + jpeg()[2:]


def _with_icc(profile: bytes) -> bytes:
    return saved(image(), "JPEG", icc_profile=profile, quality=92)


@cache
def _srgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _circular_exif() -> bytes:
    """An IFD whose sub-IFD and successor are itself."""
    entry = struct.pack("<HHII", ExifTags.IFD.Exif, 4, 1, 8)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 8)


def _long_gif(count: int) -> bytes:
    """A small file of many frames on a canvas of one megapixel."""
    canvas = Image.new("P", (1000, 1000))
    frame = saved(canvas.resize((1, 1)), "GIF")
    image_block = frame[frame.index(b",") : -1]
    head = saved(canvas, "GIF")
    return head[:-1] + image_block * (count - 1) + b";"


def _zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.txt", (2026, 1, 1, 0, 0, 0)), "hello")
    return buffer.getvalue()


def _noise(length: int) -> bytes:
    return np.random.default_rng(11).integers(0, 255, length, dtype=np.uint8).tobytes()


def _broken_avif() -> bytes:
    data = bytearray(file_bytes("AVIF"))
    at = data.index(b"iloc")
    data[at : at + 12] = b"ilocXXXXXXXX"
    return bytes(data)
