"""The alert rules as these settings have them."""

from __future__ import annotations

from dataclasses import replace

from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.alerts import AlertRuleSection
from lomi_ops.domain.alert_rule import Rule
from lomi_ops.domain.alert_rules import RULES

BY_SLUG = {rule.slug: rule for rule in RULES}
_BACKUP = "backup_old"


def rules(settings: Settings) -> tuple[Rule, ...]:
    """Those that are enabled, in the order of the table."""
    own = settings.alerts.rules
    return tuple(
        tuned(_shipped(rule, settings), own.get(rule.slug, AlertRuleSection()))
        for rule in RULES
        if own.get(rule.slug, AlertRuleSection()).enabled
    )


def tuned(rule: Rule, own: AlertRuleSection) -> Rule:
    """The rule with what somebody has set. Where only the threshold is set, well again stays as far away from it as it
    was, in proportion."""
    changed = {name: value for name, value in own.model_dump(exclude={"enabled"}).items() if value is not None}
    if own.threshold is not None and own.clear is None and rule.clear is not None:
        changed["clear"] = own.threshold * (rule.clear / rule.threshold) if rule.threshold else own.threshold
    return replace(rule, **changed)


def known_zone(name: str) -> bool:
    """Whether this machine has that time zone."""
    if name == "UTC":
        return True
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return bool(ZoneInfo(name).key)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return False


def _shipped(rule: Rule, settings: Settings) -> Rule:
    """A backup is too old for the pager when it is for `lomi check`."""
    limit = settings.backup.max_age_s if rule.slug == _BACKUP else rule.threshold
    return replace(rule, threshold=limit, unset=rule.setting in _unset(settings))


def _unset(settings: Settings) -> frozenset[str]:
    """Settings that rules need and that say nothing."""
    said = {
        "checks.workers": settings.checks.workers is not None,
        "compreface.urls": bool(settings.compreface.urls),
        "backup.to": settings.backup.says_where,
    }
    return frozenset(name for name, given in said.items() if not given)
