"""From the text of a source to what the schema reads: lists are split, paths made whole, URLs of services taken apart.

Every ValueError here has a text without the value.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from lomi_ops.config.keys import Key, Leaf
from lomi_ops.config.paths import expanded


def typed(value: object, leaf: Leaf, base: Path, environ: Mapping[str, str]) -> object:
    """The value for a setting: `a, b` is a list where one is due (`[]` an empty one), a path starts at `base`."""
    if isinstance(value, str):
        if leaf.many:
            return [part.strip() for part in value.removeprefix("[").removesuffix("]").split(",") if part.strip()]
        if leaf.path and value:
            return expanded(value.strip(), base, environ)
        # A password may begin or end with a space; a URL cannot.
        return value if leaf.secret and "://" not in value else value.strip()
    return value


def objects_at(text: str, base: Path, environ: Mapping[str, str]) -> dict[Key, object]:
    """Settings for a place of objects in one text: `file:///folder`, a path, or `s3://KEY:SECRET@host[:port]`.

    `https://` means the same as `s3://`, `http://` is the same without encryption. Key and secret may be left out;
    special characters in them are percent-encoded. Raises ValueError.
    """
    if "://" not in text:
        return {("objects", "directory"): expanded(text, base, environ)}
    form = "must be file:///folder, a path, or s3://KEY:SECRET@host (special characters percent-encoded)"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(form) from None
    if parts.scheme == "file":
        if host not in (None, "localhost") or not parts.path.startswith("/") or parts.query or parts.fragment:
            raise ValueError("must be file:///folder, with three slashes and %-codes for special characters")
        return {("objects", "directory"): Path(unquote(parts.path))}
    if parts.scheme not in ("s3", "https", "http") or not host or parts.query or parts.fragment:
        raise ValueError(form)
    scheme = "https" if parts.scheme == "s3" else parts.scheme
    place = parts.netloc.rpartition("@")[2]
    found: dict[Key, object] = {("objects", "endpoint"): f"{scheme}://{place}{parts.path.rstrip('/')}"}
    if parts.username:
        found["objects", "access_key"] = unquote(parts.username)
    if parts.password:
        found["objects", "secret_key"] = unquote(parts.password)
    return found
