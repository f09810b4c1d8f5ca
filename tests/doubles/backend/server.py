"""The double as a server: the backend on one port, the bucket of its presigned addresses on another."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict, deque
from types import TracebackType
from typing import Self

from lomi_ops.clients.objects import ObjectStore
from tests.doubles.backend.app import API, App
from tests.doubles.backend.bucket import Bucket
from tests.doubles.faults import Fault
from tests.doubles.messages import Request
from tests.doubles.sockets import Listener


class BackendDouble:
    """Runs while it is entered, on a real Postgres, a real Redis and a real object store.

    `calls` counts requests by `METHOD path`, where the bucket's are `PUT bucket` and `GET bucket`; `seen` keeps the
    last 200 of them. With `subscribes` it hears results as the real one does.
    """

    def __init__(
        self,
        *,
        database_url: str,
        redis_url: str,
        store: ObjectStore,
        subscribes: bool = True,
        port: int = 0,
    ) -> None:
        self.closing = threading.Event()
        self.app = App(database_url, redis_url, Bucket(store, "secret-of-the-bucket"))
        self.calls: Counter[str] = Counter()
        self.seen: deque[Request] = deque(maxlen=200)
        self.connections = 0
        self._subscribes = subscribes
        self._ear: threading.Thread | None = None
        self._lock = threading.Lock()
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._backend = Listener(self, self.app.answer, port)
        self._bucket = Listener(self, self.app.bucket.answer)

    def __enter__(self) -> Self:
        self._bucket.open()
        self.app.bucket.url = self._bucket.url
        self._backend.open()
        if self._subscribes:
            ready = threading.Event()
            self._ear = threading.Thread(target=self.app.listen, args=(ready, self.closing), daemon=True)
            self._ear.start()
            assert ready.wait(10), "the double could not subscribe"
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.closing.set()
        self._backend.shut()
        self._bucket.shut()
        if self._ear is not None:
            self._ear.join()

    @property
    def url(self) -> str:
        return self._backend.url

    @property
    def bucket_url(self) -> str:
        return self._bucket.url

    def inject(self, *faults: Fault, on: str, times: int = 1) -> None:
        """The next calls get these, in order, each `times` times. `on` is the last word of the path (`health`,
        `telegram`, `upload-url`, `upload-complete`, `moderation-status`, `queue-stats`, `dashboard`), `delete`, or
        `bucket`."""
        with self._lock:
            for fault in faults:
                self._faults[on].extend([fault] * times)

    def go_down(self) -> None:
        """Refuses connections and cuts those that are open."""
        self._backend.shut()

    def come_up(self) -> None:
        self._backend.open()

    def fault_for(self, request: Request) -> Fault | None:
        with self._lock:
            waiting = self._faults[_name(request)]
            return waiting.popleft() if waiting else None

    def note(self, request: Request) -> None:
        with self._lock:
            path = request.path if request.path.startswith(API) else "bucket"
            self.calls[f"{request.method} {path}"] += 1
            self.seen.append(request)

    def done(self, request: Request) -> None:
        """Nothing to count down."""

    def note_connection(self) -> None:
        with self._lock:
            self.connections += 1

    def stall(self, seconds: float) -> None:
        self.closing.wait(seconds)


def _name(request: Request) -> str:
    if not request.path.startswith(API):
        return "bucket"
    return "delete" if request.method == "DELETE" else request.path.rpartition("/")[2]
