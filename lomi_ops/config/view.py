"""Settings as people may see them: every value with its origin, secrets only as a fingerprint."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from lomi_ops.config.keys import dotted, leaves
from lomi_ops.config.load import Loaded
from lomi_ops.config.redact import fingerprint
from lomi_ops.config.schema import Settings
from lomi_ops.config.services import value_at

SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Line:
    """One setting as it holds now."""

    key: str
    value: object
    """As JSON writes it; of a secret only its fingerprint."""
    origin: str
    secret: bool

    @property
    def text(self) -> str:
        if self.value is None:
            return ""
        if self.secret:
            return f"set ({self.value}, from {self.origin})"
        if isinstance(self.value, list):
            return ", ".join(map(str, self.value))
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)

    @property
    def changed(self) -> bool:
        return self.origin != "default"


def lines(loaded: Loaded) -> list[Line]:
    """Every setting in the order of the schema."""
    found = []
    for key, leaf in leaves(tuple(loaded.settings.policy.policies)):
        value = _plain(value_at(loaded.settings, key))
        found.append(Line(dotted(key), value, loaded.origins[dotted(key)], leaf.secret))
    return found


def json_schema() -> dict[str, Any]:
    """The JSON schema of the configuration file, for editors."""
    schema = Settings.model_json_schema()
    # Names that start with x- hold anchors, as in Compose files.
    return {"$schema": SCHEMA_ID, **schema, "title": "lomi configuration", "patternProperties": {"^x-": True}}


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return fingerprint(text) if text else None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(str(_plain(part)) for part in value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
