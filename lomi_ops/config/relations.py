"""What the schema cannot say of one setting alone: settings that must fit together. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from pydantic import SecretStr

from lomi_ops.config.keys import Key, closest
from lomi_ops.config.misfit import Misfit
from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.alerts import AlertsSection
from lomi_ops.config.sections.judging import PolicySection
from lomi_ops.config.sections.working import FENCE_MARGIN_S
from lomi_ops.errors import UsageError

_NOT_A_HOST = re.compile(r"://|@|\s|^[^:/]*:\d+$")
"""An IPv6 address has more colons, and a folder is libpq's way to name a Unix socket."""

_DOCKER_HOST = re.compile(r"unix:///?[^\s]+|tcp://[^\s/@]+:\d+|ssh://([^\s/@:]+@)?(\[[\da-fA-F:]+\]|[^\s/@:]+)(:\d+)?")


def misfits(settings: Settings) -> Iterator[Misfit]:
    """Everything that does not fit."""
    yield from _times(settings)
    yield from _sizes(settings)
    yield from _urls(settings)
    yield from _hosts(settings)
    yield from _sentinels(settings)
    yield from _backups(settings)
    yield from _docker(settings)
    yield from _autoscale(settings)
    yield from _alerts(settings)
    yield from _filters(settings)
    yield from _policies(settings)


def _times(settings: Settings) -> Iterator[Misfit]:
    redis, worker = settings.redis, settings.worker
    if redis.timeout_s < redis.doorbell_s + 3:
        what = f"must be at least redis.doorbell_s + 3 = {redis.doorbell_s + 3}: an answer may come that late"
        yield Misfit(("redis", "timeout_s"), what, (("redis", "doorbell_s"),))
    if worker.beat_s >= worker.lease_s - FENCE_MARGIN_S:
        # Else each lease is given up before its first beat, and the slot adopts its own job for ever.
        what = f"must be less than worker.lease_s - {FENCE_MARGIN_S:g} = {worker.lease_s - FENCE_MARGIN_S:g}"
        yield Misfit(("worker", "beat_s"), what, (("worker", "lease_s"),))
    for name, limit in (("reap_s", "lease_s"), ("lease_s", "job_limit_s")):
        if getattr(worker, name) >= getattr(worker, limit):
            what = f"must be less than worker.{limit} = {getattr(worker, limit):g}"
            yield Misfit(("worker", name), what, (("worker", limit),))
    if settings.images.decode_timeout_s >= worker.job_limit_s:
        what = f"must be less than worker.job_limit_s = {worker.job_limit_s:g}"
        yield Misfit(("images", "decode_timeout_s"), what, (("worker", "job_limit_s"),))


def _sizes(settings: Settings) -> Iterator[Misfit]:
    images = settings.images
    if images.min_side > images.max_side:
        what = f"must not exceed images.max_side = {images.max_side}"
        yield Misfit(("images", "min_side"), what, (("images", "max_side"),))
    if images.min_side**2 > images.max_pixels:
        what = f"squared must not exceed images.max_pixels = {images.max_pixels}: no photo would pass"
        yield Misfit(("images", "min_side"), what, (("images", "max_pixels"),))


def _urls(settings: Settings) -> Iterator[Misfit]:
    yield from _service_url(("redis", "url"), settings.redis.url, ("redis", "rediss", "unix"))
    yield from _service_url(("database", "url"), settings.database.url, ("postgresql", "postgres"))
    yield from _service_url(("database", "replica_url"), settings.database.replica_url, ("postgresql", "postgres"))
    plain: list[tuple[Key, str | None]] = [(("compreface", "urls"), url) for url in settings.compreface.urls]
    plain += [
        (("compreface", "health_url"), settings.compreface.health_url),
        (("backend", "url"), settings.backend.url),
    ]
    for key, url in plain:
        if url is not None and (fault := _web_fault(url)):
            yield Misfit(key, fault)
    endpoint = settings.objects.endpoint
    if endpoint is not None and "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    if endpoint is not None and (fault := _web_fault(endpoint)):
        yield Misfit(("objects", "endpoint"), fault)


def _hosts(settings: Settings) -> Iterator[Misfit]:
    for section, host in (("redis", settings.redis.host), ("database", settings.database.host)):
        if host is not None and _NOT_A_HOST.search(host):
            what = f"must be a host alone: the port goes into {section}.port, a whole URL into {section}.url"
            yield Misfit((section, "host"), what)


def _sentinels(settings: Settings) -> Iterator[Misfit]:
    redis = settings.redis
    if not redis.sentinels:
        return
    for other in ("url", "host"):
        if getattr(redis, other) is not None:
            what = f"says where Redis is, and so does redis.{other}: set one of them"
            yield Misfit(("redis", "sentinels"), what, (("redis", other),))
    try:
        redis.sentinel_addresses()
    except ValueError:
        yield Misfit(("redis", "sentinels"), "must be host:port of each Sentinel, with commas between them")
    if not redis.sentinel_service:
        yield Misfit(("redis", "sentinel_service"), "must not be empty: the Sentinels know the primary by this name")


