"""The lock of the worker's image against the whole one, and the image's files against each other."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.version import __version__

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "worker"
SCRIPT: dict[str, Any] = runpy.run_path(str(WORKER / "image" / "lock.py"))
NAMES: list[str] = SCRIPT["named"]((WORKER / "requirements.in").read_text())
subset: Callable[..., str] = SCRIPT["subset"]


def test_the_lock_of_the_image_is_what_its_list_takes_from_the_whole_one() -> None:
    whole = (ROOT / "requirements.lock").read_text()

    assert (WORKER / "requirements.lock").read_text() == subset(whole, NAMES), "run: make lock"


def test_every_package_of_the_image_has_its_hashes() -> None:
    blocks = SCRIPT["blocks"]((WORKER / "requirements.lock").read_text())

    assert {name for name, _ in blocks} == set(NAMES)
    assert all("==" in block and "--hash=sha256:" in block for _, block in blocks)


def test_a_name_that_nobody_locked_is_told() -> None:
    with pytest.raises(ValueError, match=r"not in requirements.lock: no-such-package"):
        subset("a==1 \\\n    --hash=sha256:00\n", ["a", "no-such-package"])


def test_a_package_with_two_markers_keeps_both_lines() -> None:
    lock = "a==1 ; python_full_version < '3.12' \\\n    --hash=sha256:00\na==2 \\\n    --hash=sha256:01\nab==3\n"

    assert subset(lock, ["a"]) == lock.removesuffix("ab==3\n")


def test_for_one_python_only_its_own_lines_are_left() -> None:
    lock = "a==1 ; python_full_version < '3.11.3' \\\n    --hash=sha256:00\nb==2 \\\n    --hash=sha256:01\n"

    assert SCRIPT["holding"](lock, "3.12.1") == "b==2 \\\n    --hash=sha256:01\n"
    assert SCRIPT["holding"](lock, "3.11.2") == "a==1 \\\n    --hash=sha256:00\nb==2 \\\n    --hash=sha256:01\n"


def test_nothing_that_only_people_need_is_in_the_image() -> None:
    assert not {"textual", "rich", "docker", "jinja2", "pip", "setuptools"} & set(NAMES)


def test_the_image_says_the_version_of_the_program() -> None:
    (version,) = re.findall(r"^ARG VERSION=(\S+)$", (WORKER / "Dockerfile").read_text(), re.MULTILINE)

    assert version == __version__


def test_the_context_of_the_build_holds_only_what_is_named() -> None:
    """No secret that lies in a checkout can get into a layer."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]

    assert rules[0] == "*"
    assert {rule for rule in rules if rule.startswith("!")} == {
        "!lomi_ops", "!worker", "!build/wheelhouse", "!LICENSE", "!NOTICE",
    }  # fmt: skip
