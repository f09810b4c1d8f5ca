"""Photos uploaded while something is done to the workers, and the count afterwards: nothing lost, nothing twice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from tests.chaos import uploads
from tests.chaos.audit import Findings, State, audit, read_state
from tests.chaos.ends import Producer, Subscriber, Tail, direct, running
from tests.chaos.run import quiet
from tests.chaos.servers import running_s3
from tests.chaos.uploads import Uploads
from tests.docker.stack import Stack, until

AHEAD = 8
"""So many elements wait at most: enough that no worker idles, few enough that a scale is over before the load is."""


def _jpeg(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def sights() -> dict[str, bytes]:
    """What `make_real` shows: a photo full of edges, and one with none."""
    chance = np.random.default_rng(5)
    return {
        "good": _jpeg(chance.integers(0, 255, (240, 320, 3), dtype=np.uint8)),
        "blurred": _jpeg(np.full((240, 320, 3), 127, dtype=np.uint8)),
    }


@dataclass
class Load:
    """Uploads on their way through a cluster, until it is enough."""

    made: Uploads
    subscriber: Subscriber
    tail: Tail
    redis_url: str
    database_url: str
    producer: Producer = field(init=False)
    limit: int | None = None
    """No more elements than this; None while it goes on."""

    def allowed(self) -> int:
        """How many elements may have been pushed by now."""
        ahead = len(self.tail.jobs) + sum(not element.photos for element in self.made.elements) + AHEAD
        return ahead if self.limit is None else self.limit

    def await_more(self, jobs: int) -> None:
        """Until so many more have been done; fails where there is nothing left to do."""
        goal = len(self.tail.jobs) + jobs
        assert goal + AHEAD < len(self.made.elements), "the load was over too soon"
        until(lambda: len(self.tail.jobs) >= goal, f"{jobs} more jobs")

    def finish(self) -> tuple[Findings, State]:
        """Pushes no more, and counts when all is through and quiet."""
        elements = self.made.elements
        self.limit = min(self.allowed(), len(elements))
        assert self.limit < len(elements), "the load was over too soon"
        until(lambda: self.producer.resting(self.limit or 0), "the end of the pushing")
        self.made.elements = elements[: self.limit]
        ours = {photo.media_id for element in self.made.elements for photo in element.photos}
        self.made.photos = {media: photo for media, photo in self.made.photos.items() if media in ours}
        quiet(self.redis_url, lambda: True, lambda: None, lambda text: None)
        self.tail.read()
        state = read_state(direct(self.redis_url), self.database_url)
        return audit(self.made, state, self.subscriber.heard, self.tail.entries), state


@contextmanager
def load(stack: Stack, jobs: int = 1500, seed: int = 1) -> Iterator[Load]:
    """On a stack that was wiped."""
    made = uploads.make_real(seed, jobs, sights())
    made.insert(stack.database_url)
    with running_s3(uploads.BUCKET, made.bytes_of):
        pass  # moto's servers share one memory, and what was put into it stays
    url = stack.redis_url
    subscriber, tail = Subscriber(url), Tail(url)
    found = Load(made, subscriber, tail, url, stack.database_url)
    found.producer = Producer(url, made, found.allowed)
    with running(found.producer, subscriber, tail):
        yield found


def attempts(state: State) -> list[int]:
    """Of the jobs that are done."""
    return [int(job["attempt"]) for job in state.jobs.values() if job.get("state") == "done"]
