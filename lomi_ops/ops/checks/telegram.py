"""The bot that tells people."""

from __future__ import annotations

from lomi_ops.domain.check import CLUSTER, CheckSpec, Found, Status
from lomi_ops.ops.checks.handles import Check, Handles


def bot(at: Handles) -> Found:
    if at.settings.telegram.bot_token is None:
        return Found(Status.SKIP, "no telegram.bot_token is configured")
    from lomi_ops.clients import telegram  # httpx takes 80 ms to import

    found = telegram.get_me(at.settings.telegram)
    return Found(Status.PASS, f"@{found.username}" if found.username else f"bot {found.id}")


CHECKS = (
    Check(CheckSpec("LOMI-TELEGRAM-001", "telegram.bot", "Telegram knows the bot", "lomi config show --origin",
                    scopes=CLUSTER), bot),
)  # fmt: skip
