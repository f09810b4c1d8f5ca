"""A cluster with photos of a few days, before and after the swap."""

from __future__ import annotations

from tests.commands import lomi, quiet_machine  # noqa: F401 - fixtures
from tests.integration.db.conftest import backend, db, plain  # noqa: F401 - fixtures
from tests.integration.ops.conftest import old, point  # noqa: F401 - fixtures
