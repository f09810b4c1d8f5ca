"""Who did what to which subject, when and why. Entries are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Action(StrEnum):
    """What can be done that others may later ask about."""

    APPROVE = "review.approve"
    REJECT = "review.reject"
    KEEP = "review.keep"
    UNDO = "review.undo"
    NOTE = "review.note"
    RELEASE = "review.release"
    VIEW = "review.view"
    REVEAL = "review.reveal"
    JUDGE = "review.judge"
    REMODERATE = "remoderate"
    DRAW = "samples.draw"
    GOLDEN = "samples.golden"
    SUBMIT = "jobs.submit"
    CANCEL = "jobs.cancel"
    QUIET = "workers.quiet"
    RESUME = "workers.resume"
    RESTART = "workers.restart"
    E2E = "e2e"
    BENCH = "bench"
    MIGRATE = "migrate.apply"
    SCALE = "scale"
    AUTOSCALE = "autoscale"
    DEPLOY = "deploy.apply"
    DEPLOY_BACK = "deploy.back"
    RESTORE = "backup.restore"
    EXPORT = "privacy.export"
    ERASE = "privacy.erase"
    """Its `after` names, as `seqs`, the first and last place of each run of entries whose words it took away."""
    TRIM = "retention.trim"
    """Where it took the words of entries away, its `after` names them as that of `ERASE` does."""
    ALERT_ACK = "alerts.ack"
    ALERT_SILENCE = "alerts.silence"
    ALERT_UNSILENCE = "alerts.unsilence"
    POLICY_ACTIVATE = "policy.activate"
    POLICY_ROLLBACK = "policy.rollback"
    HOLD = "privacy.hold"
    LIFT = "privacy.release"


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that a person or a program did."""

    actor: str
    """A person's name, or the name of the command that ran on its own."""
    action: str
    """A dotted word such as `review.approve`; ours are in `Action`."""
    subject: str
    """What it was done to: `media:<uuid>`, `job:<id>`, `queue`, `database`."""
    at: datetime
    """Aware."""
    reason: str = ""
    """Why, in the actor's words."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """Only what the action changed."""
    after: Mapping[str, Any] = field(default_factory=dict)


def job_subject(job_id: str) -> str:
    return f"job:{job_id}"


def submission_subject(submission_id: object) -> str:
    return f"submission:{submission_id}"


def worker_subject(name: str) -> str:
    """By the name of its container, else by host and process."""
    return f"worker:{name}"


def service_subject(service: str) -> str:
    """By the name that it has in its project or stack."""
    return f"service:{service}"


def incident_subject(number: int) -> str:
    """Of an alert."""
    return f"incident:{number}"


def rule_subject(rule: str) -> str:
    """Of an alert; `all` for every rule."""
    return f"rule:{rule}"


def user_subject(user_id: object) -> str:
    return f"user:{user_id}"


def photo_subject(media_id: object) -> str:
    """How a photo is named in the audit."""
    return f"media:{media_id}"
