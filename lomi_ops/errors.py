"""Every error `lomi` raises on purpose. Each class knows its exit code and may carry a hint: the next command.

    LomiError                      1
    ├── UsageError                 2   the command line is wrong
    ├── ConfigError                2   settings are wrong or missing; lists every problem
    ├── MissingExtra               2   an optional part is not installed
    ├── ModelError                 2   a model file or manifest is missing, altered or unfit
    ├── Unwritable                 3   the answer is known and cannot be written
    ├── StackError                 3   the local stack cannot be started or reached
    ├── NotFound                   1   what was named does not exist
    ├── Refused                    5   a guard said no
    ├── Conflict                   5   somebody else changed it first
    ├── LockHeld                  75   another run is at work
    ├── ContainerError             1   the Docker Engine refused a change, in its own words
    ├── PhotoError                 1   this photo cannot be judged, ever; has a FailureCode
    ├── JobError                   1   this job cannot be run, ever (poison)
    ├── LeaseLost                  1   the job is no longer ours; discard and go on
    └── Transient                  3   may work later; the only errors that are retried
        ├── RedisUnavailable
        ├── DatabaseUnavailable
        ├── ObjectsUnavailable
        ├── FacesUnavailable
        ├── BackendUnavailable
        ├── DockerUnavailable
        ├── RouteUnavailable           somebody could not be told of an alert
        └── Throttled                  the other side said when to come back

Whether a retry makes sense is the type, never the text. A message says what failed and on what; it holds no
secret. Third-party errors are wrapped once, by the client that owns the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees; the same in every output format but `nagios`."""

    OK = 0
    BAD = 1
    """What was asked about is bad."""
    USAGE = 2
    """The command line or the configuration is wrong."""
    UNKNOWN = 3
    """Could not tell: something was unreachable or too slow."""
    WARNINGS = 4
    """Only with `--fail-on warning`."""
    REFUSED = 5
    """A guard said no."""
    LOCKED = 75
    """Another run holds the lock."""


class LomiError(Exception):
    """Something went wrong that a person can read about in one sentence."""

    exit_code = ExitCode.BAD

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[object, ...]:
        """As it stands, for another process: constructors ask for more than the message."""
        return _as_it_stood, (type(self), self.args, self.__dict__)


def _as_it_stood(kind: type[LomiError], args: tuple[object, ...], held: dict[str, object]) -> LomiError:
    failure = kind.__new__(kind, *args)
    failure.__dict__.update(held)
    return failure


class UsageError(LomiError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = ExitCode.USAGE


class ConfigError(LomiError):
    """Settings are wrong or missing. `problems` has one sentence each: source, key, what, nearest valid key."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, problems: Sequence[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.problems = tuple(problems)


class MissingExtra(LomiError):
    """An optional part of the package is not installed; the hint is the install command."""

    exit_code = ExitCode.USAGE


class ModelError(LomiError):
    """A model file or its manifest is missing, altered or unfit."""

    exit_code = ExitCode.USAGE


class Unwritable(LomiError):
    """The answer is known and nobody can read it: a full disk, a closed stdout, a folder that is not ours."""

    exit_code = ExitCode.UNKNOWN


class StackError(LomiError):
    """The local stack cannot be started, found or stopped."""

    exit_code = ExitCode.UNKNOWN


class NotFound(LomiError):
    """What was named does not exist."""


class Refused(LomiError):
    """A guard said no: read-only, a missing confirmation, a count that differs."""

    exit_code = ExitCode.REFUSED


class Conflict(LomiError):
    """What was to be changed has been changed by somebody else in between; nothing was written."""

    exit_code = ExitCode.REFUSED


class LockHeld(LomiError):
    """Another run of the same command is at work."""

    exit_code = ExitCode.LOCKED


class ContainerError(LomiError):
    """The Docker Engine answered, and did not do what was asked: no room, a port in use, a command that is not there.

    `gone` tells that the container or service does not exist any more.
    """

    def __init__(self, message: str, *, gone: bool = False, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.gone = gone


class PhotoError(LomiError):
    """This photo cannot be judged, however often it is tried. `code` is a `domain.verdict.FailureCode` value."""

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class JobError(LomiError):
    """This job cannot be run, however often it is tried. `code` names the kind for the dead letter."""

    def __init__(self, message: str, *, code: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class LeaseLost(LomiError):
    """The lease on a job is gone: expired, reaped or cancelled. Nothing may be written for it any more."""


class Transient(LomiError):
    """It failed now and may work later."""

    exit_code = ExitCode.UNKNOWN


class RedisUnavailable(Transient):
    """Redis did not answer, or answered that it cannot serve now."""


class DatabaseUnavailable(Transient):
    """Postgres did not answer, or closed the connection."""


class ObjectsUnavailable(Transient):
    """The object store did not answer."""


class FacesUnavailable(Transient):
    """No CompreFace endpoint gave a usable answer."""


class BackendUnavailable(Transient):
    """The backend did not answer."""


class DockerUnavailable(Transient):
    """The Docker Engine did not answer, or does not let us ask."""


class RouteUnavailable(Transient):
    """A route of alerts did not take a message. Its address holds secrets: no text of it has one."""


class Throttled(Transient):
    """The other side asked to slow down; `retry_after_s` is its wish, or None where it named none."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s
