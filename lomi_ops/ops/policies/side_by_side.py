"""Policies side by side on the same days: shadows beside what held, and the arms of an experiment."""

from __future__ import annotations

from collections.abc import Sequence

from lomi_ops.db import activations, reporting, shadows
from lomi_ops.db.pool import Database
from lomi_ops.db.shadows import Agreement, ArmChange, ArmOutcome, ArmUsers, Example, ShadowUsers
from lomi_ops.domain.clustered import Clustered
from lomi_ops.domain.report import Column, Gap, Report, Table, Unit, Value
from lomi_ops.domain.simulation import Fate
from lomi_ops.domain.statistics import ratio
from lomi_ops.domain.window import Window
from lomi_ops.ops.reports.asked import INTERVAL

_NO_PLACE = Gap("this database keeps no activations and no shadows", "lomi migrate apply")
_NONE = Gap("no policy was asked beside the one that held, and no users were divided",
            "lomi policy activate NAME --shadow OTHER --reason WHY")  # fmt: skip
_NOTE = "intervals are of 95 % and count users: the photos of one are alike"
_WORDS = {Fate.APPROVE: "approved", Fate.REVIEW: "to a person", Fate.REJECT: "rejected"}


def build(database: Database, window: Window, limit: int) -> Report:
    """Works on every schema."""
    kept = activations.kept(database)
    seen: Sequence[Agreement] = ()
    asked: Sequence[ShadowUsers] = ()
    apart: Sequence[Example] = ()
    users: Sequence[ArmUsers] = ()
    outcomes: Sequence[ArmOutcome] = ()
    changes: Sequence[ArmChange] = ()
    if kept:
        with reporting.reading(database, others=0) as session:
            seen, apart = shadows.agreement(session, window), shadows.examples(session, window, limit)
            asked = shadows.shadow_users(session, window)
            users, outcomes = shadows.arm_users(session, window), shadows.arm_outcomes(session, window)
            changes = shadows.arm_changes(session, window)
    tables = [*((_agreement(asked), _transitions(seen), _examples(apart)) if seen else ()),
              *((_arms(users, outcomes), _changes(changes)) if outcomes else ())]  # fmt: skip
    gaps = () if tables else (_NONE if kept else _NO_PLACE,)
    notes = (_NOTE,) if tables else ()
    return Report("policies", "Policies side by side", window, "UTC", _figures(seen, outcomes), tuple(tables),
                  notes=notes, unknown=gaps)  # fmt: skip


def _figures(seen: Sequence[Agreement], outcomes: Sequence[ArmOutcome]) -> dict[str, float | None]:
    photos = sum(each.photos for each in seen)
    agree = sum(each.photos for each in seen if each.outcome == each.said)
    return {"asked": photos, "agree": agree, "agree_share": ratio(agree, photos),
            "divided": sum(each.photos for each in outcomes)}  # fmt: skip


def _agreement(asked: Sequence[ShadowUsers]) -> Table:
    columns = (Column("shadow", "asked"), Column("policy", "beside"), Column("photos", "photos", Unit.COUNT),
               Column("users", "users", Unit.COUNT), Column("agree", "agree", Unit.SHARE), *INTERVAL)  # fmt: skip
    rows: list[tuple[Value, ...]] = []
    for each in asked:
        found = Clustered(each.users, each.photos, each.agreed, each.photos_squares, each.agreed_squares, each.products)
        rows.append((each.shadow, each.policy, each.photos, each.users, found.share, *found.interval()))
    return Table("agreement", "Shadows", columns, tuple(rows))


def _transitions(seen: Sequence[Agreement]) -> Table:
    columns = (Column("shadow", "asked"), Column("before", "held"), Column("after", "it said"),
               Column("photos", "photos", Unit.COUNT), Column("example", "example"))  # fmt: skip
    rows = [(each.shadow, _said(each.outcome), _said(each.said), each.photos, each.example)
            for each in seen if each.outcome != each.said]  # fmt: skip
    return Table("transitions", "Where they said something else", columns, tuple(rows), empty="nowhere")


def _examples(apart: Sequence[Example]) -> Table:
    columns = (Column("photo", "photo"), Column("at", "decided"), Column("shadow", "asked"), Column("before", "held"),
               Column("after", "it said"), Column("reason", "because of"))  # fmt: skip
    rows = [(str(each.media_id), f"{each.at:%Y-%m-%d %H:%M}", each.shadow, _said(each.outcome), _said(each.said),
             each.reason) for each in apart]  # fmt: skip
    return Table("examples", "The latest of them: to look at, lomi media show ID", columns, tuple(rows), empty="none")


def _arms(users: Sequence[ArmUsers], outcomes: Sequence[ArmOutcome]) -> Table:
    columns = (Column("activation", "activation", Unit.COUNT), Column("policy", "arm"), Column("outcome", "outcome"),
               Column("photos", "photos", Unit.COUNT), Column("users", "users", Unit.COUNT),
               Column("share", "share", Unit.SHARE), *INTERVAL)  # fmt: skip
    arms = {(each.activation, each.policy): each for each in users}
    rows: list[tuple[Value, ...]] = []
    for each in outcomes:
        arm = arms[each.activation, each.policy]
        found = Clustered(arm.users, arm.photos, each.photos, arm.squares, each.squares, each.products)
        rows.append((each.activation, each.policy, _said(each.outcome), each.photos, each.users, found.share,
                     *found.interval()))  # fmt: skip
    return Table("arms", "Arms", columns, tuple(rows))


def _changes(changes: Sequence[ArmChange]) -> Table:
    columns = (
        Column("activation", "activation", Unit.COUNT), Column("policy", "arm"),
        Column("decided", "approved or rejected", Unit.COUNT), Column("changed", "changed by people", Unit.COUNT),
        Column("share", "share", Unit.SHARE), *INTERVAL,
    )  # fmt: skip
    rows: list[tuple[Value, ...]] = []
    for each in changes:
        found = Clustered(each.users, each.decided, each.changed, each.decided_squares, each.changed_squares,
                          each.products)  # fmt: skip
        rows.append((each.activation, each.policy, each.decided, each.changed, found.share, *found.interval()))
    return Table("changes", "What people changed of it", columns, tuple(rows), empty="nothing was approved or rejected")


def _said(outcome: str) -> str:
    return _WORDS.get(Fate(outcome), outcome)
