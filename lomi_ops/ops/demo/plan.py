"""What a demo will do: who uploads which photo under which key, in which batch. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePath
from uuid import UUID

from lomi_ops.domain.job import MAX_PHOTOS, Job, PhotoRef
from lomi_ops.errors import UsageError
from lomi_ops.ops.demo.samples import Sample

_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


@dataclass(frozen=True, slots=True)
class Upload:
    """One photo on its way."""

    sample: Sample
    photo: PhotoRef


@dataclass(frozen=True, slots=True)
class Plan:
    user_id: UUID
    jobs: tuple[Job, ...]
    """One per batch, in the order in which they are pushed."""
    uploads: tuple[Upload, ...]
    """In the order of the samples, which is that of the jobs and their photos."""

    @property
    def job_of(self) -> Mapping[UUID, str]:
        """Job id by photo."""
        return {photo.media_id: job.job_id for job in self.jobs for photo in job.photos}


def make_plan(
    samples: Sequence[Sample], bucket: str, url_of: Callable[[str, str], str], new_id: Callable[[], UUID], now: datetime
) -> Plan:
    """One user, batches of at most nine photos. `url_of` gives the URL of a bucket and key for the job's `r2_url`.

    Raises UsageError where there is nothing to show.
    """
    if not samples:
        raise UsageError("the demo needs at least one photo")
    user_id = new_id()
    uploads = tuple(_upload(sample, user_id, bucket, url_of, new_id()) for sample in samples)
    jobs = tuple(
        Job(str(new_id()), new_id(), user_id, 0, tuple(upload.photo for upload in batch), now)
        for batch in _batches(uploads)
    )
    return Plan(user_id, jobs, uploads)


def read_photos(paths: Sequence[Path]) -> tuple[Sample, ...]:
    """Photos that somebody brings along; nothing is expected of them. Raises UsageError for what cannot be read."""
    samples: dict[str, Sample] = {}
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}", hint="lomi demo PHOTO… takes files") from error
        name = path.name if path.name not in samples else str(path)
        samples[name] = Sample(name, path.name, data)
    return tuple(samples.values())


def _upload(sample: Sample, user_id: UUID, bucket: str, url_of: Callable[[str, str], str], media_id: UUID) -> Upload:
    suffix = PurePath(sample.filename).suffix.lower()
    key = f"users/{user_id}/photo/{media_id}{suffix if _SUFFIX.fullmatch(suffix) else '.jpg'}"
    return Upload(sample, PhotoRef(media_id, key, bucket, url_of(bucket, key)))


def _batches(uploads: Sequence[Upload]) -> Iterator[Sequence[Upload]]:
    for start in range(0, len(uploads), MAX_PHOTOS):
        yield uploads[start : start + MAX_PHOTOS]
