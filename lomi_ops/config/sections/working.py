"""Workers: how one runs, logs, and how many there are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from lomi_ops.config.sections.base import Score, Seconds, Section, Share

if TYPE_CHECKING:
    from lomi_ops.domain.autoscale import Rules

FENCE_MARGIN_S = 2.0
"""A worker gives up a lease that no beat has renewed this long before the server would: clocks drift, scripts take
time."""


class WorkerSection(Section):
    """The run loop."""

    slots: Annotated[int, Field(ge=1, le=32)] = Field(
        1, description="jobs in hand at once, each with its own judging process"
    )
    lease_s: Seconds = Field(12.0, description="seconds a claim lasts without a beat")
    beat_s: Seconds = Field(4.0, description="seconds between beats")
    reap_s: Seconds = Field(1.0, description="seconds between looks for expired leases")
    job_limit_s: Seconds = Field(900.0, description="seconds after which a running job is taken for hung")
    grace_s: Seconds = Field(50.0, description="seconds that a SIGTERM leaves to finish the job in hand")
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(3, description="tries of a job before it is a dead letter")
    outage_limit_s: Seconds = Field(3600.0, description="seconds of an engine's outage before a person gets the photo")
    downloads: Annotated[int, Field(ge=1, le=64)] = Field(9, description="photos of a job fetched at once")
    reuse_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        0, description="days for which findings are taken again for a photo with the very same bytes; 0 for never"
    )
    health_file: Path | None = Field(None, description="where the worker notes its state for --healthcheck")


class LogSection(Section):
    """What is written to the log."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is written")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, else one JSON object a line"
    )
    sample_success: Score = Field(1.0, description="share of successful photos that are logged; failures always are")


class StackSection(Section):
    """The local stack that `lomi up` runs."""

    data: Path | None = Field(None, description="its folder; empty: /var/lib/lomi as root, else ~/.local/share/lomi")
    workers: Annotated[int, Field(ge=0, le=64)] = Field(1, description="worker processes")


class AutoscaleSection(Section):
    """By which numbers workers are added and taken, as the queue needs them."""

    min: Annotated[int, Field(ge=1, le=1000)] = Field(4, description="workers that there are at least")
    max: Annotated[int, Field(ge=1, le=1000)] = Field(12, description="workers that there are at most")
    queue: Annotated[int, Field(ge=1)] = Field(10, description="jobs that may wait before one more worker is due")
    photo_s: Seconds = Field(3.0, description="seconds per photo from which one more is due, while jobs wait")
    one_more_at: Share = Field(0.85, description="share of the slots in use, as expected, from which one more is due")
    two_more_at: Share = Field(0.90, description="the same for two more")
    five_more_at: Share = Field(0.95, description="the same for five more")
    fewer_below: Share = Field(0.70, description="one fewer is due where that leaves a smaller share in use")
    drain_s: Seconds = Field(600.0, description="seconds in which a backlog is to be worked off")
    calm_s: Seconds = Field(10.0, description="no worker is taken while the next job has waited for longer")
    up_after_s: Seconds = Field(90.0, description="seconds for which more must have been due")
    down_after_s: Seconds = Field(900.0, description="seconds for which fewer must have been enough")
    cooldown_up_s: Seconds = Field(180.0, description="seconds from any change to the next one upwards")
    cooldown_down_s: Seconds = Field(600.0, description="seconds from any change to the next one downwards")
    ready_s: Seconds = Field(300.0, description="seconds that new workers may need to get ready")
    stale_s: Seconds = Field(60.0, description="numbers older than this are not acted on")
    gap_s: Seconds = Field(180.0, description="looks further apart do not make one span: cron must call more often")
    every_s: Seconds = Field(15.0, description="seconds between looks, as a service")

    def to_rules(self) -> Rules:
        from lomi_ops.domain.autoscale import Rules  # one command in many needs them

        return Rules(**self.model_dump(exclude={"every_s"}))
