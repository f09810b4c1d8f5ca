"""What a command loads before it does anything. Facts, not milliseconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {
    "textual", "rich", "redis", "psycopg", "boto3", "botocore", "docker", "httpx", "onnxruntime", "numpy", "PIL",
    "jinja2", "yaml", "pydantic", "worker",
}  # fmt: skip

PROBE = """
import json, sys
from lomi_ops.cli import main
try:
    main.run({arguments!r})
finally:
    sys.stdout.flush()
    print()
    print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))
"""


def loaded(*arguments: str, **variables: str) -> set[str]:
    code = PROBE.format(arguments=list(arguments))
    environ = {**os.environ, **variables}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environ)
    return set(json.loads(done.stdout.splitlines()[-1]))


def commands() -> list[str]:
    from lomi_ops.cli.main import COMMANDS, GROUPS

    return sorted([*COMMANDS, *GROUPS])


@pytest.mark.parametrize("command", ["", *commands()])
def test_help_loads_nothing_heavy(command: str) -> None:
    arguments = [command, "--help"] if command else ["--help"]

    assert loaded(*arguments) & HEAVY == set()


@pytest.mark.parametrize(
    ("words", "needed"),
    [
        ("queue stats", {"redis"}), ("queue dead", {"redis"}), ("review list", {"psycopg"}), ("report", {"psycopg"}),
        ("migrate verify", {"psycopg"}), ("top --once", {"redis", "psycopg"}), ("models list", set[str]()),
        ("status", set[str]()), ("config show", set[str]()),
    ],
)  # fmt: skip
def test_a_command_loads_the_libraries_of_its_services_and_no_other(
    words: str, needed: set[str], tmp_path: Path
) -> None:
    """Nobody answers: whatever is loaded is loaded before the first byte is sent."""
    nowhere = {
        "LOMI_REDIS_URL": "redis://127.0.0.1:1", "LOMI_DATABASE_URL": "postgresql://u:p@127.0.0.1:1/x",
        "LOMI_OBJECTS": str(tmp_path), "LOMI_DATA": str(tmp_path / "stack"), "HOME": str(tmp_path),
    }  # fmt: skip
    # Settings, and what draws a table: these are everybody's.
    common = {"pydantic", "yaml", "rich"}

    assert loaded(*words.split(), **nowhere) & HEAVY - common == needed


def test_the_version_loads_not_even_typer() -> None:
    code = (
        "import sys; sys.argv = ['lomi', '-V']; import lomi_ops.__main__ as m; m.main(); print('typer' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "False"


def test_every_command_explains_itself() -> None:
    import typer

    from lomi_ops.cli.main import build

    def walk(command: object, path: str) -> list[str]:
        found = [] if getattr(command, "help", "") else [path]
        for name, child in getattr(command, "commands", {}).items():
            found += walk(child, f"{path} {name}")
        return found

    silent = [path for path in walk(typer.main.get_command(build()), "lomi") if not path.endswith("_supervise")]

    assert silent == []
