"""Writes the completion scripts: `python -m lomi_ops.cli.completions FOLDER`. The shells then ask `lomi` itself."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPTS = {"bash": "lomi.bash", "zsh": "_lomi", "fish": "lomi.fish"}
"""File names as the shells look for them."""
VARIABLE = "_LOMI_COMPLETE"


def scripts() -> dict[str, str]:
    """File name and text for each shell."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    return {
        name: get_completion_script(prog_name="lomi", complete_var=VARIABLE, shell=shell).strip() + "\n"
        for shell, name in SCRIPTS.items()
    }


def write(folder: Path) -> None:
    for name, text in scripts().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
