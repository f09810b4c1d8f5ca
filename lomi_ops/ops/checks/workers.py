"""The workers that have registered: whether they live, how many there are, and whether they agree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lomi_ops.config import model_files
from lomi_ops.domain.check import RUNNING, CheckSpec, Found, Metric, Severity, Status
from lomi_ops.domain.golden import Golden, apart, misjudged
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.holding import in_force
from lomi_ops.ops.checks.queue import KEYS
from lomi_ops.ops.checks.words import counted
from lomi_ops.ops.workers.look import members
from lomi_ops.queue.replies import WorkerMode
from lomi_ops.queue.workers import WorkerRecord
from lomi_ops.version import __version__


def alive(at: Handles) -> Found:
    records = at.registry.list()
    if not records:
        text = "no worker of lomi is registered; old workers leave no trace in Redis"
        return Found(Status.UNKNOWN, text, "lomi worker makes workers visible; of old ones only their own logs tell")
    silent = [record for record in records if _silent(at, record)]
    if not silent:
        return Found(Status.PASS, f"{counted(len(records), 'worker beats', 'workers beat')}")
    names = ", ".join(record.info.name for record in silent)
    status = Status.FAIL if len(silent) == len(records) else Status.WARN
    text = f"{len(silent)} of {len(records)} without a beat: {names}"
    return Found(status, text, "start workers: lomi worker; what the silent ones held is reaped")


def expected(at: Handles) -> Found:
    wanted = at.settings.checks.workers
    here = _alive(at)
    metric = Metric("workers", len(here))
    if wanted is None:
        text = f"{counted(len(here), 'worker', 'workers')}; nobody said how many there should be"
        return Found(Status.SKIP, text, metric=metric)
    if not here and not _have_worked(at):
        wish = counted(wanted, "is wanted", "are wanted")
        text = f"no worker of lomi has worked here yet, {wish}; of old ones only their containers tell: docker.workers"
        return Found(Status.SKIP, text, metric=metric)
    said = (str(len(here)), str(wanted))
    if len(here) >= wanted:
        return Found(Status.PASS, f"{len(here)} of {wanted}", metric=metric).seen(*said)
    old = _old_ones(at)
    text = f"{len(here)} of {counted(wanted, 'worker beats', 'workers beat')}"
    if old:
        text += f", {counted(old, 'old one is', 'old ones are')} at work beside {'it' if len(here) == 1 else 'them'}"
    if len(here) + old >= wanted:
        return Found(Status.PASS, text, metric=metric).seen(str(len(here) + old), said[1])
    hint = "start the missing ones: lomi worker; lomi workers list shows who is there"
    return Found(Status.FAIL, text, hint, metric=metric).seen(*said)


def _have_worked(at: Handles) -> bool:
    """Whether workers of lomi ever claimed a job: on a cluster before the swap none is missing."""
    return bool(at.registry.list()) or at.queue.stats().counters.get("claimed", 0) > 0


def _old_ones(at: Handles) -> int:
    """In the middle of a swap: old workers, as far as their containers are to be seen from here."""
    fleet = members(at.registry, at.docker, at.settings.docker.workers_service, at.settings.worker.lease_s)
    return sum(each.old for each in fleet.members)


def models(at: Handles) -> Found:
    records = _alive(at)
    loaded = [frozenset(record.info.engines) for record in records]
    if len(set(loaded)) <= 1:
        names = sorted(f"{engine.engine}: {engine.model}" for engines in loaded[:1] for engine in engines)
        return Found(Status.PASS, ", ".join(names) or "no worker has registered")
    odd = frozenset.union(*loaded) - frozenset.intersection(*loaded)
    names = sorted({f"{each.engine}: {each.model} {each.sha256[:8]}".rstrip() for each in odd})
    return Found(Status.WARN, f"workers differ: {', '.join(names)}", "restart the workers on one models folder")


def configured(at: Handles) -> Found:
    """Each worker has loaded what the settings here ask for: the same names, and the same files where they lie here."""
    section = at.settings.models
    wanted = {}
    for name in section.nsfw:
        file = model_files.locate(name, section.dir)
        wanted[file.manifest.name] = file.sha256 or ""
    names = ", ".join(sorted(wanted))
    odd = {record.info.name: fault for record in _alive(at) if (fault := _misfit(record, wanted))}
    if not odd:
        return Found(Status.PASS, f"every worker has loaded {names}").seen(names, names)
    text = "; ".join(f"{name} {fault}" for name, fault in odd.items())
    hint = "restart these workers with the settings of this machine: models.nsfw"
    return Found(Status.FAIL, text, hint).seen(text, names)


def _misfit(record: WorkerRecord, wanted: Mapping[str, str]) -> str:
    """What a worker has instead; a model's name stands before its version (`nudenet-320n@3.4.2/rgb`)."""
    loaded = {
        engine.model.partition("@")[0]: engine.sha256 for engine in record.info.engines if engine.engine == "nsfw"
    }
    if missing := sorted(wanted.keys() - loaded.keys()):
        return f"has {', '.join(sorted(loaded)) or 'no model'} instead of {', '.join(missing)}"
    altered = sorted(name for name, sha256 in wanted.items() if sha256 and loaded[name] and loaded[name] != sha256)
    return f"has another file of {', '.join(altered)} than this machine" if altered else ""


