"""Every check, in the order in which it is shown; what a check needs stands before it."""

from __future__ import annotations

from lomi_ops.domain.check import CheckSpec
from lomi_ops.ops.checks import (
    backend,
    backups,
    configuration,
    containers,
    faces,
    host,
    objects,
    postgres,
    queue,
    rates,
    redis,
    telegram,
    uploads,
    workers,
)
from lomi_ops.ops.checks.handles import Check

CHECKS: tuple[Check, ...] = (
    *configuration.CHECKS,
    *redis.CHECKS,
    *postgres.CHECKS,
    *objects.CHECKS,
    *faces.CHECKS,
    *queue.CHECKS,
    *workers.CHECKS,
    *rates.CHECKS,
    *backend.CHECKS,
    *uploads.CHECKS,
    *telegram.CHECKS,
    *containers.CHECKS,
    *backups.CHECKS,
    *host.CHECKS,
)
SPECS: tuple[CheckSpec, ...] = tuple(check.spec for check in CHECKS)
