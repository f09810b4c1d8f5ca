"""Which policy holds, and making another one hold."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lomi_ops.config.schema import Settings
from lomi_ops.db import activations
from lomi_ops.db.activations import Activation
from lomi_ops.db.pool import Database
from lomi_ops.domain.finding import Engine
from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.domain.policy_text import digest
from lomi_ops.domain.regime import Arm, Regime, abilities, needs
from lomi_ops.domain.sampling import share_of
from lomi_ops.domain.worker import WorkerInfo, WorkerMode, WorkerRecord
from lomi_ops.errors import LomiError, Refused, UsageError
from lomi_ops.ops.policies.listing import named

_SERVICE = "compreface"


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds."""

    regime: Regime
    activation: Activation | None
    """None: the configuration's policy."""


def standing(database: Database | None, settings: Settings) -> Standing:
    """What is activated in the database, else what the configuration names. Raises DatabaseUnavailable."""
    found = activations.latest(database) if database is not None and activations.kept(database) else None
    regime = found.regime if found else None
    return Standing(regime or Regime((Arm(settings.active_policy()),)), found if regime else None)


def regime_of(settings: Settings, name: str, arms: Sequence[str], shadows: Sequence[str]) -> Regime:
    """`name` judges the users that no arm (`POLICY=SHARE`) takes. Raises UsageError, NotFound."""
    others = [_arm(settings, text) for text in arms]
    rest = 1.0 - sum(arm.share for arm in others)
    if rest <= 1e-9:
        raise UsageError(f"the arms leave nobody to {name}", hint="--arm OTHER=10%")
    found = Regime((Arm(named(settings, name), rest), *others), tuple(named(settings, each) for each in shadows))
    refs = [policy.ref for policy in (*found.policies, *found.shadows)]
    if twice := next((ref for ref in refs if refs.count(ref) > 1), None):
        raise UsageError(f"{twice} is named twice", hint="lomi policy list")
    return found


def _arm(settings: Settings, text: str) -> Arm:
    name, _, share = text.partition("=")
    return Arm(named(settings, name), share_of(share, f"--arm {name}"))


def obstacles(records: Iterable[WorkerRecord], regime: Regime, lease_s: float) -> tuple[str, ...]:
    """Why the workers that are at work cannot all approve by it."""
    found = []
    for record in records:
        if record.silent(lease_s) or record.mode is WorkerMode.DRAINING or record.exit:
            continue
        if record.info.activation is None:
            found.append(
                f"{record.info.name} runs {record.info.version or 'an older lomi'}, which follows no activation"
            )
            continue
        lacks = sorted({need.value for policy in regime.policies for need in needs(policy) - _able(record.info)})
        if lacks:
            found.append(f"{record.info.name} cannot answer {', '.join(lacks)}")
    return tuple(found)


def _able(info: WorkerInfo) -> frozenset[Requirement]:
    faces = [engine.model for engine in info.engines if engine.engine == Engine.FACES]
    return abilities(
        nsfw=any(engine.engine == Engine.NSFW for engine in info.engines),
        faces=bool(faces),
        ages=any(model.startswith(_SERVICE) for model in faces),
    )


def require_place(database: Database) -> None:
    """Raises LomiError on a schema without the table."""
    if not activations.kept(database):
        raise LomiError("this database has no place for activations", hint="lomi migrate apply")


def require_new_content_new_version(database: Database, regime: Regime) -> None:
    """Past decisions name a policy by name and version. Raises Refused for one whose content has changed since."""
    known: dict[str, Policy] = {}
    for each in activations.history(database):
        for policy in (*(arm.policy for arm in each.arms), *each.shadows):
            known.setdefault(policy.ref, policy)
    for policy in (*regime.policies, *regime.shadows):
        was = known.get(policy.ref)
        if was is not None and digest(was) != digest(policy):
            key = f"policy.policies.{policy.name}.version"
            text = f"{policy.ref} was activated with other thresholds before ({digest(was)}, now {digest(policy)})"
            raise Refused(text, hint=f"set {key} to {policy.version + 1}")


def require_ready(records: Iterable[WorkerRecord], regime: Regime, lease_s: float) -> None:
    """Raises Refused that names each worker which is not."""
    if found := obstacles(records, regime, lease_s):
        text = f"{regime.title} cannot be activated: {'; '.join(found)}"
        raise Refused(text, hint="lomi workers list; restart these workers with what they lack, or drain them")


def after_rollback(database: Database) -> Activation | None:
    """What a rollback would bring back; None for the configuration's. Raises Refused where there is nothing."""
    there = activations.in_force(activations.history(database))
    if not there:
        raise Refused("nothing is activated that could be taken back", hint="lomi policy history")
    return there[-2] if len(there) > 1 else None
