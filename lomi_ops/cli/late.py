"""Commands that are imported when somebody asks for them: a command line needs one of them, and `lomi --help` none."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from gettext import gettext
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_NEGATIVE = re.compile(r"-\d+")
Built = Callable[..., int] | typer.Typer


@dataclass(frozen=True, slots=True)
class Late:
    """A command or a group, and where it is."""

    place: str
    """`module:name` below `lomi_ops.cli`."""
    about: str
    """What the list of commands says: the first sentence of its help, up to a colon at most."""

    def load(self) -> Built:
        module, _, name = self.place.partition(":")
        found: Built = getattr(import_module(f"lomi_ops.cli.{module}"), name)
        return found


Entry = Late | Built


class Counting(TyperCommand):
    """A command whose numbers may be negative on the command line, so that it is the command that refuses them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        counts = any(each.param_type_name == "argument" and each.type.name.startswith("int") for each in self.params)
        if counts and any(_NEGATIVE.fullmatch(each) for each in args):
            ctx.ignore_unknown_options = True
        return super().parse_args(ctx, args)


def built(name: str, entry: Entry) -> Any:
    """The command as Typer makes it."""
    found = entry.load() if isinstance(entry, Late) else entry
    if isinstance(found, typer.Typer):
        group = typer.main.get_group(found)
        group.name = name
        return group
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, cls=Counting, hidden=name.startswith("_"))(found)
    return typer.main.get_command(alone)


class _Commands(MutableMapping[str, Any]):
    """What has been asked for is built, once."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self.entries = dict(entries)
        self._built: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._built:
            self._built[name] = built(name, self.entries[name])
        return self._built[name]

    def __setitem__(self, name: str, command: Any) -> None:
        self.entries[name] = self._built[name] = command

    def __delitem__(self, name: str) -> None:
        del self.entries[name]
        self._built.pop(name, None)

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def group_of(entries: Mapping[str, Entry]) -> type[TyperGroup]:
    """A group of these commands, for `typer.Typer(cls=…)`."""

    class Group(TyperGroup):
        def __init__(self, **attributes: Any) -> None:
            super().__init__(**attributes | {"commands": None})
            self.commands = _Commands(entries)

        def list_commands(self, ctx: Any) -> list[str]:
            return list(self.commands)

        def format_commands(self, ctx: Any, formatter: Any) -> None:
            """As Typer's, without building what is only listed."""
            shown = [(name, entry) for name, entry in entries.items() if not name.startswith("_")]
            limit = formatter.width - 6 - max(len(name) for name, _ in shown)
            rows = [(name, _about(name, entry, self.commands, limit)) for name, entry in shown]
            with formatter.section(gettext("Commands")):
                formatter.write_dl(rows)

    return Group


def _about(name: str, entry: Entry, commands: Mapping[str, Any], limit: int) -> str:
    if isinstance(entry, Late):
        return f"{entry.about}."
    return str(commands[name].get_short_help_str(limit))
