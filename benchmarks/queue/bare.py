"""For comparison: takes elements with RPOP, puts them aside with LPUSH, one after the other; nothing around it."""

from __future__ import annotations

import sys

from benchmarks.queue.gate import Gate
from benchmarks.queue.load import connect
from lomi_ops.queue.client import call


def main(url: str) -> None:
    gate, client = Gate(), connect(url)
    client.ping()
    gate.wait()
    while (raw := call(client, "RPOP", "bare")) is not None:
        gate.note()
        call(client, "LPUSH", "aside", raw)
    gate.report()
    client.close()


if __name__ == "__main__":
    main(sys.argv[1])
