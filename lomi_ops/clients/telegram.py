"""Telegram's Bot API, as far as asking goes: nothing here sends a message."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from lomi_ops.config.sections.services import TelegramSection
from lomi_ops.errors import BackendUnavailable, ConfigError


@dataclass(frozen=True, slots=True)
class Bot:
    id: int
    username: str


class _Wire(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)


class _User(_Wire):
    id: int
    username: str = ""


class _Answer(_Wire):
    ok: bool
    result: _User | None = None
    description: str = ""


def get_me(section: TelegramSection) -> Bot:
    """The bot that the token belongs to (getMe, https://core.telegram.org/bots/api#getme).

    Raises ConfigError for a token that Telegram does not know, BackendUnavailable where it gives no usable answer. The
    token is a part of the address: no error repeats one.
    """
    token = section.bot_token
    if token is None:
        raise ConfigError("telegram.bot_token is not set", hint="set it, or TELEGRAM_BOT_TOKEN")
    try:
        with httpx.Client(timeout=section.timeout_s, trust_env=False, follow_redirects=False) as client:
            reply = client.get(f"{section.api_url.rstrip('/')}/bot{token.get_secret_value()}/getMe")
        answer = _Answer.model_validate_json(reply.content)
    except httpx.TimeoutException as error:
        # The class name is what tells a timeout from a refusal; the address stays out of the text.
        raise BackendUnavailable("Telegram gave no answer in time", hint=_NETWORK_HINT) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BackendUnavailable(f"Telegram cannot be asked: {type(error).__name__}", hint=_NETWORK_HINT) from None
    except ValidationError:
        raise BackendUnavailable(f"Telegram answered HTTP {reply.status_code} with no usable text") from None
    if answer.ok and answer.result is not None:
        return Bot(answer.result.id, answer.result.username)
    if reply.status_code in (401, 404):
        raise ConfigError("Telegram does not know this bot token", hint="get the token from @BotFather anew")
    raise BackendUnavailable(f"Telegram answered HTTP {reply.status_code}: {answer.description[:100]}")


_NETWORK_HINT = "check telegram.api_url, and whether this machine may reach it"
