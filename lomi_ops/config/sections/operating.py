"""What people do with a running cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lomi_ops.config.sections.base import Score, Seconds, Section

Days = Annotated[int | None, Field(ge=7, le=36_500)]


class BackupSection(Section):
    """Where backups go, and how `lomi check` finds the last one: any of these, the latest counts."""

    to: str | None = Field(
        None, description="folder, or s3://bucket/prefix with the account of objects, that `lomi backup` uses"
    )
    file: Path | None = Field(
        None, description="file of backups of your own, by when it was written last; * in its name: the latest"
    )
    object: str | None = Field(
        None, description="the same in the account of objects: s3://bucket/key; * at the end: the latest below that"
    )
    command: str | None = Field(
        None, description="program that prints when your last backup was (ISO or seconds since 1970); no shell runs it"
    )
    max_age_s: Seconds = Field(93_600.0, description="seconds after which the last backup is too old: 26 hours")

    @property
    def says_where(self) -> bool:
        """Whether anything says where to look."""
        return any((self.to, self.file, self.object, self.command))


class RetentionSection(Section):
    """How many days what lomi wrote is kept; null for ever. Nothing goes before `lomi retention trim` runs."""

    jobs_days: Days = Field(400, description="settled jobs in the ledger, none of whose photos is still pending")
    job_ends_days: Days = Field(400, description="how jobs ended that were not settled")
    messages_days: Days = Field(30, description="published messages of people's decisions")
    checkpoints_days: Days = Field(30, description="what was known of jobs in hand that nobody took up again")
    reveals_days: Days = Field(400, description="who made which photo visible")
    alerts_days: Days = Field(400, description="deliveries of alerts that have ended, of resolved incidents")
    remoderated_days: Days = Field(400, description="what came of each photo of ended runs of lomi remoderate")
    audit_text_days: Days = Field(None, description="the words of audit entries; their places in the chain stay")


class ChecksSection(Section):
    """Limits that `lomi check` judges by."""

    workers: Annotated[int, Field(ge=0)] | None = Field(None, description="how many workers there should be")
    backlog: Annotated[int, Field(ge=0)] = Field(10, description="jobs that may wait before more workers are due")
    oldest_s: Seconds = Field(60.0, description="seconds that the next job may have waited")
    drain_s: Seconds = Field(600.0, description="seconds in which a longer queue must be through")
    error_rate: Score = Field(0.01, description="share of photos of a day that may turn out not to be judgeable")
    mean_s: Seconds = Field(2.0, description="seconds that judging a photo may take on average")
    suppressions: Path | None = Field(None, description="file of accepted trouble: check, reason, until")


class FilterSection(Section):
    """A filter over photos that has a name."""

    terms: str = Field("", description="what must hold: reason:nsfw porn>0.4 porn<0.7; pile:rejected names a pile")


class ReviewSection(Section):
    """People who look at photos and decide."""

    grace_s: Annotated[float, Field(ge=0)] = Field(
        60.0, description="seconds in which a decision can be undone before anybody is told of it; 0 tells at once"
    )
    claim_s: Seconds = Field(120.0, description="seconds for which a photo is somebody's own without a beat")
    sample_share: Score = Field(
        0.05,
        description="share of the photos of a queue that are samples, where any are drawn; 0 for none",
    )
    break_after_reveals: Annotated[int, Field(ge=0)] = Field(
        100, description="revealed photos in one shift after which the app proposes a break; 0 for never"
    )
    break_after_minutes: Annotated[int, Field(ge=0)] = Field(
        60, description="minutes of work without a pause after which the app proposes a break; 0 for never"
    )
    images: Literal["auto", "kitty", "sixel", "blocks", "none"] = Field(
        "auto", description="how the app draws photos; auto asks the terminal, and takes blocks under tmux, screen, ssh"
    )
    macros: Path | None = Field(
        None, description="file of decisions that are made again and again, with their words; empty: one a reason"
    )
    filters: dict[str, FilterSection] = Field({}, description="filters by a name of your own, offered like piles")


class MetricsSection(Section):
    """What `lomi metrics` serves and counts with."""

    listen: str = Field("127.0.0.1:9464", description="host:port of lomi metrics serve; port 0 takes a free one")
    every_s: Seconds = Field(5.0, description="seconds between looks at the cluster")
    price_per_worker_hour: Annotated[float, Field(ge=0)] | None = Field(
        None, description="what an hour of one job in hand costs, for the cost of 1,000 photos; in any currency"
    )
