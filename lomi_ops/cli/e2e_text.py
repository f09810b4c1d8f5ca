"""What `lomi e2e` says at the end: each photo, each leg against its target, where something stopped."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.errors import ExitCode, LomiError

if TYPE_CHECKING:
    from uuid import UUID

    from lomi_ops.domain.way import BatchWay, Leg, PhotoWay, Stop
    from lomi_ops.ops.e2e.clean import Cleaned
    from lomi_ops.ops.e2e.outcome import Outcome

SCHEMA = "lomi.e2e/v1"
STYLES = {"approved": "green", "rejected": "red", "failed": "magenta", "review": "yellow"}
_NAMED = 3


def seconds(value: float | None) -> str:
    """`12 ms`, `1.34 s`; a dash for what nobody knows."""
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


# --- for people -------------------------------------------------------------------------------------------------------


def show(outcome: Outcome) -> None:
    _photos(outcome)
    output.text("")
    _legs(outcome)
    output.text("")
    for line in _lines(outcome):
        output.text(line)


def _photos(outcome: Outcome) -> None:
    from lomi_ops.domain.way import Leg

    legs = [leg for leg in (Leg.UPLOAD, Leg.JUDGED, Leg.SETTLED, Leg.PUBLISHED, Leg.SHOWN) if _seen(outcome, leg)]
    if output.narrow(100):
        legs = [leg for leg in legs if leg in (Leg.JUDGED, Leg.SETTLED)]
    headers = ("photo", "decision", *(leg.value for leg in legs))
    rows = [(photo.name, _decision(photo), *(seconds(photo.legs.get(leg)) for leg in legs)) for photo in outcome.photos]
    output.table(headers, rows, right=tuple(range(2, len(headers))), prose=(0,))


def _seen(outcome: Outcome, leg: Leg) -> bool:
    from lomi_ops.domain.way import Leg as Legs

    visible = {
        Legs.SETTLED: outcome.sees.database, Legs.PUBLISHED: outcome.sees.channel, Legs.SHOWN: outcome.sees.app,
        Legs.JUDGED: outcome.sees.database,
    }  # fmt: skip
    return visible.get(leg, True)


def _decision(photo: PhotoWay) -> str:
    wrong = photo.as_expected is False
    word = f"{photo.said} (expected {photo.expected})" if wrong else photo.said
    return output.painted(word, "bold red" if wrong else STYLES.get(photo.decision or "", "yellow"))


def _legs(outcome: Outcome) -> None:
    from lomi_ops.domain.way import TARGETS, Leg, measured

    words = {
        Leg.UPLOAD: "upload of a photo",
        Leg.ACCEPTED: "answer to the user, a batch",
        Leg.STARTED: "queue to worker, a batch",
        Leg.JUDGED: "judging, a photo",
        Leg.SETTLED: "push to Postgres, a photo",
        Leg.PUBLISHED: "push to message, a photo",
        Leg.SHOWN: "push to the app, a photo",
        Leg.BATCH: "claim to last decision, a batch",
    }
    rows = []
    for leg, word in words.items():
        times, target = measured(outcome.batches, leg), TARGETS.get(leg)
        if not _seen(outcome, leg):
            continue
        slowest = max(times, default=None)
        middle = statistics.median(times) if times else None
        rows.append(
            (word, seconds(middle), seconds(slowest), "" if target is None else seconds(target), _met(slowest, target))
        )
    output.table(("leg", "median", "slowest", "target", ""), rows, right=(1, 2, 3), prose=(0,))


def _met(slowest: float | None, target: float | None) -> str:
    if slowest is None or target is None:
        return ""
    if slowest > target:
        return output.painted("late", "bold yellow")
    return output.painted("ok" if output.ascii_only() else "✔", "green")


def _lines(outcome: Outcome) -> Iterator[str]:
    """The most urgent last: there the eye rests."""
    for unknown in outcome.unknown:
        yield f"not seen: {unknown.what}: {unknown.command}"
    for left in outcome.left:
        yield f"still there: {left.what} {left.name}: {left.why}"
    if outcome.kept:
        yield "kept: photos, rows and jobs are still there: lomi e2e --clean removes them"
    yield _summary(outcome)
    for warned in outcome.warnings:
        yield f"warning: {warned.text}" + (f"\n  try: {warned.hint}" if warned.hint else "")
    for number, batch in enumerate(outcome.batches, start=1):
        if batch.stopped is not None:
            yield _stopped(number, batch, batch.stopped, outcome)


def _summary(outcome: Outcome) -> str:
    counts = Counter(photo.decision or "undecided" for photo in outcome.photos)
    words = ", ".join(f"{count} {word}" for word, count in counts.items())
    way = " through the backend" if outcome.via == "backend" else ""
    late = [warned for warned in outcome.warnings if "the target is" in warned.text]
    verdict = "" if late or outcome.bad else "; every target met"
    return f"{counted(len(outcome.photos), 'photo')}{way} in {outcome.elapsed_s:.1f} s: {words}{verdict}"


def _stopped(number: int, batch: BatchWay, stop: Stop, outcome: Outcome) -> str:
    names = [photo.name for photo in batch.photos if not photo.done(outcome.sees)]
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    which = f"batch {number} ({shown})" if len(outcome.batches) > 1 else shown
    hint = f"\n  try: {stop.hint}" if stop.hint else ""
    return f"stopped at the {stop.where.value}: {which}: {diagnostics.scrubbed(stop.text)}{hint}"


# --- for programs -----------------------------------------------------------------------------------------------------


def document(
    outcome: Outcome, format_: Format, *, code: int | ExitCode = ExitCode.OK, failure: BaseException | None = None
) -> None:
    """The whole, also of a run that broke off; for jsonl its last line."""
    from lomi_ops.domain.way import TARGETS

    code = int(code) if failure is None else code_of(failure)
    body = {
        "ok": code == 0,
        "exit_code": code,
        "via": outcome.via,
        "elapsed_s": round(outcome.elapsed_s, 3),
        "user_id": outcome.user_id,
        "kept": outcome.kept,
        "listeners": outcome.listeners,
        "sees": {"postgres": outcome.sees.database, "redis": outcome.sees.channel, "backend": outcome.sees.app},
        "targets_s": {leg.value: target for leg, target in TARGETS.items()},
        "batches": [_batch(batch) for batch in outcome.batches],
        "warnings": [{"text": diagnostics.scrubbed(each.text), "hint": each.hint} for each in outcome.warnings],
        "unknown": [{"what": each.what, "command": each.command} for each in outcome.unknown],
        "left": [{"what": e.what, "name": e.name, "why": diagnostics.scrubbed(e.why)} for e in outcome.left],
        "error": error_of(failure),
    }
    output.document(body, schema=SCHEMA, format_=format_)


def _batch(batch: BatchWay) -> dict[str, Any]:
    stop = batch.stopped
    return {
        "batch_id": batch.batch_id,
        "job_id": batch.job_id,
        "legs_s": _rounded(batch.legs) | ({"batch": round(batch.whole_s, 4)} if batch.whole_s is not None else {}),
        "stopped": None
        if stop is None
        else {"where": stop.where.value, "text": diagnostics.scrubbed(stop.text), "hint": stop.hint},
        "photos": [record(photo) for photo in batch.photos],
    }


def record(photo: PhotoWay) -> dict[str, Any]:
    return {
        "name": photo.name,
        "media_id": photo.media_id,
        "key": photo.key or None,
        "decision": photo.decision,
        "reason": photo.reason,
        "expected": photo.expected,
        "as_expected": photo.as_expected,
        "legs_s": _rounded(photo.legs),
        "messages": photo.messages,
    }


def _rounded(legs: Any) -> dict[str, float]:
    return {leg.value: round(value, 4) for leg, value in legs.items()}


def code_of(failure: BaseException) -> int:
    """What the shell will see."""
    match failure:
        case LomiError():
            return int(failure.exit_code)
        case KeyboardInterrupt():
            return 130
        case SystemExit(code=int(code)):
            return code
        case _:
            return int(ExitCode.UNKNOWN)


def error_of(failure: BaseException | None) -> dict[str, str] | None:
    """As a document has it."""
    match failure:
        case None:
            return None
        case LomiError():
            return {"message": diagnostics.scrubbed(failure.message), "hint": failure.hint}
        case KeyboardInterrupt() | SystemExit():
            return {"message": "interrupted", "hint": ""}
        case _:
            return {
                "message": f"{type(failure).__name__}: {diagnostics.scrubbed(str(failure))}",
                "hint": "lomi --debug",
            }


# --- cleaning up ------------------------------------------------------------------------------------------------------


def show_cleaned(cleaned: Cleaned, format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = {
            "ok": not cleaned.left,
            "cleaned": cleaned.users,
            "strays": cleaned.strays,
            "busy": list(map(str, cleaned.busy)),
            "left": [{"what": e.what, "name": e.name, "why": diagnostics.scrubbed(e.why)} for e in cleaned.left],
        }
        output.document(body, schema="lomi.e2e.clean/v1", format_=format_)
        return
    for left in cleaned.left:
        output.text(f"still there: {left.what} {left.name}: {diagnostics.scrubbed(left.why)}")
    for user_id in cleaned.busy:
        output.text(f"still at work, left alone: the run of {_began(user_id)}")
    output.text(
        f"removed what {counted(cleaned.users, 'run')} had left" if cleaned.users else "nothing is left of any run"
    )


def leftovers(users: tuple[UUID, ...], format_: Format) -> int:
    """What --clean would remove."""
    if format_ is not Format.TEXT:
        body = {"dry_run": True, "runs": [{"user_id": user, "began": _began(user)} for user in users]}
        output.document(body, schema="lomi.e2e.clean/v1", format_=format_)
    else:
        for user in users:
            output.text(f"would remove the user, photos, rows and jobs of the run of {_began(user)}")
        if not users:
            output.text("nothing is left of any run")
    return int(ExitCode.OK)


def _began(user_id: UUID) -> str:
    from lomi_ops.domain.marked import made_at

    return f"{made_at(user_id):%Y-%m-%dT%H:%M:%SZ}"
