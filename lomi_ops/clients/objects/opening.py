"""From settings to a store."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from lomi_ops.clients.objects.directory import DirectoryStore
from lomi_ops.clients.objects.keys import Buckets
from lomi_ops.clients.objects.store import ObjectStore
from lomi_ops.config.sections.services import ObjectsSection
from lomi_ops.errors import ConfigError

if TYPE_CHECKING:
    from lomi_ops.clients.objects.s3_files import S3Files


def open_store(section: ObjectsSection, *, retries: int | None = None) -> ObjectStore:
    """The store that the settings describe. Opens no connection and touches no file yet. `retries`: how often an S3
    call is tried again, the store's own number where None.

    Raises ConfigError where neither a directory nor a complete S3 account is set.
    """
    if section.directory is not None:
        return DirectoryStore(section.directory, allowed_buckets(section))
    problems = _problems(section)
    if problems:
        hint = "set objects.directory, or endpoint, access_key and secret_key"
        raise ConfigError("the object store is not configured", problems=problems, hint=hint)
    from lomi_ops.clients.objects.s3 import RETRIES, S3Store  # boto3 takes 100 ms to import

    again = RETRIES if retries is None else retries
    return S3Store(section, endpoint_url(section), allowed_buckets(section), retries=again)


def open_files(section: ObjectsSection, bucket: str) -> S3Files:
    """One bucket of the S3 account in the settings, for large files; also where photos lie in a directory.

    Opens no connection yet. Raises ConfigError where the account is not set.
    """
    if problems := _problems(section):
        hint = "set objects.endpoint, objects.access_key and objects.secret_key"
        raise ConfigError(f"the account of the bucket {bucket} is not configured", problems=problems, hint=hint)
    from lomi_ops.clients.objects.s3_files import S3Files

    return S3Files(section, endpoint_url(section), Buckets(frozenset({bucket})))


def allowed_buckets(section: ObjectsSection) -> Buckets:
    """A directory whose buckets nobody named takes any; an S3 account never does."""
    untouched = section.bucket_photos == ObjectsSection().bucket_photos and not section.extra_buckets
    configured = frozenset({section.bucket_photos, *section.extra_buckets})
    return Buckets(configured, others=section.directory is not None and untouched)


def endpoint_url(section: ObjectsSection) -> str:
    """The endpoint with its scheme, without a slash at the end."""
    endpoint = (section.endpoint or "").strip()
    scheme = "https" if section.use_ssl else "http"
    return (endpoint if "://" in endpoint else f"{scheme}://{endpoint}").rstrip("/")


def _problems(section: ObjectsSection) -> list[str]:
    values = {"endpoint": section.endpoint, "access_key": section.access_key, "secret_key": section.secret_key}
    problems = [f"objects.{name} is missing" for name, value in values.items() if not value]
    if section.endpoint and (fault := _endpoint_fault(section)):
        problems.append(f"objects.endpoint {fault}")
    return problems


def _endpoint_fault(section: ObjectsSection) -> str:
    """What is wrong with the endpoint, without repeating it: it may hold a password."""
    try:
        parts = urlsplit(endpoint_url(section))
        parts.port  # noqa: B018 - reading it is what checks it
    except ValueError:
        return "is not a host or URL"
    if parts.scheme not in ("http", "https"):
        return "must be a host or an http(s) URL"
    if not parts.hostname:
        return "has no host"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "must hold no credentials and no query; keys go to access_key and secret_key"
    if parts.path.strip("/") == section.bucket_photos:
        return f"must not end with the bucket; {section.bucket_photos} belongs to bucket_photos"
    return ""
