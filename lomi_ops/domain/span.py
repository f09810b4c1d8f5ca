"""Spans of time as people type and read them."""

from __future__ import annotations

import re

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d|w)?", re.ASCII)
_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
UNITS = "ms, s, m, h, d or w"


def seconds(text: str) -> float | None:
    """Of `90s`, `10m`, `1.5h`, `2d`, `1w`; a bare number is in seconds. None for anything else."""
    match = _SPAN.fullmatch(text)
    return None if match is None else float(match[1]) * _SECONDS[match[2] or ""]


def said(span_s: float) -> str:
    """To be read at a glance: `12 s`, `3 min`, `2.5 h`, `4 d`."""
    if span_s < 0:
        return f"-{said(-span_s)}"
    if span_s < 120:
        return f"{span_s:.0f} s"
    if span_s < 7200:
        return f"{span_s / 60:.0f} min"
    return f"{span_s / 3600:.1f} h" if span_s < 172_800 else f"{span_s / 86400:.0f} d"
