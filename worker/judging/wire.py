"""The messages between a worker and its judging process, and how they cross the pipe.

Pickle over a private socket pair between a process and its own child: neither end ever reads what a stranger wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from multiprocessing.connection import Connection

from lomi_ops.config.sections.judging import ImagesSection, ModelsSection
from lomi_ops.domain.golden import Golden
from lomi_ops.domain.policy import Policy
from worker.judging.look import Look


@dataclass(frozen=True, slots=True)
class Begin:
    """First message to the child: what to load. Holds no secret, since the child needs none."""

    images: ImagesSection
    models: ModelsSection
    policy: Policy
    face_service: bool = False
    """Whether there is one decides whether the local detector must be there."""


@dataclass(frozen=True, slots=True)
class LoadedEngine:
    """An engine as the registry, the log and `status` name it."""

    engine: str
    model: str
    version: str
    """sha256 of the model file."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The child has loaded and warmed up every model."""

    engines: tuple[LoadedEngine, ...]
    golden: Golden | None = None
    """What they say about the portrait whose outcome is known; None where they could not look at it."""
    made_of: str = ""
    """Digest of what decodes and looks here: manifests, model files, libraries. The same one sees the same."""


@dataclass(frozen=True, slots=True)
class Unfit:
    """The child cannot judge: a model is missing or wrong. Nothing is approved without it."""

    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Ask:
    data: bytes
    canonical: bool
    """Whether the JPEG for CompreFace is wanted."""


@dataclass(frozen=True, slots=True)
class Unjudgeable:
    """The photo is broken, too large or no photo at all."""

    message: str
    code: str


Answer = Look | Unjudgeable


def send_ask(pipe: Connection, ask: Ask) -> None:
    """The photo as it is, in a message of its own: pickled, it would be copied once more on either side."""
    pipe.send_bytes(_CANONICAL if ask.canonical else _PLAIN)
    pipe.send_bytes(ask.data)


def receive_ask(pipe: Connection) -> Ask:
    canonical = pipe.recv_bytes() == _CANONICAL
    return Ask(pipe.recv_bytes(), canonical)


_PLAIN, _CANONICAL = b"0", b"1"

OUT_OF_MEMORY = 12
"""Exit code of a child that had room for earlier photos and none for this one; errno.ENOMEM."""
