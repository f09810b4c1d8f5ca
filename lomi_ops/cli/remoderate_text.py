"""How runs of `lomi remoderate` are put into words and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output
from lomi_ops.cli.output import Format, counted
from lomi_ops.domain.remoderate import Fate
from lomi_ops.domain.shown import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lomi_ops.db.remoderating import Outcome, Run
    from lomi_ops.ops.remoderate.plan import Plan

_LEFT = {
    Fate.PERSON: "a person's decision holds (--include-overrides judges these, too)",
    Fate.MINOR: "suspected minor: only a person decides",
    Fate.UNKNOWN: "an engine gave no answer",
    Fate.UNREADABLE: "cannot be decoded",
    Fate.GONE: "the object or the row is gone",
    Fate.MOVED: "changed meanwhile",
    Fate.HELD: "somebody looks at it now",
}
"""Why photos were left as they were."""


def show_plan(found: Plan, policy: str, format_: Format, *, shadow: bool) -> None:
    if format_ is not Format.TEXT:
        body = {
            "dry_run": True,
            "shadow": shadow,
            "policy": policy,
            "photos": found.judged,
            "matched": found.matched,
            "standing": [
                {"status": status, "reason": reason or None, "photos": number}
                for (status, reason), number in sorted(found.standing.items(), key=lambda each: -each[1])
            ],
            "left_alone": {fate.value: number for fate, number in found.left.items()},
            "recorded": found.recorded,
        }
        output.document(body, schema="lomi.remoderate.plan/v1", format_=format_)
        return
    if found.standing:
        rows = [
            (shown(status), shown(reason), f"{number:,}")
            for (status, reason), number in sorted(found.standing.items(), key=lambda each: -each[1])
        ]
        output.table(("status", "reason", "photos"), rows, right=(2,), prose=(1,))
    output.text(f"would judge {counted(found.judged, 'photo')} by policy {policy}; nothing was changed")
    for fate, number in found.left.items():
        output.text(f"left alone: {counted(number, 'photo')}, {_LEFT[fate]}")
    if not found.recorded:
        diagnostics.note("no schema lomi here: what people decided is not known, and nothing can be judged again")


def show_run(run: Run, outcomes: Sequence[Outcome], format_: Format) -> None:
    if format_ is not Format.TEXT:
        output.document(record(run, outcomes), schema="lomi.remoderate/v1", format_=format_)
        return
    output.text(_headline(run, outcomes))
    changed = [each for each in outcomes if each.fate is Fate.CHANGED]
    if changed:
        rows = [
            (_state(e.status_before, e.reason_before), _state(e.status, e.reason), f"{e.photos:,}") for e in changed
        ]
        headers = ("stands", "would stand") if run.shadow else ("stood", "stands")
        output.table((*headers, "photos"), rows, right=(2,), prose=())
    elif not run.trimmed:
        output.text("no photo changed" if not run.shadow else "no photo would change")
    same = of(outcomes, Fate.SAME)
    if same:
        output.text(f"judged as before: {counted(same, 'photo')}")
    for fate, why in _LEFT.items():
        if number := of(outcomes, fate):
            output.text(f"left as they were: {counted(number, 'photo')}, {why}")
    if run.trimmed:
        output.text(f"no longer known: what came of {counted(run.trimmed, 'photo')}, whose rows were trimmed or erased")
    if run.ended_at and (moved := run.photos - through(run, outcomes)) > 0:
        output.text(f"not judged: {counted(moved, 'photo')} changed before their turn")
    if not run.ended_at:
        output.text(f"to go on: lomi remoderate resume {run.id}")


def show_runs(found: Sequence[tuple[Run, Sequence[Outcome]]], format_: Format) -> None:
    if format_ is not Format.TEXT:
        body = {"runs": [record(run, outcomes) for run, outcomes in found]}
        output.document(body, schema="lomi.remoderate.status/v1", format_=format_)
        return
    if not found:
        output.text("nothing was judged again yet")
        return
    headers = ("run", "begun", "by", "state", "through", "changed", "policy", "filter")
    rows = [
        (
            str(run.id),
            f"{run.at:%m-%d %H:%M}",
            shown(run.actor),
            ("done" if run.ended_at else "open") + (", shadow" if run.shadow else ""),
            f"{through(run, outcomes):,} of {run.photos:,}",
            _changed(run, outcomes),
            run.policy,
            shown(run.filter),
        )
        for run, outcomes in found
    ]
    keep = [0, 1, 3, 4, 5, 7] if output.narrow(110) else list(range(len(headers)))
    output.table([headers[i] for i in keep], [[row[i] for i in keep] for row in rows])


def record(run: Run, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    return {
        "run": run.id,
        "begun_at": run.at,
        "ended_at": run.ended_at,
        "actor": run.actor,
        "why": run.why,
        "filter": run.filter,
        "shadow": run.shadow,
        "include_overrides": run.overrides,
        "policy": run.policy,
        "model": run.model,
        "engines": run.engines,
        "per_minute": run.per_minute,
        "photos": run.photos,
        "through": through(run, outcomes),
        "trimmed": run.trimmed,
        "fates": {fate.value: of(outcomes, fate) for fate in Fate},
        "transitions": [
            {
                "from": {"status": each.status_before, "reason": each.reason_before},
                "to": {"status": each.status, "reason": each.reason},
                "photos": each.photos,
            }
            for each in outcomes
            if each.fate is Fate.CHANGED
        ],
    }


def of(outcomes: Sequence[Outcome], fate: Fate) -> int:
    return sum(each.photos for each in outcomes if each.fate is fate)


def through(run: Run, outcomes: Sequence[Outcome]) -> int:
    return run.trimmed + sum(each.photos for each in outcomes)


def _headline(run: Run, outcomes: Sequence[Outcome]) -> str:
    how = "only compared, nothing was changed" if run.shadow else f"{_changed(run, outcomes)} changed"
    state, photos = "done" if run.ended_at else "not done", counted(run.photos, "photo")
    return f"run {run.id} ({state}): {through(run, outcomes):,} of {photos} by policy {run.policy}, {how}"


def _changed(run: Run, outcomes: Sequence[Outcome]) -> str:
    """Of photos whose rows went nobody says whether they changed: so many, or more."""
    return f"{of(outcomes, Fate.CHANGED):,}" + "+" * bool(run.trimmed)


def _state(status: str | None, reason: str | None) -> str:
    return shown(f"{status} ({reason})" if reason else str(status))
