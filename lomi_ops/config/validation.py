"""From merged layers to Settings, with every mistake in the words of the person who made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from lomi_ops.config.keys import Key, closest, dotted, nearest, node_at
from lomi_ops.config.layers import Entry, nested
from lomi_ops.config.problems import Problem
from lomi_ops.config.relations import misfits
from lomi_ops.config.schema import Settings

_SENTENCES = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "path_type": "must be a path",
    "tuple_type": "must be a list",
    "frozen_set_type": "must be a list",
    "extra_forbidden": "is no setting",
}
"""pydantic's kinds of errors in our words. Its own texts are not used: one of them might hold what was given."""


def validated(entries: Mapping[Key, Entry]) -> tuple[Settings, list[Problem]]:
    """The settings, and every mistake in them: values of the wrong kind, and values that do not fit together.

    Wrong values are replaced by their defaults, so that the others can be looked at too: use the settings only when
    there is no problem.
    """
    kept = dict(entries)
    problems: list[Problem] = []
    wrong: set[Key] = set()
    while True:
        try:
            settings = Settings.model_validate(nested(kept))
            break
        except ValidationError as failure:
            for error in failure.errors(include_url=False, include_input=False):
                key = _entry_key(error["loc"], kept)
                problems.append(_problem(error, key, kept[key]))
                wrong.add(key)
        for key in wrong:
            kept.pop(key, None)
    for misfit in misfits(settings):
        if not wrong.intersection(misfit.keys):
            named = next((key for key in misfit.keys if key in kept and kept[key].rank), misfit.key)
            source = kept[named].origin if named in kept else "settings"
            problems.append(Problem(source, misfit.what, dotted(misfit.key), misfit.nearest))
    return settings, problems


def _entry_key(loc: tuple[int | str, ...], entries: Mapping[Key, Entry]) -> Key:
    """The entry that an error is about: pydantic goes on into lists, and names keys of mappings as `[key]`."""
    key = tuple(str(part) for part in loc)
    while key not in entries:
        if below := [other for other in entries if other[: len(key)] == key]:
            return below[0]
        key = key[:-1]
    return key


def _problem(error: ErrorDetails, key: Key, entry: Entry) -> Problem:
    context: dict[str, Any] = error.get("ctx", {})
    template = _SENTENCES.get(error["type"])
    what = template.format(**context) if template else f"is wrong ({error['type'].replace('_', ' ')})"
    meant = nearest(key) if node_at(key) is None else _nearest_word(context.get("expected"), entry.value)
    return Problem(entry.origin, what, dotted(key), meant)


def _nearest_word(expected: object, value: object) -> str:
    """For settings that take one of some words. Names a valid word, never the value."""
    if not isinstance(expected, str) or not isinstance(value, str):
        return ""
    return closest(value, [word.strip(" '") for word in expected.replace(" or ", ",").split(",")])
