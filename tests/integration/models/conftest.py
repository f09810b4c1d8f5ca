from __future__ import annotations

from pathlib import Path

import pytest

from lomi_ops.config import model_files
from tests.conftest import need


@pytest.fixture(scope="session")
def nudenet() -> Path:
    """The weights of nudenet-320n; they are not ours, so they are installed and never in the repository."""
    found = model_files.locate("nudenet-320n")
    need(found.path, "the model nudenet-320n (lomi models add nudenet-320n --accept-licence)")
    assert found.path is not None
    return found.path
