"""A double of Telegram's Bot API over real HTTP on loopback: getMe, and what it answers to whom it does not know."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "123456:canary-bot-token-of-the-tests"


@dataclass
class TelegramDouble:
    """Knows one bot. `asked` keeps the methods that somebody called, without the token."""

    token: str = TOKEN
    url: str = ""
    asked: list[str] = field(default_factory=list)
    odd: tuple[int, bytes] | None = None
    """Status and body of every answer from now on, e.g. of a proxy in between."""

    def answer(self, path: str) -> tuple[int, bytes]:
        _, _, rest = path.partition("/bot")
        token, _, method = rest.partition("/")
        self.asked.append(method)
        if self.odd is not None:
            return self.odd
        if method != "getMe":
            return _said(404, ok=False, error_code=404, description="Not Found")
        if token != self.token:
            return _said(401, ok=False, error_code=401, description="Unauthorized")
        bot = {"id": 123456, "is_bot": True, "first_name": "Lomi", "username": "lomi_test_bot"}
        return _said(200, ok=True, result=bot)


def _said(status: int, **body: Any) -> tuple[int, bytes]:
    return status, json.dumps(body).encode()


@contextmanager
def running_telegram() -> Iterator[TelegramDouble]:
    double = TelegramDouble()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = double.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
