"""The double as a server: three listeners (core, API, gateway) in one process, faults acted out on real sockets."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.doubles.compreface.api import Api, CoreGone, Gateway
from tests.doubles.compreface.core import Busy, Core
from tests.doubles.compreface.personality import FACENET, Personality
from tests.doubles.compreface.quota import Quota
from tests.doubles.compreface.script import ADULT, Face, Script, Seer
from tests.doubles.faults import Canned, Fault, Reset, Stall, Throttle
from tests.doubles.messages import Request, Response
from tests.doubles.sockets import Listener

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
        host: str = "127.0.0.1",
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
            "core": Listener(self, self._as_core, core_port, host),
            "api": Listener(self, self.api.answer, api_port, host),
            "gateway": Listener(self, self.gateway.answer, gateway_port, host),
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

    def stall(self, seconds: float) -> None:
        """The core's worker is busy all that time."""
        with self.core.worker():
            self.closing.wait(seconds)

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
