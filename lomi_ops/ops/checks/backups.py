"""Whether there is a backup, how old it is, and whether it was ever restored for a trial."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

from lomi_ops.domain import span
from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Metric, Severity, Status
from lomi_ops.ops.backup.last import is_configured, last_backup, last_trial
from lomi_ops.ops.backup.place import open_place
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
    with closing(open_place(None, section, at.settings.objects)) as place:
        if not place.names():
            return Found(Status.SKIP, "there is no backup")
        trial = last_trial(place)
    if trial is None:
        return Found(Status.WARN, "no backup that is kept was ever restored for a trial", "lomi backup verify")
    name, when = trial
    text = f"{name} was restored for a trial on {when:%Y-%m-%d}"
    if datetime.now(UTC) - when > TRIED_WITHIN:
        return Found(Status.WARN, f"{text}, and none since", "lomi backup verify")
    return Found(Status.PASS, text)


CHECKS = (
    Check(CheckSpec("LOMI-BACKUP-001", "backup.young", "there is a young backup", "lomi backup create",
                    scopes=CLUSTER, timeout_s=10.0), young),
    Check(CheckSpec("LOMI-BACKUP-002", "backup.tried", "backups can be restored", "lomi backup verify",
                    severity=Severity.WARNING, scopes=CLUSTER, timeout_s=10.0), tried),
)  # fmt: skip
