"""A trim of what came of photos that were judged again, killed (SIGKILL) at a step of its work: before each statement.

Reads one number of steps a line from stdin, acts in a child of its own, and answers what became of it: killed, or done.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime

from lomi_ops.db.pool import Database
from lomi_ops.domain.retention import Limit, Place
from lomi_ops.ops import retention
from tests.integration.reviews.victim import Countdown


def main(url: str, now: str) -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                Countdown(int(line)).at_statements()
                limit = Limit(Place.REMODERATED, 400)
                with Database(url, size=2) as db:
                    retention.trim(
                        db, [limit], actor="cron", now=datetime.fromisoformat(now), rows=2, rest=lambda _: None
                    )  # fmt: skip
                code = 0
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        print("killed" if killed else "done" if os.WEXITSTATUS(status) == 0 else "wrong", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:3])
