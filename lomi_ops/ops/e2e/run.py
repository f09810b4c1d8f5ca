"""One run: subscribe, upload, send, follow, and take everything back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from lomi_ops.db.media import has_lomi_schema
from lomi_ops.domain.way import BatchWay, Leg, PhotoWay, Sees
from lomi_ops.ops import unknowns
from lomi_ops.ops.demo.results import listening
from lomi_ops.ops.demo.samples import Sample
from lomi_ops.ops.e2e.follow import Follower
from lomi_ops.ops.e2e.handles import Handles, Left, Uploaded, WayIn
from lomi_ops.ops.e2e.outcome import Outcome
from lomi_ops.ops.e2e.plan import batches, expected
from lomi_ops.ops.unknowns import Unknown
from lomi_ops.queue import tracing
from lomi_ops.queue.workers import WorkerRegistry

NO_CHANNEL = Unknown(
    "Redis is not configured: the queue, the claim and the published message are not seen", "lomi help services"
)
NO_ROWS = Unknown("Postgres is not configured: the row of a photo is not seen", "lomi help services")


@dataclass(frozen=True, slots=True)
class News:
    """How far a run is, for whoever watches."""

    batches: tuple[BatchWay, ...]
    sees: Sees
    elapsed_s: float = 0.0
    uploading: str = ""
    """The photo that is on its way into the store."""
    cleaning: bool = False


@dataclass(slots=True)
class Run:
    """`go` once; `outcome` at any time after that, whatever happened."""

    way_in: WayIn
    at: Handles
    samples: Sequence[Sample]
    timeout_s: float
    """From the moment the last batch was sent."""
    keep: bool = False
    tell: Callable[[News], None] = lambda news: None
    _follower: Follower = field(init=False)
    _began: float = 0.0
    _ended: float | None = None
    _listeners: int | None = None
    _left: tuple[Left, ...] = ()
    _unknown: tuple[Unknown, ...] = ()

    def __post_init__(self) -> None:
        planned = [
            BatchWay(tuple(PhotoWay(sample.name, expected(sample)) for sample in batch))
            for batch in batches(self.samples)
        ]
        self._follower = Follower(self.at, self.way_in.sees(self.at), self.way_in.shown, planned)

    def go(self) -> None:
        """Sends the photos and follows them to the end, or until their time is over. What was made is removed
        afterwards, also after an error or an interruption, unless it is to be kept.

        Raises what the services raise; a photo that does not come through is no error. A backend that does not answer
        while it is polled is asked again until the time is over.
        """
        self._began = self.at.clock()
        try:
            with self._listening():
                self._unknown = self._unknowns()
                self.way_in.start()
                self._send()
                self._wait()
        finally:
            self._ended = self.at.clock()
            try:
                self._follower.explain(listeners=self._listeners)
                self._clean()
            finally:
                self.way_in.end()

    def outcome(self) -> Outcome:
        return Outcome(
            via=self.way_in.name,
            sees=self._follower.sees,
            batches=tuple(self._follower.batches),
            elapsed_s=(self._ended or self.at.clock()) - self._began,
            user_id=self.way_in.user_id,
            listeners=self._listeners,
            local=self.at.local,
            kept=self.keep,
            left=self._left,
            unknown=self._unknown,
        )

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Before anything is pushed: nothing that is published may be missed."""
        with ExitStack() as held:
            if self.at.redis is not None:
                self._follower.listen(held.enter_context(listening(self.at.redis)))
                self._listeners = tracing.other_listeners(self.at.redis)
            yield

    def _unknowns(self) -> tuple[Unknown, ...]:
        found: list[Unknown] = []
        if self.at.redis is None:
            found.append(NO_CHANNEL)
        else:
            found += unknowns.of_workers(len(WorkerRegistry(self.at.redis).list()))
        if self.at.database is None:
            found.append(NO_ROWS)
        elif not has_lomi_schema(self.at.database):
            found += unknowns.of_record(self.at.database)
        return tuple(found)

    def _send(self) -> None:
        """All bytes first, then batch after batch at once: an upload must not wait for the photos of another batch."""
        uploaded: list[Uploaded] = []
        for place, sample in enumerate(self.samples):
            self._news(uploading=sample.name)
            began = self.at.clock()
            uploaded.append(self.way_in.upload(sample))
            self._uploaded(place, uploaded[-1], self.at.clock() - began)
        for place, photos in enumerate(batches(uploaded)):
            self._follower.add(place, self.way_in.send(photos))
            self._news()

    def _uploaded(self, place: int, there: Uploaded, took_s: float) -> None:
        number, within = divmod(place, len(self._follower.batches[0].photos))
        batch = self._follower.batches[number]
        photos = list(batch.photos)
        photos[within] = replace(photos[within], key=there.key, media_id=there.media_id, legs={Leg.UPLOAD: took_s})
        self._follower.batches[number] = replace(batch, photos=tuple(photos))

    def _wait(self) -> None:
        end, over = self.at.clock() + self.timeout_s, False
        while self._follower.open and not over:
            # The last look comes after the end: a machine that stood still meanwhile has seen nothing of it yet.
            over = self.at.clock() >= end
            self._follower.tick()
            self._news()
        if self._follower.open and self._follower.trouble is not None:
            raise self._follower.trouble

    def _clean(self) -> None:
        if self.keep:
            return
        try:
            self._news(cleaning=True)
        finally:  # also where nobody reads what we say
            self._left = self.way_in.clean()

    def _news(self, *, uploading: str = "", cleaning: bool = False) -> None:
        self.tell(
            News(tuple(self._follower.batches), self._follower.sees, self.at.clock() - self._began, uploading, cleaning)
        )
