"""A message as people read it and as programs do, from `templates/alerts`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from lomi_ops.domain import span
from lomi_ops.domain.alert_facts import Facts, lines

if TYPE_CHECKING:
    import jinja2

SCHEMA = "lomi.alert/v1"


@dataclass(frozen=True, slots=True)
class Message:
    subject: str
    text: str
    kind: str
    """`critical`, `warning`, `resolved` or `test`."""
    body: bytes
    """For a webhook: one JSON document."""
    once: str
    """The same for each try, and for no other message."""
    page: str = ""
    """HTML of the same, for routes that take files."""


def written(facts: Facts, once: str) -> Message:
    values = facts.to_dict() | {
        "word": facts.word,
        "lasted": span.said(facts.lasted_s),
        "lines": lines(facts),
    }
    subject = " ".join(_templates().get_template("subject.j2").render(values).split())
    text = _templates().get_template("message.j2").render(values).strip() + "\n"
    body = {"schema": SCHEMA, "id": once, **facts.to_dict(), "subject": subject, "text": text}
    return Message(subject, text, facts.kind, json.dumps(body, ensure_ascii=False).encode(), once)


@cache
def _templates() -> jinja2.Environment:
    from lomi_ops import templating

    return templating.for_text("alerts")
