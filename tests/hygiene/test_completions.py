from __future__ import annotations

import re
from pathlib import Path

from lomi_ops.cli.completion_values import KINDS
from lomi_ops.cli.completions import scripts
from lomi_ops.cli.reference import reference
from lomi_ops.cli.tree import SHARED, command_tree

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "completions"
AGAIN = "run: make completions"


def test_the_committed_scripts_are_what_the_program_would_write() -> None:
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == scripts(), AGAIN


def test_the_committed_reference_is_what_the_program_would_write() -> None:
    assert (ROOT / "docs" / "commands.md").read_text() == reference(), AGAIN


def test_every_kind_of_word_that_the_scripts_ask_for_is_known() -> None:
    every = list(command_tree().all())
    places = [option.wants for command in every for option in command.options if option.wants]
    places += [argument.wants for command in every for argument in command.arguments]
    asked = {place.dynamic for place in places} - {""}

    assert {"jobs", "filters", "operations", "profiles", "policies"} <= asked <= KINDS.keys()


def test_every_command_that_reads_settings_takes_a_profile() -> None:
    for command in command_tree().all():
        names = {name for option in command.options for name in option.names}
        if "--env-file" in names and command.path != ("init",):
            assert set(SHARED) <= names, command.name


def test_the_reference_has_every_command_with_all_that_it_takes() -> None:
    text = reference()
    shared = text.partition("## Exit codes")[0]
    for command in command_tree().all():
        section = text.partition(f"\n## {command.name}\n")[2].partition("\n## ")[0] if command.path else shared
        told = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", section + shared))
        assert {name for option in command.options for name in option.names} <= told, command.name
        for argument in command.arguments:
            assert argument.usage.replace("|", "\\|") in section, (command.name, argument.usage)
