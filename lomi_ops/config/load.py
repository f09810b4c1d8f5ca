"""Settings from everywhere, each value from the strongest source that gives it.

Weakest first: defaults, a local stack, the YAML file, its profile, the env file, the environment, flags; `profiles.py`
says what a profile that a flag chooses changes in that. Where the services are is found in another order: flags, then
the environment and the env file, then the YAML file; with none of them the local stack in `stack.data` (LOMI_DATA),
else the default one. `--data DIR` is a flag and names a stack outright: then no profile's name holds. What is
configured in part, or by a profile, is never filled up from a stack.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lomi_ops.config import env, paths, profiles, services
from lomi_ops.config.keys import Key, Leaf, dotted, leaves, nearest, node_at, split
from lomi_ops.config.layers import Entry, Layer, Rank, YamlFile, merged
from lomi_ops.config.policies import doubts, shipped
from lomi_ops.config.problems import Problem, raise_all
from lomi_ops.config.profiles import ENV_FILE, PROFILE, Choice, Named, Sources
from lomi_ops.config.schema import Settings
from lomi_ops.config.stack_file import NAME, stack_values
from lomi_ops.config.validation import validated
from lomi_ops.config.values import typed

_FLAGS = "command line"
_HINT = "lomi config example, which explains every setting"


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """Where to look."""

    config: Path | None = None
    env_file: Path | None = None
    data: Path | None = None
    profile: str | None = None
    """The profile that a flag names."""
    overrides: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Values of flags by dotted key."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    cwd: Path = field(default_factory=Path.cwd)
    needs: frozenset[str] = frozenset()
    """Of redis, database, objects: what the command cannot do without."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where they come from."""

    settings: Settings
    origins: Mapping[str, str]
    """By dotted key: `default`, `local stack DIR`, `FILE:LINE`, `FILE:LINE profile NAME`, `FILE:LINE VARIABLE`,
    `environment VARIABLE`, `command line`."""
    warnings: tuple[str, ...]
    stack: Path | None
    """The folder of the local stack that the services are from; None where they are configured, or there is none."""
    config_file: Path | None = None
    env_file: Path | None = None


def load(options: LoadOptions) -> Loaded:
    """Raises ConfigError with every mistake at once."""
    return _Load(options).run()


