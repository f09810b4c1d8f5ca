"""What the settings themselves say."""

from __future__ import annotations

from datetime import UTC, datetime

from lomi_ops.config.env import CONTRACT
from lomi_ops.config.env_file import read_env_file
from lomi_ops.config.redact import password_of, secret_values
from lomi_ops.config.suppressions import read_suppressions
from lomi_ops.domain.check import CheckSpec, Found, Severity, Status
from lomi_ops.domain.policy import Requirement
from lomi_ops.domain.suppression import expired
from lomi_ops.ops.checks.handles import Check, Handles
from lomi_ops.ops.checks.words import counted

SHORT = 8
WELL_KNOWN = frozenset(
    {
        "password", "passw0rd", "postgres", "redis", "admin", "secret", "changeme", "change-me", "default", "lomi",
        "your-secure-password", "your-access-key", "your-secret-key", "your-jwt-token-here", "compreface123",
        "minioadmin", "minio123", "12345678", "123456789", "test1234", "foobared",
    }
)  # fmt: skip
"""Passwords that documents, images and examples carry."""
_SECRETS = ("_PASSWORD", "_SECRET")
"""How the variables of other programs end that are to be known by nobody."""
_PASSWORDS = ("redis.password", "redis.url", "database.password", "database.url", "database.replica_url",
              "objects.access_key", "objects.secret_key")  # fmt: skip


def complete(at: Handles) -> Found:
    settings = at.settings
    policy = settings.active_policy()
    if policy.requires & {Requirement.AGE} and not settings.compreface.urls:
        text = f"policy {policy.name} requires ages, and no CompreFace is configured: nothing can be approved"
        return Found(Status.FAIL, text, "set compreface.urls, or choose another policy: policy.active")
    absent = [name for name, there in _parts(at).items() if not there]
    if not absent or at.stack is not None:
        return Found(Status.PASS, f"policy {policy.name}" + ("" if absent else ", all services are named"))
    text = f"nobody says where these are, so they are not checked: {', '.join(absent)}"
    return Found(Status.WARN, text, "lomi init looks for them; or set them: lomi config show")


def _parts(at: Handles) -> dict[str, bool]:
    settings = at.settings
    return {
        "compreface.urls": bool(settings.compreface.urls),
        "backend.url": bool(settings.backend.url),
        "telegram.bot_token": settings.telegram.bot_token is not None,
        "checks.workers": settings.checks.workers is not None,
    }


def passwords(at: Handles) -> Found:
    ours = [f"{name} {fault}" for name, fault in _weak(at).items() if fault]
    others = [f"{name} {fault}" for name, fault in _of_other_programs(at).items() if fault]
    if not ours and not others:
        return Found(Status.PASS, "none is one that documents and images carry")
    text = "; ".join([*ours, *others])
    hint = "choose new ones and set them in both places, server and settings"
    return Found(Status.FAIL if ours else Status.WARN, text, hint)


def _weak(at: Handles) -> dict[str, str]:
    found = {}
    for name, whole in secret_values(at.settings).items():
        if name in _PASSWORDS and (value := password_of(whole)) is not None:
            found[name] = _fault(value)
    return found


def _of_other_programs(at: Handles) -> dict[str, str]:
    """Secrets in the env file of the existing system that are none of our settings."""
    path = at.settings.env_file
    variables = read_env_file(path, {})[0] if path is not None else []
    theirs = (each for each in variables if each.name not in CONTRACT and not each.name.startswith("LOMI_"))
    return {
        f"{each.name} in {path}": _fault(each.value)
        for each in theirs
        if each.name.endswith(_SECRETS) and each.value and not each.unset
    }


def _fault(value: str) -> str:
    if value.lower() in WELL_KNOWN:
        return "is a well-known default"
    return f"is shorter than {SHORT} characters" if len(value) < SHORT else ""


def suppressions(at: Handles) -> Found:
    path = at.settings.checks.suppressions
    if path is None:
        return Found(Status.SKIP, "no suppressions are configured")
    known = read_suppressions(path)
    late = expired(known, datetime.now(UTC).date())
    if late:
        text = "; ".join(f"{each.check} (until {each.until}: {each.reason})" for each in late)
        return Found(Status.WARN, f"no longer in force: {text}", f"mend the cause, or renew the entry in {path}")
    return Found(Status.PASS, counted(len(known), "entry in force", "entries in force"))


CHECKS = (
    Check(CheckSpec("LOMI-CONFIG-001", "config.complete", "the configuration is complete", "lomi config show --origin"),
          complete),
    Check(CheckSpec("LOMI-CONFIG-002", "config.passwords", "no password is a default", "lomi config show --origin"),
          passwords),
    Check(CheckSpec("LOMI-CONFIG-003", "config.suppressions", "no suppression has expired", "lomi config show --origin",
                    severity=Severity.WARNING), suppressions),
)  # fmt: skip
