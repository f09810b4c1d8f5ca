"""Routes: who is told of what, when, and how."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from lomi_ops.config.sections.alerts import AlertsSection, RouteSection
from lomi_ops.domain.alert_severity import AlertSeverity
from lomi_ops.domain.quiet_hours import QuietHours, parse
from lomi_ops.errors import LomiError, RouteUnavailable
from lomi_ops.ops.alerts.message import Message


@dataclass(frozen=True, slots=True)
class Route:
    name: str
    section: RouteSection
    zone: tzinfo
    quiet: QuietHours | None = None

    @property
    def by(self) -> str:
        """How it is reached, for people: no address, since that holds secrets."""
        return "webhook" if self.section.webhook is not None else "apprise"

    def wants(self, rule: str, severity: AlertSeverity) -> bool:
        severe = severity is AlertSeverity.CRITICAL or self.section.severity is AlertSeverity.WARNING
        return severe and (not self.section.rules or rule in self.section.rules)

    def due_at(self, severity: AlertSeverity, at: datetime) -> datetime:
        """When a message may come: what cannot wait at once, all else after the quiet hours."""
        if severity is AlertSeverity.CRITICAL or self.quiet is None:
            return at
        return self.quiet.until(at, self.zone) or at

    def send(self, message: Message) -> None:
        """Raises RouteUnavailable, whatever breaks, and MissingExtra without Apprise: a bug on one route must neither
        leave its messages claimed by nobody nor keep the others from theirs."""
        try:
            self._send(message)
        except LomiError:
            raise
        except Exception as bug:
            raise RouteUnavailable(f"{type(bug).__name__} inside lomi") from bug

    def _send(self, message: Message) -> None:
        if self.section.webhook is not None:
            from lomi_ops.clients.notify.web import post_signed

            key = self.section.key.get_secret_value() if self.section.key else ""
            url, timeout_s = self.section.webhook.get_secret_value(), self.section.timeout_s
            post_signed(url, key, message.body, once=message.once, timeout_s=timeout_s)
        elif self.section.apprise is not None:
            from lomi_ops.clients.notify import messenger

            url, timeout_s = self.section.apprise.get_secret_value(), self.section.timeout_s
            messenger.send(url, message.subject, message.text, message.kind, timeout_s=timeout_s, page=message.page)


def routes_of(section: AlertsSection) -> tuple[Route, ...]:
    from datetime import UTC

    zone: tzinfo = UTC
    if section.timezone != "UTC":
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(section.timezone)
    return tuple(
        Route(name, each, zone, parse(each.quiet) if each.quiet else None) for name, each in section.routes.items()
    )
