"""Reading a small text file that a person wrote."""

from __future__ import annotations

import codecs
from pathlib import Path

MAX_BYTES = 1024 * 1024


def read_text(path: Path) -> str:
    """Its text, without a byte order mark. Raises ValueError with a sentence that holds nothing of the content."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ValueError("does not exist") from None
    except OSError as problem:
        raise ValueError(f"cannot be read: {problem.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"is larger than {MAX_BYTES // 1024} KiB")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("is UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ValueError(f"is not UTF-8 text (line {line})") from None
