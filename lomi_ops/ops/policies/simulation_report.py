"""A simulation as a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

from lomi_ops.domain.policy import Policy
from lomi_ops.domain.policy_text import digest
from lomi_ops.domain.quality import Estimate
from lomi_ops.domain.report import Chart, Column, Gap, Line, Report, Table, Unit, Value
from lomi_ops.domain.simulation import Change, Fate, Simulation, right, right_before, unjudged
from lomi_ops.domain.statistics import ratio
from lomi_ops.domain.verdict import Outcome
from lomi_ops.ops.policies.simulate import Simulated
from lomi_ops.ops.policies.sweep import OUTCOMES, Sweep
from lomi_ops.ops.reports.asked import INTERVAL

_NONE_JUDGED = Gap(
    "nobody has judged samples or reviewed photos of this window: how often the policy would be right is not known",
    "lomi review sample draw --approved 1% --rejected 5%",
)
_DAY = timedelta(days=1)
_STEP = 10
"""Of the points of a sweep, those that a person reads."""


def report(found: Simulated, policy: Policy, active: Policy) -> Report:
    sums = found.sums
    days = _days(found)
    sweep = found.sweep
    return Report(
        "simulation",
        f"{policy.ref} on what was seen",
        found.window,
        "UTC",
        _figures(found, days),
        (
            _fates(sums, days),
            _transitions(found),
            _reasons(sums),
            *((_quality(found),) if found.truths else ()),
            *((_sweep(sweep),) if sweep else ()),
            _affected(sums),
        ),
        (_chart(sweep),) if sweep else (),
        tuple(_notes(found, policy, active)),
        tuple(_gaps(found)),
    )


def _days(found: Simulated) -> float:
    """That the log covers of the window; at least one, so that an hour is not taken for a day."""
    start = max(found.window.start, found.sums.first_at or found.window.start)
    return max(1.0, (found.window.end - start) / _DAY)


def _figures(found: Simulated, days: float) -> Mapping[str, float | None]:
    sums = found.sums
    figures: dict[str, float | None] = {"photos": sums.photos, "changed": sums.changed}
    figures["changed_share"] = ratio(sums.changed, sums.photos)
    for outcome in OUTCOMES:
        figures[f"{outcome.value}_before"] = sums.before(outcome)
        figures[f"{outcome.value}_after"] = sums.after(Fate(outcome.value))
    figures["unknown"] = sums.after(Fate.UNKNOWN)
    figures["review_per_day_before"] = sums.before(Outcome.REVIEW) / days
    figures["review_per_day_after"] = sums.after(Fate.REVIEW) / days
    pairs = {"precision": (Outcome.REJECT, Fate.REJECT), "missed": (Outcome.APPROVE, Fate.APPROVE)}
    for name, (outcome, fate) in pairs.items():
        figures[f"{name}_before"] = right_before(found.truths, outcome).share
        figures[f"{name}_after"] = right(found.truths, fate).share
    return figures


def _fates(sums: Simulation, days: float) -> Table:
    columns = (
        Column("outcome", "outcome"), Column("before", "then", Unit.COUNT), Column("after", "would be", Unit.COUNT),
        Column("day_before", "a day then", Unit.NUMBER), Column("day_after", "a day", Unit.NUMBER),
    )  # fmt: skip
    rows: list[tuple[Value, ...]] = []
    for fate in Fate:
        before = 0 if fate is Fate.UNKNOWN else sums.before(Outcome(fate.value))
        after = sums.after(fate)
        if fate is not Fate.UNKNOWN or after:
            rows.append((_FATES[fate], before, after, before / days, after / days))
    return Table("outcomes", "Outcomes", columns, tuple(rows))


_FATES = {Fate.APPROVE: "approved", Fate.REVIEW: "to a person", Fate.REJECT: "rejected", Fate.UNKNOWN: "not known"}


def _transitions(found: Simulated) -> Table:
    sums = found.sums
    columns = (
        Column("before", "then"), Column("after", "would be"), Column("photos", "photos", Unit.COUNT),
        Column("share", "share", Unit.SHARE), Column("judged", "judged again", Unit.COUNT),
        Column("reject_share", "people reject", Unit.SHARE),
    )  # fmt: skip
    rows: list[tuple[Value, ...]] = []
    for (before, after), number in sorted(sums.transitions.items(), key=_moved):
        judged = [each for each in found.truths if (each.before, each.after) == (before, after)]
        share = right(judged, after).share
        was = _FATES[Fate(before.value)]
        rows.append((was, _FATES[after], number, ratio(number, sums.photos), len(judged), share))
    return Table("transitions", "What would become of what", columns, tuple(rows), empty="no decision of a policy")


def _moved(item: tuple[tuple[Outcome, Fate], int]) -> tuple[bool, int, str, str]:
    """What changes first."""
    (before, after), number = item
    return before.value == after.value, -number, before.value, after.value


def _reasons(sums: Simulation) -> Table:
    columns = (Column("reason", "deciding reason"), Column("before", "then", Unit.COUNT),
               Column("after", "would be", Unit.COUNT), Column("change", "change", Unit.NUMBER))  # fmt: skip
    names = sorted({*sums.reasons_before, *sums.reasons_after} - {""})
    rows = [(name, sums.reasons_before[name], sums.reasons_after[name],
             sums.reasons_after[name] - sums.reasons_before[name]) for name in names]  # fmt: skip
    return Table("reasons", "Rejected or to a person, by reason", columns, tuple(rows))


def _quality(found: Simulated) -> Table:
    columns = (
        Column("what", ""),
        Column("judged", "judged", Unit.COUNT),
        Column("share", "share", Unit.SHARE),
        *INTERVAL,
    )
    rows = (
        ("rejections that were right", *_cells(right_before(found.truths, Outcome.REJECT))),
        ("rejections that would be right", *_cells(right(found.truths, Fate.REJECT))),
        ("approvals that were wrong", *_cells(right_before(found.truths, Outcome.APPROVE))),
        ("approvals that would be wrong", *_cells(right(found.truths, Fate.APPROVE))),
    )
    return Table("quality", "Estimated from what people said", columns, rows)


def _cells(found: Estimate) -> tuple[Value, ...]:
    if found.share is None:
        return 0, None, None, None
    return found.judged, found.share, found.low, found.high


def _sweep(sweep: Sweep) -> Table:
    columns = (
        Column("at", sweep.line.key, Unit.NUMBER), Column("approve", "approved", Unit.COUNT),
        Column("review", "to a person", Unit.COUNT), Column("reject", "rejected", Unit.COUNT, bars=True),
        Column("judged", "judged", Unit.COUNT), Column("right", "right", Unit.SHARE), *INTERVAL,
    )  # fmt: skip
    rows = [
        (round(point, 6), *counts, *_cells(known))
        for point, counts, known in list(zip(sweep.points, sweep.counts, sweep.right, strict=True))[::_STEP]
    ]
    return Table("sweep", f"Places of {sweep.line.key}", columns, tuple(rows))


def _chart(sweep: Sweep) -> Chart:
    labels = tuple(f"{point:g}" for point in sweep.points)
    lines = [Line(_FATES[Fate(outcome.value)], tuple(float(row[code]) for row in sweep.counts))
             for code, outcome in enumerate(OUTCOMES)]  # fmt: skip
    return Chart("sweep", f"photos, by {sweep.line.key}", Unit.COUNT, labels, tuple(lines))


def _affected(sums: Simulation) -> Table:
    columns = (
        Column("photo", "photo"), Column("at", "decided"), Column("before", "then"), Column("after", "would be"),
        Column("reason", "because of"), Column("observed", "seen", Unit.NUMBER),
        Column("threshold", "line", Unit.NUMBER), Column("distance", "away", Unit.SHARE),
    )  # fmt: skip
    title = "Affected most: to look at, lomi media show ID"
    return Table("photos", title, columns, tuple(map(_row, sums.most_affected)), empty="none")


def _row(change: Change) -> tuple[Value, ...]:
    why = change.why
    measured = why is not None and why.observed is not None and change.threshold is not None
    return (
        str(change.media_id), f"{change.at:%Y-%m-%d %H:%M}", _FATES[Fate(change.before.value)], _FATES[change.after],
        why.label if why else None, why.observed if why else None, change.threshold,
        change.distance if measured else None,
    )  # fmt: skip


def _notes(found: Simulated, policy: Policy, active: Policy) -> Iterator[str]:
    yield f"policy {policy.ref} ({digest(policy)}); what holds now: {active.ref} ({digest(active)})"
    yield "each photo counts once, by its last verdict of a worker in the window; no photo was read"
    if found.truths:
        yield (
            "right and wrong: of samples and of photos that had waited for a person, weighted by the chance of being "
            "judged, 95 % interval"
        )
    for fate, what in ((Fate.REJECT, "rejections"), (Fate.APPROVE, "approvals")):
        blind = unjudged(found.sums.transitions, found.truths, fate) if found.truths else 0
        if blind:
            yield f"{blind:,} of the {what}: of photos that stood like them people judged none; not in the estimate"


def _gaps(found: Simulated) -> Iterator[Gap]:
    for what, number in sorted(found.sums.unanswered.items()):
        yield Gap(f"{number:,} photos have no answer about {what}, and the policy reads it", "lomi policy show")
    if found.odd:
        yield Gap(f"{found.odd:,} decisions cannot be read", "lomi policy verify")
    if not found.truths:
        yield _NONE_JUDGED
