"""Every setting: its type, default, unit and meaning. Pure description; `load.py` fills it.

A setting's description is what `config.example.yaml`, `lomi config schema` and the error texts show. Secrets are
`SecretStr`: their repr is stars, and no error text may echo an input (`hide_input_in_errors`).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from lomi_ops.config.sections.alerts import AlertsSection
from lomi_ops.config.sections.base import Colour, Section
from lomi_ops.config.sections.judging import ImagesSection, ModelsSection, PolicyChoice
from lomi_ops.config.sections.operating import (
    BackupSection,
    ChecksSection,
    MetricsSection,
    RetentionSection,
    ReviewSection,
)
from lomi_ops.config.sections.services import (
    BackendSection,
    CompreFaceSection,
    DatabaseSection,
    DockerSection,
    ObjectsSection,
    RedisSection,
    TelegramSection,
)
from lomi_ops.config.sections.working import AutoscaleSection, LogSection, StackSection, WorkerSection
from lomi_ops.domain.policy import Policy


class Settings(Section):
    """Everything `lomi` can be told."""

    env_file: Path | None = Field(
        None, description="env file to read as well, e.g. the .env.production of the existing system"
    )
    profile: str | None = Field(None, description="the profile that holds where --env chooses none")
    colour: Colour | None = Field(None, description="colour of the profile's name before changes")
    redis: RedisSection = RedisSection()
    database: DatabaseSection = DatabaseSection()
    objects: ObjectsSection = ObjectsSection()
    compreface: CompreFaceSection = CompreFaceSection()
    docker: DockerSection = DockerSection()
    backend: BackendSection = BackendSection()
    telegram: TelegramSection = TelegramSection()
    checks: ChecksSection = ChecksSection()
    images: ImagesSection = ImagesSection()
    models: ModelsSection = ModelsSection()
    worker: WorkerSection = WorkerSection()
    log: LogSection = LogSection()
    policy: PolicyChoice = PolicyChoice()
    stack: StackSection = StackSection()
    backup: BackupSection = BackupSection()
    autoscale: AutoscaleSection = AutoscaleSection()
    review: ReviewSection = ReviewSection()
    retention: RetentionSection = RetentionSection()
    alerts: AlertsSection = AlertsSection()
    metrics: MetricsSection = MetricsSection()

    def active_policy(self, name: str | None = None) -> Policy:
        """The named policy, else the active one, else `default` with CompreFace and `local` without.

        Raises KeyError for an unknown name.
        """
        chosen = name or self.policy.active or ("default" if self.compreface.urls else "local")
        return self.policy.policies[chosen].to_policy(chosen)
