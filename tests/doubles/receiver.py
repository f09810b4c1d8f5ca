"""Whoever gets alerts: an HTTP server that checks signatures, and an SMTP server; both fail as a test wants."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from lomi_ops.domain.signing import signature

KEY = "canary-key-of-the-tests-0001"


@dataclass
class Got:
    """One request that came in, whatever was answered."""

    path: str
    once: str
    signed: bool
    body: dict[str, Any]


@dataclass
class Receiver:
    """Answers 200, or as `status` says; holds its answers back while `open` is not set."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    pings: list[str] = field(default_factory=list)
    status: int = 200
    open: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)

    def subjects(self) -> list[str]:
        return [each.body["subject"] for each in self.got]


@contextmanager
def running_receiver() -> Iterator[Receiver]:
    double = Receiver()
    double.open.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["content-length"]))
            told = self.headers.get("lomi-signature", "")
            at = int(self.headers.get("lomi-timestamp", "0"))
            signed = told == signature(KEY, at, raw)
            double.got.append(Got(self.path, self.headers.get("idempotency-key", ""), signed, json.loads(raw)))
            double.arrived.set()
            double.open.wait(20)
            self._answer()

        def do_GET(self) -> None:
            double.pings.append(self.path)
            self._answer()

        def _answer(self) -> None:
            try:
                self.send_response(double.status)
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                """Whoever asked has gone."""

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    double.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield double
    finally:
        double.open.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Mailbox:
    port: int = 0
    mails: list[str] = field(default_factory=list)
    refuses: bool = False


@contextmanager
def running_mailbox() -> Iterator[Mailbox]:
    """As much of SMTP as a client needs to be rid of a mail."""
    double = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 double")
            while line := self.rfile.readline().decode().strip():
                match line.split()[0].upper():
                    case "EHLO" | "HELO":
                        self._say("250 double")
                    case "DATA":
                        self._mail()
                    case "QUIT":
                        self._say("221 bye")
                        return
                    case _:
                        self._say("550 no" if double.refuses else "250 ok")

        def _mail(self) -> None:
            self._say("354 go on")
            lines = []
            while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                lines.append(line)
            double.mails.append("\n".join(lines))
            self._say("250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        double.port = server.server_address[1]
        try:
            yield double
        finally:
            server.shutdown()
            thread.join()
