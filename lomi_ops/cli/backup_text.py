"""What `lomi backup` answers, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted, painted, size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from lomi_ops.domain.backup import Compared, Manifest, Verification
    from lomi_ops.ops.backup.create import Created
    from lomi_ops.ops.backup.place import Kept
    from lomi_ops.ops.backup.restore import DatabasePlan, Plan, QueuePlan, Restored

LISTS = ("ready", "high", "bulk", "delayed", "dead")
STYLES = {"same": "green", "differs": "red", "unknown": "yellow"}


def created(done: Created, place: str, format_: Format) -> None:
    manifest = done.manifest
    took_s = (manifest.finished_at - manifest.started_at).total_seconds()
    if format_ is not Format.TEXT:
        body = {
            "place": place, **_record(manifest), "took_s": round(took_s, 3), "swept": list(done.swept),
            "removed": list(done.removed),
        }  # fmt: skip
        output.document(body, schema="lomi.backup.create/v1", format_=format_)
        return
    output.text(f"{manifest.name} in {place}: {size(manifest.bytes)} in {took_s:.1f} s")
    database = f"{counted(manifest.database.rows, 'row')} in {counted(len(manifest.database.tables), 'table')}"
    output.text(f"Postgres {manifest.database.version} {manifest.database.name}: {database}")
    output.text(f"queue: {_lengths(manifest)}")
    if done.swept:
        output.text(f"left by an interrupted run, removed: {', '.join(done.swept)}")
    if done.removed:
        output.text(f"older than the latest that are kept, removed: {', '.join(done.removed)}")


def listed(found: Sequence[Kept], place: str, now: datetime, format_: Format) -> None:
    if format_ is Format.JSON:
        output.document({"place": place, "backups": [_kept(each, now) for each in found]}, schema="lomi.backup.list/v1")
    elif format_ is Format.JSONL:
        for each in found:
            output.line(_kept(each, now))
    elif not found:
        output.text(f"no backup in {place}: lomi backup create")
    else:
        headers = ("backup", "age", "size", "verified", "what is in it")
        output.table(headers, [_row(each, now) for each in found], right=(2,))


def verified(found: Verification, format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = {
            "name": found.name, "at": found.at, "verdict": found.verdict.value, "exit_code": int(found.exit_code),
            "parts": [
                {"area": p.area.value, "part": p.part, "verdict": p.verdict.value, "detail": p.detail}
                for p in found.parts
            ],
            "notes": list(found.notes),
        }  # fmt: skip
        output.document(body, schema="lomi.backup.verify/v1", format_=format_)
        return
    output.table(("part", "restored", "detail"), _verified_rows(found.parts))
    for note in found.notes:
        diagnostics.note(note)
    output.text(f"{found.name}: {_verdict(found)}")


def planned(plan: Plan, format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = {"dry_run": True, **_plan(plan)}
        output.document(body, schema="lomi.backup.restore/v1", format_=format_)
        return
    for line in _plan_lines(plan):
        output.text(line)
    confirm = f"; it needs --confirm {plan.confirmation}" if plan.confirmation else ""
    output.text(f"nothing was changed{confirm}")


def restored(plan: Plan, done: Restored, format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = {
            "dry_run": False, **_plan(plan), "paused": done.paused, "rows": done.rows,
            "elements": done.queue.elements if done.queue else None,
            "records": done.queue.records if done.queue else None,
            "known_already": done.queue.kept if done.queue else None, "notes": done.notes,
        }  # fmt: skip
        output.document(body, schema="lomi.backup.restore/v1", format_=format_)
        return
    name = plan.manifest.name
    if plan.database is not None and done.rows is not None:
        rows = f"{counted(done.rows, 'row')} in {counted(done.tables, 'table')}"
        output.text(f"{name} is in the database {plan.database.name} at {plan.database.where}: {rows}")
    if plan.queue is not None and done.queue is not None:
        known = f"; {done.queue.kept} it knew already" if done.queue.kept else ""
        elements, records = counted(done.queue.elements, "element"), counted(done.queue.records, "record")
        output.text(f"{name} is in the queue at {plan.queue.where}: {elements}, {records}{known}")
    for note in done.notes:
        diagnostics.warn(note)
    output.text("the queue is paused. Next:" if done.paused else "Next:")
    for command in next_commands(plan):
        output.text(f"  {command}")


def next_commands(plan: Plan) -> list[str]:
    migrate = ["lomi migrate apply     # what this version of lomi wants more"] if plan.database is not None else []
    return [
        *migrate,
        "lomi reconcile         # queues every photo that Postgres says is undecided and no job names",
        "lomi queue resume      # allows claims again",
    ]


def _record(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "at": manifest.started_at,
        "bytes": manifest.bytes,
        "lomi": manifest.lomi,
        "host": manifest.host,
        "actor": manifest.actor,
        "database": {
            "name": manifest.database.name,
            "version": manifest.database.version,
            "tables": {table.name: table.rows for table in manifest.database.tables},
        },
        "queue": {"server": manifest.queue.server, "lengths": dict(manifest.queue.lengths)},
    }


def _kept(kept: Kept, now: datetime) -> dict[str, Any]:
    if kept.manifest is None:
        return {"name": kept.name, "damage": kept.damage}
    age_s = round((now - kept.manifest.started_at).total_seconds(), 3)
    return {**_record(kept.manifest), "age_s": age_s, "verified_at": kept.verified_at}


def _row(kept: Kept, now: datetime) -> tuple[str, ...]:
    from lomi_ops.domain import span

    if kept.manifest is None:
        return kept.name, "-", "-", "no", f"its manifest is damaged: {kept.damage}"
    age = span.said((now - kept.manifest.started_at).total_seconds())
    tried = "no" if kept.verified_at is None else f"{span.said((now - kept.verified_at).total_seconds())} ago"
    lengths = kept.manifest.queue.lengths
    jobs = sum(lengths.get(name, 0) for name in ("ready", "high", "bulk", "delayed", "running"))
    what = f"{counted(kept.manifest.database.rows, 'row')}, {counted(jobs, 'job')}, {lengths.get('dead', 0)} dead"
    return kept.name, age, size(kept.manifest.bytes), tried, what


def _lengths(manifest: Manifest) -> str:
    """The states that hold anything."""
    names = ("ready", "high", "bulk", "delayed", "running", "dead", "unsent")
    lengths = manifest.queue.lengths
    return ", ".join(f"{lengths[name]} {name}" for name in names if lengths.get(name)) or "empty"


def _verified_rows(parts: Sequence[Compared]) -> list[tuple[str, ...]]:
    """One line for each area that is the same as a whole; where one is not, each part that is not, the worst last."""
    from lomi_ops.domain.backup import Area

    nouns = {Area.FILES: "file", Area.SETTINGS: "file", Area.POSTGRES: "table", Area.QUEUE: "key"}
    rows: list[tuple[str, ...]] = []
    for area in Area:
        same = [part for part in parts if part.area is area and part.verdict.value == "same"]
        if same:
            rows.append((area.value, painted("same", STYLES["same"]), _summary(area.value, same, nouns[area])))
    for word in ("unknown", "differs"):
        rows += [
            (part.part if part.part == part.area.value else f"{part.area.value} {part.part}",
             painted(word, STYLES[word]), part.detail)
            for part in parts if part.verdict.value == word
        ]  # fmt: skip
    return rows


def _summary(area: str, same: Sequence[Compared], noun: str) -> str:
    if len(same) == 1:
        return same[0].detail
    # Of the queue the lists are what people ask for.
    by_name = {part.part: part.detail.partition(",")[0] for part in same if area == "queue"}
    named = [f"{by_name[name]} {name}" for name in LISTS if name in by_name]
    return ", ".join([counted(len(same), noun), *named])


def _verdict(found: Verification) -> str:
    counts = {word: sum(part.verdict.value == word for part in found.parts) for word in STYLES}
    match found.verdict.value:
        case "same":
            return f"all {counts['same']} parts came back the same"
        case "differs":
            return f"{counts['differs']} of {len(found.parts)} parts differ: do not rely on it, make a new one"
    return f"{counts['unknown']} of {len(found.parts)} parts could not be tried here"


def _plan(plan: Plan) -> dict[str, Any]:
    database, queue = plan.database, plan.queue
    return {
        "backup": plan.manifest.name,
        "into": plan.into.value,
        "confirm": plan.confirmation or None,
        "database": None if database is None else _database(database),
        "queue": None if queue is None else _queue(queue),
        "next": [line.partition("  ")[0] for line in next_commands(plan)],
    }


def _database(plan: DatabasePlan) -> dict[str, Any]:
    return {
        "where": plan.where,
        "replaced": {table.name: table.rows for table in plan.filled},
        "owners": plan.owners,
        "missing_roles": list(plan.missing_roles),
    }


def _queue(plan: QueuePlan) -> dict[str, Any]:
    return {"where": plan.where, "waiting": plan.waiting, "running": plan.running, "dead": plan.dead}


def _plan_lines(plan: Plan) -> list[str]:
    manifest, lines = plan.manifest, []
    if plan.database is not None:
        rows = sum(table.rows for table in plan.database.filled)
        gone = f"; its {counted(rows, 'row')} of now would be gone" if rows else ", which is empty"
        lines.append(
            f"would make the database {plan.database.name} at {plan.database.where} what it was at"
            f" {manifest.started_at:%Y-%m-%d %H:%M} UTC: {counted(manifest.database.rows, 'row')}{gone}"
        )
        if not plan.database.owners:
            names = ", ".join(plan.database.missing_roles)
            lines.append(f"would leave out owners and grants: these roles are not here or not ours to act as: {names}")
    if plan.queue is not None:
        here = f"{plan.queue.waiting} waiting, {plan.queue.running} running, {plan.queue.dead} dead there now"
        lines.append(f"would add to the queue at {plan.queue.where}: {_lengths(manifest)}; {here} stay")
    return [*lines, "would pause all claims before, and leave them paused"]
