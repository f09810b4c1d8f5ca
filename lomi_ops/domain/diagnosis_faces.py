"""Why CompreFace gives no answers. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lomi_ops.domain.check import Status
from lomi_ops.domain.container_rules import Trouble
from lomi_ops.domain.diagnosis import Failure, Finding, Gravity, counted

_WHY = "photos wait for it, and past a limit they go to a person; old workers fall back to a weaker detector"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One CompreFace, as it said it is."""

    url: str
    ok: bool
    detail: str = ""
    slow: bool = False


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """Everything that is known of CompreFace."""

    configured: bool
    endpoints: tuple[Endpoint, ...] = ()
    container: Sequence[Trouble] = ()
    """Troubles of its container, the worst first."""
    exposed: Sequence[Trouble] = ()
    """Where its containers are published for everybody."""
    names: tuple[str, ...] = ()
    """Its containers."""
    photo: Failure | None = None
    """Why it could not tell about a photo of one face."""
    faces: int | None = None
    """How many faces it saw in that photo; None where it was not asked or gave no answer."""
    default_key: bool = False
    last_words: tuple[str, ...] = ()
    """Of its container's log."""


def face_findings(facts: FaceFacts) -> Iterator[Finding]:
    for trouble in facts.container:
        gravity = Gravity.UNKNOWN if trouble.status is Status.UNKNOWN else Gravity.WRONG
        yield Finding("compreface.container", gravity, trouble.what, _WHY, trouble.next, facts.last_words)
    for trouble in facts.exposed:
        why = "the core asks for no key, and its API takes the one that every install is born with"
        yield Finding("compreface.exposed", Gravity.NOTE, trouble.what, why, "lomi help LOMI-DOCKER-014")
    if not facts.configured:
        why = "faces come from a local detector and ages are not checked: the policy local holds"
        yield Finding("compreface.none", Gravity.NOTE, "no CompreFace is configured", why, "lomi config show --origin")
        return
    down = [each for each in facts.endpoints if not each.ok]
    explained = len(down) == len(facts.endpoints) and any(each.status is Status.FAIL for each in facts.container)
    if down and not explained:
        yield _down(down, facts)
    if facts.photo is not None and len(down) < len(facts.endpoints):
        command = facts.photo.hint or "lomi config show --origin"
        why = "it says that it is well, and yet it answers about no photo"
        yield Finding("compreface.photo", Gravity.WRONG, facts.photo.message, why, command)
    elif facts.faces is not None and facts.faces != 1:
        seen = f"it sees {counted(facts.faces, 'face')} in a photo of one person"
        why = "every photo would be rejected" if facts.faces == 0 else "single people would be taken for groups"
        yield Finding("compreface.photo", Gravity.WRONG, seen, why, _restart(facts))
    if facts.default_key:
        seen = "the detection key that every install is born with is in use"
        why = "whoever reaches CompreFace can use it"
        yield Finding("compreface.key", Gravity.NOTE, seen, why, "lomi config show --origin")


def _down(down: Sequence[Endpoint], facts: FaceFacts) -> Finding:
    seen = "; ".join(f"{each.url}: {each.detail}" for each in down)
    if len(facts.endpoints) > len(down):
        seen = f"{len(down)} of {len(facts.endpoints)} endpoints are not well: {seen}"
    slow = all(each.slow for each in down) and len(down) == len(facts.endpoints)
    gravity = Gravity.UNKNOWN if slow and not facts.names else Gravity.WRONG
    return Finding("compreface.down", gravity, seen, _WHY, _restart(facts), facts.last_words)


def _restart(facts: FaceFacts) -> str:
    return f"docker restart {facts.names[0]}" if facts.names else "lomi check --only faces"
