"""The worker registry: who is there, with what models, and when it was last heard of."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar, cast

import redis

from lomi_ops.domain.golden import Golden
from lomi_ops.domain.worker import EngineInfo as EngineInfo
from lomi_ops.domain.worker import WorkerInfo as WorkerInfo
from lomi_ops.domain.worker import WorkerMode as WorkerMode
from lomi_ops.domain.worker import WorkerRecord as WorkerRecord
from lomi_ops.errors import NotFound
from lomi_ops.queue.client import guarded
from lomi_ops.queue.keys import Keys
from lomi_ops.queue.scripts import Argument, Scripts, ms, text

_T = TypeVar("_T")

RECORD_TTL_S = 600.0
"""A worker that was not heard of for so long is no longer listed; `beat.lua` has the same."""
MAX_LISTED = 1000
NOTHING_HELD: Mapping[str, tuple[str, ...]] = {}


class WorkerRegistry:
    """The workers of one queue. Every method raises RedisUnavailable."""

    def __init__(self, client: redis.Redis, keys: Keys | None = None) -> None:
        self._client = client
        self.keys = keys or Keys()
        self._scripts = Scripts(client, self.keys)

    def register(self, info: WorkerInfo) -> WorkerMode:
        """Make a worker known, or describe it anew. The answer is the mode that an operator may have set before."""
        fields: dict[str, Argument] = {
            "host": info.host,
            "pid": info.pid,
            "version": info.version,
            "slots": info.slots,
            "policy": info.policy,
            "activation": "" if info.activation is None else info.activation,
            "engines": json.dumps([asdict(engine) for engine in info.engines]),
            "golden": json.dumps(asdict(info.golden)) if info.golden else "",
        }
        pairs = [part for pair in fields.items() for part in pair]
        reply = self._scripts.run("register", [self.keys.worker(info.boot)], [info.boot, ms(RECORD_TTL_S), *pairs])
        return WorkerMode(text(reply[0]))

    def deregister(self, boot: str) -> None:
        """It goes away by itself. What it still holds is reaped when the lease runs out."""
        self._scripts.run("deregister", [self.keys.worker(boot)], [boot])

    def set_mode(self, boot: str, mode: WorkerMode) -> None:
        """Anything but running stops its claims at once. Raises NotFound."""
        if self._scripts.run("mode", [self.keys.worker(boot)], [mode.value])[0] != b"SET":
            raise NotFound(f"no worker {boot} is registered", hint="lomi workers list")

    def epitaph(self, host: str, pid: int, how: str) -> bool:
        """Note how the process `pid` on `host` ended, such as `killed by SIGKILL`; False where it is not registered."""
        for record in self.list():
            if (record.info.host, record.info.pid) == (host, pid):
                return bool(self._scripts.run("epitaph", [self.keys.worker(record.info.boot)], [how])[0] == b"NOTED")
        return False

    def list(self) -> tuple[WorkerRecord, ...]:
        """The longest-serving first, by host and start; two round trips."""
        with guarded(self._client, "the worker registry"), self._client.pipeline(transaction=False) as pipe:
            names = cast("list[bytes]", self._client.zrange(self.keys.workers, 0, MAX_LISTED - 1, desc=True))
            boots = [text(name) for name in names]
            for boot in boots:
                pipe.hgetall(self.keys.worker(boot))
            pipe.hgetall(self.keys.slots)
            pipe.time()
            *described, slots, clock = pipe.execute()
        now = int(clock[0]) * 1000 + int(clock[1]) // 1000
        held = _by_boot(slots)
        found = [record_of(boot, fields, now, held) for boot, fields in zip(boots, described, strict=True) if fields]
        return tuple(sorted(found, key=lambda record: (record.info.host, record.started_ms, record.info.boot)))


def _by_boot(slots: Mapping[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    held: dict[str, tuple[str, ...]] = {}
    for slot, job_id in sorted(slots.items()):
        boot = text(slot).partition("/")[0]
        held[boot] = (*held.get(boot, ()), text(job_id))
    return held


def record_of(
    boot: str, fields: Mapping[bytes, bytes], now: int, held: Mapping[str, tuple[str, ...]] = NOTHING_HELD
) -> WorkerRecord:
    """A worker from the hash of its registration; `now` is the server's time in milliseconds."""
    said: dict[str, Any] = {text(name): text(value) for name, value in fields.items()}
    info = WorkerInfo(
        boot=boot,
        host=said.get("host", ""),
        pid=_number(said.get("pid")),
        version=said.get("version", ""),
        slots=_number(said.get("slots")),
        engines=tuple(found for each in _parsed(said.get("engines"), []) if (found := _known(EngineInfo, each))),
        policy=said.get("policy", ""),
        golden=_known(Golden, _parsed(said.get("golden"), None)),
        activation=_counter(said.get("activation")),
    )
    return WorkerRecord(
        info=info,
        mode=WorkerMode(said.get("mode", WorkerMode.RUNNING)),
        started_ms=int(said.get("started_ms", now)),
        beat_age_s=max(0, now - int(said.get("beat_ms", now))) / 1000,
        jobs=held.get(boot, ()),
        exit=said.get("exit", ""),
        done=_counter(said.get("done")),
        errors=_counter(said.get("errors")),
        error_age_s=max(0, now - int(said["error_ms"])) / 1000 if "error_ms" in said else None,
        error_code=said.get("error_code", ""),
    )


def _counter(value: str | None) -> int | None:
    return int(value) if value and value.isdecimal() else None


def _number(value: str | None) -> int:
    return int(value) if value and value.isdecimal() else 0


def _parsed(value: str | None, default: Any) -> Any:
    try:
        found = json.loads(value or "null")
    except ValueError:
        return default
    return found if isinstance(found, type(default) if default is not None else dict) else default


def _known(kind: Callable[..., _T], said: Any) -> _T | None:
    """The parts that this version knows: a newer worker may say more. None where it is no such thing at all."""
    names = {each.name for each in fields(cast("Any", kind))}
    try:
        return kind(**{name: value for name, value in said.items() if name in names})
    except (AttributeError, TypeError):
        return None
