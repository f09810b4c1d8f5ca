"""By which policies photos are judged."""

from __future__ import annotations

from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.errors import LomiError
from lomi_ops.ops.checks.handles import Handles
from lomi_ops.ops.policies.activating import standing


def in_force(at: Handles) -> tuple[Policy, ...]:
    """Those that are activated, else the configuration's; also where the database does not say: that is for the checks
    of the database to tell."""
    try:
        return standing(at.database, at.settings).regime.policies
    except LomiError:
        return (at.settings.active_policy(),)


def ages_needed(at: Handles) -> bool:
    return any(Requirement.AGE in policy.requires for policy in in_force(at))
