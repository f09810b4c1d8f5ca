from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lomi_ops.cli.completions import scripts

FOLDER = Path(__file__).parents[2] / "completions"


def test_the_committed_scripts_are_what_the_program_would_write() -> None:
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == scripts()


def test_a_shell_is_offered_commands_and_options() -> None:
    def offered(words: str, position: int) -> set[str]:
        environment = os.environ | {
            "_LOMI_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(position),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "lomi_ops"], env=environment, capture_output=True, text=True, check=False
        )
        return set(done.stdout.split())

    assert {"report", "review"} <= offered("lomi re", 1)
    assert {"list", "approve"} <= offered("lomi review ", 2)
    assert "--env-file" in offered("lomi check --", 2)
