"""Workers of a local stack by the names that its supervisor gives them, and their logs have."""

from __future__ import annotations

from dataclasses import replace

from lomi_ops.domain.fleet import Member
from lomi_ops.ops.local import record
from lomi_ops.ops.local.layout import Layout
from lomi_ops.ops.workers.look import Fleet


def named(fleet: Fleet, layout: Layout, host: str) -> Fleet:
    """`host`: this machine's name. Those of the stack come first; who may not read its note sees processes."""
    names = {part.process.pid: part.name for part in record.read(layout).parts if part.process is not None}
    members = [_named(each, names, host) for each in fleet.members]
    return replace(fleet, members=tuple(sorted(members, key=_place)))


def _named(member: Member, names: dict[int, str], host: str) -> Member:
    if member.registered is None or member.registered.info.host != host:
        return member
    name = names.get(member.registered.info.pid, "")
    return replace(member, part=name) if name.startswith(record.WORKER) else member


def _place(member: Member) -> tuple[bool, int]:
    return (not member.part, int(member.part.removeprefix(record.WORKER) or 0))