def _backups(settings: Settings) -> Iterator[Misfit]:
    to, named = settings.backup.to, settings.backup.object
    if to is None and named is None:
        return
    from lomi_ops.domain.backup import s3_place  # as with alerts

    if to is not None and s3_place(to) is None and not to.startswith(("/", "~/")):
        # Relative to what? A cron job runs somewhere else than its author.
        yield Misfit(("backup", "to"), "must be a folder with its whole path, or s3://bucket/prefix")
    if named is not None and not (s3_place(named) or ("", ""))[1]:
        yield Misfit(("backup", "object"), "must look like s3://bucket/key")


def _docker(settings: Settings) -> Iterator[Misfit]:
    host = settings.docker.host
    if host is not None and not _DOCKER_HOST.fullmatch(host):
        what = "must look like unix:///var/run/docker.sock, tcp://HOST:2376 or ssh://USER@HOST"
        yield Misfit(("docker", "host"), what)
    named: dict[str, Key] = {}
    for role in ("postgres", "redis", "backend", "compreface", "workers"):
        key: Key = ("docker", f"{role}_service")
        service = getattr(settings.docker, key[1])
        if service and service in named:
            yield Misfit(key, f"must differ from {'.'.join(named[service])}", (named[service],))
        elif service:
            named[service] = key


def _autoscale(settings: Settings) -> Iterator[Misfit]:
    section = settings.autoscale
    if section.min > section.max:
        yield Misfit(("autoscale", "min"), f"must not exceed autoscale.max = {section.max}", (("autoscale", "max"),))
    stages = ("fewer_below", "one_more_at", "two_more_at", "five_more_at")
    for low, high in itertools.pairwise(stages):
        if getattr(section, low) >= getattr(section, high):
            what = f"must be less than autoscale.{high} = {getattr(section, high):g}"
            yield Misfit(("autoscale", low), what, (("autoscale", high),))
    if section.gap_s <= section.every_s:
        what = f"must exceed autoscale.every_s = {section.every_s:g}, or nothing ever holds for a while"
        yield Misfit(("autoscale", "gap_s"), what, (("autoscale", "every_s"),))


def _alerts(settings: Settings) -> Iterator[Misfit]:
    if settings.alerts == AlertsSection():
        return
    from lomi_ops.config.alert_relations import misfits_of  # the rules, which few commands need

    yield from misfits_of(settings.alerts)


def _filters(settings: Settings) -> Iterator[Misfit]:
    if not settings.review.filters:
        return
    from lomi_ops.domain.saved_filter import check  # the language of filters, which few commands need

    for name, section in settings.review.filters.items():
        try:
            check(name, section.terms)
        except UsageError as failure:
            hint = f" ({failure.hint})" if failure.hint else ""
            yield Misfit(("review", "filters", name, "terms"), f"cannot be used: {failure.message}{hint}")


def _service_url(key: Key, secret: SecretStr | None, schemes: tuple[str, ...]) -> Iterator[Misfit]:
    if secret is None:
        return
    try:
        parts = urlsplit(secret.get_secret_value())
        host = parts.hostname
        # libpq takes several hosts with a port each, which is no URL to urlsplit.
        _ = None if "," in parts.netloc else parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    complete = bool(parts.path) if parts.scheme == "unix" else bool(host) or "host=" in parts.query
    if parts.scheme not in schemes or not complete:
        form = f"{schemes[0]}://USER:PASSWORD@HOST:PORT/…"
        yield Misfit(key, f"must look like {form}, with special characters in the password percent-encoded")


def _web_fault(url: str) -> str:
    """What is wrong with an address that holds no secret; no repetition, it might hold one after all."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not an http:// or https:// URL"
    if parts.scheme not in ("http", "https") or not host:
        return "is not an http:// or https:// URL"
    if parts.username or parts.password:
        return "must not hold a user or password"
    return ""


def _policies(settings: Settings) -> Iterator[Misfit]:
    active, policies = settings.policy.active, settings.policy.policies
    if active is not None and active not in policies:
        what = f"names a policy that does not exist; there are {', '.join(policies)}"
        yield Misfit(("policy", "active"), what, nearest=closest(active, list(policies)))
    for name, policy in policies.items():
        yield from _policy(("policy", "policies", name), policy)


def _policy(key: Key, policy: PolicySection) -> Iterator[Misfit]:
    if not policy.requires:
        yield Misfit((*key, "requires"), "must not be empty: the policy would approve without any evidence")
    blur = policy.blur
    if blur.review_below < blur.reject_below:
        low, high = (*key, "blur", "review_below"), (*key, "blur", "reject_below")
        yield Misfit(low, f"must not be less than reject_below = {blur.reject_below:g}", (high,))
    for label, zones in policy.nsfw.items():
        if zones.review_at is not None and zones.reject_at is not None and zones.review_at > zones.reject_at:
            review, reject = (*key, "nsfw", label.value, "review_at"), (*key, "nsfw", label.value, "reject_at")
            yield Misfit(review, f"must not exceed reject_at = {zones.reject_at:g}", (reject,))
