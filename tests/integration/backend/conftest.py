"""The double of the backend on real services, and our client to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import redis
from psycopg.rows import dict_row
from pydantic import SecretStr

from lomi_ops.clients.backend import Backend
from lomi_ops.clients.objects import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.config.sections.services import BackendSection
from tests.doubles.backend import BackendDouble
from tests.doubles.backend.app import BUCKET

HANA = 2**53 + 7
"""A Telegram id that no double of a number can hold."""


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    found = DirectoryStore(tmp_path / "objects", Buckets(frozenset({BUCKET})))
    found.ensure_bucket(BUCKET)
    return found


@pytest.fixture
def double(redis_url: str, prepared_url: str, store: DirectoryStore) -> Iterator[BackendDouble]:
    with BackendDouble(database_url=prepared_url, redis_url=redis_url, store=store) as found:
        yield found


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as found:
        yield found


@pytest.fixture
def pg(double: BackendDouble, prepared_url: str) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(prepared_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


@pytest.fixture
def hana(double: BackendDouble) -> UUID:
    return double.app.add_user(HANA)


@pytest.fixture
def token(double: BackendDouble, hana: UUID) -> SecretStr:
    return SecretStr(double.app.token(hana))


@pytest.fixture
def backend(double: BackendDouble, hana: UUID) -> Iterator[Backend]:
    """With an admin's token in the settings."""
    with client_of(double.url, double.app.token(hana, admin=True)) as found:
        yield found


def client_of(url: str, token: str | None = None, timeout_s: float = 5.0) -> Backend:
    return Backend(BackendSection.model_validate({"url": url, "token": token, "timeout_s": timeout_s}))


def uploaded(backend: Backend, token: SecretStr, photos: int) -> list[str]:
    """Keys of photos that lie in the bucket."""
    keys = []
    for number in range(photos):
        target = backend.upload_url(token)
        backend.put_photo(target, f"photo {number}".encode())
        keys.append(target.file_key)
    return keys
