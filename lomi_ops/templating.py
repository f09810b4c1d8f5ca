"""Jinja2 over the templates that come with the package. A name that nobody gave is an error, never an empty place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jinja2

from lomi_ops.resources import shared


def for_text(folder: str, **filters: Callable[..., Any]) -> jinja2.Environment:
    """Of `templates/FOLDER`. Nothing is escaped as for HTML: each place says by a filter who will read it."""
    environment = _environment(folder, html=False)
    environment.filters |= filters
    return environment


def for_html(folder: str) -> jinja2.Environment:
    """Of `templates/FOLDER`. Whatever is put in is text, and no element."""
    return _environment(folder, html=True)


def _environment(folder: str, *, html: bool) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(shared("templates", folder)),
        undefined=jinja2.StrictUndefined,
        autoescape=html,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=not html,
    )
