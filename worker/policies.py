"""By which policies this worker judges: what is activated in Postgres, else what its configuration names.

Looked up beside the work, never for a job. While the database is away, the last that was known holds.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from uuid import UUID

from lomi_ops.db import activations
from lomi_ops.db.pool import Database
from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.domain.regime import Arm, Regime, Rule, needs, served
from lomi_ops.errors import ConfigError

log = logging.getLogger(__name__)


class Policies:
    """What holds now. Any thread may ask; one looks."""

    def __init__(self, database: Database, configured: Policy, able: frozenset[Requirement]) -> None:
        self._database = database
        self._configured = Regime((Arm(configured),))
        self._able = able
        self._regime = self._configured
        self._seen = 0

    @property
    def regime(self) -> Regime:
        return self._regime

    def rule(self, user_id: UUID) -> Rule:
        return self._regime.rule(user_id)

    def require_served(self) -> None:
        """Raises ConfigError where what is activated needs what this worker cannot answer."""
        for policy in self._regime.policies if self._regime.activation else ():
            if lacks := sorted(need.value for need in needs(policy) - self._able):
                text = f"policy {policy.ref} is activated and needs {', '.join(lacks)}, which this worker cannot answer"
                raise ConfigError(text, hint="lomi policy validate, or lomi policy rollback")

    def look(self) -> None:
        """Raises DatabaseUnavailable, and LomiError for an activation that this version cannot read: then what was
        known holds."""
        found = activations.latest(self._database) if activations.kept(self._database) else None
        number = found.id if found else 0
        if number == self._seen:
            return
        regime = (found.regime if found else None) or self._configured
        self._regime = self._fit(regime)
        self._seen = number
        fields = {"action": "policy_taken", "policy": regime.title, "activation": number}
        log.info("judging by %s", regime.title, extra=fields)

    def _fit(self, regime: Regime) -> Regime:
        """What this worker cannot answer sends photos to a person, and that is said."""
        for policy in regime.policies:
            if lacks := sorted(need.value for need in needs(policy) - self._able):
                text = "policy %s needs %s, which this worker cannot answer: its photos go to a person"
                log.error(text, policy.ref, ", ".join(lacks), extra={"action": "policy_unserved"})
        arms = tuple(replace(arm, policy=served(arm.policy, self._able)) for arm in regime.arms)
        return replace(regime, arms=arms, shadows=tuple(served(policy, self._able) for policy in regime.shadows))
