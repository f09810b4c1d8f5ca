"""A registry of images on a socket: as much of its protocol as an engine speaks that pulls from it."""

from __future__ import annotations

import gzip
import hashlib
import json
import platform
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Registry:
    """Each image is one layer. A name may be given another image at any time."""

    def __init__(self, port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], bytes] = {}
        """By repository, and tag or digest."""

    def publish(self, repository: str, tag: str, files: bytes) -> str:
        """An image with these files, a tar archive; its whole name."""
        layer = gzip.compress(files, mtime=0)
        config = {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(files)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._kept(json.dumps(config).encode(), "application/vnd.docker.container.image.v1+json"),
            "layers": [self._kept(layer, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
        }
        body = json.dumps(manifest).encode()
        self.manifests[repository, tag] = self.manifests[repository, _digest(body)] = body
        return f"{self.address}/{repository}:{tag}"

    def _kept(self, blob: bytes, kind: str) -> dict[str, Any]:
        self.blobs[_digest(blob)] = blob
        return {"mediaType": kind, "size": len(blob), "digest": _digest(blob)}

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, content type and body."""
        if path == "/v2/":
            return 200, "application/json", b"{}"
        match = re.fullmatch(r"/v2/(.+)/(manifests|blobs)/([^/]+)", path)
        if match and match[2] == "manifests" and (body := self.manifests.get((match[1], match[3]))):
            return 200, _MANIFEST, body
        if match and match[2] == "blobs" and (body := self.blobs.get(match[3])):
            return 200, "application/octet-stream", body
        said = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
        return 404, "application/json", json.dumps(said).encode()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextmanager
def running_registry() -> Iterator[Registry]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def _answer(self, *, with_body: bool) -> None:
            status, kind, body = registry.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
            if status == 200:
                self.send_header("Docker-Content-Digest", _digest(body))
            self.end_headers()
            if with_body:
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    registry = Registry(server.server_port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
