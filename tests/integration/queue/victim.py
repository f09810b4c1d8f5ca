"""Processes that a test kills: a whole worker with the chaos suite's eyes, or an operator with one verb.

Forked from a process that has loaded everything, so that a case takes a fraction of a second.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from contextlib import suppress
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.errors import Conflict, LomiError
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.operations import Verb
from tests.chaos.stub_worker import StubJudge
from tests.operating import operate
from worker import ends, logs, run, slot

SHORT_S = 0.05
OP = "1126-0301-9c4f"


def start_worker(settings: dict[str, Any], log: Path) -> BaseProcess:
    return _start(_work, settings, log)


def start_operator(url: str, verb: str, arguments: tuple[Any, ...]) -> BaseProcess:
    """It exits with 0 when it has its answer."""
    return _start(_operate, url, verb, arguments)


def _start(target: Any, *arguments: Any) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=target, args=arguments, daemon=True)
    process.start()
    return process


def _work(settings: dict[str, Any], log: Path) -> None:
    """`lomi worker` after its command line, with naps that a test need not sit through."""
    with log.open("a") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    run.JudgingProcess = StubJudge  # type: ignore[assignment,attr-defined]
    slot.IDLE_S = slot.LONGEST_RETRY_S = run.START_WAIT_S = ends.FIRST_PAUSE_S = ends.LONGEST_PAUSE_S = SHORT_S
    ends.pause_s = lambda failure, setbacks: SHORT_S
    made = Settings.model_validate(settings)
    logs.set_up(made.log, str)
    sys.exit(run.main(made, made.active_policy()))


def say(queue: JobQueue, verb: str, arguments: tuple[Any, ...]) -> None:
    """A verb of the queue, or an operation that everybody here calls `OP`: said again, it goes on."""
    if verb == "cancel_one":
        queue.cancel(*arguments)
    elif verb in list(Verb):
        with suppress(Conflict):  # it ran to its end
            operate(queue, Verb(verb), *arguments, op=OP)
    else:
        getattr(queue, verb)(*arguments)


def _operate(url: str, verb: str, arguments: tuple[Any, ...]) -> None:
    queue = JobQueue(queue_client(RedisSection.model_validate({"url": url})))
    try:
        say(queue, verb, arguments)
    except LomiError:
        sys.exit(1)
