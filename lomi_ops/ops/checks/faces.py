"""CompreFace: whether it answers, who it lets in, and what it sees."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from lomi_ops.domain.check import CheckSpec, Cost, Found, Severity, Status
from lomi_ops.imaging.golden import SIZE, portrait
from lomi_ops.ops.checks.handles import Check, Handles, Probe
from lomi_ops.ops.checks.holding import ages_needed
from lomi_ops.ops.checks.words import counted

HEALTH = "faces.health"
_LOG = "docker compose -f docker-compose.prod.yml logs --tail 50 compreface"
_LOG_HINT = "check compreface.urls, and the log of compreface-core"


def _where_there_is_one(probe: Callable[[Handles], Found]) -> Probe:
    @wraps(probe)
    def wrapper(at: Handles) -> Found:
        if at.faces is None:
            return Found(Status.SKIP, "no CompreFace is configured")
        return probe(at)

    return wrapper


@_where_there_is_one
def health(at: Handles) -> Found:
    assert at.faces is not None
    answers = at.faces.health()
    down = [answer for answer in answers if not answer.ok]
    if not down:
        return Found(Status.PASS, counted(len(answers), "endpoint answers", "endpoints answer"))
    text = "; ".join(f"{answer.url} is not well: {answer.detail}" for answer in down)
    if len(down) < len(answers):
        return Found(Status.WARN, text, _LOG_HINT)
    if all(answer.slow for answer in down):
        return Found(Status.UNKNOWN, f"timeout: {text}", _LOG_HINT)
    return Found(Status.FAIL, text, _LOG_HINT)


@_where_there_is_one
def key(at: Handles) -> Found:
    assert at.faces is not None
    if at.faces.uses_default_key:
        text = "the detection key that every install is born with is in use"
        return Found(Status.WARN, text, "set compreface.api_key; keep port 8000 closed to the outside")
    return Found(Status.PASS, "a key of its own, or none needed")


@_where_there_is_one
def ages(at: Handles) -> Found:
    """The policy needs ages: each endpoint names the build that tells them."""
    assert at.faces is not None
    needed = ages_needed(at)
    found = at.faces.inventory()
    without = [url for url, inventory in found.items() if inventory.plugins and not inventory.age]
    names = sorted({inventory.age for inventory in found.values() if inventory.age})
    if without:
        text = f"no age plugin at {', '.join(without)}"
        status = Status.FAIL if needed else Status.WARN
        return Found(status, text, "run compreface-core with its age plugin: image exadel/compreface-core:1.2.0")
    if not names:
        return Found(Status.SKIP, "the API does not list its plugins; --deep looks at a face")
    if len(names) > 1:
        return Found(Status.WARN, f"endpoints differ: {', '.join(names)}", "run one build everywhere")
    return Found(Status.PASS, names[0]).seen(names[0])


@_where_there_is_one
def face(at: Handles) -> Found:
    """A photo of one adult face is seen as such."""
    assert at.faces is not None
    report = at.faces.find(portrait(), 1.0, SIZE)
    number = len(report.findings)
    aged = [finding for finding in report.findings if finding.age is not None]
    said = (counted(number, "face", "faces"), "1 face with an age")
    if number != 1:
        text = f"it sees {said[0]} in a photo of one person"
        return Found(Status.FAIL, text, _LOG_HINT).seen(*said)
    if not aged and ages_needed(at):
        return Found(Status.FAIL, "it sees the face, and no age", "give compreface-core its age plugin").seen(*said)
    return Found(Status.PASS, f"one face, by {report.model}").seen(*said)


@_where_there_is_one
def exposed(at: Handles) -> Found:
    assert at.faces is not None
    open_ = at.faces.exposed(portrait())
    if not open_:
        return Found(Status.PASS, "nobody gets in with the key that every install is born with")
    text = f"{', '.join(open_)} detects faces for the well-known key"
    return Found(Status.WARN, text, "delete that service in CompreFace's own pages, and keep port 8000 closed")


CHECKS = (
    Check(CheckSpec("LOMI-FACES-001", HEALTH, "CompreFace answers", _LOG,
                    eventual=True), health),
    Check(CheckSpec("LOMI-FACES-002", "faces.key", "CompreFace has a key of its own", "lomi config show --origin",
                    (HEALTH,), Severity.WARNING), key),
    Check(CheckSpec("LOMI-FACES-003", "faces.ages", "CompreFace can tell ages", "lomi doctor compreface", (HEALTH,)),
          ages),
    Check(CheckSpec("LOMI-FACES-004", "faces.canary", "CompreFace sees a face where one is", _LOG,
                    (HEALTH,), cost=Cost.DEEP, timeout_s=12.0), face),
    Check(CheckSpec("LOMI-FACES-005", "faces.exposed", "CompreFace's well-known key opens nothing",
                    "lomi config show --origin", (HEALTH,), Severity.WARNING, cost=Cost.DEEP, timeout_s=12.0),
          exposed),
)  # fmt: skip
