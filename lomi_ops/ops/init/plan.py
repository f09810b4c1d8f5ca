"""From what was said and what was heard to what the configuration must say. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lomi_ops.config.keys import Key
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.ops.init.compose import ComposeFile, Service
from lomi_ops.ops.init.probes import Answer
from lomi_ops.ops.init.ways import Part, Way, workers_of

NAMES = {
    Part.REDIS: "Redis",
    Part.DATABASE: "Postgres",
    Part.OBJECTS: "objects",
    Part.COMPREFACE: "CompreFace",
    Part.BACKEND: "backend",
}
_WORKERS: Key = ("checks", "workers")


@dataclass(frozen=True, slots=True)
class Heard:
    """A way, and what was heard on it."""

    way: Way
    answer: Answer


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of what was found."""

    what: str
    where: str
    origin: str
    ok: bool | None
    """None where nobody was asked."""
    detail: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the configuration says beside the env file, and why."""

    settings: Mapping[Key, object]
    reasons: Mapping[Key, str]
    """Where each of them is from."""
    findings: Sequence[Finding]
    notes: Sequence[str]
    """What a person should know or do."""


def planned(heard: Mapping[Part, Sequence[Heard]], compose: ComposeFile | None) -> Plan:
    """The best way to each service."""
    settings: dict[Key, object] = {}
    reasons: dict[Key, str] = {}
    findings: list[Finding] = []
    notes: list[str] = []
    for part, ways in heard.items():
        best = _best(ways)
        way, answer = best.way, best.answer
        settings |= way.changes
        reasons |= dict.fromkeys(way.changes, way.origin)
        findings.append(Finding(NAMES[part], way.where, way.origin, answer.ok, answer.detail))
        host = way.address[0] if way.address else ""
        if not answer.resolves and ("." not in host or (compose and compose.named(host))):
            notes.append(
                f"{host} is a name of another network, and no port of it is published on this machine: publish one "
                "(ports: in the Compose file), or run lomi inside that network"
            )
    findings += [Finding(NAMES[part], "", "", None, "nothing names one") for part in Part if part not in heard]
    if compose is not None:
        service = workers_of(compose)
        if service is not None:
            settings[_WORKERS] = service.replicas
            reasons[_WORKERS] = compose.place(service.replicas_line)
        findings.append(_workers(service, compose))
        notes += _compose_notes(compose, heard)
    return Plan(settings, reasons, findings, notes)


def _best(ways: Sequence[Heard]) -> Heard:
    """The first that answers; else the first whose name means anything here, since a stack may be down."""
    answering = [each for each in ways if each.answer.ok]
    meaningful = [each for each in ways if each.answer.resolves]
    return (answering or meaningful or list(ways))[0]


def _workers(service: Service | None, compose: ComposeFile) -> Finding:
    if service is None:
        return Finding("workers", "", "", None, f"{compose.path.name} has no service for them")
    place = compose.place(service.replicas_line)
    return Finding("workers", f"{service.name} x {service.replicas}", place, None, service.image)


def _compose_notes(compose: ComposeFile, heard: Mapping[Part, Sequence[Heard]]) -> list[str]:
    """Passwords are compared and never told."""
    notes = []
    if compose.missing:
        notes.append(f"{compose.path.name} refers to what nobody has set: {', '.join(compose.missing)}")
    for service in compose.services:
        if service.password is None:
            continue
        place = compose.place(service.password_line)
        if not service.password.names:
            notes.append(f"{place}: a password stands in the Compose file; put it into the env file as REDIS_PASSWORD")
        sections = [each.way.section for each in heard.get(Part.REDIS, ())]
        ours = next((section.password for section in sections if isinstance(section, RedisSection)), None)
        theirs = service.password.text
        if ours is not None and theirs and ours.get_secret_value() != theirs:
            notes.append(f"{place}: {service.name} wants another password than the one in the env file")
    return notes
