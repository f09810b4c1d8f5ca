"""Settings as people may see them: every value with its origin, of a secret only that it is set."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from lomi_ops.config.keys import dotted, leaves
from lomi_ops.config.load import Loaded
from lomi_ops.config.profiles import NAME, PROFILE, PROFILES
from lomi_ops.config.schema import Settings
from lomi_ops.config.services import value_at

SET = "set"
SCHEMA_ID = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class Line:
    """One setting as it holds now."""

    key: str
    value: object
    """As JSON writes it; of a secret only `set`."""
    origin: str
    secret: bool

    @property
    def text(self) -> str:
        if self.value is None:
            return ""
        if isinstance(self.value, list):
            return ", ".join(map(str, self.value))
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)

    @property
    def changed(self) -> bool:
        return self.origin != "default"


def lines(loaded: Loaded) -> list[Line]:
    """Every setting in the order of the schema."""
    found = []
    for key, leaf in leaves(loaded.settings):
        value = _plain(value_at(loaded.settings, key))
        found.append(Line(dotted(key), value, loaded.origins[dotted(key)], leaf.secret))
    return found


def json_schema() -> dict[str, Any]:
    """The JSON schema of the configuration file, for editors."""
    schema = Settings.model_json_schema()
    # A profile says what the file may say at its top, but for the choice of a profile.
    inside = {name: shape for name, shape in schema["properties"].items() if name != dotted(PROFILE)}
    profile = {"type": "object", "properties": inside, "additionalProperties": False}
    profiles = {
        "type": "object",
        "description": "Sets of settings of which --env chooses one.",
        "propertyNames": {"pattern": f"^{NAME.pattern}$"},
        "additionalProperties": profile,
    }
    schema["properties"] = {**schema["properties"], dotted(PROFILES): profiles}
    # Names that start with x- hold anchors, as in Compose files.
    return {"$schema": SCHEMA_ID, **schema, "title": "lomi configuration", "patternProperties": {"^x-": True}}


def _plain(value: object) -> object:
    if isinstance(value, SecretStr):
        return SET if value.get_secret_value() else None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset):
        return sorted(str(_plain(part)) for part in value)
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
