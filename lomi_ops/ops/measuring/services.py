"""What is asked now and then: the object store, CompreFace, and where backups are."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from lomi_ops.clients.objects.store import ObjectStore
from lomi_ops.config.sections.operating import BackupSection
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.domain.measure import Source, Values
from lomi_ops.domain.pace import Pace
from lomi_ops.errors import FacesUnavailable
from lomi_ops.ops.backup.last import last_backup
from lomi_ops.ops.measuring.reader import Bag

if TYPE_CHECKING:
    from lomi_ops.clients.compreface.client import Health
    from lomi_ops.clients.compreface.pool import FaceService

SERVICE_S = 15.0
BACKUP_S = 300.0
ABSENT_KEY = "lomi-metrics/no-such-object"


@dataclass(slots=True)
class ObjectsReader:
    store: ObjectStore
    bucket: str
    source: Source = Source.OBJECTS
    pace: Pace = field(default_factory=lambda: Pace(SERVICE_S))

    def read(self) -> Values:
        bag, began = Bag(), time.monotonic()
        self.store.size(self.bucket, ABSENT_KEY)
        bag.put("lomi_probe_seconds", time.monotonic() - began, service="objects")
        return bag.values


@dataclass(slots=True)
class FacesReader:
    faces: FaceService
    source: Source = Source.COMPREFACE
    pace: Pace = field(default_factory=lambda: Pace(SERVICE_S))

    def read(self) -> Values:
        answers = self.faces.health()
        well = [each for each in answers if each.ok]
        if not well:
            raise FacesUnavailable("; ".join(_said(each) for each in answers))
        bag, number = Bag(), Counter("well" if each.ok else "down" for each in answers)
        for state in ("well", "down"):
            bag.put("lomi_compreface_endpoints", number[state], state=state)
        bag.put("lomi_probe_seconds", min(each.elapsed_ms for each in well) / 1000, service="compreface")
        return bag.values


def _said(answer: Health) -> str:
    return answer.detail if answer.url in answer.detail else f"{answer.url} is not well: {answer.detail}"


@dataclass(slots=True)
class BackupsReader:
    """Where no backup is found there is no age."""

    section: BackupSection
    objects: ObjectsSection
    source: Source = Source.BACKUPS
    pace: Pace = field(default_factory=lambda: Pace(BACKUP_S))

    def read(self) -> Values:
        bag = Bag()
        found = last_backup(self.section, self.objects)
        bag.put("lomi_backup_found", found is not None)
        if found is not None:
            bag.put("lomi_backup_timestamp_seconds", found.when.timestamp())
            bag.put("lomi_backup_age_seconds", (datetime.now(UTC) - found.when).total_seconds())
        return bag.values
