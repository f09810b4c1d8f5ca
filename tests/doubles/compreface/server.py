"""The double as a server: three listeners (core, API, gateway) in one process, faults acted out on real sockets."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.doubles.compreface.api import Api, CoreGone, Gateway
from tests.doubles.compreface.core import Busy, Core
from tests.doubles.compreface.faults import Canned, Drip, Fault, Html, Oversize, Reset, Stall, Throttle, Truncated
from tests.doubles.compreface.messages import Request, Response, nginx_page, parse_target
from tests.doubles.compreface.personality import FACENET, Personality
from tests.doubles.compreface.quota import Quota
from tests.doubles.compreface.script import ADULT, Face, Script, Seer

_DETECTIONS = ("/find_faces", "/find_faces_base64", "/detection/detect")


class CompreFaceDouble:
    """Runs while it is entered. `url` is the core, `gateway_url` what port 8000 shows, `api_url` the API alone.

    `calls` counts requests by path as the client wrote it, `seen` keeps the last 100 of them, and `most_at_once` is
    the greatest number of detections that were waiting or under way together.
    """

    def __init__(
        self,
        *,
        personality: Personality = FACENET,
        default_faces: Sequence[Face] = (ADULT,),
        faces_for: Seer | None = None,
        workers: int = 2,
        service_s: float = 0.0,
        cold_start_s: float = 0.0,
        read_timeout_s: float = 60.0,
        extra_keys: bool = False,
        has_healthcheck: bool = True,
        core_port: int = 0,
        api_port: int = 0,
        gateway_port: int = 0,
        quota: Quota | None = None,
    ) -> None:
        """`read_timeout_s` is how long the API and the gateway wait for the core. Port 0 is a free one. `quota` counts
        detections, at whichever listener."""
        self.closing = threading.Event()
        self.script = Script(default=tuple(default_faces), seer=faces_for)
        self.core = Core(
            personality, self.script, workers, service_s, cold_start_s, has_healthcheck, closing=self.closing
        )
        self.api = Api(self._to_core, extra_keys=extra_keys)
        self.gateway = Gateway(self.api, self._to_core)
        self.read_timeout_s = read_timeout_s
        self.quota = quota
        self.calls: Counter[str] = Counter()
        self.seen: deque[Request] = deque(maxlen=100)
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._faults: dict[str, deque[Fault]] = {"detect": deque(), "health": deque(), "core": deque()}
        self._listeners = {
            "core": _Listener(self, self._as_core, core_port),
            "api": _Listener(self, self.api.answer, api_port),
            "gateway": _Listener(self, self.gateway.answer, gateway_port),
        }

    def __enter__(self) -> Self:
        for listener in self._listeners.values():
            listener.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.closing.set()
        for listener in self._listeners.values():
            listener.shut()

    @property
    def url(self) -> str:
        return self._listeners["core"].url

    @property
    def api_url(self) -> str:
        return self._listeners["api"].url

    @property
    def gateway_url(self) -> str:
        return self._listeners["gateway"].url

    @property
    def detections(self) -> int:
        """Detections that were asked for, at whichever listener."""
        return sum(count for path, count in self.calls.items() if path.endswith(_DETECTIONS))

    def inject(self, *faults: Fault, on: str = "detect", times: int = 1) -> None:
        """The next requests get these, in order, each `times` times.

        `on` is `detect` (whichever listener the client talks to), `health` (everything else it asks), or `core`
        (what the API hears from the core).
        """
        with self._lock:
            for fault in faults:
                self._faults[on].extend([fault] * times)

    def clear_faults(self) -> None:
        with self._lock:
            for waiting in self._faults.values():
                waiting.clear()

    def stick(self) -> None:
        """Leaves `detect_faces=false` behind in every worker, as an error in the middle of such a request does."""
        self.core.stick()

    def go_down(self, *names: str) -> None:
        """Refuses connections and cuts those that are open; all listeners unless some are named."""
        for name in names or tuple(self._listeners):
            self._listeners[name].shut()

    def come_up(self, *names: str) -> None:
        """Listens again on the same ports, with models to be loaded anew."""
        self.core.restart()
        for name in names or tuple(self._listeners):
            self._listeners[name].open()

    def refuse_for(self, seconds: float) -> threading.Timer:
        """A restart for want of memory: down now, up again later."""
        self.go_down()
        timer = threading.Timer(seconds, self.come_up)
        timer.daemon = True
        timer.start()
        return timer

    def fault_for(self, request: Request) -> Fault | None:
        if self.quota is not None and _is_detection(request) and not self.quota.take():
            return Throttle(429, self.quota.retry_after)
        return self._next_fault("detect" if _is_detection(request) else "health")

    def note(self, request: Request) -> None:
        with self._lock:
            self.calls[request.path] += 1
            self.seen.append(request)
            if _is_detection(request):
                self._at_once += 1
                self.most_at_once = max(self.most_at_once, self._at_once)

    def done(self, request: Request) -> None:
        with self._lock:
            self._at_once -= _is_detection(request)

    def note_connection(self) -> None:
        with self._lock:
            self.connections += 1

    def _next_fault(self, kind: str) -> Fault | None:
        with self._lock:
            waiting = self._faults[kind]
            return waiting.popleft() if waiting else None

    def _as_core(self, request: Request, stall_s: float = 0.0) -> Response:
        with self.core.worker() as worker:
            self.closing.wait(stall_s)
            return self.core.answer(request, worker)

    def _to_core(self, request: Request) -> Response:
        """As the API and the gateway reach the core: over the network that may be down, and with patience."""
        if not self._listeners["core"].is_open:
            raise CoreGone("Connection refused (Connection refused)")
        fault = self._next_fault("core") if _is_detection(request) else None
        if isinstance(fault, Stall) and fault.seconds >= self.read_timeout_s:
            with self.core.worker():
                self.closing.wait(self.read_timeout_s)
            raise CoreGone("Read timed out")
        if isinstance(fault, Canned):
            return Response(fault.status, fault.body, fault.content_type)
        if isinstance(fault, Reset):
            raise CoreGone("Connection reset")
        try:
            with self.core.worker(self.read_timeout_s) as worker:
                self.closing.wait(fault.seconds if isinstance(fault, Stall) else 0.0)
                return self.core.answer(request, worker)
        except Busy:
            raise CoreGone("Read timed out") from None


def _is_detection(request: Request) -> bool:
    return request.path.endswith(_DETECTIONS)


class _Listener:
    """One port that can refuse connections and come back."""

    def __init__(self, double: CompreFaceDouble, answer: Callable[[Request], Response], port: int) -> None:
        self._double = double
        self._answer = answer
        self._port = port
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
        self._server = _Server(self._port, self._double, self._answer)
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

    def __init__(self, port: int, double: CompreFaceDouble, answer: Callable[[Request], Response]) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
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
                # The core's worker is busy all that time; then the answer comes after all.
                with double.core.worker():
                    double.closing.wait(fault.seconds)
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
