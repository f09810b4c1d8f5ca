"""Engines as commands open them, on containers as Compose makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lomi_ops.clients.containers import Engine
from lomi_ops.config.sections.services import DockerSection
from tests.docker_engine import Fleet

Open = Callable[..., Engine]


@pytest.fixture
def open_engine() -> Iterator[Open]:
    """Opens an engine with these settings."""
    opened = []

    def at(url: str | None, environ: dict[str, str] | None = None, **settings: Any) -> Engine:
        opened.append(Engine(DockerSection.model_validate({"host": url} | settings), environ or {}))
        return opened[-1]

    yield at
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine: Open, fleet: Fleet) -> Engine:
    """Looks at the fleet's project."""
    return open_engine(fleet.url, project=fleet.project)
