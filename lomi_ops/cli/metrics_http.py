"""Numbers over HTTP. A request is answered from what is known: it asks no service, and waits for nobody."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from lomi_ops.cli import metrics_page, metrics_text
from lomi_ops.domain.alert_rule import Rule
from lomi_ops.domain.measure import Measured
from lomi_ops.errors import UsageError

REQUEST_S = 10.0
"""A client that says nothing for so long is hung up on."""
AT_ONCE = 64
"""Clients that are served at a time; one more is hung up on, so that nobody can use up our threads."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
}

Address = tuple[str, int]


def address(text: str) -> Address:
    """Of `host:port`, `[::1]:port` or `:port`, which is every address. Raises UsageError."""
    hint = "metrics.listen, --listen 127.0.0.1:9464"
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    plain = port is not None and "@" not in text and not any(sign in text for sign in "/?#")
    if not plain:
        raise UsageError(f"{text!r} is not host:port", hint=hint)
    assert port is not None
    return host, port


def is_loopback(place: Address) -> bool:
    try:
        return place[0] == "localhost" or ipaddress.ip_address(place[0]).is_loopback
    except ValueError:
        return False


class Exporter(ThreadingHTTPServer):
    """Listens once it is made; `serve` answers until `close`."""

    daemon_threads = True
    request_queue_size = AT_ONCE

    def __init__(self, place: Address, latest: Callable[[], Measured], rules: Sequence[Rule] = ()) -> None:
        """`rules`: by which the page says what is wrong. Raises UsageError where it cannot listen there."""
        self.latest, self.rules = latest, tuple(rules)
        self._seats = threading.BoundedSemaphore(AT_ONCE)
        self._serving = threading.Event()
        host, port = place
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as failure:
            raise UsageError(
                f"cannot listen on {host or '*'}:{port}: {failure.strerror or failure}",
                hint=f"another --listen HOST:PORT; or see who has it: ss -ltnp 'sport = :{port}'",
            ) from failure

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        name = host.decode() if isinstance(host, (bytes, bytearray)) else host
        return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"

    def serve(self) -> None:
        self._serving.set()
        self.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        if self._serving.is_set():
            self.shutdown()
        self.server_close()

    def server_bind(self) -> None:
        """Without the look-up of our own name, which may take a resolver's patience."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._seats.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._seats.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    timeout = REQUEST_S
    server: Exporter
    server_version, sys_version = "lomi", ""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if path == "/metrics":
            self._answer(HTTPStatus.OK, *metrics_text.exposition(self.server.latest(), self.headers.get("Accept", "")))
        elif path == "/":
            page = metrics_page.page(self.server.latest(), self.server.rules)
            self._answer(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")
        elif path == "/healthz":
            self._answer(HTTPStatus.OK, b"ok\n", "text/plain; charset=utf-8")
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"/ or /metrics\n", "text/plain; charset=utf-8")

    do_HEAD = do_GET  # noqa: N815 - the library's name

    def _answer(self, status: HTTPStatus, body: bytes, content_type: str) -> None:
        self.send_response(status)
        headers = _HEADERS | {"Content-Type": content_type, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """A scrape every few seconds is no news."""
