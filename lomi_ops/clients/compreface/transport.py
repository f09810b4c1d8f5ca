"""Connections to one CompreFace; every fault is a FacesUnavailable."""

from __future__ import annotations

from collections.abc import Mapping

from lomi_ops.clients import http
from lomi_ops.clients.http import MAX_ANSWER, Peer, Reply
from lomi_ops.errors import FacesUnavailable

__all__ = ["MAX_ANSWER", "Reply", "Transport"]

_COMPREFACE = Peer("CompreFace", FacesUnavailable, "compreface.urls", "http://compreface-core:3000")


class Transport(http.Transport):
    """What CompreFace is asked: by GET, and by photos as multipart uploads."""

    def __init__(self, url: str, *, connect_timeout_s: float, connections: int) -> None:
        super().__init__(url, _COMPREFACE, connect_timeout_s=connect_timeout_s, connections=connections)

    def get(self, path: str, *, timeout_s: float) -> Reply:
        """`path` may be a full URL. Raises FacesUnavailable."""
        return self.send("GET", path, timeout_s=timeout_s)

    def post_photo(
        self, path: str, jpeg: bytes, *, params: Mapping[str, str], headers: Mapping[str, str], timeout_s: float
    ) -> Reply:
        """One multipart upload with the part `file`. Raises FacesUnavailable."""
        files = {"file": ("photo.jpg", jpeg, "image/jpeg")}
        return self.send("POST", path, timeout_s=timeout_s, params=params, headers=headers, files=files)
