"""What is told to whom."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from lomi_ops.config.sections.base import Seconds, Section
from lomi_ops.domain.alert_severity import AlertSeverity


class AlertRuleSection(Section):
    """What differs from the shipped rule; whatever is not set stays as `lomi alerts rules` shows it."""

    enabled: bool = Field(True, description="false: nobody is told of it")
    threshold: Annotated[float, Field(ge=0)] | None = Field(None, description="beyond this it is bad")
    clear: Annotated[float, Field(ge=0)] | None = Field(
        None, description="well again only at this; moves along with the threshold where it is not set"
    )
    for_s: Annotated[float, Field(ge=0)] | None = Field(None, description="seconds that it must last to be told")
    keep_firing_for_s: Annotated[float, Field(ge=0)] | None = Field(
        None, description="seconds that it must be well to be over"
    )
    severity: AlertSeverity | None = Field(None, description="warning or critical")


class RouteSection(Section):
    """Who is told, and how: a webhook of your own, or whatever Apprise can reach."""

    webhook: SecretStr | None = Field(None, description="http:// or https:// URL that gets signed JSON")
    key: SecretStr | None = Field(None, description="key that the webhook's messages are signed with")
    apprise: SecretStr | None = Field(
        None, description="URL as Apprise has it: mailtos://, tgram://, slack://, pagerduty://; needs lomi-ops[alerts]"
    )
    severity: AlertSeverity = Field(AlertSeverity.WARNING, description="least severity: warning or critical")
    rules: tuple[str, ...] = Field((), description="rules that it hears of; empty: all")
    quiet: str | None = Field(None, description="hours in which only critical alerts come: 22:00-07:00")
    timeout_s: Seconds = Field(10.0, description="seconds for one message")


class AlertsSection(Section):
    """What is told to whom, and how often."""

    rules: dict[str, AlertRuleSection] = Field({}, description="rules by name that differ from the shipped ones")
    routes: dict[str, RouteSection] = Field({}, description="who is told, by a name of your own")
    timezone: str = Field("UTC", description="of quiet hours, e.g. Europe/Vienna")
    every_s: Seconds = Field(15.0, description="seconds between looks, as a service")
    gap_s: Seconds = Field(900.0, description="looks further apart do not make one span: cron must call more often")
    repeat_s: Seconds = Field(14_400.0, description="seconds after which it is told again, unless acknowledged")
    retry_s: Seconds = Field(86_400.0, description="seconds for which a message is tried until it is given up")
    heartbeat_url: SecretStr | None = Field(
        None, description="asked after each look, so that somebody else notices when there are none any more"
    )
