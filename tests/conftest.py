"""Shared fixtures: one Redis, one Postgres and one Docker Engine for the whole session, a clean corner of each for a
test."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from hypothesis import settings

from lomi_ops.db.bootstrap import prepare
from tests import docker_engine, services

# No example database: a checkout that this user may not write to is no reason to fail.
settings.register_profile("lomi", database=None, deadline=None)
settings.load_profile("lomi")

# A run that is started in the background, or under nohup, ignores these, and so would whatever a test starts.
for _ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(_ignored) is signal.SIG_IGN:
        signal.signal(_ignored, signal.default_int_handler if _ignored is signal.SIGINT else signal.SIG_DFL)

PHOTOS = Path(__file__).parents[2] / "shared" / "photos"


def need(condition: object, what: str) -> None:
    """Skips on a laptop, fails in CI: a missing service must not turn into a green run there."""
    if condition:
        return
    if os.environ.get("CI"):
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"{what} is missing")


@pytest.fixture(scope="session")
def redis_server() -> Iterator[services.RedisServer]:
    with services.running_redis() as server:
        yield server


@pytest.fixture
def redis_url(redis_server: services.RedisServer) -> Iterator[str]:
    """An empty Redis."""
    client = redis.Redis.from_url(redis_server.url)
    client.flushall()
    yield redis_server.url
    client.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with services.running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
def pooler(postgres_server: str) -> Iterator[str]:
    """The way to the same Postgres through a PgBouncer in transaction mode."""
    need(shutil.which("pgbouncer"), "pgbouncer")
    with services.running_pooler(postgres_server) as url:
        yield url


@pytest.fixture(scope="session")
def database_admin(postgres_server: str) -> Iterator[psycopg.Connection]:
    """Who makes and drops the databases of the tests, for the whole session."""
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        yield admin


@pytest.fixture
def database_url(postgres_server: str, database_admin: psycopg.Connection) -> Iterator[str]:
    """An empty database of its own."""
    with services.database_of_its_own(database_admin) as name:
        yield services.database_at(postgres_server, name)


@pytest.fixture(scope="session")
def template(postgres_server: str, database_admin: psycopg.Connection) -> Iterator[str]:
    """The name of a prepared database that nobody is connected to."""
    with services.database_of_its_own(database_admin) as name:
        prepare(services.database_at(postgres_server, name))
        yield name


@pytest.fixture
def prepared_url(postgres_server: str, database_admin: psycopg.Connection, template: str) -> Iterator[str]:
    """A database as `lomi up` leaves it: a copy, which takes a fraction of the time of making it."""
    with services.database_of_its_own(database_admin, template) as name:
        # A copy comes without it.
        database_admin.execute(f'ALTER ROLE lomi IN DATABASE "{name}" SET search_path = public'.encode())
        yield services.database_at(postgres_server, name)


@pytest.fixture(scope="session")
def photos() -> Path:
    """The calibration photos; they are not ours, so they stay outside the repository."""
    if not PHOTOS.is_dir():
        pytest.skip("the calibration photos are not beside the checkout")
    return PHOTOS


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    lacks = docker_engine.lacking()
    need(not lacks, lacks)
    try:
        with docker_engine.running_engine() as url:
            yield url
    except OSError as failure:
        need(condition=False, what=str(failure))


@pytest.fixture
def fleet(engine_url: str) -> Iterator[docker_engine.Fleet]:
    found = docker_engine.Fleet(engine_url)
    yield found
    found.close()
