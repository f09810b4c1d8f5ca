"""Writes the completion scripts: `python -m lomi_ops.cli.completions FOLDER`.

Commands, options and fixed words stand in the scripts themselves, so that a shell starts no Python for them. Only what
the cluster or the settings know is asked of `lomi _complete KIND` (`completing.py`). Each script is a frame of its
shell's language around a table written from the command tree.
"""

from __future__ import annotations

import sys
from pathlib import Path

from lomi_ops import resources
from lomi_ops.cli.tree import Argument, Command, Option, Wants, command_tree

SCRIPTS = {"bash": "lomi.bash", "zsh": "_lomi", "fish": "lomi.fish"}
"""File names as the shells look for them."""
_TABLE = "# TABLE\n"


def scripts() -> dict[str, str]:
    """File name and text for each shell."""
    tree = command_tree()
    rows = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    frames = {shell: resources.shared("templates", "completion", f"lomi.{shell}").read_text("utf-8") for shell in rows}
    return {
        SCRIPTS[shell]: frames[shell].replace(_TABLE, "\n".join(row(each) for each in tree.all()) + "\n")
        for shell, row in rows.items()
    }


def write(folder: Path) -> None:
    for name, text in scripts().items():
        (folder / name).write_text(text, "utf-8")


def _bash(command: Command) -> str:
    """Names alone: bash shows no explanations."""
    options = [name for option in command.options for name in option.names]
    return "\n".join(
        [
            f"    '{' '.join(command.path)}')",
            f"      children='{' '.join(child.path[-1] for child in command.children)}'",
            f"      options='{' '.join(options)}'",
            f"      values='{' '.join(_values(command.options))}'",
            f"      arguments='{' '.join(map(_place, command.arguments))}' ;;",
        ]
    )


def _zsh(command: Command) -> str:
    children = [_described(child.path[-1], child.summary) for child in command.children]
    options = [_described(name, option.help) for option in command.options for name in option.names]
    return "\n".join(
        [
            f"    '{' '.join(command.path)}')",
            f"      children=({' '.join(children)})",
            f"      opts=({' '.join(options)})",
            f"      values=({' '.join(map(_quoted, _values(command.options)))})",
            f"      arguments=({' '.join(_quoted(_place(each)) for each in command.arguments)}) ;;",
        ]
    )


def _fish(command: Command) -> str:
    words = {
        "children": [f"{child.path[-1]}\t{child.summary}" for child in command.children],
        "options": [f"{name}\t{_short(option.help)}" for option in command.options for name in option.names],
        "values": _values(command.options),
        "arguments": [_place(each) for each in command.arguments],
    }
    lines = [f"        case '{' '.join(command.path)}'"]
    for name, values in words.items():
        lines.append(" ".join([f"            set -g __lomi_{name}", *(_quoted(v, fish=True) for v in values)]))
    return "\n".join(lines)


def _values(options: tuple[Option, ...]) -> list[str]:
    """`--limit=` takes a value; behind the equals sign stands which."""
    return [f"{name}={_spec(option.wants)}" for option in options if option.wants for name in option.names]


def _place(argument: Argument) -> str:
    """`*` stands for one that may come again and again."""
    return f"{'*' if argument.many else ''}={_spec(argument.wants)}"


def _spec(wants: Wants) -> str:
    """`a|b` are words, `@files` and `@folders` what a shell finds, `@KIND` what `lomi _complete KIND` finds."""
    parts = list(wants.words)
    parts += [f"@{wants.dynamic}"] if wants.dynamic else []
    parts += ["@files"] if wants.files else []
    parts += ["@folders"] if wants.folders else []
    return "|".join(parts)


def _described(name: str, text: str) -> str:
    """As zsh's `_describe` takes it: a colon ends the name."""
    return _quoted(f"{name}:{_short(text)}".rstrip(":"))


def _short(text: str) -> str:
    """The first sentence."""
    return text.partition(". ")[0].partition("  [")[0].rstrip(".")


def _quoted(text: str, *, fish: bool = False) -> str:
    """One word for a shell, whatever is in it."""
    inner = text.replace("\\", "\\\\").replace("'", "\\'") if fish else text.replace("'", "'\\''")
    return f"'{inner}'"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
