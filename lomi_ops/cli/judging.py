"""The one command file that runs the `worker` package: inside functions, so that no other command pays for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from lomi_ops.cli import session
from lomi_ops.cli.options import Common
from lomi_ops.errors import NotFound, Refused, UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from lomi_ops.config.manifest import Manifest
    from lomi_ops.config.schema import Settings
    from lomi_ops.domain.policy import Policy
    from lomi_ops.runtime import Runtime
    from worker.again import Again
    from worker.judging.judge import FaceFinder, Judged
    from worker.moderate import Moderated


@dataclass(frozen=True, slots=True)
class Moderation:
    """Files about to be judged."""

    settings: Settings
    policy: Policy
    paths: list[Path]
    finder: FaceFinder | None
    keys: Mapping[Path, str] = field(default_factory=dict)
    """The object that a file was fetched from, where it was."""

    def name(self, path: Path) -> str:
        """What a person calls a file."""
        return self.keys.get(path, str(path))

    def items(self) -> Iterator[Moderated]:
        from worker.moderate import moderate

        return moderate(self.paths, self.settings, self.policy, self.finder)

    def annotate(self, item: Moderated, folder: Path) -> Path | None:
        """The copy's path; None for a file that is no photo. Raises UsageError where nothing can be written."""
        from worker.moderate import draw

        try:
            return draw(item, folder, self.settings, self.policy)
        except OSError as problem:
            text = f"the annotated copy of {item.path} cannot be written to {folder}: {problem.strerror}"
            raise UsageError(text, hint="name another folder: --annotate DIR") from problem


@contextmanager
def moderation_of_objects(
    common: Common, keys: Sequence[str], policy: str | None, overrides: Mapping[str, object]
) -> Iterator[Moderation]:
    """The same for photos in the store, which lie in a folder of ours for as long as they are judged.

    Raises NotFound for a key without an object, and ObjectsUnavailable.
    """
    import tempfile

    from lomi_ops.clients.objects.keys import ObjectMissing

    with (
        session.opened(common, "objects", overrides=overrides) as runtime,
        tempfile.TemporaryDirectory(prefix="lomi-") as folder,
    ):
        settings, fetched = runtime.settings, {}
        chosen = chosen_policy(settings, policy)
        for number, key in enumerate(dict.fromkeys(keys)):
            try:
                data = runtime.objects.get(settings.objects.bucket_photos, key, settings.images.max_bytes)
            except ObjectMissing as missing:
                raise NotFound(f"there is no object {key}: {missing.message}", hint="lomi review list") from missing
            path = Path(folder) / f"{number:04}"
            path.write_bytes(data)
            fetched[path] = key
        yield Moderation(settings, chosen, list(fetched), runtime.faces, fetched)


@contextmanager
def moderation(
    common: Common, paths: list[Path], policy: str | None, overrides: Mapping[str, object]
) -> Iterator[Moderation]:
    """Settings, policy and files for `lomi moderate`; needs no service, uses CompreFace where one is configured."""
    from worker.moderate import expand

    with session.opened(common, overrides=overrides) as runtime:
        chosen = chosen_policy(runtime.settings, policy)
        yield Moderation(runtime.settings, chosen, expand(paths), runtime.faces)


@contextmanager
def judged_again(runtime: Runtime, policy: Policy) -> Iterator[Again]:
    """Judging processes with the models of the settings. Raises ModelError where one is missing or wrong."""
    from worker.again import again

    with again(runtime.settings, policy, runtime.faces) as found:
        yield found


def judged_once(runtime: Runtime, policy: Policy, media_id: UUID, data: bytes) -> Judged:
    """One photo by the models of the settings. Raises ModelError, PhotoError, and LomiError where it kills whatever
    looks at it."""
    from worker.again import once

    return once(runtime.settings, policy, runtime.faces, media_id, data)


def chosen_policy(settings: Settings, name: str | None) -> Policy:
    """The policy of that name, else the active one. Raises UsageError with the nearest names."""
    try:
        return settings.active_policy(name)
    except KeyError:
        known = ", ".join(sorted(settings.policy.policies))
        raise UsageError(f"there is no policy {name!r}", hint=f"--policy NAME, one of: {known}") from None


def policy_in_force(runtime: Runtime, name: str | None) -> Policy:
    """The policy of that name in the configuration; without one what workers judge by now: what was activated, else the
    configuration's own. Raises Refused where several share the users."""
    from lomi_ops.db import activations

    found = activations.latest(runtime.database) if name is None and activations.kept(runtime.database) else None
    if found is None or found.regime is None:
        return chosen_policy(runtime.settings, name)
    if len(found.regime.arms) > 1:
        raise Refused(f"the users are shared by {found.regime.title}: by which one?", hint="--policy NAME")
    return found.regime.arms[0].policy


def run_worker(common: Common, policy: str | None, overrides: Mapping[str, object]) -> int:
    """Runs a worker in this process. Raises LomiError where it cannot start."""
    from worker import logs
    from worker.run import main

    with session.opened(common, *session.ALL, overrides=overrides, tell=lambda _: None) as runtime:
        logs.set_up(runtime.settings.log, runtime.redactor.scrub)
        for warning in runtime.loaded.warnings:
            logging.getLogger(__name__).warning(warning, extra={"action": "settings"})
        return main(runtime.settings, chosen_policy(runtime.settings, policy))


def worker_complaints(path: Path | None, now: float) -> list[str] | None:
    """What is wrong with the workers that note their state here; None where there is no worker."""
    from worker import health

    notes = health.read_all(path)
    if not notes:
        return None
    return [complaint for note in notes if (complaint := health.complaint(note, now))]


def verify_model(manifest: Manifest, path: Path, sha256: str | None) -> object:
    """Loads a model and lets it look at one generated photo. Raises ModelError."""
    from worker.engines import load

    return load.verify_model(manifest, path, sha256)
