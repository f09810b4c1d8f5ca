"""What the schema cannot say of alerts: rules, routes and times that must fit. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import SecretStr

from lomi_ops.config.alerts import BY_SLUG, known_zone, tuned
from lomi_ops.config.keys import Key, closest
from lomi_ops.config.misfit import Misfit
from lomi_ops.config.sections.alerts import AlertsSection, RouteSection
from lomi_ops.domain.alert_rules import SLUGS
from lomi_ops.domain.quiet_hours import FORM, parse

LEAST_KEY = 16
"""Characters of a key that messages are signed with."""


def misfits_of(section: AlertsSection) -> Iterator[Misfit]:
    """Whatever does not fit. What is shipped does."""
    for name, rule in section.rules.items():
        key: Key = ("alerts", "rules", name)
        if name not in SLUGS:
            yield Misfit(key, "names a rule that does not exist", nearest=closest(name, SLUGS))
        elif rule.clear is not None and not tuned(BY_SLUG[name], rule).consistent:
            yield Misfit((*key, "clear"), "is worse than the threshold: it would never be well", ((*key, "threshold"),))
    for name, route in section.routes.items():
        yield from _route(("alerts", "routes", name), route)
    if not known_zone(section.timezone):
        yield Misfit(("alerts", "timezone"), "is no time zone that this machine knows, such as Europe/Vienna or UTC")
    if section.gap_s <= section.every_s:
        what = f"must exceed alerts.every_s = {section.every_s:g}, or nothing ever holds for a while"
        yield Misfit(("alerts", "gap_s"), what, (("alerts", "every_s"),))
    if section.heartbeat_url is not None and not _is_web(section.heartbeat_url):
        yield Misfit(("alerts", "heartbeat_url"), "is not an http:// or https:// URL")


def _route(key: Key, route: RouteSection) -> Iterator[Misfit]:
    if (route.webhook is None) == (route.apprise is None):
        yield Misfit((*key, "webhook"), "is one way, and apprise another: set one of them", ((*key, "apprise"),))
    if route.webhook is not None and not _is_web(route.webhook):
        yield Misfit((*key, "webhook"), "is not an http:// or https:// URL")
    if route.webhook is not None and not (route.key and len(route.key.get_secret_value()) >= LEAST_KEY):
        what = f"must be set to {LEAST_KEY} characters or more: whoever gets messages must know whose they are"
        yield Misfit((*key, "key"), what, ((*key, "webhook"),))
    if route.apprise is not None and "://" not in route.apprise.get_secret_value():
        yield Misfit((*key, "apprise"), "must look like tgram://TOKEN/CHAT or mailtos://USER:PASSWORD@HOST")
    if route.quiet is not None and parse(route.quiet) is None:
        yield Misfit((*key, "quiet"), f"must look like {FORM}")
    for slug in route.rules:
        if slug not in SLUGS:
            yield Misfit((*key, "rules"), "names a rule that does not exist", nearest=closest(slug, SLUGS))


def _is_web(secret: SecretStr) -> bool:
    """Whether it is the URL of something on the web, with or without a user and a password."""
    try:
        parts = urlsplit(secret.get_secret_value())
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)
