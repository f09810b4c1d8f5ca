"""The command tree as plain data: what the completion scripts and the command reference are written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SHARED = ("--env", "--config", "--env-file", "--data")
"""Options that nearly every command has (`options.with_common`)."""

_DYNAMIC = {
    "JOB": "jobs", "JOB|FILTER...": "filters", "FILTER...": "filters", "OP": "operations", "TOPIC": "topics",
    "NAME|FILE": "models", "NAME|FILTER": "saved_filters", "CHECK": "checks",
    "CHECK...": "checks", "WORKER": "members", "WORKER...": "members", "POLICY": "policies",
}  # fmt: skip
"""What a metavar stands for; the cluster, or the settings, know the words."""
_BY_NAME = {
    "--env": "profiles", "--policy": "policies", "--only": "checks", "--skip": "checks", "--worker": "workers",
    "--by": "groups", "--because": "reasons", "--macro": "macros", "--photo": "photos",
}  # fmt: skip
_BY_PLACE: dict[tuple[str, ...], str] = {
    ("jobs", "status"): "submissions", ("jobs", "wait"): "submissions", ("jobs", "cancel"): "submissions",
    ("review", "approve"): "photos", ("review", "reject"): "photos", ("review", "show"): "photos",
    ("review", "similar"): "photos", ("media", "show"): "photos", ("media", "compare"): "photos",
    ("media", "list"): "photo_filters",
    ("review", "sample", "golden"): "photos",
    ("review", "undo"): "photos", ("review", "release"): "photos", ("review", "list"): "photo_filters",
    ("models", "verify"): "models", ("review", "filters", "forget"): "own_filters",
    ("review", "filters", "keep"): "photo_filters",
}  # fmt: skip
"""What the arguments of a command are, where their metavar says less."""
_FOLDERS = ("DIR",)


@dataclass(frozen=True, slots=True)
class Wants:
    """What goes into one place of a command line. All empty: anything, of which a shell knows nothing."""

    words: tuple[str, ...] = ()
    dynamic: str = ""
    """Words that `lomi _complete KIND` knows."""
    files: bool = False
    folders: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    names: tuple[str, ...]
    help: str
    usage: str
    """As the help shows it: `--limit N`."""
    wants: Wants | None
    """None for a switch."""


@dataclass(frozen=True, slots=True)
class Argument:
    usage: str
    help: str
    wants: Wants
    many: bool


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or a group of them."""

    path: tuple[str, ...]
    help: str
    epilog: str
    options: tuple[Option, ...]
    arguments: tuple[Argument, ...]
    children: tuple[Command, ...]
    group: bool

    @property
    def name(self) -> str:
        return " ".join(("lomi", *self.path))

    @property
    def summary(self) -> str:
        """The first sentence, without its full stop."""
        return self.help.partition("\n\n")[0].partition(". ")[0].replace("\n", " ").rstrip(".")

    def all(self) -> Iterator[Command]:
        """Itself and everything below, in the order of the help."""
        yield self
        for child in self.children:
            yield from child.all()


def command_tree() -> Command:
    """Everything but what is hidden."""
    import typer

    from lomi_ops.cli.main import build

    return _command(typer.main.get_command(build()), (), None)


def _command(found: Any, path: tuple[str, ...], above: Any) -> Command:
    context = found.make_context(path[-1] if path else "lomi", [], parent=above, resilient_parsing=True)
    shown = [param for param in found.get_params(context) if not getattr(param, "hidden", False)]
    children = getattr(found, "commands", {})
    return Command(
        path=path,
        help=(found.help or "").strip(),
        epilog=(found.epilog or "").strip(),
        options=tuple(_option(param, context) for param in shown if param.param_type_name == "option"),
        arguments=tuple(_argument(param, context, path) for param in shown if param.param_type_name == "argument"),
        children=tuple(_command(child, (*path, name), context) for name, child in children.items() if not child.hidden),
        group=hasattr(found, "commands"),
    )


def _option(param: Any, context: Any) -> Option:
    usage, text = param.get_help_record(context)
    names = tuple(sorted((*param.opts, *param.secondary_opts), key=lambda name: (not name.startswith("--"), name)))
    switch = param.is_flag or param.count
    return Option(names, _plain(text), _plain(usage), None if switch else _wants(param, names, ()))


def _argument(param: Any, context: Any, path: tuple[str, ...]) -> Argument:
    usage, text = param.get_help_record(context)
    return Argument(_plain(usage), _plain(text), _wants(param, (), path), param.nargs == -1)


def _wants(param: Any, names: tuple[str, ...], path: tuple[str, ...]) -> Wants:
    choices = getattr(param.type, "choices", None)
    if choices:
        return Wants(words=tuple(str(getattr(choice, "value", choice)) for choice in choices))
    for name in names:
        if name in _BY_NAME:
            return Wants(dynamic=_BY_NAME[name])
    metavar = param.metavar or ""
    if not names and (kind := _BY_PLACE.get(path) or _DYNAMIC.get(metavar)):
        return Wants(dynamic=kind, files="FILE" in metavar)
    if param.type.name in ("path", "directory", "file"):
        return Wants(files=metavar not in _FOLDERS, folders=metavar in _FOLDERS)
    return Wants(files=metavar == "FILE", dynamic=_DYNAMIC.get(metavar, ""))


def _plain(text: str | None) -> str:
    return " ".join((text or "").split())
