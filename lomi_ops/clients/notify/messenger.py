"""Messages through Apprise: mail, Telegram, Slack, PagerDuty and many others. An extra, imported when it sends."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from lomi_ops.clients.http import within
from lomi_ops.errors import MissingExtra, RouteUnavailable

INSTALL = "pip install 'lomi-ops[alerts]'"
_PAGE = "lomi-report.html"
_KINDS = {"critical": "failure", "warning": "warning", "resolved": "success", "test": "info"}


def send(url: str, title: str, body: str, kind: str, *, timeout_s: float, page: str = "") -> None:
    """`kind` is `critical`, `warning`, `resolved` or `test`. `page` is HTML that goes along as a file where the service
    takes files. Raises RouteUnavailable, and MissingExtra without Apprise.

    Apprise only says that it failed, not why: its log would, and holds tokens.
    """
    service = _opened(url)
    files = _files(service, page)
    within(timeout_s, lambda: _notified(service.notify, title, body, kind, files), lambda: _late(timeout_s))


def _opened(url: str) -> Any:
    try:
        import apprise
    except ModuleNotFoundError:
        raise MissingExtra("this route needs Apprise, which is not installed", hint=INSTALL) from None
    # It writes addresses with their tokens at every level.
    logging.getLogger(apprise.logger.name).setLevel(logging.CRITICAL + 1)
    # Plugins of a user's home are somebody's code, and its own threads are not needed for one address.
    asset = apprise.AppriseAsset(app_id="lomi", app_desc="lomi alerts", async_mode=False, plugin_paths=[])
    service = apprise.Apprise(asset=asset)
    if not service.add(url):
        raise RouteUnavailable("Apprise does not know what to do with this address")
    return service


def _files(service: Any, page: str) -> Any:
    """None where there is no page, or the service takes no files."""
    if not page or not service[0].attachment_support:
        return None
    from apprise import AppriseAttachment
    from apprise.attachment.memory import AttachMemory

    memory: Any = AttachMemory
    return AppriseAttachment([memory(content=page, name=_PAGE, mimetype="text/html")])


def _notified(notify: Callable[..., Any], title: str, body: str, kind: str, files: Any) -> None:
    try:
        done = notify(title=title, body=body, notify_type=_KINDS[kind], body_format="text", attach=files)
    except Exception as error:  # noqa: BLE001 - a plugin's bug is one route's bad luck
        raise RouteUnavailable(f"Apprise broke down: {type(error).__name__}") from None
    if not done:
        raise RouteUnavailable("Apprise could not send it")


def _late(timeout_s: float) -> RouteUnavailable:
    return RouteUnavailable(f"it was not sent within {timeout_s:g} s")
