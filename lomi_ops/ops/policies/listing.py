"""The policies that the configuration has, and what is doubtful about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from lomi_ops.config.keys import closest
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.judging import PolicySection
from lomi_ops.domain.policy import Policy, Requirement
from lomi_ops.domain.policy_text import digest, doubts
from lomi_ops.errors import NotFound, UsageError

_LIST = "lomi policy list"


@dataclass(frozen=True, slots=True)
class Entry:
    policy: Policy
    active: bool


@dataclass(frozen=True, slots=True)
class Validity:
    """What is to be said about one policy."""

    policy: Policy
    faults: tuple[str, ...]
    """No worker of this configuration could ever approve by it."""
    doubts: tuple[str, ...]


def listed(settings: Settings, holding: Sequence[Policy]) -> tuple[Entry, ...]:
    """By name; those by which workers judge are active, where they have the same content here."""
    digests = {digest(policy) for policy in holding}
    policies = (named(settings, name) for name in sorted(settings.policy.policies))
    return tuple(Entry(policy, digest(policy) in digests) for policy in policies)


def named(settings: Settings, name: str | None) -> Policy:
    """The active one for None. Raises NotFound."""
    if name is not None and name not in settings.policy.policies:
        meant = closest(name, list(settings.policy.policies))
        raise NotFound(f"there is no policy {name}" + (f"; did you mean {meant}?" if meant else ""), hint=_LIST)
    return settings.active_policy(name)


def altered(settings: Settings, name: str, changes: Sequence[str]) -> Policy:
    """A policy with some of its settings changed, by `nsfw.porn.reject_at=0.7`, to be tried. Raises NotFound, and
    UsageError for what is no such setting or value."""
    policy = named(settings, name)
    if not changes:
        return policy
    section: dict[str, Any] = settings.policy.policies[name].model_dump(mode="json")
    for change in changes:
        _put(section, change)
    try:
        found = PolicySection.model_validate(section)
    except ValidationError as failure:
        first = failure.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise UsageError(f"--set {where}: {first['msg'].lower()}", hint=f"lomi policy show {name}") from None
    return found.to_policy(f"{name}*")


def _put(section: dict[str, Any], change: str) -> None:
    key, equals, value = change.partition("=")
    place, (*above, last) = section, key.strip().split(".")
    try:
        for part in above:
            place = place[part]
        if last not in place or isinstance(place[last], dict) or not equals:
            raise KeyError(last)
        place[last] = None if value.strip() in ("", "off") else value.strip()
    except (KeyError, TypeError):
        hint = "--set nsfw.porn.reject_at=0.7, by the names of `lomi policy show`"
        raise UsageError(f"--set {change}: a policy has no such setting", hint=hint) from None


def validated(settings: Settings, names: Sequence[str]) -> tuple[Validity, ...]:
    """All of them without names; then only of the active one it is a fault that no worker can serve it.

    Thresholds that contradict each other never come this far: the configuration is refused for them. Raises NotFound.
    """
    active = settings.active_policy().name
    found = []
    for name in names or sorted(settings.policy.policies):
        policy = named(settings, name)
        lacks = unserved(settings, policy)
        grave = bool(names) or name == active
        found.append(Validity(policy, lacks if grave else (), (*(() if grave else lacks), *doubts(policy))))
    return tuple(found)


def unserved(settings: Settings, policy: Policy) -> tuple[str, ...]:
    """What the policy requires and no engine of this configuration can answer."""
    found = []
    if Requirement.AGE in policy.requires and not settings.compreface.urls:
        found.append("it requires ages, and no CompreFace is configured: compreface.urls")
    if Requirement.NSFW in policy.requires and not settings.models.nsfw:
        found.append("it requires an answer about nudity, and models.nsfw is empty")
    faces = settings.compreface.urls or settings.models.local_faces
    if Requirement.FACES in policy.requires and not faces:
        found.append("it requires faces, with no CompreFace configured and models.local_faces empty")
    return tuple(found)
