"""How `lomi jobs` puts its answers into words and documents."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted

if TYPE_CHECKING:
    from lomi_ops.domain.submission import Progress, Submission
    from lomi_ops.ops.jobs.handles import Handles
    from lomi_ops.ops.jobs.plan import Plan
    from lomi_ops.ops.jobs.submit import Recorded
    from lomi_ops.ops.jobs.watch import Target, Waited

SLOWEST = 3
SHOWN_DEAD = 10
STATUS_WORDS = {
    "approved": "approved",
    "rejected": "rejected",
    "failed": "failed",
    "in_review": "in review",
    "pending": "undecided",
    "gone": "gone",
}
LEFT_WORDS = {
    "decided": "decided already, left as it is",
    "in_review": "in review: lomi review list --queue waiting",
    "on_its_way": "on its way already",
    "unapplied": "decided, but media does not show it: lomi reconcile",
    "open": "open in the ledger and not in the queue",
    "dead": "in a dead letter: lomi queue dead, or lomi reconcile --include-dead",
    "approved_before": "approved before there was moderation: lomi migrate apply",
    "no_key": "without an object's key: the row in media needs a person",
}


def seconds(span: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if span is None:
        return "-"
    if span < 10:
        return f"{span:.1f} s"
    whole = round(span)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


# --- submit -----------------------------------------------------------------------------------------------------------


def tell_left(recorded: Recorded) -> None:
    """Beside the answer: what was asked for and is left alone."""
    if recorded.plan is None:
        diagnostics.note("this submission was recorded before: nothing is added")
        return
    for line in _left_lines(recorded.plan):
        diagnostics.note(line)


def _left_lines(plan: Plan) -> list[str]:
    lines = [f"{counted(count, 'photo')} {LEFT_WORDS[why]}" for why, count in sorted(plan.left.items())]
    return lines + [f"  in submission {each}" for each in plan.elsewhere[:SHOWN_DEAD]]


def show_plan(plan: Plan, *, dry_run: bool) -> None:
    lines = _left_lines(plan)
    if plan.groups:
        lines.append(f"would be submitted: {counted(plan.photos, 'photo')} in {counted(len(plan.groups), 'job')}")
    else:
        lines.append("nothing is left to submit")
    if dry_run and plan.groups:
        lines.append("nothing was changed; without --dry-run it is done")
    output.text("\n".join(lines))


def plan_record(plan: Plan, *, dry_run: bool) -> dict[str, Any]:
    return {
        "id": None,
        "dry_run": dry_run,
        "photos": plan.photos,
        "jobs": len(plan.groups),
        "left_alone": dict(plan.left),
        "in_submissions": [str(each) for each in plan.elsewhere],
    }


def submission_record(submission: Submission) -> dict[str, Any]:
    return {
        "id": str(submission.id),
        "at": submission.at,
        "by": submission.actor,
        "asked": dict(submission.asked),
        "photos": submission.photos,
        "jobs": submission.jobs,
        "priority": submission.priority.name.lower(),
        "photos_per_minute": submission.per_minute,
        "cancelled_at": submission.cancelled_at,
        "cancelled_by": submission.cancelled_by,
    }


# --- status -----------------------------------------------------------------------------------------------------------


def missing(progress: Progress) -> int:
    """Jobs that neither Postgres nor the queue has a place for."""
    from lomi_ops.domain.submission import Place

    return progress.at(Place.MISSING)


def status_record(target: Target, progress: Progress) -> dict[str, Any]:
    about = submission_record(target.submission) if target.submission else {"id": target.name}
    return about | {
        "job": target.job_id,
        "over": progress.over,
        "states": {place.value: count for place, count in progress.places.items() if count},
        "now": [asdict(each) for each in progress.photos],
        "dead": list(progress.dead),
        "last_due_s": progress.last_due_s,
    }


def show_status(
    target: Target, progress: Progress, to_go_s: float | None, per_minute: float | None, stopped: list[tuple[str, str]]
) -> None:
    """`stopped` are the rows of what keeps jobs from being claimed."""
    from lomi_ops.domain.submission import Place

    rows = _about(target)
    rows += [("jobs", f"{progress.finished} of {progress.jobs} over")]
    rows += [(place.value, str(progress.at(place))) for place in Place if progress.at(place)]
    rows += photo_rows(progress)
    if progress.last_due_s is not None:
        rows.append(("last one due", f"in {seconds(progress.last_due_s)}"))
    if per_minute is not None:
        rows.append(("rate", f"{per_minute:.1f} jobs/min"))
    if to_go_s:
        rows.append(("to go", f"about {seconds(to_go_s)}"))
    lines = listed([*rows, *stopped])
    if progress.unseen:
        lines.append("it waits in the list; no worker has looked at it")
    lines += dead_lines(progress)
    if missing(progress):
        text = f"{counted(missing(progress), 'job')} not in the queue: lomi jobs wait {target.name} pushes again"
        lines.append(text)
    output.text("\n".join(lines))


def _about(target: Target) -> list[tuple[str, str]]:
    if target.submission is None:
        return [("job", target.name)]
    about = target.submission
    rows = [("submission", str(about.id)), ("by", f"{about.actor}, {stamp(about.at)}")]
    if about.per_minute is not None:
        rows.append(("limit", f"{about.per_minute:g} photos/min"))
    rows.append(("priority", about.priority.name.lower()))
    if about.cancelled_at is not None:
        rows.append(("cancelled by", f"{about.cancelled_by}, {stamp(about.cancelled_at)}"))
    return rows


def photo_rows(progress: Progress) -> list[tuple[str, str]]:
    """One row a status, with its reasons: `5  blurry 3, nsfw 2`."""
    rows = []
    for status, word in STATUS_WORDS.items():
        of_status = [each for each in progress.photos if each.status == status]
        if not of_status:
            continue
        total = sum(each.photos for each in of_status)
        reasons = ", ".join(f"{each.reason} {each.photos}" for each in of_status if each.reason)
        rows.append((word, f"{counted(total, 'photo')}{f'  ({reasons})' if reasons else ''}"))
    return rows


def listed(rows: list[tuple[str, str]]) -> list[str]:
    left = max(len(name) for name, _ in rows)
    return [f"{name:{left}}  {value}" for name, value in rows]


def dead_lines(progress: Progress) -> list[str]:
    lines = [f"dead: {job_id}: lomi queue show {job_id}" for job_id in progress.dead[:SHOWN_DEAD]]
    if len(progress.dead) > SHOWN_DEAD:
        lines.append(f"and {len(progress.dead) - SHOWN_DEAD} more: lomi queue dead")
    return lines


def show_recent(found: list[tuple[Target, Progress]]) -> None:
    if not found:
        output.text("nothing was submitted yet: lomi jobs submit")
        return
    rows = []
    for target, progress in found:
        about = target.submission
        assert about is not None
        rows.append((str(about.id), stamp(about.at), about.actor, str(about.photos), _state(about, progress)))
    headers = ("submission", "when", "by", "photos", "jobs")
    keep = [0, 1, 4] if output.narrow(100) else [0, 1, 2, 3, 4]
    output.table(
        [headers[i] for i in keep],
        [[row[i] for i in keep] for row in rows],
        right=() if len(keep) == 3 else (3,),
    )


def _state(about: Submission, progress: Progress) -> str:
    from lomi_ops.domain.submission import Place

    over = f"{progress.jobs} over" if progress.over else f"{progress.finished} of {progress.jobs} over"
    others = ((place, progress.at(place)) for place in (Place.MISSING, Place.DEAD, Place.CANCELLED))
    return ", ".join([over, *(f"{number} {place.value}" for place, number in others if number)])


# --- wait -------------------------------------------------------------------------------------------------------------


def show_summary(at: Handles, target: Target, waited: Waited, format_: Format) -> None:
    """What became of everything, the slowest jobs, and the dead letters with what to do next."""
    from lomi_ops.db import submissions

    progress = waited.progress
    slow = submissions.slowest(at.database, target.submission.id, SLOWEST) if target.submission else ()
    if format_ is not Format.TEXT:
        body = status_record(target, progress) | {
            "timed_out": waited.timed_out,
            "pushed": waited.pushed,
            "slowest": [asdict(each) for each in slow],
        }
        output.document(body, schema="lomi.jobs.wait/v1", format_=format_)
        return
    what = "submission" if target.submission else "job"
    lines = [f"{what} {target.name}: {progress.finished} of {counted(progress.jobs, 'job')} over"]
    if rows := [*photo_rows(progress), *_bad_rows(progress)]:
        lines += [f"  {line}" for line in listed(rows)]
    lines += [f"slow: {each.job_id} {seconds(each.took_s)}{f' on {each.host}' if each.host else ''}" for each in slow]
    lines += dead_lines(progress)
    output.text("\n".join(lines))


def _bad_rows(progress: Progress) -> list[tuple[str, str]]:
    from lomi_ops.domain.submission import Place

    words = ((Place.DEAD, "dead"), (Place.CANCELLED, "cancelled"))
    return [(word, counted(progress.at(place), "job")) for place, word in words if progress.at(place)]


def stamp(at: datetime) -> str:
    """In UTC, to the minute."""
    from datetime import UTC

    return f"{at.astimezone(UTC):%m-%d %H:%M}"
