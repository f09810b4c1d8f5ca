"""What a command loads before it does anything. Facts, not milliseconds."""

from __future__ import annotations

import json
import subprocess
import sys

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


def loaded(*arguments: str) -> set[str]:
    code = PROBE.format(arguments=list(arguments))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def commands() -> list[str]:
    from lomi_ops.cli.main import COMMANDS, GROUPS

    return sorted([*COMMANDS, *GROUPS])


@pytest.mark.parametrize("command", ["", *commands()])
def test_help_loads_nothing_heavy(command: str) -> None:
    arguments = [command, "--help"] if command else ["--help"]

    assert loaded(*arguments) & HEAVY == set()


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
