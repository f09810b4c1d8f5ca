"""Following photos that were sent: in the queue, at a worker, in Postgres, on the channel, in the backend's answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from lomi_ops.db.media import PhotoFilter, listed, photos_of
from lomi_ops.domain.job_state import JobState
from lomi_ops.domain.stopped import Sight, stopped
from lomi_ops.domain.way import BatchWay, Leg, PhotoWay, Sees
from lomi_ops.errors import LomiError, Transient
from lomi_ops.ops.demo.results import Heard, Results
from lomi_ops.ops.e2e.handles import Handles, Sent, Shown
from lomi_ops.queue import tracing
from lomi_ops.queue.replies import JobRecord
from lomi_ops.queue.workers import WorkerRegistry

TICK_S = 0.05
"""How often Postgres is asked, where nothing is published in between."""
LOOK_S = 0.2
"""How often the queue is asked what became of the jobs."""
APP_S = 0.5
"""How often the backend is asked, as an app would."""
ALIVE_S = 30.0
"""A worker that was not heard of for so long is none."""
SETTLE_S = 1.0
"""A job that is done leaves its photos alone if their rows say nothing for so long."""
OVER = frozenset({JobState.DEAD, JobState.CANCELLED})


@dataclass(slots=True)
class Follower:
    """Keeps the ways of all batches up to date. `batches` are in the order in which they were sent."""

    at: Handles
    sees: Sees
    shown: Callable[[], Mapping[str, Shown]]
    batches: list[BatchWay]
    sent: dict[int, Sent] = field(default_factory=dict)
    """By place in `batches`."""
    _results: Results | None = None
    _look_at: float = 0.0
    _ask_at: float = 0.0
    _done_since: dict[int, float] = field(default_factory=dict)
    _lost: set[int] = field(default_factory=set)
    trouble: Transient | None = None
    """What the backend's latest answer was instead of one."""

    def listen(self, results: Results) -> None:
        self._results = results

    def add(self, place: int, sent: Sent) -> None:
        """A batch is on its way."""
        self.sent[place] = sent
        batch = self.batches[place]
        photos = tuple(
            replace(photo, key=there.key, media_id=there.media_id)
            for photo, there in zip(batch.photos, sent.photos, strict=True)
        )
        legs = {**batch.legs, Leg.ACCEPTED: sent.accepted_s}
        self.batches[place] = replace(batch, photos=photos, batch_id=sent.batch_id, job_id=sent.job_id, legs=legs)

    @property
    def open(self) -> list[int]:
        """Batches that may still come through."""
        return [place for place in self.sent if not self.batches[place].done(self.sees) and place not in self._lost]

    def tick(self) -> None:
        """One look around; waits for a message for as long as a tick lasts."""
        if self._results is not None:
            self._hear(self._results)
        else:
            self.at.wait(TICK_S)
        self._read_rows()
        now = self.at.clock()
        if self.sees.app and now >= self._ask_at:
            self._read_app()
            self._ask_at = self.at.clock() + APP_S
        if self.sees.channel and now >= self._look_at:
            for place in self.open:
                self._look_at_job(place)
            self._look_at = self.at.clock() + LOOK_S

    def explain(self, *, listeners: int | None) -> None:
        """Says of each batch that did not come through where it stopped. What cannot be asked any more is left out."""
        for place, batch in enumerate(self.batches):
            if not batch.done(self.sees):
                sight = Sight(listeners=listeners, local=self.at.local)
                with suppress(LomiError):
                    sight = self._sight(place, listeners)
                self.batches[place] = replace(batch, stopped=stopped(batch, self.sees, sight))

    # --- the channel --------------------------------------------------------------------------------------------------

    def _hear(self, results: Results) -> None:
        heard = results.hear(TICK_S)
        while heard is not None:
            self._heard(heard)
            heard = results.hear(0)

    def _heard(self, heard: Heard) -> None:
        now = self.at.clock()
        for media_id in heard.photos:
            self._change(media_id, Leg.PUBLISHED, now, heard=True)
        for place in {place for place, photo in self._places() if photo.media_id in heard.photos}:
            batch = self.batches[place]
            if batch.job_id is None and heard.job_id:
                self.batches[place] = replace(batch, job_id=heard.job_id)
            if Leg.STARTED not in self.batches[place].legs:
                self._look_at_job(place)

    def _places(self) -> list[tuple[int, PhotoWay]]:
        return [(place, photo) for place in self.sent for photo in self.batches[place].photos]

    # --- Postgres -----------------------------------------------------------------------------------------------------

    def _read_rows(self) -> None:
        if self.at.database is None:
            return
        self._learn_ids()
        waiting = [
            photo.media_id
            for _, photo in self._places()
            if photo.media_id is not None and Leg.SETTLED not in photo.legs
        ]
        if not waiting:
            return
        rows = photos_of(self.at.database, waiting)
        now = self.at.clock()
        for media_id, row in rows.items():
            seen = PhotoWay("", status=row.status, reason=row.reason)
            if seen.decision is not None:
                self._change(media_id, Leg.SETTLED, now, row.status, row.reason, row.scores)

    def _learn_ids(self) -> None:
        """The backend may commit its rows a moment after its answer."""
        assert self.at.database is not None
        for place in self.sent:
            batch = self.batches[place]
            if any(photo.media_id is None for photo in batch.photos):
                rows = {row.url: row.media_id for row in listed(self.at.database, PhotoFilter(batch_id=batch.batch_id))}
                photos = tuple(replace(p, media_id=p.media_id or rows.get(p.key)) for p in batch.photos)
                self.batches[place] = replace(batch, photos=photos)

    # --- the backend --------------------------------------------------------------------------------------------------

    def _read_app(self) -> None:
        try:
            shown = self.shown()
        except Transient as weather:
            self.trouble = weather  # it is asked again
            return
        self.trouble = None
        now = self.at.clock()
        for place in self.sent:
            batch = self.batches[place]
            photos = tuple(_told(photo, shown.get(photo.key)) for photo in batch.photos)
            self.batches[place] = replace(batch, photos=photos)
            for photo in photos:
                there = shown.get(photo.key)
                if there is not None and _decided(there) and Leg.SHOWN not in photo.legs:
                    self._change(there.media_id, Leg.SHOWN, now, there.status, there.reason or None)

    # --- the queue ----------------------------------------------------------------------------------------------------

    def _look_at_job(self, place: int) -> None:
        """When a worker took it, and whether there is any hope left for it."""
        batch, sent = self.batches[place], self.sent[place]
        record = self._record(place)
        if record is None:
            self._look_at_list(place)
            return
        if record.claimed_ms and Leg.STARTED not in batch.legs and sent.server_ms is not None:
            started = max(0.0, (record.claimed_ms - sent.server_ms) / 1000)
            self.batches[place] = replace(batch, legs={**batch.legs, Leg.STARTED: started})
        if record.state in OVER:
            self._lost.add(place)
        elif record.state is JobState.DONE and any(photo.decision is None for photo in batch.photos):
            since = self._done_since.setdefault(place, self.at.clock())
            if self.at.clock() - since >= SETTLE_S and not self.sees.app:
                self._lost.add(place)

    def _look_at_list(self, place: int) -> None:
        """An old worker leaves no trace but this: the element is gone from the list."""
        batch, sent = self.batches[place], self.sent[place]
        if Leg.STARTED in batch.legs or not sent.raw:
            return
        if self._place_in_list(sent) is None and self._record(place) is None:
            seen = self.at.clock() - sent.at
            self.batches[place] = replace(batch, legs={**batch.legs, Leg.STARTED: seen})

    def _record(self, place: int) -> JobRecord | None:
        job_id = self.batches[place].job_id
        return None if job_id is None or self.at.queue is None else self.at.queue.job(job_id)

    def _place_in_list(self, sent: Sent) -> int | None:
        if self.at.redis is None or self.at.queue is None or not sent.raw:
            return None
        return tracing.place_in_list(self.at.redis, self.at.queue.keys, sent.raw)

    def _sight(self, place: int, listeners: int | None) -> Sight:
        if self.at.redis is None or self.at.queue is None or place not in self.sent:
            return Sight(listeners=listeners, local=self.at.local)
        stats, record = self.at.queue.stats(), self._record(place)
        waits = self._place_in_list(self.sent[place])
        registered = WorkerRegistry(self.at.redis, self.at.queue.keys).list()
        workers = [each for each in registered if each.beat_age_s < ALIVE_S]
        pause = stats.pause
        return Sight(
            in_list=waits is not None,
            ahead=waits or 0,
            state=record.state if record else None,
            attempt=record.attempt if record else 0,
            error=record.error if record else "",
            workers=len(workers),
            pause=f"{pause.by}: {pause.reason}" if pause else "",
            holds=tuple(f"{hold.upstream} is on hold ({hold.reason})" for hold in stats.holds),
            listeners=listeners,
            local=self.at.local,
        )

    # --- one photo ----------------------------------------------------------------------------------------------------

    def _change(
        self,
        media_id: UUID,
        leg: Leg,
        now: float,
        status: str | None = None,
        reason: str | None = None,
        scores: Mapping[str, object] | None = None,
        *,
        heard: bool = False,
    ) -> None:
        for place, photo in self._places():
            if photo.media_id == media_id:
                changed = _reached(photo, leg, now - self.sent[place].at, status, reason, scores, heard=heard)
                photos = tuple(changed if each is photo else each for each in self.batches[place].photos)
                self.batches[place] = replace(self.batches[place], photos=photos)


def _reached(
    photo: PhotoWay,
    leg: Leg,
    after_s: float,
    status: str | None,
    reason: str | None,
    scores: Mapping[str, object] | None,
    *,
    heard: bool,
) -> PhotoWay:
    legs = {leg: after_s, **photo.legs}  # the first time counts
    judged = (scores or {}).get("processing_time_ms")
    if isinstance(judged, int | float):
        legs.setdefault(Leg.JUDGED, judged / 1000)
    return replace(
        photo,
        legs=legs,
        status=status or photo.status,
        reason=reason if status else photo.reason,
        messages=photo.messages + heard,
    )


def _told(photo: PhotoWay, there: Shown | None) -> PhotoWay:
    """With the id that the backend shows, where nobody else has told it."""
    return photo if there is None or photo.media_id is not None else replace(photo, media_id=there.media_id)


def _decided(there: Shown) -> bool:
    return PhotoWay("", status=there.status, reason=there.reason or None).decision is not None
