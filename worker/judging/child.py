"""The judging process: `python -m worker.judging.child FD PARENT`. Loads the models, then answers photo by photo.

It holds no connection to anything but its parent. It ends when the parent goes away, whatever way that happens.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lomi_ops.domain.golden import Golden
    from lomi_ops.errors import PhotoError
    from worker.engines.load import Engines
    from worker.judging.look import Looker
    from worker.judging.wire import Answer, LoadedEngine, Unjudgeable

_PR_SET_PDEATHSIG = 1
"""linux/prctl.h"""
FACE_SERVICE = "http://not-called.invalid"
"""Stands for a face service that this process neither knows nor calls."""


def main(fd: int, parent: int) -> int:
    _die_with(parent)
    # The parent decides when we stop: a terminal's Ctrl-C or a group's SIGTERM must not cut a photo in half.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe: Connection = Connection(fd)
    try:
        return _serve(pipe)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return 0


def _serve(pipe: Connection) -> int:
    begin = pipe.recv()
    limit_memory(begin.images.memory_mb)

    from lomi_ops.config.schema import Settings
    from lomi_ops.config.sections.services import CompreFaceSection
    from lomi_ops.errors import LomiError
    from worker.engines.load import load_engines
    from worker.judging.look import Looker
    from worker.judging.wire import Ready, Unfit

    compreface = CompreFaceSection(urls=(FACE_SERVICE,) if begin.face_service else ())
    try:
        engines = load_engines(Settings(images=begin.images, models=begin.models, compreface=compreface), begin.policy)
    except LomiError as failure:
        pipe.send(Unfit(failure.message, failure.hint))
        return int(failure.exit_code)
    looker = Looker(engines, begin.images)
    pipe.send(Ready(_inventory(engines), _golden(looker), made_of(engines)))
    _answer_all(pipe, looker)
    return 0


def _inventory(engines: Engines) -> tuple[LoadedEngine, ...]:
    from lomi_ops.domain.finding import Engine
    from worker.judging.wire import LoadedEngine

    named = [(Engine.NSFW, model) for model in engines.nsfw]
    named += [(Engine.FACES, model) for model in (engines.faces,) if model is not None]
    return tuple(
        LoadedEngine(engine.value, model.session.manifest.ref, model.session.sha256) for engine, model in named
    )


def made_of(engines: Engines) -> str:
    """Whatever may change what is seen in the same bytes, but for settings, which the parent knows."""
    import hashlib
    import json

    import numpy
    import onnxruntime
    import PIL
    from PIL import features

    from lomi_ops.version import __version__

    codecs = ("jpg", "zlib", "libjpeg_turbo", "webp", "avif", "littlecms2")
    parts = {
        "lomi": [__version__, _installed("pi-heif")],
        "libraries": [numpy.__version__, onnxruntime.__version__, PIL.__version__],
        "codecs": {name: str(features.version(name)) for name in codecs if name in features.get_supported()},
        "models": [[each.session.manifest.model_dump(mode="json"), each.session.sha256] for each in engines.models],
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _installed(distribution: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _golden(looker: Looker) -> Golden | None:
    from lomi_ops.domain.finding import Label
    from lomi_ops.domain.golden import Golden
    from lomi_ops.errors import PhotoError
    from lomi_ops.imaging.golden import portrait

    try:
        seen = looker.look(portrait(), canonical=False)
    except (PhotoError, MemoryError):
        return None  # limits tighter than the portrait's are the operator's to choose
    scores: dict[str, float] = {}
    for finding in seen.nsfw.findings:
        scores[finding.label.value] = max(scores.get(finding.label.value, 0.0), round(finding.score, 4))
    faces = sum(finding.label is Label.FACE for finding in seen.local_faces.findings)
    return Golden(scores, faces if seen.local_faces.answered else None)


def _answer_all(pipe: Connection, looker: Looker) -> None:
    from lomi_ops.errors import PhotoError
    from worker.judging.wire import OUT_OF_MEMORY, receive_ask

    fresh = True
    while True:
        ask = receive_ask(pipe)
        try:
            answer: Answer = looker.look(ask.data, canonical=ask.canonical)
        except (PhotoError, MemoryError) as failure:
            if _out_of_memory(failure) and not fresh:
                # What earlier photos left behind is not this one's fault: a new process has the whole room.
                sys.exit(OUT_OF_MEMORY)
            answer = _unjudgeable(failure)
        pipe.send(answer)
        fresh = False


def _out_of_memory(failure: BaseException) -> bool:
    return isinstance(failure, MemoryError) or isinstance(failure.__cause__, MemoryError)


def _unjudgeable(failure: PhotoError | MemoryError) -> Unjudgeable:
    from lomi_ops.domain.verdict import FailureCode
    from lomi_ops.errors import PhotoError
    from worker.judging.wire import Unjudgeable

    if isinstance(failure, PhotoError):
        return Unjudgeable(failure.message, failure.code)
    return Unjudgeable("needs more memory than one photo may take", FailureCode.TOO_LARGE)


def limit_memory(megabytes: int) -> None:
    """A bomb that slips through every other limit ends as MemoryError here, not as the host's OOM killer. No core is
    dumped: it would hold somebody's photo."""
    wanted = megabytes * 1024 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    ceiling = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _die_with(parent: int) -> None:
    """Where the kernel offers it; the closed pipe does the same a moment later everywhere else.

    The kernel means the thread that started us: whoever starts a child keeps that thread for as long as the child. The
    parent may be process 1 of a container, so only its number tells whether it is gone already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
