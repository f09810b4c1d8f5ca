"""A real Docker Engine, one for all of these tests, and containers as Compose makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lomi_ops.clients.containers import Engine
from lomi_ops.config.schema import DockerSection
from tests.conftest import need
from tests.docker_engine import Fleet, lacking, running_engine

Open = Callable[..., Engine]


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    lacks = lacking()
    need(not lacks, lacks)
    try:
        with running_engine() as url:
            yield url
    except OSError as failure:
        need(condition=False, what=str(failure))


@pytest.fixture
def fleet(engine_url: str) -> Iterator[Fleet]:
    found = Fleet(engine_url)
    yield found
    found.close()


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
