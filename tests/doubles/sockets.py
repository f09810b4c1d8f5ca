"""A server on loopback that can refuse, cut and spoil answers on real sockets; what the doubles share."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from tests.doubles.faults import Canned, Drip, Fault, Html, Oversize, Reset, Stall, Throttle, Truncated
from tests.doubles.messages import Request, Response, nginx_page, parse_target


class Double(Protocol):
    """Whom the requests are for."""

    closing: threading.Event

    def note(self, request: Request) -> None: ...
    def done(self, request: Request) -> None: ...
    def note_connection(self) -> None: ...
    def fault_for(self, request: Request) -> Fault | None: ...
    def stall(self, seconds: float) -> None:
        """What it does while an answer is late."""


class Listener:
    """One port that can refuse connections and come back."""

    def __init__(
        self, double: Double, answer: Callable[[Request], Response], port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        self._double = double
        self._answer = answer
        self._port = port
        self._host = host
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def is_open(self) -> bool:
        return self._server is not None

    def open(self) -> None:
        if self._server is not None:
            return
        self._server = _Server(self._host, self._port, self._double, self._answer)
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def shut(self) -> None:
        server, thread = self._server, self._thread
        self._server = None
        if server is None or thread is None:
            return
        server.shutdown()
        thread.join()
        server.server_close()
        server.cut()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 100
    """uWSGI's listen backlog."""

    def __init__(self, host: str, port: int, double: Double, answer: Callable[[Request], Response]) -> None:
        super().__init__((host, port), _Handler)
        self.double = double
        self.answer = answer
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.double.note_connection()
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is none of our business."""

    def cut(self) -> None:
        """Ends the open connections; their threads close them."""
        with self._open_lock:
            still = list(self._open)
        for connection in still:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server
    server_version = "nginx"
    sys_version = ""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Silent."""

    def _serve(self) -> None:
        path, query = parse_target(self.path)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, path, query, headers, body)
        double = self.server.double
        double.note(request)
        try:
            self._act(request, double.fault_for(request))
        finally:
            double.done(request)

    def _act(self, request: Request, fault: Fault | None) -> None:
        double = self.server.double
        match fault:
            case Html():
                self._send(nginx_page(fault.status))
            case Throttle():
                wish = (("Retry-After", fault.retry_after),) if fault.retry_after is not None else ()
                page = nginx_page(fault.status)
                self._send(Response(page.status, page.body, page.content_type, wish))
            case Canned():
                self._send(Response(fault.status, fault.body, fault.content_type, fault.headers))
            case Stall():
                # The answer comes after all.
                double.stall(fault.seconds)
                self._send(self.server.answer(request))
            case Reset(early=True):
                self._reset()
            case Reset():
                self._send(self.server.answer(request), sent_part=0.5)
                self._reset()
            case Truncated():
                said = self.server.answer(request)
                self._send(Response(said.status, said.body[: len(said.body) // 2], said.content_type))
            case Oversize():
                said = self.server.answer(request)
                self._send(Response(said.status, b" " * fault.size + said.body, said.content_type))
            case Drip():
                self._drip(self.server.answer(request), fault.seconds)
            case _:
                self._send(self.server.answer(request))

    def _head(self, response: Response) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        for name, value in response.headers:
            self.send_header(name, value)
        self.end_headers()

    def _send(self, response: Response, sent_part: float = 1.0) -> None:
        self._head(response)
        self.wfile.write(response.body[: int(len(response.body) * sent_part)])
        self.wfile.flush()

    def _drip(self, response: Response, seconds: float) -> None:
        self._head(response)
        self.wfile.flush()
        for byte in response.body:
            if self.server.double.closing.wait(seconds):
                return
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()

    def _reset(self) -> None:
        """Closing with a linger of zero sends RST instead of FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()
