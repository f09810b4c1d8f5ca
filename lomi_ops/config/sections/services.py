"""The services that a cluster is made of, and how they are reached."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr

from lomi_ops.config.sections.base import Port, Score, Seconds, Section

DEFAULT_BUCKET = "lomi-photos"
SENTINEL_PORT = 26379


class RedisSection(Section):
    """The Redis or Valkey that holds the queue."""

    url: SecretStr | None = Field(None, description="redis:// or rediss:// URL; wins over host, port, password and db")
    sentinels: tuple[str, ...] = Field(
        (), description="host:port of each Sentinel that knows the primary; instead of url or host"
    )
    sentinel_service: str = Field("mymaster", description="the name by which the Sentinels know the primary")
    sentinel_username: str | None = Field(None, description="ACL user at the Sentinels; empty for the default user")
    sentinel_password: SecretStr | None = Field(None, description="password at the Sentinels, not at the primary")
    host: str | None = Field(None, description="host name or address")
    port: Port = Field(6379, description="TCP port")
    username: str | None = Field(None, description="ACL user; empty for the default user")
    password: SecretStr | None = Field(None, description="password")
    db: int = Field(0, ge=0, description="database number")
    tls: bool = Field(False, description="use TLS (rediss://), also to the Sentinels")
    tls_ca: Path | None = Field(None, description="file with the CA certificates; empty for the system's")
    tls_cert: Path | None = Field(None, description="file with our certificate, where the server asks for one")
    tls_key: Path | None = Field(None, description="file with the key of that certificate")
    connect_timeout_s: Seconds = Field(3.0, description="seconds to wait for a connection")
    timeout_s: Seconds = Field(7.0, description="seconds to wait for an answer; must exceed the doorbell by 3")
    doorbell_s: Annotated[int, Field(ge=1, le=30)] = Field(2, description="seconds an idle worker waits per round")

    def sentinel_addresses(self) -> tuple[tuple[str, int], ...]:
        """Host and port of each Sentinel. Raises ValueError for what is neither `host` nor `host:port`."""
        return tuple(_host_and_port(text) for text in self.sentinels)


def _host_and_port(text: str) -> tuple[str, int]:
    if "/" in text or "@" in text:
        raise ValueError("no host:port")
    parts = urlsplit(f"//{text}")
    if not parts.hostname or parts.query or parts.fragment:
        raise ValueError("no host:port")
    return parts.hostname, parts.port or SENTINEL_PORT


class DatabaseSection(Section):
    """The Postgres that holds `users`, `media` and lomi's own schema."""

    url: SecretStr | None = Field(None, description="postgresql:// URL; wins over the single settings")
    replica_url: SecretStr | None = Field(None, description="postgresql:// URL of a replica, for reports")
    host: str | None = Field(None, description="host name or address")
    port: Port = Field(5432, description="TCP port")
    user: str | None = Field(None, description="role")
    password: SecretStr | None = Field(None, description="password")
    name: str | None = Field(None, description="database")
    ssl_mode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        "prefer", description="as libpq's sslmode"
    )
    pool_size: Annotated[int, Field(ge=1, le=100)] = Field(4, description="connections per worker process")
    connect_timeout_s: Seconds = Field(5.0, description="seconds to wait for a connection")
    statement_timeout_s: Seconds = Field(30.0, description="seconds one statement may run")


class ObjectsSection(Section):
    """Where the bytes of photos lie: an S3 API (Cloudflare R2, MinIO, S3) or a directory."""

    directory: Path | None = Field(None, description="folder with <bucket>/<key> files; wins over the S3 settings")
    endpoint: str | None = Field(None, description="S3 endpoint, host or URL")
    access_key: SecretStr | None = Field(None, description="access key id")
    secret_key: SecretStr | None = Field(None, description="secret access key")
    region: str = Field("auto", description="region; R2 wants auto")
    use_ssl: bool = Field(True, description="https for an endpoint without a scheme")
    bucket_photos: str = Field(DEFAULT_BUCKET, description="the bucket that photos are uploaded to")
    extra_buckets: tuple[str, ...] = Field((), description="further buckets that a job may name")
    connect_timeout_s: Seconds = Field(5.0, description="seconds to wait for a connection")
    read_timeout_s: Seconds = Field(20.0, description="seconds to wait for bytes")
    connections: Annotated[int, Field(ge=1, le=256)] = Field(16, description="connections kept open per process")


