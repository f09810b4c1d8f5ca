"""Looking: reads the files, knocks, and plans. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lomi_ops.config import env
from lomi_ops.config.env_file import read_env_file
from lomi_ops.config.layers import Rank, merged
from lomi_ops.config.problems import raise_all
from lomi_ops.config.redact import Redactor
from lomi_ops.config.validation import validated
from lomi_ops.errors import UsageError
from lomi_ops.ops.init import probes
from lomi_ops.ops.init.compose import ComposeFile, read_compose
from lomi_ops.ops.init.plan import Heard, Plan, planned
from lomi_ops.ops.init.probes import Answer
from lomi_ops.ops.init.ways import Part, Way, ways

Ask = Callable[[Sequence[Way]], list[Answer]]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was looked at, and what follows from it."""

    plan: Plan
    env_file: Path | None
    compose: ComposeFile | None
    redactor: Redactor = field(repr=False)


def look(env_file: Path | None, compose_file: Path | None, environ: Mapping[str, str], ask: Ask = probes.ask) -> Seen:
    """Raises ConfigError for mistakes in the files, UsageError where there is none."""
    if env_file is None and compose_file is None:
        raise UsageError(
            "there is nothing to look at: no env file and no Compose file here",
            hint="lomi init --env-file FILE --compose FILE; or lomi up, which runs everything on this machine",
        )
    lines, problems = read_env_file(env_file, environ) if env_file else ([], [])
    filed = env.read_variables(lines, Rank.ENV_FILE, env_file.parent if env_file else Path(), environ)
    entries = merged([filed.contract, filed.own])
    settings, mistakes = validated(entries)
    raise_all([*problems, *filed.problems, *mistakes], hint="correct the env file, then: lomi init")
    # Compose gives the environment the last word, and reads the file that --env-file names.
    known = {**{variable.name: variable.value for variable in lines}, **environ}
    compose = read_compose(compose_file, known) if compose_file else None
    plan = planned(_heard(ways(settings, entries, compose), ask), compose)
    return Seen(plan, env_file, compose, Redactor.of(settings, *_secrets(compose)))


def _heard(found: Mapping[Part, Sequence[Way]], ask: Ask) -> dict[Part, list[Heard]]:
    flat = [way for each in found.values() for way in each]
    heard = [Heard(way, answer) for way, answer in zip(flat, ask(flat), strict=True)]
    return {part: [each for each in heard if each.way.part is part] for part in found}


def _secrets(compose: ComposeFile | None) -> list[str]:
    """What the Compose file holds and nobody may see."""
    found = []
    for service in compose.services if compose else ():
        found += [value for name, value in service.environment.items() if "PASS" in name or "SECRET" in name]
        found += [service.password.text] if service.password else []
    return [secret for secret in found if secret]
