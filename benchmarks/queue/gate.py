"""How a measured process and the one that measures talk: ready, go, and what was seen. Standard library only, since it
also runs in the environments of the other libraries."""

from __future__ import annotations

import json
import sys
import time


class Gate:
    """One per process. `note` is what every no-op job does."""

    def __init__(self) -> None:
        self.count = 0
        self.first = 0.0
        self.last = 0.0

    def note(self) -> None:
        """A job ran now. Threads of one process may count one too few; nobody depends on it."""
        now = time.time()
        if not self.count:
            self.first = now
        self.last = now
        self.count += 1

    def wait(self) -> None:
        """Everything is imported and connected: from here on the clock runs."""
        print("ready", flush=True)
        if not sys.stdin.readline():
            sys.exit("whoever measures is gone")

    def report(self) -> None:
        print(json.dumps({"count": self.count, "first": self.first, "last": self.last}), flush=True)
