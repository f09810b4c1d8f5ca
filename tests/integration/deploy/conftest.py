"""Command lines in this process, on a machine that has no settings; a real Docker Engine for those who ask for it."""

from tests.commands import lomi, quiet_machine
from tests.integration.containers.conftest import engine_url, fleet

__all__ = ["engine_url", "fleet", "lomi", "quiet_machine"]
