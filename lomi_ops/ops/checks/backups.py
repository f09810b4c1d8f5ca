"""Whether there is a backup, how old it is, and whether it was ever restored for a trial."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lomi_ops.domain import span
from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Metric, Severity, Status
from lomi_ops.ops.backup.last import is_configured, last_backup
from lomi_ops.ops.checks.handles import Check, Handles

TRIED_WITHIN = timedelta(days=31)
_COMMAND_S = 4.0


def young(at: Handles) -> Found:
    section = at.settings.backup
    if not is_configured(section):
        if at.stack is not None:
            return Found(Status.SKIP, "no backup of this local stack is configured")
        return Found(Status.WARN, "nobody says where backups are", "lomi backup create --to DIR, and set backup.to")
    found = last_backup(section, at.settings.objects, command_timeout_s=_COMMAND_S)
    if found is None:
        return Found(Status.FAIL, "there is none where the settings look", "lomi backup create")
    age_s = (datetime.now(UTC) - found.when).total_seconds()
    metric = Metric("backup_age_s", round(age_s), fail=section.max_age_s)
    text = f"{span.said(age_s)} old, {found.where}"
    if age_s > section.max_age_s:
        return Found(Status.FAIL, text, "lomi backup create; see why the nightly one did not run", metric=metric)
    return Found(Status.PASS, text, metric=metric)


def tried(at: Handles) -> Found:
    section = at.settings.backup
    if not section.to:
        return Found(Status.SKIP, "no backup.to is configured: only backups of lomi's can be restored for a trial")
    found = last_backup(section.model_copy(update={"file": None, "object": None, "command": None}), at.settings.objects)
    if found is None:
        return Found(Status.SKIP, "there is no backup")
    if found.verified_at is None or datetime.now(UTC) - found.verified_at > TRIED_WITHIN:
        return Found(Status.WARN, f"{found.name} was never restored for a trial", "lomi backup verify")
    return Found(Status.PASS, f"{found.name} was restored for a trial on {found.verified_at:%Y-%m-%d}")


CHECKS = (
    Check(CheckSpec("LOMI-BACKUP-001", "backup.young", "there is a young backup", "lomi backup create",
                    scopes=CLUSTER, timeout_s=10.0), young),
    Check(CheckSpec("LOMI-BACKUP-002", "backup.tried", "the backup can be restored", "lomi backup verify",
                    severity=Severity.WARNING, scopes=CLUSTER, timeout_s=10.0), tried),
)  # fmt: skip
