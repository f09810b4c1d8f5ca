"""A database with photos in every state, and the commands on it."""

from __future__ import annotations

import pytest

from tests.commands import lomi, quiet_machine  # noqa: F401 - fixtures
from tests.integration.db.conftest import backend, db, plain  # noqa: F401 - fixtures


@pytest.fixture(autouse=True)
def here(prepared_url: str, monkeypatch: pytest.MonkeyPatch, quiet_machine: None) -> None:  # noqa: F811
    monkeypatch.setenv("LOMI_DATABASE_URL", prepared_url)
    monkeypatch.setenv("LOMI_ACTOR", "hana")
