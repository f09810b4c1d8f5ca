"""`lomi completion SHELL`: the script that a shell loads."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from lomi_ops.cli import output


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.")]) -> int:
    """Print the completion script of a shell.

    For bash and zsh `source <(lomi completion bash)`, for fish `lomi completion fish | source`, in the file that the
    shell reads at its start.
    """
    from lomi_ops import resources
    from lomi_ops.cli.completions import SCRIPTS

    output.text(resources.shared("completions", SCRIPTS[shell.value]).read_text("utf-8"))
    return 0
