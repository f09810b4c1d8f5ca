"""What would be written, and what would still be missing then."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lomi_ops.config.layers import YamlFile
from lomi_ops.config.load import LoadOptions, load
from lomi_ops.config.problems import raise_all
from lomi_ops.config.profiles import PROFILE
from lomi_ops.config.services import NAMES
from lomi_ops.config.text_file import read_text
from lomi_ops.config.yaml_file import parse_yaml
from lomi_ops.errors import ConfigError, Refused
from lomi_ops.ops.init.text import Block, added, whole


@dataclass(frozen=True, slots=True)
class Proposal:
    """A file as it should be."""

    path: Path
    before: str | None
    """What is there, None for nothing."""
    text: str
    default: str
    """The profile that holds where nobody chooses one, with this file."""
    missing: tuple[str, ...]
    """What a command would complain about."""

    @property
    def changed(self) -> bool:
        return self.text != self.before


def propose(path: Path, block: Block, environ: Mapping[str, str], *, force: bool) -> Proposal:
    """Raises ConfigError where the file that is there is wrong, Refused where it says something else of this profile
    and `force` is not given."""
    before = _before(path)
    text = whole(block) if before is None else _with(before, block, path, environ, force=force)
    default = parse_yaml(text, path, environ).entries.get(PROFILE)
    return Proposal(path, before, text, str(default.value) if default else "", _missing(text, path, block, environ))


def _before(path: Path) -> str | None:
    if not path.exists():
        return None
    try:
        return read_text(path)
    except ValueError as problem:
        raise ConfigError(f"{path} {problem}", hint="lomi init --config FILE, another one") from None


def _with(before: str, block: Block, path: Path, environ: Mapping[str, str], *, force: bool) -> str:
    """The file with the profile in it; nothing else of it may change."""
    there = parse_yaml(before, path, environ)
    raise_all(there.problems, hint=f"correct {path}, then: lomi init")
    wanted = parse_yaml(whole(block), path, environ)
    if _says(there, block.name) == _says(wanted, block.name):
        return before
    if block.name in there.profiles and not force:
        text = f"{path} says something else of profile {block.name}; nothing was written"
        raise Refused(text, hint="lomi init --force, which replaces that profile; or --env NAME, which adds another")
    text = added(before, block, path)
    after = parse_yaml(text, path, environ)
    others = (there.profiles.keys() | after.profiles.keys()) - {block.name}
    same = all(_says(there, name) == _says(after, name) for name in others) and _top(there) == _top(after)
    if after.problems or not same or _says(after, block.name) != _says(wanted, block.name):
        text = f"{path} is written in a way that nothing can be added to"
        raise Refused(text, hint=f"add profiles.{block.name} by hand: lomi init --dry-run --config FILE shows it")
    return text


def _says(file: YamlFile, name: str) -> dict[object, object] | None:
    entries = file.profiles.get(name)
    return None if entries is None else {key: entry.value for key, entry in entries.items()}


def _top(file: YamlFile) -> dict[object, object]:
    return {key: entry.value for key, entry in file.entries.items()}


def _missing(text: str, path: Path, block: Block, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Asks the loader itself, which reads files."""
    with tempfile.TemporaryDirectory(prefix="lomi-init-") as folder:
        draft = Path(folder) / path.name
        draft.write_text(text, "utf-8")
        try:
            load(LoadOptions(config=draft, profile=block.name, environ=environ, cwd=path.parent, needs=NAMES))
        except ConfigError as failure:
            told = failure.problems or (failure.message,)
            return tuple(problem.replace(str(draft), str(path)) for problem in told)
    return ()
