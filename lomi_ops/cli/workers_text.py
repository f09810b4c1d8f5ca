"""How workers are shown: a line each, everything about one, and the same for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import counted
from lomi_ops.domain import span
from lomi_ops.domain.container_rules import MIB, end_of, short_digest
from lomi_ops.domain.fleet import Member, MemberState

if TYPE_CHECKING:
    from lomi_ops.domain.container import Container
    from lomi_ops.domain.job_filter import JobFacts
    from lomi_ops.domain.worker import WorkerRecord
    from lomi_ops.ops.workers.look import Fleet

_STYLES = {
    MemberState.READY: "green", MemberState.BUSY: "green", MemberState.STARTING: "yellow", MemberState.QUIET: "yellow",
    MemberState.DRAINING: "yellow", MemberState.SILENT: "red", MemberState.FAILING: "red",
    MemberState.RESTARTING: "red", MemberState.PAUSED: "red", MemberState.STOPPED: "red",
    MemberState.UNKNOWN: "magenta",
}  # fmt: skip
_WIDE = 150
_UNKNOWN = "?"
_NONE = "-"

# --- a line each ------------------------------------------------------------------------------------------------------


def show(fleet: Fleet, used: Mapping[str, int]) -> None:
    if not fleet.members:
        if not fleet.failures:  # Whoever could not look cannot say that nobody is there.
            output.text("there is no worker to be seen: lomi worker starts one")
        return
    wide = not output.narrow(_WIDE)
    headers = ["worker", "state", "jobs", "beat", "done", "errors", "up"]
    headers += ["restarts", "model", "policy", "image"] if wide else []
    headers += ["memory"] if used else []
    rows = [_row(each, fleet.at, used, wide=wide) for each in fleet.members]
    output.table(headers, rows, right=tuple(range(2, 8 if wide else 7)), prose=())
    output.text("")
    for each in fleet.members:
        if note := _note(each, fleet.at):
            output.text(f"{each.name}: {output.folded(note, 2, first=len(each.name) + 2)}")
    output.text(_summary(fleet.members))
    if any(each.old for each in fleet.members):
        output.text("old workers do not register: what they hold is not known; lomi worker makes it known")


def _row(member: Member, at: datetime, used: Mapping[str, int], *, wide: bool) -> list[str]:
    known, container = member.registered, member.container
    row = [
        member.name,
        output.painted(member.state.value, _STYLES[member.state]),
        f"{len(known.jobs)}/{known.info.slots}" if known else _lacking(member),
        span.said(known.beat_age_s) if known else _lacking(member),
        _number(known.done) if known else _lacking(member),
        _number(known.errors) if known else _lacking(member),
        _up(member, at),
    ]
    if wide:
        row += [
            str(container.restart_count) if container else _NONE,
            _models(known) if known else _lacking(member),
            known.info.policy if known else _lacking(member),
            container.image if container else _NONE,
        ]
    if used:
        row.append(_memory(container, used.get(member.name)))
    return row


def _lacking(member: Member) -> str:
    """Nothing where there is nothing to be known, a question mark where nobody knows."""
    return _UNKNOWN if member.container is not None and member.container.up and not member.idle else _NONE


def _number(value: int | None) -> str:
    return _UNKNOWN if value is None else str(value)


def _up(member: Member, at: datetime) -> str:
    container = member.container
    if container is not None:
        return (
            span.said((at - container.started_at).total_seconds()) if container.up and container.started_at else _NONE
        )
    started = datetime.fromtimestamp(member.registered.started_ms / 1000, UTC) if member.registered else at
    return span.said((at - started).total_seconds())


def _models(known: WorkerRecord) -> str:
    """By name; their versions and files are told of each alone."""
    names = {each.model.partition("@")[0] for each in known.info.engines if each.engine == "nsfw"}
    return ", ".join(sorted(names)) or _NONE


def _memory(container: Container | None, used: int | None) -> str:
    if container is None or used is None:
        return _NONE
    limit = f" of {container.memory_limit / MIB:.0f}" if container.memory_limit else ""
    return f"{used / MIB:.0f}{limit} MiB"


def _note(member: Member, at: datetime) -> str:
    """What to know about a worker that does not simply work."""
    known, container = member.registered, member.container
    match member.state:
        case MemberState.STOPPED | MemberState.RESTARTING if container is not None:
            why = member.trouble.failure.line if member.trouble and member.trouble.failure else ""
            return diagnostics.scrubbed(f"{end_of(container)}: {why}" if why else end_of(container))
        case MemberState.FAILING | MemberState.UNKNOWN if member.trouble is not None:
            return diagnostics.scrubbed(member.trouble.what.removeprefix(f"{member.name}: "))
        case MemberState.QUIET:
            return f"lomi workers resume {member.name}"
        case MemberState.SILENT if known is not None:
            return known.exit or f"held {counted(len(known.jobs), 'job')}"
        case MemberState.SILENT:
            return "it is ready, and the registry does not know it: has it another Redis?"
        case MemberState.READY if member.old:
            return f"an old worker: model loaded {_ago(member.ready_at, at)}"
        case MemberState.BUSY if known is not None:
            return f"has job {', '.join(known.jobs)}"
    return ""


def _ago(moment: datetime | None, at: datetime) -> str:
    return f"{span.said((at - moment).total_seconds())} ago" if moment else ""


def _summary(members: Sequence[Member]) -> str:
    counts = Counter(each.state for each in members)
    words = ", ".join(f"{counts[state]} {state.value}" for state in MemberState if counts[state])
    return f"{counted(len(members), 'worker')}: {words}"


# --- everything about one ---------------------------------------------------------------------------------------------


def show_one(member: Member, fleet: Fleet, jobs: Sequence[JobFacts], used: Mapping[str, int]) -> None:
    rows = [("worker", member.name), ("state", output.painted(member.state.value, _STYLES[member.state]))]
    rows += [("note", note)] if (note := _note(member, fleet.at)) and member.state is not MemberState.BUSY else []
    rows += _container_rows(member.container, fleet.at, used.get(member.name)) if member.container else []
    rows += _record_rows(member.registered) if member.registered else []
    rows += [("model loaded", _ago(member.ready_at, fleet.at))] if member.ready_at else []
    rows += [("earlier run", _earlier(each)) for each in member.earlier]
    output.table(("what", "value"), [(name, value) for name, value in rows if value])
    for title, table in (("engine", _engine_rows(member.registered)), ("job in hand", _job_rows(member, jobs))):
        if table:
            output.text("")
            output.table((title, *table[0]), table[1:])
    output.text("")
    output.text("next: " + "\n      ".join(_commands(member)))


def _earlier(known: WorkerRecord) -> str:
    held = counted(len(known.jobs), "job")
    return f"{known.info.name}, last heard of {span.said(known.beat_age_s)} ago; held {held}"


def _container_rows(container: Container, at: datetime, used: int | None) -> list[tuple[str, str]]:
    health = "" if container.health.value == "none" else f", {container.health.value}"
    memory = f"{used / MIB:.0f} MiB used, " if used is not None else ""
    limit = f"{container.memory_limit / MIB:.0f} MiB at most" if container.memory_limit else "no limit"
    reserved = f", {container.memory_reservation / MIB:.0f} MiB reserved" if container.memory_reservation else ""
    return [
        ("container", f"{container.short_id}, {container.state.value}{health}"),
        ("last run", "" if container.up else end_of(container)),
        ("image", f"{container.image}, {short_digest(container.image_digest)}"),
        ("up since", f"{container.started_at:%Y-%m-%d %H:%M:%S} UTC, {_ago(container.started_at, at)}"
         if container.up and container.started_at else ""),
        ("restarts", f"{container.restart_count}; policy {container.restart_policy or 'no'}"),
        ("memory", memory + limit + reserved),
        ("mounts", str(container.mounts)),
    ]  # fmt: skip


def _record_rows(known: WorkerRecord) -> list[tuple[str, str]]:
    started = datetime.fromtimestamp(known.started_ms / 1000, UTC)
    errors = _number(known.errors)
    if known.error_age_s is not None:
        errors += f", the last one {span.said(known.error_age_s)} ago: {known.error_code}"
    golden = known.info.golden
    scores = ", ".join(f"{label} {score:.3f}" for label, score in sorted(golden.scores.items())) if golden else ""
    faces = f"; {counted(golden.faces, 'face')}" if golden and golden.faces is not None else ""
    return [
        ("process", f"{known.info.name}, start {known.info.boot}"),
        ("registered", f"{started:%Y-%m-%d %H:%M:%S} UTC"),
        ("last beat", f"{known.beat_age_s:.1f} s ago"),
        ("mode", known.mode.value),
        ("slots", f"{known.info.slots}, {len(known.jobs)} at work"),
        ("jobs done", _number(known.done)),
        ("errors", errors),
        ("policy", known.info.policy),
        ("version", known.info.version),
        ("portrait", scores + faces),
        ("ended", known.exit),
    ]


def _engine_rows(known: WorkerRecord | None) -> list[tuple[str, ...]]:
    if known is None or not known.info.engines:
        return []
    return [("model", "sha256"), *((each.engine, each.model, each.sha256 or _NONE) for each in known.info.engines)]


def _job_rows(member: Member, jobs: Sequence[JobFacts]) -> list[tuple[str, ...]]:
    if not member.jobs:
        return []
    known = {job.job_id: job for job in jobs}
    rows = [
        (name, str(known[name].tries), ", ".join(known[name].photos)) if name in known else (name, _UNKNOWN, "")
        for name in member.jobs
    ]
    return [("tries", "photos"), *rows]


def _commands(member: Member) -> list[str]:
    name = member.name
    found = [f"lomi workers logs {name}"] if member.container is not None else []
    if member.state is MemberState.QUIET:
        found.append(f"lomi workers resume {name}")
    elif member.registered is not None and member.works:
        found.append(f"lomi workers quiet {name}")
    found += [f"lomi queue show {job}" for job in member.jobs]
    return found or ["lomi workers list"]


# --- for programs -----------------------------------------------------------------------------------------------------


def sources(fleet: Fleet) -> dict[str, Any]:
    """Which sources did not tell."""
    return {
        "problems": [diagnostics.scrubbed(failure.message) for failure in fleet.failures],
        "docker": fleet.cluster is not None,
        "redis": fleet.redis is None,
    }


def record(member: Member, used: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": member.name,
        "state": member.state.value,
        "idle": member.idle,
        "old": member.old,
        "ready_at": member.ready_at,
        "trouble": diagnostics.scrubbed(member.trouble.what) if member.trouble else None,
        "container": _container(member.container, used.get(member.name)) if member.container else None,
        "registered": _registered(member.registered) if member.registered else None,
    }


def detail(member: Member, jobs: Sequence[JobFacts], used: Mapping[str, int]) -> dict[str, Any]:
    held = [
        {"job_id": job.job_id, "tries": job.tries, "user": job.user, "batch": job.batch, "photos": job.photos}
        for job in jobs
    ]
    return record(member, used) | {"jobs": held, "earlier": [_registered(each) for each in member.earlier]}


def _container(container: Container, used: int | None) -> dict[str, Any]:
    return {
        "id": container.id,
        "name": container.name,
        "project": container.place.project,
        "service": container.service,
        "number": container.place.number,
        "state": container.state.value,
        "health": container.health.value,
        "image": container.image,
        "image_digest": container.image_digest,
        "started_at": container.started_at,
        "finished_at": container.finished_at,
        "exit_code": None if container.up else container.exit_code,
        "oom_killed": container.oom_killed,
        "restarts": container.restart_count,
        "restart_policy": container.restart_policy,
        "memory_limit": container.memory_limit or None,
        "memory_reservation": container.memory_reservation or None,
        "memory_used": used,
        "mounts": container.mounts,
    }


def _registered(known: WorkerRecord) -> dict[str, Any]:
    body = asdict(known)
    info: dict[str, Any] = body.pop("info")
    return info | body
