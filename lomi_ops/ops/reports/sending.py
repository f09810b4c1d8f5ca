"""A report by the routes of alerts: text for people, with the HTML page where the route takes files, and for a webhook
the document that `-o json` prints."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from lomi_ops.config.sections.alerts import AlertsSection
from lomi_ops.domain.report import Report
from lomi_ops.errors import LomiError, RouteUnavailable, UsageError
from lomi_ops.ops.alerts.message import Message
from lomi_ops.ops.alerts.routes import Route, routes_of

_KIND = "test"
"""Of messages: it means that nothing is wrong."""


def chosen(section: AlertsSection, names: Sequence[str]) -> tuple[Route, ...]:
    """Whatever else a route wants to hear, and when: a report comes when it is sent. Raises UsageError for a name that
    is no route."""
    if not names:
        return ()
    known = {route.name: route for route in routes_of(section)}
    for name in names:
        if name not in known:
            hint = f"--send {next(iter(known))}" if known else "alerts.routes in the configuration (docs/alerts.md)"
            raise UsageError(f"alerts.routes has no {name!r}", hint=hint)
    return tuple(known[name] for name in dict.fromkeys(names))


def wants_page(routes: Sequence[Route]) -> bool:
    """Whether one of them may take a file along."""
    return any(route.by == "apprise" for route in routes)


def message(report: Report, text: str, document: str, page: str = "") -> Message:
    """The same window of the same kind is the same message to whoever drops what came before."""
    told = f"lomi report {report.kind} {report.window} {report.zone}"
    once = hashlib.sha256(told.encode()).hexdigest()[:32]
    return Message(f"lomi report: {report.headline}", text, _KIND, document.encode(), once, page)


def send(routes: Sequence[Route], what: Message) -> None:
    """By all of them, whichever fails. Raises RouteUnavailable, which names those that did."""
    failures: list[tuple[str, LomiError]] = []
    for route in routes:
        try:
            route.send(what)
        except LomiError as failure:
            failures.append((route.name, failure))
    if failures:
        text = "; ".join(f"{name}: {failure.message}" for name, failure in failures)
        raise RouteUnavailable(f"the report was not sent by {text}", hint=failures[0][1].hint or "lomi alerts test")
