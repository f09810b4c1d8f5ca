"""What goes into the templates: from the settings, and from what the operator names. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from lomi_ops.config.schema import Settings
from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain import deployment as names
from lomi_ops.domain.deployment import BACKUP, FACES_KEY, SECRETS, SENTINEL, Kind, RedisPlace, Secret, Target, Values
from lomi_ops.errors import UsageError
from lomi_ops.queue.keys import Keys
from lomi_ops.version import __version__

TOO_MANY = 1000
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_COMPREFACE = "http://compreface:3000"
_HEARTBEAT = Secret("alerts_heartbeat_url", "LOMI_ALERTS__HEARTBEAT_URL")
_ROUTE_PARTS = ("webhook", "key", "apprise")


@dataclass(frozen=True, slots=True)
class Named:
    """What the command line says; None is for the settings to say, or a default."""

    project: str | None = None
    workers: int | None = None
    max_workers: int | None = None
    image: str = "lomi-worker"
    ops_image: str = "lomi-ops"
    tag: str = __version__
    build: str = ""
    env_file: str | None = None
    user: str = "lomi"
    mail_to: str = "root"
    command: str = "/usr/local/bin/lomi"
    time_zone: str = "UTC"


def values(target: Target, settings: Settings, named: Named, env_file: str = "") -> Values:
    """`env_file` is the one that the settings were read from. Raises UsageError for a name that cannot stand in a file,
    and for numbers that do not fit together."""
    workers = named.workers or settings.checks.workers or settings.autoscale.min
    max_workers = named.max_workers or max(settings.autoscale.max, workers)
    _fits(workers, max_workers)
    path = named.env_file or env_file or ".env.production"
    if target in (Target.SYSTEMD, Target.CRON):
        # A unit and a cron job start in a folder of their own.
        path = str(Path(path).absolute())
    checked = [
        (names.PROJECT, "--project", project := named.project or _project(settings)),
        (names.IMAGE, "--image", named.image),
        (names.IMAGE, "--ops-image", named.ops_image),
        (names.TAG, "--tag", named.tag),
        (names.USER, "--user", named.user),
        (names.MAIL, "--mail-to", named.mail_to),
        (names.PATH, "--command", named.command),
        (names.ZONE, "--time-zone", named.time_zone),
        (names.FILE if target is not Target.CRON else names.PATH, "--env-file", path),
    ]
    _allowed([*checked, *([(names.FILE, "--build", named.build)] if named.build else [])])
    place = redis_place(settings.redis)
    return Values(
        version=__version__,
        project=project,
        image=f"{named.image}:{named.tag}",
        ops_image=f"{named.ops_image}:{named.tag}",
        worker_context=named.build,
        workers=workers,
        max_workers=max_workers,
        grace_s=round(settings.worker.grace_s),
        env_file=path,
        user=named.user,
        mail_to=named.mail_to,
        command=named.command,
        time_zone=named.time_zone,
        queue=Keys().ready,
        redis=place,
        variables=VARIABLES,
        settings=tuple(_settings(settings, place)),
        secrets=needed(settings),
        timers=_timers(settings),
        told=told(settings) if target in (Target.COMPOSE, Target.KUBERNETES) else (),
    )


VARIABLES = (
    ("REDIS_HOST", "redis"), ("REDIS_PORT", "6379"), ("REDIS_DB", "0"),
    ("DB_HOST", "postgres"), ("DB_PORT", "5432"), ("DB_USER", "lomi"), ("DB_NAME", "lomi_db"),
    ("DB_SSL_MODE", "prefer"),
    ("S3_ENDPOINT", ""), ("S3_REGION", "auto"), ("S3_USE_SSL", "true"), ("S3_BUCKET_PHOTOS", "lomi-photos"),
    ("COMPREFACE_URL", _COMPREFACE), ("LOMI_POLICY", ""),
)  # fmt: skip
"""What a worker reads of the env file, and what holds where the file is silent."""


def needed(settings: Settings) -> tuple[Secret, ...]:
    """The passwords that a worker with these settings must have."""
    more = [
        (FACES_KEY, settings.compreface.api_key),
        (SENTINEL, settings.redis.sentinel_password),
    ]
    return (*SECRETS, *(secret for secret, given in more if given is not None))


def told(settings: Settings) -> tuple[Secret, ...]:
    """Addresses and keys by which alerts reach people. Raises UsageError for a route that no variable can name."""
    found = [_HEARTBEAT] if settings.alerts.heartbeat_url is not None else []
    for name, route in settings.alerts.routes.items():
        _allowed([(names.ROUTE, "alerts.routes", name)])
        given = [part for part in _ROUTE_PARTS if getattr(route, part) is not None]
        found += [Secret(f"alerts_{name}_{part}", f"LOMI_ALERTS__ROUTES__{name}__{part}".upper()) for part in given]
    return tuple(found)


def redis_place(section: RedisSection) -> RedisPlace:
    """Where Redis is for others; an address of this machine is none of theirs."""
    if section.sentinels:
        return RedisPlace(
            db=section.db, username=section.username or "", tls=section.tls, sentinels=section.sentinels,
            sentinel_service=section.sentinel_service,
        )  # fmt: skip
    if section.url is None:
        host = _elsewhere(section.host) or "redis"
        return RedisPlace(host, section.port, section.db, section.username or "", section.tls)
    parts = urlsplit(section.url.get_secret_value())
    host = _elsewhere(parts.hostname)
    if not host:
        return RedisPlace()
    db = parts.path.strip("/")
    return RedisPlace(
        host, parts.port or 6379, int(db) if db.isdecimal() else 0, unquote(parts.username or ""),
        parts.scheme == "rediss",
    )  # fmt: skip


def _settings(settings: Settings, redis: RedisPlace) -> list[tuple[str, str]]:
    database, objects = _database(settings), settings.objects
    found = [
        *_redis(redis),
        *(database.items()),
        ("S3_ENDPOINT", objects.endpoint or ""),
        ("S3_REGION", objects.region),
        ("S3_USE_SSL", "true" if objects.use_ssl else "false"),
        ("S3_BUCKET_PHOTOS", objects.bucket_photos),
        ("COMPREFACE_URL", ",".join(settings.compreface.urls) or _COMPREFACE),
        ("LOMI_WORKER__GRACE_S", f"{settings.worker.grace_s:g}"),
        ("LOMI_MODELS", "/models"),
        ("LOMI_LOG__FORMAT", "json"),
    ]
    return [*found, ("LOMI_POLICY", settings.policy.active)] if settings.policy.active else found


def _redis(place: RedisPlace) -> list[tuple[str, str]]:
    if place.sentinels:
        found = [("LOMI_REDIS_SENTINELS", ",".join(place.sentinels))]
        found.append(("LOMI_REDIS__SENTINEL_SERVICE", place.sentinel_service))
    else:
        found = [("REDIS_HOST", place.host), ("REDIS_PORT", str(place.port))]
    found.append(("REDIS_DB", str(place.db)))
    if place.username:
        found.append(("LOMI_REDIS__USERNAME", place.username))
    return [*found, ("LOMI_REDIS__TLS", "true")] if place.tls else found


def _database(settings: Settings) -> dict[str, str]:
    section = settings.database
    parts = urlsplit(section.url.get_secret_value() if section.url else "")
    host = _elsewhere(parts.hostname if section.url else section.host)
    if section.url and host:
        port, user, name = str(parts.port or 5432), unquote(parts.username or ""), unquote(parts.path.strip("/"))
    else:
        port, user, name = str(section.port), section.user or "", section.name or ""
    return {
        "DB_HOST": host or "postgres",
        "DB_PORT": port if host else "5432",
        "DB_USER": user or "lomi",
        "DB_NAME": name or "lomi_db",
        "DB_SSL_MODE": section.ssl_mode,
    }


def secret_value(settings: Settings, secret: Secret) -> str:
    """The password itself, for its file; empty where the settings have none."""
    found: dict[str, SecretStr | str | None] = {
        "redis_password": settings.redis.password or _inside(settings.redis.url),
        "db_password": settings.database.password or _inside(settings.database.url),
        "s3_access_key": settings.objects.access_key,
        "s3_secret_key": settings.objects.secret_key,
        FACES_KEY.name: settings.compreface.api_key,
        SENTINEL.name: settings.redis.sentinel_password,
        _HEARTBEAT.name: settings.alerts.heartbeat_url,
        **{
            f"alerts_{name}_{part}": getattr(route, part)
            for name, route in settings.alerts.routes.items()
            for part in _ROUTE_PARTS
        },
    }
    value = found[secret.name]
    return value.get_secret_value() if isinstance(value, SecretStr) else value or ""


def _inside(url: SecretStr | None) -> str:
    return unquote(urlsplit(url.get_secret_value()).password or "") if url else ""


def _timers(settings: Settings) -> tuple[names.Timer, ...]:
    usual = (names.RECONCILE, names.CHECK, names.REPORT)
    to = settings.backup.to
    if not to:
        return usual
    return (*usual, replace(BACKUP, writes=(to,)) if to.startswith("/") else BACKUP)


def _project(settings: Settings) -> str:
    return settings.docker.project or "lomi"


def _elsewhere(host: str | None) -> str:
    return "" if host is None or host in _LOOPBACK or host.startswith("/") else host


def _fits(workers: int, max_workers: int) -> None:
    if workers > max_workers:
        text = f"{workers} workers are more than the most that autoscaling may start, {max_workers}"
        raise UsageError(text, hint=f"--max-workers {workers}")
    if max_workers > TOO_MANY:
        raise UsageError(f"{max_workers} workers are more than {TOO_MANY}", hint="--workers 4")


def _allowed(given: list[tuple[Kind, str, str]]) -> None:
    """Raises UsageError with the first name that cannot stand in a file."""
    for kind, option, value in given:
        if fault := kind.fault(value):
            raise UsageError(fault, hint=option)
