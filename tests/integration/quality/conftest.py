"""Decisions of workers by the hundred, and the room in which they are judged again."""

from __future__ import annotations

from tests.integration.db.conftest import backend, db, plain  # noqa: F401 - fixtures
from tests.integration.reviews.conftest import room  # noqa: F401 - fixture
