"""How the audit is put into words and documents. What people wrote is shown, never obeyed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from lomi_ops.db.audit import Entry
    from lomi_ops.domain.audit_chain import Head
    from lomi_ops.ops.audit.look import Found
    from lomi_ops.ops.audit.verify import Verdict

TOLD = 20
"""Findings that a person reads."""
ERASED = "(erased)"


def record(entry: Entry) -> dict[str, Any]:
    return asdict(entry)


def show_list(found: Found, format_: Format, asked: bool) -> None:
    if format_ is Format.JSONL:
        for entry in found.entries:
            output.line(record(entry))
    elif format_ is Format.JSON:
        body = {
            "entries": [record(entry) for entry in found.entries],
            "more": found.more,
            "unknown": [asdict(each) for each in found.unknown],
        }
        output.document(body, schema="lomi.audit.list/v1")
    elif found.unknown:
        for each in found.unknown:
            output.text(f"{each.what}: {each.command}")
    elif found.entries:
        _table(found.entries)
    else:
        output.text("no entry matches" if asked else "the audit is empty")


def _table(entries: tuple[Entry, ...]) -> None:
    headers = ("seq", "at", "by", "action", "subject", "reason")
    rows = [
        (
            str(entry.seq or "-"),
            f"{entry.at:%Y-%m-%d %H:%M:%S}",
            shown(entry.actor),
            shown(entry.action),
            ERASED if entry.erased_at else shown(entry.subject),
            ERASED if entry.erased_at else shown(entry.reason) or _change(entry.before, entry.after),
        )
        for entry in entries
    ]
    keep = [0, 1, 2, 3, 5] if output.narrow(100) else list(range(len(headers)))
    output.table([headers[i] for i in keep], [[row[i] for i in keep] for row in rows], right=(0,))


def _change(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What became of what, where nobody said why."""
    return ", ".join(f"{name} {told}" for name, told in _values(before, after)[:3])


def _plain(value: Any) -> str:
    return shown(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def show(entry: Entry) -> None:
    """One entry, one line a value."""
    lines = [
        ("at", f"{entry.at:%Y-%m-%d %H:%M:%S.%f %Z}"),
        ("by", shown(entry.actor)),
        ("action", shown(entry.action)),
    ]
    if entry.erased_at is not None:
        lines.append(("erased", f"{entry.erased_at:%Y-%m-%d %H:%M:%S %Z}: its words are gone, its place is kept"))
    else:
        lines += [("subject", shown(entry.subject)), ("reason", shown(entry.reason) or "-")]
        changes = _values(entry.before, entry.after)
        lines += [("" if place else "values", f"{name}: {told}") for place, (name, told) in enumerate(changes)]
    lines += [
        ("commitment", entry.commitment or "-"),
        ("previous", entry.previous or "-"),
        ("hash", entry.hash or "-"),
    ]
    width = max(len(name) for name, _ in lines)
    output.text("\n".join(f"{name:{width}}  {output.folded(value, width + 2)}" for name, value in lines))


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What changed, by name."""
    found = []
    for name in dict.fromkeys((*before, *after)):
        old, new = (_plain(side[name]) if name in side else None for side in (before, after))
        told = f"{old} -> {new}" if old is not None and new is not None else f"was {old}" if new is None else str(new)
        found.append((shown(name), told))
    return found


def show_verdict(verdict: Verdict, kept: Head | None) -> None:
    if verdict.sound:
        output.text(f"verified {counted(verdict.entries, 'entry', 'entries')}: nothing was changed, removed or moved")
    else:
        _faults(verdict)
    if verdict.erased:
        output.text(f"erased by right: {counted(verdict.erased, 'entry', 'entries')}")
    if verdict.sound and kept is not None:
        output.text(f"the chain of {kept.seq} is the one of which the anchor was kept")
    output.text(f"head: {verdict.head}")


def _faults(verdict: Verdict) -> None:
    rows = [
        ("-" if each.seq is None else str(each.seq), each.fault.value, shown(each.what))
        for each in verdict.findings[:TOLD]
    ]
    output.table(("seq", "fault", "what is wrong"), rows, right=(0,))
    if verdict.wrong > len(rows):
        diagnostics.note(f"and {verdict.wrong - len(rows)} more: lomi audit verify -o json")
    output.text(f"NOT SOUND: {counted(verdict.wrong, 'fault')} in {counted(verdict.entries, 'entry', 'entries')}")


def verdict_record(verdict: Verdict, kept: Head | None) -> dict[str, Any]:
    return {
        "sound": verdict.sound,
        "entries": verdict.entries,
        "erased": verdict.erased,
        "head": str(verdict.head),
        "anchor": None if kept is None else str(kept),
        "wrong": verdict.wrong,
        "faults": [asdict(each) for each in verdict.findings],
    }
