"""A run over photos, with engines whose answers a test chooses; everything else is real.

As a program: carries a run out in children of its own, each killed (SIGKILL) at a step of its work. Reads one number of
steps a line from stdin, and answers what became of the child: killed, or done.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.db import audit, remoderating
from lomi_ops.db.pool import Database
from lomi_ops.db.remoderating import Run
from lomi_ops.domain import review_filter
from lomi_ops.domain.decision import PhotoDecision, decide
from lomi_ops.domain.policy import judge
from lomi_ops.domain.remoderate import Fate, Live, Rejudged
from lomi_ops.ops.remoderate.plan import plan
from lomi_ops.ops.remoderate.run import Handles, carry_out
from tests.integration.db.conftest import POLICY, evidence
from tests.integration.reviews.victim import Countdown

BUCKET = "lomi-photos"
FINE: Mapping[str, Any] = {}
Says = Mapping[str, Any] | Fate
"""What the engines see in a photo, or why they say nothing."""


@dataclass
class Engines:
    """Says of each photo what it was told to; of others that they are fine."""

    says: dict[UUID, Says] = field(default_factory=dict)
    before: Callable[[UUID], None] = lambda media_id: None
    """Called for each photo before it is judged."""
    outage: bool = False
    asked: list[UUID] = field(default_factory=list)
    width: int = 1

    def judge(self, photos: Sequence[tuple[UUID, bytes]]) -> list[Rejudged]:
        return [self._one(media_id) for media_id, _ in photos]

    def lives(self) -> bool:
        return not self.outage

    def _one(self, media_id: UUID) -> Rejudged:
        self.before(media_id)
        self.asked.append(media_id)
        if self.outage:
            return Rejudged(media_id, None, outage=True)
        says = self.says.get(media_id, FINE)
        if isinstance(says, Fate):
            return Rejudged(media_id, None, says)
        return Rejudged(media_id, decision(media_id, **says))


def decision(media_id: UUID, **properties: Any) -> PhotoDecision:
    seen = evidence(**properties)
    return decide(media_id, seen, judge(seen, POLICY), POLICY, ms=9.0, sha256="cd" * 32)


def store(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder, Buckets(frozenset({BUCKET})))


def begin(db: Database, text: str, **options: Any) -> Run:
    """A run as the command begins it."""
    at = db.now()
    given = {"shadow": False, "overrides": False, "per_minute": None} | options
    found = plan(db, review_filter.parse([text]), overrides=given["overrides"], at=at)
    return remoderating.begin(
        db, at=at, actor="hana", filter_=text, why="a better model", model=None, policy=POLICY.ref, engines="e",
        photos=found.matched, **given,
    )  # fmt: skip


def handles(db: Database, folder: Path, engines: Engines, **changes: Any) -> Handles:
    given: dict[str, Any] = {
        "database": db, "store": store(folder), "bucket": BUCKET, "max_bytes": 1000, "judging": engines,
        "policy": POLICY, "live": lambda: Live(0, None), "publish": lambda: None, "tell": lambda text: None,
        "sleep": lambda seconds: None,
    }  # fmt: skip
    return Handles(**given | changes)


def main(url: str, folder: str, number: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                _until(int(line), url, Path(folder), int(number))
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        print("killed" if killed else "done" if os.WEXITSTATUS(status) == 0 else "wrong", flush=True)


def _until(point: int, url: str, folder: Path, number: int) -> None:
    here = Countdown(point)
    here.at_statements()
    here.around(audit, "record_on", before=False, after=True)
    here.around(remoderating, "apply", before=False, after=True)
    with Database(url) as db:
        carry_out(handles(db, folder, Engines()), remoderating.get(db, number))


if __name__ == "__main__":
    main(*sys.argv[1:4])
