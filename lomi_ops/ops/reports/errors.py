"""What went wrong, by cause, each with an example and the command to look further."""

from __future__ import annotations

from lomi_ops.db import reporting
from lomi_ops.db.reporting import Source
from lomi_ops.domain.report import Column, Report, Table, Unit, Value
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.reports.asked import Asked, counted
from lomi_ops.ops.reports.summary import figures_of

_WORDS = {
    "unreadable": "no image",
    "truncated": "cut off: its upload broke",
    "too_large": "too many bytes or pixels",
    "unsupported_format": "a format that no decoder is installed for",
    "object_missing": "no such object in the store",
}
_COLUMNS = (
    Column("what", "what"),
    Column("cause", "cause"),
    Column("number", "number", Unit.COUNT),
    Column("example", "the latest"),
    Column("command", "look further"),
    Column("text", "in words"),
)


def build(db: Source, asked: Asked) -> Report:
    told = reporting.soon(db, reporting.standing, asked.window)
    told_failed = reporting.soon(db, reporting.failed, asked.window)
    standing, failed = told(), told_failed()
    rows: list[tuple[Value, ...]] = [
        ("photo failed", each.cause or "(none)", each.photos, each.example, f"lomi review show {each.example}",
         _WORDS.get(each.cause, ""))
        for each in failed
    ]  # fmt: skip
    ends = reporting.ends(db, asked.window) if asked.logged else []
    unanswered = reporting.unanswered(db, asked.window) if asked.logged else []
    rows += [
        (f"job {each.what}", each.cause or "(none)", each.jobs, each.example, f"lomi queue show {each.example}",
         each.error)
        for each in ends if each.what in ("dead", "lost")
    ]  # fmt: skip
    rows += [
        ("no answer of", each.cause, each.photos, each.example, f"lomi review show {each.example}", each.text)
        for each in unanswered
    ]
    figures = figures_of(standing, ())
    kept = ("uploads", "failed", "error_rate")
    return Report(
        "errors",
        "What went wrong",
        asked.window,
        asked.zone_name,
        {name: figures[name] for name in kept}
        | {
            "jobs_dead": sum(each.jobs for each in ends if each.what == "dead") if asked.logged else None,
            "jobs_lost": sum(each.jobs for each in ends if each.what == "lost") if asked.logged else None,
            "unanswered": sum(each.photos for each in unanswered) if asked.logged else None,
        },
        (Table("errors", "By cause", _COLUMNS, tuple(rows), "nothing"),),
        (),
        _notes(counted(standing, MediaStatus.FAILED), asked),
        asked.gaps,
    )


def _notes(failed: int, asked: Asked) -> tuple[str, ...]:
    found = ["photos count by their upload, jobs and missing answers by when they ended"]
    if not asked.logged:
        found.append("what old workers wrote to their logs: lomi workers logs")
    if failed:
        found.append("a failed photo was not judged: its user may upload it again")
    return tuple(found)
