"""Which policy holds: read by workers every second, written by `lomi policy activate` and `rollback`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from lomi_ops.db import audit
from lomi_ops.db.documents import jsonb, readable
from lomi_ops.db.pool import Database, Session
from lomi_ops.domain.audit import Action, AuditEntry
from lomi_ops.domain.policy import Policy
from lomi_ops.domain.policy_text import digest
from lomi_ops.domain.regime import Arm, Regime
from lomi_ops.domain.stored_policy import stored_policy
from lomi_ops.errors import LomiError, Refused

SUBJECT = "policy"


@dataclass(frozen=True, slots=True)
class Activation:
    id: int
    at: datetime
    actor: str
    reason: str
    arms: tuple[Arm, ...]
    """None: the configuration's policy."""
    shadows: tuple[Policy, ...]
    takes_back: int | None

    @property
    def regime(self) -> Regime | None:
        return Regime(self.arms, self.shadows, self.id) if self.arms else None


def kept(db: Session | Database) -> bool:
    """False on a schema of before."""
    return bool(db.value("has_table", name="lomi.policy_activations"))


def latest(db: Session | Database) -> Activation | None:
    """Raises LomiError for one that this version cannot read."""
    return db.one(_activation, "activation_latest")


def history(db: Session | Database) -> tuple[Activation, ...]:
    """The first one first."""
    return tuple(db.all(_activation, "activation_history"))


def activate(db: Database, arms: Sequence[Arm], shadows: Sequence[Policy], *, actor: str, reason: str,
             at: datetime) -> Activation:  # fmt: skip
    """Adds it with its entry of the audit, in one transaction."""
    with db.transaction() as session:
        session.value("activation_lock")
        return _add(session, arms, shadows, actor=actor, reason=reason, at=at)


def roll_back(db: Database, *, actor: str, reason: str, at: datetime) -> Activation:
    """To what held before the latest activation that was not taken back. Raises Refused where there is none."""
    with db.transaction() as session:
        session.value("activation_lock")
        standing = in_force(history(session))
        if not standing:
            raise Refused("nothing is activated that could be taken back", hint="lomi policy history")
        before = standing[-2] if len(standing) > 1 else None
        arms, shadows = (before.arms, before.shadows) if before else ((), ())
        return _add(session, arms, shadows, actor=actor, reason=reason, at=at, takes_back=standing[-1].id)


def in_force(found: Sequence[Activation]) -> list[Activation]:
    """Activations that no rollback has taken back; the last one holds."""
    standing: list[Activation] = []
    for each in found:
        if each.takes_back is None:
            standing.append(each)
        else:
            standing = [one for one in standing if one.id != each.takes_back]
    return standing


def _add(session: Session, arms: Sequence[Arm], shadows: Sequence[Policy], *, actor: str, reason: str, at: datetime,
         takes_back: int | None = None) -> Activation:  # fmt: skip
    before = latest(session)
    number = session.value(
        "activation_add", at=at, actor=readable(actor), reason=readable(reason), takes_back=takes_back,
        arms=jsonb([{"share": arm.share, "policy": asdict(arm.policy)} for arm in arms]),
        shadows=jsonb([asdict(policy) for policy in shadows]),
    )  # fmt: skip
    action = Action.POLICY_ACTIVATE if takes_back is None else Action.POLICY_ROLLBACK
    said = {"before": _told(before.arms, before.shadows) if before else _told((), ()), "after": _told(arms, shadows)}
    audit.record_on(session, AuditEntry(actor, action, SUBJECT, at, reason, **said))
    return Activation(int(number), at, actor, reason, tuple(arms), tuple(shadows), takes_back)


def _told(arms: Sequence[Arm], shadows: Sequence[Policy]) -> dict[str, Any]:
    """Names and digests: the whole policies are in the table."""
    return {
        "arms": [{"policy": arm.policy.ref, "digest": digest(arm.policy), "share": arm.share} for arm in arms],
        "shadows": [{"policy": policy.ref, "digest": digest(policy)} for policy in shadows],
    }


def _activation(*, id: int, arms: Any, shadows: Any, **columns: Any) -> Activation:  # noqa: A002
    try:
        whole = tuple(Arm(_whole(arm["policy"]), float(arm["share"])) for arm in arms)
        return Activation(id=id, arms=whole, shadows=tuple(map(_whole, shadows)), **columns)
    except (KeyError, TypeError, ValueError) as odd:
        text = f"activation {id} is of a policy that this version cannot read"
        raise LomiError(text, hint="pip install --upgrade lomi-ops") from odd


def _whole(stored: Any) -> Policy:
    policy = stored_policy(stored)
    if policy is None:
        raise ValueError("no policy")
    return policy
