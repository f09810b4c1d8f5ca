"""What kind of file some bytes are, told by their first bytes alone; names and content types are hearsay."""

from __future__ import annotations

from importlib.util import find_spec

from PIL import features

from lomi_ops.domain.verdict import FailureCode
from lomi_ops.errors import PhotoError

_PHOTOS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
)
"""First bytes and the Pillow format that may open them. Pillow opens an MPO (several JPEGs in one) as JPEG."""

_OTHER_PICTURES = (
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\1\0", "icon"),
    (b"\0\0\2\0", "cursor"),
    (b"%!PS", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"SIMPLE  =", "FITS"),
    (b"\0\0\0\x0cjP  \r\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n", "JPEG XL"),
    (b"DDS ", "DDS"),
    (b"qoif", "QOI"),
)
"""Pictures that we do not decode: every further decoder is more code that strangers may feed."""

_BMP_HEADERS = frozenset({12, 40, 52, 56, 64, 108, 124})
"""Lengths of the information header: two letters alone would take many a text for a BMP."""
_HEIC_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_LONGEST_BRAND_LIST = 256


def photo_format(data: bytes) -> str:
    """The Pillow format that may decode these bytes: JPEG, PNG, GIF, BMP, WEBP, AVIF or HEIF.

    Raises PhotoError `unsupported_format` for pictures that we do not decode (also AVIF and HEIC where the decoder
    is not installed) and `unreadable` for what is no picture: nothing, text, HTML, archives, noise.
    """
    if not data:
        raise PhotoError("the file is empty", code=FailureCode.UNREADABLE)
    for magic, name in _PHOTOS:
        if data.startswith(magic):
            return name
    if data[:2] == b"BM" and int.from_bytes(data[14:18], "little") in _BMP_HEADERS:
        return "BMP"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _in_iso_container(data)
    for magic, name in _OTHER_PICTURES:
        if data.startswith(magic):
            raise _unsupported(name)
    if b"<svg" in data[:1024].lower():
        raise _unsupported("SVG")
    raise PhotoError(f"this is no photo: {_guess(data)}", code=FailureCode.UNREADABLE)


def _in_iso_container(data: bytes) -> str:
    """AVIF and HEIC share a container, and both may call themselves `mif1`: the list of brands tells them apart."""
    end = min(int.from_bytes(data[:4], "big"), _LONGEST_BRAND_LIST)
    brands = {data[8:12]} | {data[at : at + 4] for at in range(16, end, 4)}
    if brands & _AVIF_BRANDS:
        if features.check("avif"):
            return "AVIF"
        raise _unsupported("AVIF")
    if brands & _HEIC_BRANDS:
        if find_spec("pi_heif") is not None:
            return "HEIF"
        raise _unsupported("HEIC", hint="pip install 'lomi-ops[heif]'")
    raise PhotoError("this is no photo: a film or an unknown ISO container", code=FailureCode.UNREADABLE)


def looks_cut_off(data: bytes, kind: str) -> bool:
    """Whether a file that failed to decode lacks its end. Only a hint: many whole files carry trailing bytes."""
    match kind:
        case "JPEG":
            return not data.rstrip(b"\0").endswith(b"\xff\xd9")
        case "PNG":
            return b"IEND" not in data[-64:]
        case "GIF":
            return not data.rstrip(b"\0").endswith(b";")
        case "WEBP":
            return len(data) < int.from_bytes(data[4:8], "little") + 8
        case "BMP":
            return len(data) < int.from_bytes(data[2:6], "little")
        case _:
            return False


def _unsupported(name: str, *, hint: str = "") -> PhotoError:
    return PhotoError(f"{name} files are not supported", code=FailureCode.UNSUPPORTED_FORMAT, hint=hint)


def _guess(data: bytes) -> str:
    head = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head")):
        return "a web page"
    if head.startswith(b"%pdf"):
        return "a PDF"
    if head.startswith(b"pk\x03\x04"):
        return "a ZIP archive"
    if head.isascii() and b"\0" not in head:
        return "text"
    return "unknown bytes"
