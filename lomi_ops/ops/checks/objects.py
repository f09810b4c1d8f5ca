"""The store that holds the bytes of the photos."""

from __future__ import annotations

import uuid

from lomi_ops.clients.objects.canary import check_canary
from lomi_ops.domain.check import CheckSpec, Cost, Found, Status
from lomi_ops.errors import ObjectsUnavailable
from lomi_ops.ops.checks.handles import Check, Handles

_FOLDER = "no S3: the objects lie in a folder"
_REFUSALS = (400, 401, 403, 404)
"""R2 answers 400 to a request that is not signed."""
_ABSENT_KEY = "lomi-check/does-not-exist"


def read(at: Handles) -> Found:
    at.objects.size(_bucket(at), _ABSENT_KEY)
    return Found(Status.PASS, f"{at.objects.describe()}, bucket {_bucket(at)}")


def checksums(at: Handles) -> Found:
    """botocore adds CRC32 trailers by itself, which R2 answers with 501."""
    if at.settings.objects.directory is not None:
        return Found(Status.SKIP, _FOLDER)
    from lomi_ops.clients.objects.s3 import S3Store  # boto3 takes 100 ms to import

    assert isinstance(at.objects, S3Store)
    said = at.objects.checksums()
    if set(said.values()) == {"when_required"}:
        return Found(Status.PASS, "only when the store asks for them").seen("when_required", "when_required")
    text = ", ".join(f"{name} is {value}" for name, value in said.items())
    return Found(Status.FAIL, text, "this is a bug in lomi, please report it").seen(text, "when_required")


def canary(at: Handles) -> Found:
    check_canary(at.objects, _bucket(at), uuid.uuid4().hex)
    return Found(Status.PASS, "wrote, read and deleted an object")


def private(at: Handles) -> Found:
    if at.settings.objects.directory is not None:
        return Found(Status.SKIP, _FOLDER)
    from lomi_ops.clients.objects import public  # httpx takes 80 ms

    answer = public.listing(at.settings.objects, _bucket(at))
    if answer in (200, 206):
        text = f"the bucket {_bucket(at)} shows its photos to anybody (HTTP {answer} without a key)"
        return Found(Status.FAIL, text, "take public access from the bucket").seen(str(answer), "403")
    if answer not in _REFUSALS:
        return Found(Status.UNKNOWN, f"a request without a key was answered with HTTP {answer}").seen(str(answer))
    said = f"a stranger is refused (HTTP {answer})"
    key = _any_key(at)
    if key is None:
        return Found(Status.PASS, said).seen(str(answer))
    answer = public.reading(at.settings.objects, _bucket(at), key)
    if answer in (200, 206):
        text = f"whoever knows the name of a photo in {_bucket(at)} may read it (HTTP {answer} without a key)"
        return Found(Status.FAIL, text, "take public access from the bucket").seen(str(answer), "403")
    return Found(Status.PASS, f"{said}, also for a photo by its name").seen(str(answer))


def _any_key(at: Handles) -> str | None:
    """An object that is there, where our key may list."""
    try:
        return next((each.key for each in at.objects.list(_bucket(at))), None)
    except ObjectsUnavailable:
        return None


def _bucket(at: Handles) -> str:
    return at.settings.objects.bucket_photos


READ = "objects.read"

CHECKS = (
    Check(CheckSpec("LOMI-OBJECTS-001", READ, "the object store answers", "lomi config show --origin", eventual=True,
                    timeout_s=8.0), read),
    Check(CheckSpec("LOMI-OBJECTS-002", "objects.checksums", "no checksums that R2 refuses", "lomi --version"),
          checksums),
    Check(CheckSpec("LOMI-OBJECTS-003", "objects.private", "strangers see no photo", "lomi config show --origin",
                    (READ,)), private),
    Check(CheckSpec("LOMI-OBJECTS-004", "objects.canary", "objects can be written, read and deleted",
                    "lomi config show --origin", (READ,), cost=Cost.DEEP, timeout_s=10.0), canary),
)  # fmt: skip
