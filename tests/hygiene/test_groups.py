"""Tests that share a Docker Engine or a stack must run in one process: two Swarms on one machine disturb each other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

GROUP = """
import pytest

@pytest.mark.xdist_group("one")
@pytest.mark.parametrize("number", range(4))
def test_of_a_group(number):
    pass
"""


def test_tests_of_a_group_stay_in_one_process(tmp_path: Path) -> None:
    """With some versions of pytest the installed pytest-xdist scatters them, without a word."""
    (tmp_path / "test_group.py").write_text(GROUP)
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "PYTEST_", "COV_"))}

    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-n", "2", "--dist", "loadgroup", "-v", tmp_path],
        capture_output=True, text=True, env=bare, cwd=tmp_path, check=False,
    ).stdout  # fmt: skip

    runners = {line.split("]")[0] for line in said.splitlines() if "PASSED" in line and line.startswith("[gw")}
    assert len(runners) == 1, said
    assert said.count("PASSED") == 4
