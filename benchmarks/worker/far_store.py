"""Photos a minute where objects come from far away: `python -m benchmarks.worker.far_store [--delay 20 --delay 150]`.

Real workers read from a bucket that takes so many milliseconds to answer. In turn: one job in hand per worker; one that
also fetches the next job's photos while the last one is judged (`benchmarks/worker/ahead.py`, which is no part of the
product); and two in hand (`worker.slots: 2`), each with a judging process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from statistics import median

from benchmarks.worker.load import Span, measured
from benchmarks.worker.photos import photos
from benchmarks.worker.processes import memory_mb, tree
from benchmarks.worker.stack import BUCKET, HERE, Stack, running_stack

_OURS = "one in hand"
_AHEAD = "fetching ahead"
CONTENDERS: dict[str, Mapping[str, str]] = {_OURS: {}, _AHEAD: {}, "two in hand": {"LOMI_WORKER__SLOTS": "2"}}


@contextmanager
def far_bucket(files: Sequence[bytes]) -> Iterator[str]:
    """The URL of a bucket in a process of its own. A key is its delay in milliseconds and the number of a file."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs, list(files)), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection, files: list[bytes]) -> None:
    asyncio.run(_listen(told, files))


async def _listen(told: Connection, files: list[bytes]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            _, _, delay_ms, place = head.split(" ")[1].split("/")
            data = files[int(place)]
            await asyncio.sleep(int(delay_ms) / 1000)
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode())
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    told.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


async def _head(reader: asyncio.StreamReader) -> str:
    """Of the next request; empty once nobody asks any more."""
    try:
        return (await reader.readuntil(b"\r\n\r\n")).decode()
    except (asyncio.IncompleteReadError, ConnectionError):
        return ""


def settings(endpoint: str) -> dict[str, str]:
    """Workers that read from it."""
    return {
        "LOMI_OBJECTS": "",
        "LOMI_OBJECTS__ENDPOINT": endpoint,
        "LOMI_OBJECTS__ACCESS_KEY": "bench",
        "LOMI_OBJECTS__SECRET_KEY": "bench",
        "LOMI_OBJECTS__BUCKET_PHOTOS": BUCKET,
    }


def compared(stacks: Mapping[str, Stack], delay_ms: int, batch: int, rounds: int, seconds: float, number: int) -> str:
    """Rows of a table."""
    keys = [f"{delay_ms}/{place}" for place in range(number)]
    spans: dict[str, list[Span]] = {name: [] for name in stacks}
    for turn in range(rounds):
        for name in list(stacks)[:: 1 if turn % 2 == 0 else -1]:
            spans[name].append(measured(stacks[name], keys, batch, seconds))
            print(f"  {delay_ms} ms, batches of {batch}: {name} {spans[name][-1].per_min:,.0f} /min", file=sys.stderr)
    return "\n".join(_row(stacks[name], delay_ms, batch, name, found, spans[_OURS]) for name, found in spans.items())


def _row(stack: Stack, delay_ms: int, batch: int, name: str, spans: list[Span], ours: list[Span]) -> str:
    ratios = [each.per_min / other.per_min for each, other in zip(spans, ours, strict=True)]
    memory = sum(memory_mb(pid)[1] for pid in tree(each.pid for each in stack.workers)) / len(stack.workers)
    rate, cost, others = (
        median(value) for value in zip(*((s.per_min, s.cpu_ms, s.others) for s in spans), strict=True)
    )
    ratio = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    cells = (len(stack.workers), delay_ms, batch, name, f"{rate:,.0f}", ratio, f"{cost:.1f}", f"{memory:.0f}")
    return "| " + " | ".join(str(cell) for cell in (*cells, f"{others:.2f}")) + " |"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--delay", type=int, action="append", help="milliseconds; may be said again")
    asked.add_argument("--workers", type=int, action="append")
    asked.add_argument("--batch", type=int, action="append")
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=float, default=6.0)
    wanted = asked.parse_args()
    files = photos("jpeg")
    print("| workers | ms to the bucket | batch | | /min | of the first | ms on a core | MB a worker | by others |")
    print("| ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
    with far_bucket(files) as endpoint:
        for workers in wanted.workers or (1, 4):
            with ExitStack() as opened:
                stacks = {
                    name: opened.enter_context(running_stack(HERE, settings(endpoint) | dict(more)))
                    for name, more in CONTENDERS.items()
                }
                stacks[_AHEAD].program = ("benchmarks.worker.ahead",)
                for stack in stacks.values():
                    stack.start(workers)
                for delay_ms, batch in itertools.product(wanted.delay or (0, 20, 50, 150), wanted.batch or (1, 9)):
                    print(compared(stacks, delay_ms, batch, wanted.rounds, wanted.seconds, len(files)), flush=True)


if __name__ == "__main__":
    main()