class CompreFaceSection(Section):
    """The face service. Without a URL there is none, and the `local` policy applies."""

    urls: tuple[str, ...] = Field((), description="one or several base URLs, least busy first")
    mode: Literal["auto", "core", "api"] = Field(
        "auto", description="core: port 3000 of compreface-core, no key; api: the gateway with a key; auto asks"
    )
    api_key: SecretStr | None = Field(
        None, description="key of a DETECTION service; empty for the well-known key of every install (warned about)"
    )
    det_prob_threshold: Score = Field(0.8, description="faces below this probability are not reported")
    connect_timeout_s: Seconds = Field(2.0, description="seconds to wait for a connection")
    timeout_s: Seconds = Field(10.0, description="seconds for one photo")
    concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="calls at once per endpoint (its UWSGI_PROCESSES)"
    )
    attempts: Annotated[int, Field(ge=1, le=10)] = Field(
        2, description="tries per photo, each at another endpoint if there is one"
    )
    breaker_failures: Annotated[int, Field(ge=1)] = Field(5, description="failures in a row that eject an endpoint")
    breaker_reset_s: Seconds = Field(
        10.0, description="seconds until an ejected endpoint is asked for its health again"
    )
    health_url: str | None = Field(None, description="health URL of the check; empty for the mode's own")
    setup: str | None = Field(
        None,
        description="your name for its build and settings, another one whenever they change; without it "
        "worker.reuse_days takes nothing again",
    )


class DockerSection(Section):
    """The Docker Engine that runs the cluster's containers. Only commands that say so change something on it."""

    host: str | None = Field(
        None, description="unix://, tcp:// or ssh:// URL; empty: DOCKER_HOST, the docker context, or this machine's"
    )
    project: str | None = Field(None, description="Compose project or Swarm stack; empty: the one that has the workers")
    postgres_service: str | None = Field("postgres", description="its service; empty where it runs elsewhere")
    redis_service: str | None = Field("redis", description="its service; empty where it runs elsewhere")
    backend_service: str | None = Field("backend", description="its service; empty where it runs elsewhere")
    compreface_service: str | None = Field("compreface", description="its service; empty where it runs elsewhere")
    workers_service: str | None = Field("moderator-worker", description="their service; empty where they run elsewhere")
    timeout_s: Seconds = Field(4.0, description="seconds for one answer")

    @property
    def services(self) -> tuple[str, ...]:
        """Every service that runs in a container."""
        named = (
            self.postgres_service,
            self.redis_service,
            self.backend_service,
            self.compreface_service,
            self.workers_service,
        )
        return tuple(name for name in named if name)


class BackendSection(Section):
    """The Go backend, for checks and end-to-end tests."""

    url: str | None = Field(None, description="base URL, without /api/v1")
    token: SecretStr | None = Field(None, description="JWT of an admin")
    init_data: SecretStr | None = Field(
        None, description="Telegram initData of a test account, as its app sends it; lomi e2e logs in with it"
    )
    timeout_s: Seconds = Field(5.0, description="seconds for one call")


class TelegramSection(Section):
    """The bot that sends people their messages. lomi only asks whether it is well."""

    bot_token: SecretStr | None = Field(None, description="token of the bot, as the backend has it")
    api_url: str = Field("https://api.telegram.org", description="base URL of the Bot API")
    timeout_s: Seconds = Field(4.0, description="seconds for one call")
