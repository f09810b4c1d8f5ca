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
    "jinja2", "yaml", "pydantic", "matplotlib", "worker",
}  # fmt: skip

PLATFORM = {
    "lomi_ops.cli", "lomi_ops.cli.main", "lomi_ops.cli.late", "lomi_ops.cli.common", "lomi_ops.cli.options",
    "lomi_ops.cli.output", "lomi_ops.cli.diagnostics", "lomi_ops.cli.ending", "lomi_ops.errors",
}  # fmt: skip
"""What every command line loads of ours."""

PROBE = """
import json, sys
from lomi_ops.cli import main
try:
    main.run({arguments!r})
finally:
    sys.stdout.flush()
    print()
    print(json.dumps(sorted(sys.modules)))
"""


def loaded(*arguments: str, **variables: str) -> set[str]:
    return {name.partition(".")[0] for name in modules(*arguments, **variables)}


def modules(*arguments: str, **variables: str) -> set[str]:
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
        ("queue stats", {"redis"}), ("workers list", {"redis"}),
        ("queue dead", {"redis"}), ("review list", {"psycopg"}), ("report", {"psycopg"}),
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


def imported(*words: str) -> set[str]:
    """What the command line itself loads, beyond what Python loads at its start, by Python's own account."""

    def names(*line: str) -> set[str]:
        command = [sys.executable, "-X", "importtime", *line]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        told = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
        return {line.rpartition("|")[2].strip() for line in told}

    return names("-m", "lomi_ops", *words) - names("-c", "import runpy, __future__")


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_loads_two_modules(option: str) -> None:
    assert {name for name in imported(option) if not name.startswith("encodings")} == {"lomi_ops", "lomi_ops.version"}


def test_the_help_loads_no_command() -> None:
    """Typer draws it, and its rich stays where it is."""
    found = modules("--help")

    assert {name.partition(".")[0] for name in found} & HEAVY == set()
    assert {name for name in found if name.startswith("lomi_ops.")} == PLATFORM


def test_a_command_loads_no_other() -> None:
    found = {name for name in modules("completion", "bash") if name.startswith("lomi_ops.cli.")}

    assert found - PLATFORM == {"lomi_ops.cli.completion", "lomi_ops.cli.completions", "lomi_ops.cli.tree"}


def test_the_list_of_commands_says_what_their_own_help_says() -> None:
    from lomi_ops.cli import review
    from lomi_ops.cli.late import Late
    from lomi_ops.cli.main import COMMANDS, GROUPS
    from lomi_ops.cli.tree import command_tree

    tree = command_tree()
    below = next(child for child in tree.children if child.path == ("review",))
    summaries = {" ".join(child.path): child.summary for child in (*tree.children, *below.children)}
    entries = {**COMMANDS, **GROUPS, **{f"review {name}": entry for name, entry in review.COMMANDS.items()}}
    abouts = {name: entry.about for name, entry in entries.items() if isinstance(entry, Late)}

    wrong = {
        name: (about, summaries[name])
        for name, about in abouts.items()
        if name in summaries and summaries[name] != about and not summaries[name].startswith(f"{about}:")
    }
    assert wrong == {}
    assert len(abouts) > 25
    assert abouts.keys() & summaries.keys() > {"review list", "review filters"}


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
