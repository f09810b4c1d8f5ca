"""Findings taken again for a photo whose very bytes were looked at before; off unless `worker.reuse_days` is set.

A help and nothing more: whatever goes wrong here, or takes too long, the photo is looked at as usual.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from lomi_ops.config.schema import Settings
from lomi_ops.db import reuse
from lomi_ops.db.pool import Database
from lomi_ops.domain.decision import PhotoDecision
from lomi_ops.domain.finding import Engine
from lomi_ops.domain.marked import is_marked
from lomi_ops.domain.regime import Rule
from lomi_ops.domain.reuse import Inputs, complete, retaken
from worker.engines import blur
from worker.judging.wire import LoadedEngine

log = logging.getLogger(__name__)

PATIENCE_S = 0.5
"""What a look-up may take; engines take a tenth of that for a photo."""
QUIET_S = 30.0
"""After one that failed nobody asks for so long."""
ASK_AGAIN_S = 60.0
"""Between questions whether there is an index to look with."""
DIGITS = 32
"""Of the digest that is kept: 128 bits."""
_NO_MATTER = {"decode_timeout_s", "memory_mb"}
"""Of the images' settings: they say whether a photo is judged, not what is seen in it."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """What came of looking for a photo's bytes."""

    decision: PhotoDecision | None = None
    inputs: Inputs | None = None
    """Under which what is seen now may be taken again; None where it may not."""


NOTHING = Recalled()


class Recall:
    """Looks for the bytes of photos. One for a worker; any thread may ask."""

    def __init__(self, database: Database, days: float, threads: int, *, patience_s: float = PATIENCE_S) -> None:
        """`database` is a handle of its own, so that a look-up that hangs keeps nobody from settling a job."""
        self._database = database
        self._age = timedelta(days=days)
        self._patience_s = patience_s
        self._pool = ThreadPoolExecutor(threads, "recall")
        self._guard = threading.Lock()
        self._quiet_until = 0.0
        self._ready_until = 0.0
        # The first connection may take longer than a look-up may.
        self._pool.submit(self._is_ready)

    @classmethod
    def of(cls, settings: Settings) -> Recall | None:
        """None where nothing is to be taken again: then nothing is asked."""
        days = settings.worker.reuse_days
        if not days:
            return None
        if settings.compreface.urls and not settings.compreface.setup:
            text = "nothing is taken again: compreface.setup does not say how CompreFace is set up"
            log.warning(text, extra={"action": "reuse_unsure"})
        slots, section = settings.worker.slots, settings.database
        hasty = section.model_copy(update={"statement_timeout_s": PATIENCE_S})
        database = Database.from_section(hasty, application="lomi worker", size=slots, prepares=True)
        return cls(database, days, slots)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._database.close()

    def ask(self, media_id: UUID, data: bytes, inputs: Inputs | None, rule: Rule) -> Recalled:
        """The decision on a photo whose bytes are known, and whether what is seen in it may be kept for others. Photos
        of `lomi e2e` are looked at, since that is what they are for. Raises nothing."""
        if inputs is None or is_marked(media_id):
            return NOTHING
        began = time.perf_counter()
        sha256 = hashlib.sha256(data).hexdigest()
        looked = self._find(sha256, inputs)
        if looked is None:
            return Recalled(inputs=inputs)
        found, since = looked
        if found.person:
            # What is seen now is not kept either: a word of a person stays the last one on these bytes.
            return NOTHING
        if found.known is None:
            return Recalled(inputs=inputs)
        ms = (time.perf_counter() - began) * 1000
        decision = retaken(media_id, found.known, inputs, rule, since=since, sha256=sha256, ms=ms)
        return Recalled(decision, inputs)

    def _find(self, sha256: str, inputs: Inputs) -> tuple[reuse.Found, datetime] | None:
        """What the log has since a moment, and that moment; None where nobody knows."""
        if time.monotonic() < self._quiet_until:
            return None
        try:
            return self._pool.submit(self._look_up, sha256, inputs.digest).result(self._patience_s)
        except Exception as fault:  # noqa: BLE001 - a help that fails is no reason for anything
            self._be_quiet(fault)
            return None

    def _look_up(self, sha256: str, digest: str) -> tuple[reuse.Found, datetime] | None:
        """Whatever asks the server is here: `now` does so each minute."""
        if not self._is_ready():
            return None
        since = self._database.now() - self._age
        return reuse.find(self._database, sha256, digest, since=since), since

    def _is_ready(self) -> bool:
        if time.monotonic() < self._ready_until:
            return True
        if not reuse.ready(self._database):
            self._be_quiet(LookupError("no index lomi.decisions_bytes: lomi migrate apply"))
            return False
        self._ready_until = time.monotonic() + ASK_AGAIN_S
        return True

    def _be_quiet(self, fault: Exception) -> None:
        with self._guard:
            if time.monotonic() < self._quiet_until:
                return
            self._quiet_until = time.monotonic() + QUIET_S
        why = str(fault) or type(fault).__name__
        log.warning("photos are looked at though their bytes may be known: %s", why, extra={"action": "reuse_failed"})


def kept(decision: PhotoDecision, inputs: Inputs | None) -> PhotoDecision:
    """The decision, marked as one whose findings may be taken again where they may."""
    if inputs is None or decision.evidence is None or not complete(decision.evidence, inputs):
        return decision
    return replace(decision, inputs=inputs.digest)


def inputs_of(
    settings: Settings, engines: tuple[LoadedEngine, ...], made_of: str, faces: tuple[str, str] | None
) -> Inputs | None:
    """What findings depend on now; None where that is not certain. `made_of` is the judging process's own digest, and
    `faces` the build of the face service, None where it is not known."""
    nsfw, service = _named(engines, Engine.NSFW), settings.compreface
    seen_by = faces if service.urls else _named(engines, Engine.FACES)
    if not made_of or nsfw is None or seen_by is None or (service.urls and not service.setup):
        return None
    parts = {
        "made_of": made_of,
        "images": settings.images.model_dump(mode="json", exclude=_NO_MATTER),
        "threads": settings.models.threads,
        "faces": [service.setup, service.det_prob_threshold] if service.urls else None,
    }
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:DIGITS]
    return Inputs({Engine.BLUR: (blur.MODEL, blur.VERSION), Engine.NSFW: nsfw, Engine.FACES: seen_by}, digest)


def _named(engines: tuple[LoadedEngine, ...], engine: Engine) -> tuple[str, str] | None:
    """As the report of all models of an engine names them."""
    found = [each for each in engines if each.engine == engine.value]
    if not found:
        return None
    return "+".join(each.model for each in found), "+".join(each.version for each in found)
