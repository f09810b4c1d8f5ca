"""A reviewer's process that is killed (SIGKILL) at a step of its work: before each statement, before the commit, after
it, before and after the announcement.

Reads one order a line from stdin, acts on it in a child of its own, and answers what became of the child:

    {"point": 3, "verb": "decide", "photo": "…", "job_id": "…", "at": "…"}  ->  killed | done | wrong: …
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from lomi_ops.config.sections.operating import ReviewSection
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.db import audit
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.reviews import publishing, stepping
from lomi_ops.ops.reviews.desk import Choice, Desk
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue


class Countdown:
    """Kills this process at one of the points that it comes by."""

    def __init__(self, point: int) -> None:
        self._left = point

    def __call__(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def at_statements(self) -> None:
        """Points before each statement of any session."""
        self.around(Session, Session._admitted.__name__)

    def around(self, place: Any, name: str, *, before: bool = True, after: bool = False) -> None:
        """Points before or after a function of a module or class."""
        original: Callable[..., Any] = getattr(place, name)

        def counted(*args: Any, **options: Any) -> Any:
            if before:
                self()
            answer = original(*args, **options)
            if after:
                self()
            return answer

        setattr(place, name, counted)


def act(order: dict[str, Any], database_url: str, redis_url: str) -> None:
    here = Countdown(order["point"])
    here.at_statements()
    here.around(audit, "record_on", before=False, after=True)
    for name in ("decide", "take_back"):
        here.around(stepping, name, before=False, after=True)
    here.around(JobQueue, "announce", after=True)
    at, photo = datetime.fromisoformat(order["at"]), UUID(order["photo"])
    queue = JobQueue(queue_client(RedisSection.model_validate({"url": redis_url})))
    with Database(database_url) as db:
        desk = Desk(db, None, "hana", ReviewSection(), clock=lambda: at)
        match order["verb"]:
            case "decide":
                (seen,), _ = desk.standing([photo])
                step = desk.decide([seen], Choice(MediaStatus.APPROVED, note="fine"))
            case "undo":
                step = desk.undo([photo])
            case "publish":
                publishing.publish_due(db, queue, lambda: at)
                return
        if step.refused:
            raise step.refused[0].failure


def main(database_url: str, redis_url: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                act(json.loads(line), database_url, redis_url)
                code = 0
            except Exception as failure:
                sys.stderr.write(f"{failure!r}\n")
            os._exit(code)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        print("killed" if killed else "done" if os.WEXITSTATUS(status) == 0 else "wrong", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