def golden(at: Handles) -> Found:
    """Each worker has looked at the portrait when it started, and saw in it what is there."""
    records = _alive(at)
    seen = {record.info.name: record for record in records if record.info.golden is not None}
    if not seen:
        return Found(Status.SKIP, "no worker says what it saw in the portrait")
    rules = in_force(at)
    faults = {
        name: fault for name, record in seen.items() for rule in rules if (fault := misjudged(_golden(record), rule))
    }
    faults |= {name: fault for name, fault in _outliers(seen).items() if name not in faults}
    if faults:
        text = "; ".join(f"{name} {fault}" for name, fault in faults.items())
        return Found(Status.FAIL, text, "stop these workers, then: lomi models verify, on their machine")
    silent = len(records) - len(seen)
    text = f"{counted(len(seen), 'worker', 'workers')} saw one face and nothing else in the portrait"
    return Found(Status.PASS, text + (f"; {silent} did not look" if silent else ""))


def _outliers(seen: Mapping[str, WorkerRecord]) -> dict[str, str]:
    """Workers that score otherwise than the first one with the same model files."""
    first: dict[object, str] = {}
    found = {}
    for name, record in seen.items():
        leader = first.setdefault(record.info.engines, name)
        if label := apart(_golden(seen[leader]), _golden(record)):
            found[name] = f"scores {label} otherwise than {leader}"
    return found


def _golden(record: WorkerRecord) -> Golden:
    assert record.info.golden is not None
    return record.info.golden


def policies(at: Handles) -> Found:
    return _agree("policy", ((record, record.info.policy) for record in _alive(at)))


def versions(at: Handles) -> Found:
    found = _agree("version", ((record, record.info.version) for record in _alive(at)))
    if found.status is Status.PASS and found.observed not in ("", __version__):
        text = f"the workers run {found.observed}, this is {__version__}"
        return Found(Status.WARN, text, "install one version everywhere").seen(found.observed, __version__)
    return found


def running(at: Handles) -> Found:
    halted = [record for record in _alive(at) if record.mode is not WorkerMode.RUNNING]
    if not halted:
        return Found(Status.PASS, "all of them take jobs")
    names = ", ".join(f"{record.info.name} ({record.mode})" for record in halted)
    return Found(Status.WARN, f"take no new jobs: {names}", f"lomi workers resume {halted[0].info.name}")


def _agree(what: str, said: Iterable[tuple[WorkerRecord, str]]) -> Found:
    values = sorted({value for _, value in said if value})
    if len(values) <= 1:
        text = f"{what} {values[0]}" if values else f"no worker names its {what}"
        return Found(Status.PASS, text).seen("".join(values))
    text = f"workers differ: {', '.join(values)}"
    return Found(Status.WARN, text, "restart the workers with one configuration").seen(", ".join(values))


def _alive(at: Handles) -> list[WorkerRecord]:
    return [record for record in at.registry.list() if not _silent(at, record)]


def _silent(at: Handles, record: WorkerRecord) -> bool:
    return record.silent(at.settings.worker.lease_s)


ALIVE = "workers.alive"

CHECKS = (
    Check(CheckSpec("LOMI-WORKER-001", ALIVE, "workers beat", "lomi workers list", (KEYS,), target="redis",
                    scopes=RUNNING, eventual=True), alive),
    Check(CheckSpec("LOMI-WORKER-003", "workers.expected", "as many workers as wanted", "lomi worker", (KEYS,),
                    target="redis", scopes=RUNNING, eventual=True, timeout_s=10.0), expected),
    Check(CheckSpec("LOMI-WORKER-002", "workers.models", "workers agree on their models", "lomi models verify", (KEYS,),
                    Severity.WARNING, target="redis", scopes=RUNNING), models),
    Check(CheckSpec("LOMI-WORKER-004", "workers.configured", "workers have the configured models",
                    "lomi config show --origin", (ALIVE,), target="redis", scopes=RUNNING), configured),
    Check(CheckSpec("LOMI-WORKER-008", "workers.golden", "workers see what is in a known portrait",
                    "lomi models verify", (ALIVE,), target="redis", scopes=RUNNING), golden),
    Check(CheckSpec("LOMI-WORKER-005", "workers.policy", "workers agree on the policy", "lomi workers list", (KEYS,),
                    Severity.WARNING, target="redis", scopes=RUNNING), policies),
    Check(CheckSpec("LOMI-WORKER-006", "workers.versions", "workers and this lomi are one version", "lomi --version",
                    (KEYS,), Severity.WARNING, target="redis", scopes=RUNNING), versions),
    Check(CheckSpec("LOMI-WORKER-007", "workers.running", "no worker is quiet", "lomi workers list", (KEYS,),
                    Severity.WARNING, target="redis", scopes=RUNNING), running),
)  # fmt: skip
