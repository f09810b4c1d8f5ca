"""Rules, routes and quiet hours as settings: what holds, what is a mistake, and that no secret shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from lomi_ops.config.alert_relations import misfits_of
from lomi_ops.config.alerts import rules
from lomi_ops.config.keys import leaves
from lomi_ops.config.redact import Redactor, secret_values
from lomi_ops.config.sections.alerts import AlertsSection
from lomi_ops.config.view import lines
from lomi_ops.domain.alert_rules import RULES
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.quiet_hours import parse
from lomi_ops.errors import ConfigError
from tests.unit.config.conftest import Machine

KEY = "a key of some length"
ROUTES = f"""
alerts:
  routes:
    ops: {{webhook: "https://hooks.example.com/services/T0CANARY7/xyzzy-canary7", key: "{KEY}", quiet: "22:00-07:00"}}
    phone: {{apprise: "tgram://123456:canary-bot-token/987654", severity: critical, rules: [redis_down]}}
"""


def test_without_settings_the_shipped_rules_hold_but_for_those_that_need_one(machine: Machine) -> None:
    found = rules(machine.load().settings)
    assert tuple(replace(rule, unset=False) for rule in found) == RULES
    assert {rule.slug: rule.setting for rule in found if rule.unset} == {
        "compreface_down": "compreface.urls",
        "workers_missing": "checks.workers",
        "backup_old": "backup.to",
        "backup_none": "backup.to",
    }


def test_what_is_shipped_fits_together() -> None:
    """Then nobody need look at it where nothing is set."""
    assert list(misfits_of(AlertsSection())) == []


def test_a_rule_changes_where_somebody_says_so_and_keeps_the_rest(machine: Machine) -> None:
    found = {
        rule.slug: rule
        for rule in rules(
            machine.load(
                "alerts: {rules: {queue_backlog: {threshold: 200, severity: critical}, duplicates: {enabled: false}}}",
                LOMI_ALERTS__RULES__DEAD_LETTERS__FOR_S="30",
            ).settings
        )
    }
    assert (found["queue_backlog"].threshold, found["queue_backlog"].clear) == (200, 100)
    assert found["queue_backlog"].severity is AlertSeverity.CRITICAL
    assert found["dead_letters"].for_s == 30
    assert "duplicates" not in found


def test_a_backup_is_too_old_when_the_check_says_so_unless_the_rule_says_otherwise(machine: Machine) -> None:
    def limit(text: str) -> float:
        return next(rule.threshold for rule in rules(machine.load(text).settings) if rule.slug == "backup_old")

    assert limit("backup: {max_age_s: 7200}") == 7200
    assert limit("backup: {max_age_s: 7200}\nalerts: {rules: {backup_old: {threshold: 60}}}") == 60


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alerts: {rules: {queue_backlgo: {threshold: 1}}}", "queue_backlgo: names a rule that does not exist"),
        ("alerts: {rules: {queue_backlgo: {threshold: 1}}}", "queue_backlog"),
        ("alerts: {rules: {queue_backlog: {threshhold: 1}}}", "threshold"),
        ("alerts: {rules: {queue_backlog: {threshold: 10, clear: 20}}}", "clear: is worse than the threshold"),
        ("alerts: {rules: {queue_backlog: {threshold: -1}}}", "at least 0"),
        ("alerts: {routes: {ops: {quiet: 22-7, apprise: 'json://h'}}}", "quiet: must look like HH:MM-HH:MM"),
        ("alerts: {routes: {ops: {severity: critical}}}", "set one of them"),
        ("alerts: {routes: {ops: {webhook: 'ftp://h', key: 0123456789abcdef}}}", "is not an http:// or https:// URL"),
        ("alerts: {routes: {ops: {webhook: 'https://h', key: short}}}", "key: must be set to 16 characters or more"),
        ("alerts: {routes: {ops: {apprise: nonsense}}}", "must look like tgram://"),
        ("alerts: {routes: {ops: {apprise: 'json://h', rules: [redis_dwon]}}}", "redis_down"),
        ("alerts: {timezone: Europe/Nowhere}", "is no time zone"),
        ("alerts: {heartbeat_url: nonsense}", "heartbeat_url: is not an http"),
        ("alerts: {gap_s: 5}", "must exceed alerts.every_s = 15"),
    ],
)
def test_mistakes_are_told_with_their_place(machine: Machine, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as failure:
        machine.load(text)
    assert said in "\n".join(failure.value.problems)
    for value in ("nonsense", "ftp://h", "short"):
        assert value not in "\n".join(failure.value.problems).replace("shorter", "")


def test_secrets_of_routes_come_from_variables_and_files_and_are_shown_to_nobody(
    machine: Machine, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text("another long key of the tests\n")
    loaded = machine.load(
        ROUTES, LOMI_ALERTS__ROUTES__NIGHT__KEY_FILE=str(secret), LOMI_ALERTS__ROUTES__NIGHT__WEBHOOK="https://h/canary"
    )
    found = secret_values(loaded.settings)
    assert found["alerts.routes.night.key"] == "another long key of the tests"
    assert {key for key in found if key.startswith("alerts")} == {
        "alerts.routes.ops.webhook", "alerts.routes.ops.key", "alerts.routes.phone.apprise",
        "alerts.routes.night.webhook", "alerts.routes.night.key",
    }  # fmt: skip
    shown = {line.key: line.text for line in lines(loaded)}
    assert shown["alerts.routes.phone.apprise"] == "set"
    assert shown["alerts.routes.night.severity"] == "warning"
    assert "canary" not in repr(loaded) + str(shown)
    assert {".".join(key) for key, _ in leaves(loaded.settings)} == set(shown)


def test_a_token_is_taken_out_wherever_a_library_puts_it(machine: Machine) -> None:
    scrub = Redactor.of(machine.load(ROUTES).settings)
    said = (
        "POST https://api.telegram.org/bot123456:canary-bot-token/sendMessage; HTTPSConnectionPool(host='hooks',"
        " port=443): Max retries exceeded with url: /services/T0CANARY7/xyzzy-canary7 (Caused by …)"
    )
    assert "canary" not in scrub(said).casefold()
    assert scrub("these services are at hooks.example.com") == "these services are at hooks.example.com"


@pytest.mark.parametrize(
    ("hours", "at", "until"),
    [
        ("22:00-07:00", "2026-11-26T21:30Z", "2026-11-27T06:00Z"),
        ("22:00-07:00", "2026-11-26T02:00Z", "2026-11-26T06:00Z"),
        ("22:00-07:00", "2026-11-26T12:00Z", None),
        ("22:00-07:00", "2026-11-26T06:00Z", None),
        ("12:00-13:00", "2026-11-26T11:30Z", "2026-11-26T12:00Z"),
        ("12:00-13:00", "2026-11-26T10:30Z", None),
        # The clocks go back in that night.
        ("22:00-07:00", "2026-10-24T21:00Z", "2026-10-25T06:00Z"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(hours: str, at: str, until: str | None) -> None:
    found = parse(hours)
    assert found is not None
    ends = found.until(datetime.fromisoformat(at), ZoneInfo("Europe/Vienna"))
    assert ends == (datetime.fromisoformat(until).astimezone(UTC) if until else None)


@pytest.mark.parametrize("text", ["", "22-7", "24:00-07:00", "07:00-07:00", "22:00 - 07:00"])
def test_what_is_no_span_of_hours(text: str) -> None:
    assert parse(text) is None
