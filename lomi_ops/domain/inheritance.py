"""What a process that decodes strangers' bytes may know of the environment that it is started in."""

from __future__ import annotations

from collections.abc import Mapping

NAMES = frozenset({"PATH", "HOME", "USER", "TMPDIR", "TZ", "LANG", "XDG_DATA_HOME", "VIRTUAL_ENV"})
KINDS = ("LC_", "LD_", "PYTHON", "MALLOC_", "GLIBC_", "OMP_", "OPENBLAS_", "ORT_", "COVERAGE_")
"""Variables that it gets, by name and by first letters. The rest may hold passwords, and it needs none."""


def inherited(environ: Mapping[str, str]) -> dict[str, str]:
    """What it needs to find Python, itself and its models."""
    return {name: value for name, value in environ.items() if name in NAMES or name.startswith(KINDS)}
