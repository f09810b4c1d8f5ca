"""`lomi policy activate|rollback|history`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics, output, session
from lomi_ops.cli.options import Common
from lomi_ops.cli.output import Format, counted
from lomi_ops.db import activations
from lomi_ops.db.activations import Activation
from lomi_ops.domain.policy_text import digest
from lomi_ops.domain.regime import Regime
from lomi_ops.domain.shown import shown
from lomi_ops.errors import DatabaseUnavailable, ExitCode, UsageError
from lomi_ops.ops.policies import activating
from lomi_ops.ops.policies.activating import Standing

if TYPE_CHECKING:
    from lomi_ops.runtime import Runtime

_CONFIGURED = "what the workers' configurations name"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks for."""

    name: str
    arms: tuple[str, ...]
    shadows: tuple[str, ...]
    reason: str
    dry_run: bool


def standing(runtime: Runtime) -> Standing:
    """What holds; without a database, or one that does not answer, what the configuration names."""
    try:
        return activating.standing(session.database_if_any(runtime), runtime.settings)
    except DatabaseUnavailable as outage:
        diagnostics.warn(f"what is activated is not known: {outage.message}")
        return activating.standing(None, runtime.settings)


def activate(common: Common, wanted: Wanted, actor: str, format_: Format) -> int:
    _require_reason(wanted.reason)
    with session.opened(common, "redis", "database", changes=not wanted.dry_run) as runtime:
        database, lease_s = runtime.database, runtime.settings.worker.lease_s
        regime = activating.regime_of(runtime.settings, wanted.name, wanted.arms, wanted.shadows)
        activating.require_place(database)
        activating.require_new_content_new_version(database, regime)
        records = runtime.registry.list()
        activating.require_ready(records, regime, lease_s)
        number = None
        if not wanted.dry_run:
            made = activations.activate(
                database, regime.arms, regime.shadows, actor=actor, reason=wanted.reason, at=database.now()
            )
            number = made.id
        workers = sum(not record.silent(lease_s) for record in records)
        beat_s = runtime.settings.worker.beat_s
    if format_ is not Format.TEXT:
        body = {"activation": number, "dry_run": wanted.dry_run, "workers": workers, **_regime(regime)}
        output.document(body, schema="lomi.policy.activate/v1", format_=format_)
        return int(ExitCode.OK)
    who = f"{counted(workers, 'worker')} will take it within {beat_s:g} s" if workers else "no worker is at work now"
    if wanted.dry_run:
        output.text(f"would activate {_said(regime)}; nothing is in the way")
    else:
        output.text(f"activation {number}: {_said(regime)}; {who}")
    return int(ExitCode.OK)


def roll_back(common: Common, reason: str, dry_run: bool, actor: str, format_: Format) -> int:
    _require_reason(reason)
    with session.opened(common, "redis", "database", changes=not dry_run) as runtime:
        database = runtime.database
        activating.require_place(database)
        target = activating.after_rollback(database)
        if target is not None and target.regime is not None:
            activating.require_ready(runtime.registry.list(), target.regime, runtime.settings.worker.lease_s)
        made = None if dry_run else activations.roll_back(database, actor=actor, reason=reason, at=database.now())
    regime = target.regime if target else None
    if format_ is not Format.TEXT:
        body = {"activation": made.id if made else None, "dry_run": dry_run, "to": target.id if target else 0,
                **_regime(regime)}  # fmt: skip
        output.document(body, schema="lomi.policy.rollback/v1", format_=format_)
        return int(ExitCode.OK)
    to = _said(regime) if regime else _CONFIGURED
    output.text(f"would go back to {to}" if made is None else f"activation {made.id}: back to {to}")
    return int(ExitCode.OK)


def history(common: Common, format_: Format) -> int:
    with session.opened(common, "database") as runtime:
        database = runtime.database
        kept = activations.kept(database)
        found = activations.history(database) if kept else ()
    records = [_record(each) for each in found]
    if format_ is Format.JSONL:
        for each in records:
            output.line(each)
    elif format_ is Format.JSON:
        output.document({"activations": records, "kept": kept}, schema="lomi.policy.history/v1")
    elif not found:
        output.text(f"nothing was activated: what holds is {_CONFIGURED}")
        if not kept:
            diagnostics.note("this database has no place for activations: lomi migrate apply")
    else:
        _table(found)
    return int(ExitCode.OK)


def _table(found: Sequence[Activation]) -> None:
    rows = [
        (str(each.id), f"{each.at:%Y-%m-%d %H:%M:%S}", shown(each.actor), _what(each),
         " ".join(policy.ref for policy in each.shadows) or "-", shown(each.reason))
        for each in reversed(found)
    ]  # fmt: skip
    output.table(("number", "at", "by", "holds", "asked, too", "reason"), rows, right=(0,))


def _what(each: Activation) -> str:
    holds = each.regime.title if each.regime else "the configuration's"
    return f"{holds} (takes back {each.takes_back})" if each.takes_back else holds


def _said(regime: Regime) -> str:
    parts = f"{regime.title} ({', '.join(digest(policy) for policy in regime.policies)})"
    shadows = " ".join(policy.ref for policy in regime.shadows)
    return f"{parts}, asking {shadows}, too" if shadows else parts


def _record(each: Activation) -> dict[str, Any]:
    return {
        "id": each.id, "at": each.at, "actor": each.actor, "reason": each.reason, "takes_back": each.takes_back,
        **_regime(each.regime),
    }  # fmt: skip


def _regime(regime: Regime | None) -> dict[str, Any]:
    arms, shadows = (regime.arms, regime.shadows) if regime else ((), ())
    return {
        "arms": [{"policy": arm.policy.ref, "digest": digest(arm.policy), "share": arm.share} for arm in arms],
        "shadows": [{"policy": policy.ref, "digest": digest(policy)} for policy in shadows],
    }


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise UsageError("--reason says nothing", hint="say why in a few words: it stays in the audit")