class _Load:
    """One run: gathers layers and problems."""

    def __init__(self, options: LoadOptions) -> None:
        unknown = options.needs - services.NAMES
        if unknown:
            raise ValueError(f"no services: {sorted(unknown)}")
        self._options = options
        self._problems: list[Problem] = []
        self._warnings: list[str] = []
        self._blank: set[Key] = set()
        self._seen: set[str] = set()
        self._absent: tuple[Path, str] | None = None
        self._chosen: Choice | None = None

    def run(self) -> Loaded:
        config = self._config_file()
        file, profile = self._yaml(config)
        naming, named = profiles.env_file(self._env_files(), self._outright, profile, file)
        env_file = Path(str(naming[ENV_FILE].value)) if naming else None
        sources = Sources(file, profile, *self._variables(env_file), named, self._outright)
        label = profiles.label(self._chosen, profile, self._data)
        said = [*sources.ordered(), naming, label, self._flags(profile)]
        layers = [shipped(*said), *said]
        entries = merged(layers)
        settings, problems = validated(entries)
        stack = self._stack(entries, settings)
        if stack is not None:
            entries = self._on_stack(layers, *stack)
            settings, problems = validated(entries)
        self._problems += problems
        nowhere = stack is None and not self._configured(entries, settings)
        if not nowhere:
            self._problems += services.gaps(self._options.needs, settings, entries, self._blank, self._seen)
        raise_all(self._problems, hint=_HINT)
        profile_name = self._chosen.name if self._chosen else ""
        services.require_some(self._options.needs, self._absent, nowhere=nowhere, profile=profile_name)
        if self._chosen and stack is None:
            self._warnings += profiles.doubts(self._chosen, sources, entries)
        if named is Named.PROFILE and (lost := profiles.unread(self._env_files(), naming)):
            self._warnings.append(f"{lost} is ignored: --env {profile_name} was given")
        self._warnings += [*services.without_effect(entries, settings), *doubts(settings)]
        return Loaded(
            settings=settings,
            origins=_origins(entries, settings),
            warnings=tuple(dict.fromkeys(self._warnings)),
            stack=stack[0] if stack else None,
            config_file=config,
            env_file=env_file,
        )

    def _config_file(self) -> Path | None:
        named = self._options.config or self._options.environ.get(env.CONFIG)
        if named:
            return self._expanded(str(named))
        candidates = paths.config_files(self._options.environ, self._options.cwd)
        return next((path for path in candidates if os.path.lexists(path)), None)

    def _file_says(self, path: Path | None) -> YamlFile:
        if path is None:
            return YamlFile()
        from lomi_ops.config.yaml_file import read_yaml  # each start waits for its parser

        return read_yaml(path, self._options.environ)

    def _yaml(self, path: Path | None) -> tuple[Layer, Layer]:
        """What the file says for all, and what its chosen profile says."""
        found = self._file_says(path)
        self._problems += found.problems
        chosen = self._chosen = profiles.choice(self._options.profile, self._options.environ, found.entries)
        if chosen is None:
            return found.entries, {}
        if self._data is not None and chosen.outright:
            what = "--env and --data both say where the services are; give one of them"
            self._problems.append(Problem(_FLAGS, what))
        if chosen.name not in found.profiles:
            self._problems.append(profiles.unknown(chosen, found.profiles, str(path or "")))
        file = {key: entry for key, entry in found.entries.items() if key != PROFILE}
        return file, found.profiles.get(chosen.name, {})

    @property
    def _outright(self) -> bool:
        return self._chosen is not None and self._chosen.outright

    @property
    def _data(self) -> Path | None:
        """The stack that a flag names."""
        return None if self._options.data is None else self._expanded(str(self._options.data))

    def _env_files(self) -> tuple[Entry | None, Entry | None]:
        """The env file that a flag names, and the one that a variable names."""
        flag, variable = self._options.env_file, self._options.environ.get(env.ENV_FILE)
        return (
            Entry(self._expanded(str(flag)), _FLAGS, Rank.FLAG) if flag else None,
            Entry(self._expanded(variable), f"environment {env.ENV_FILE}", Rank.ENVIRONMENT) if variable else None,
        )

    def _variables(self, env_file: Path | None) -> tuple[env.Variables, env.Variables]:
        """What the env file and the environment say."""
        environ, cwd = self._options.environ, self._options.cwd
        lines: list[env.Variable] = []
        if env_file:
            from lomi_ops.config.env_file import read_env_file  # as above

            lines, problems = read_env_file(env_file, environ)
            self._problems += problems
        base = env_file.parent if env_file else cwd
        filed = env.read_variables(lines, Rank.ENV_FILE, base, environ)
        process = [env.Variable(name, value, "environment") for name, value in environ.items()]
        lived = env.read_variables(process, Rank.ENVIRONMENT, cwd, environ)
        for found in (filed, lived):
            self._problems += found.problems
            self._blank |= found.blank
            self._seen |= found.names
        return filed, lived

    def _flags(self, profile: Layer) -> Layer:
        flags: dict[Key, Entry] = {}
        if profiles.stands_on_a_stack(profile):
            stack = profile["stack", "data"]
            flags["stack", "data"] = Entry(stack.value, stack.origin, Rank.FLAG)
        for name, value in self._options.overrides.items():
            key = split(name)
            leaf = node_at(key)
            if isinstance(leaf, Leaf):
                flags[key] = Entry(typed(value, leaf, self._options.cwd, self._options.environ), _FLAGS, Rank.FLAG)
            else:
                self._problems.append(Problem(_FLAGS, "is no setting", name, nearest(key)))
        if self._data is not None:
            flags["stack", "data"] = Entry(self._data, _FLAGS, Rank.FLAG)
        return flags

    def _configured(self, entries: Layer, settings: Settings) -> bool:
        plain = Settings()
        return any(services.said(service, entries, settings, plain) for service in services.SERVICES)

    def _stack(self, entries: Layer, settings: Settings) -> tuple[Path, Layer] | None:
        """The local stack to use and what it says, or None. Its mistakes count only for a command that needs it."""
        named = entries.get(("stack", "data"))
        if not _outright(entries) and (self._chosen or self._configured(entries, settings)):
            return None
        folder = settings.stack.data or paths.default_data(self._options.environ)
        if folder is None:
            return None
        try:
            values = stack_values(folder)
        except ValueError as problem:
            self._complain(Problem(str(folder / NAME), str(problem)))
            return None
        if values is None:
            self._absent = folder, named.origin if named else ""
            return None
        rank = Rank.FLAG if _outright(entries) else Rank.STACK
        return folder, {key: Entry(value, f"local stack {folder}", rank) for key, value in values.items()}

    def _complain(self, problem: Problem) -> None:
        if self._options.needs:
            self._problems.append(problem)
        else:
            self._warnings.append(str(problem))

    def _on_stack(self, layers: list[Layer], folder: Path, stack: Layer) -> dict[Key, Entry]:
        if not _outright(layers[-1]):
            return merged([stack, *layers])
        before = merged(layers[:-1])
        for service in services.SERVICES:
            lost = [before[key] for key in service.keys if key in before and before[key].rank > Rank.FILE]
            if lost and lost[0].value != stack[service.whole].value:
                why = f"--data {folder} was given"
                if self._chosen and self._data is None:
                    why = f"profile {self._chosen.name} is the stack in {folder}"
                self._warnings.append(f"{lost[0].origin} is ignored: {why}")
        elsewhere = {key for service in services.SERVICES for key in service.keys}
        return merged([{key: before[key] for key in before.keys() - elsewhere}, stack, layers[-1]])

    def _expanded(self, text: str) -> Path:
        return paths.expanded(text, self._options.cwd, self._options.environ)


def _outright(entries: Layer) -> bool:
    """Whether a flag names the stack: then it comes before everything but other flags."""
    named = entries.get(("stack", "data"))
    return named is not None and named.rank is Rank.FLAG


def _origins(entries: Layer, settings: Settings) -> dict[str, str]:
    every = [key for key, _ in leaves(settings)]
    return {dotted(key): entries[key].origin if key in entries else "default" for key in every}
