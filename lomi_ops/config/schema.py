"""Every setting: its type, default, unit and meaning. Pure description; `load.py` fills it.

A setting's description is what `config.example.yaml`, `lomi config schema` and the error texts show. Secrets are
`SecretStr`: their repr is stars, and no error text may echo an input (`hide_input_in_errors`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lomi_ops.domain.alert_rule import AlertSeverity
from lomi_ops.domain.autoscale import Rules
from lomi_ops.domain.finding import Label
from lomi_ops.domain.policy import AgeRule, BlurRule, FaceRule, Policy, Requirement, Zones


class Section(BaseModel):
    """Base of every section: unknown keys are mistakes, values never change, inputs never appear in error texts."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True, allow_inf_nan=False
    )


Score = Annotated[float, Field(ge=0.0, le=1.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
Seconds = Annotated[float, Field(gt=0)]
Port = Annotated[int, Field(ge=1, le=65535)]
Colour = Literal["red", "yellow", "green", "blue", "magenta", "cyan"]

DEFAULT_BUCKET = "lomi-photos"
SENTINEL_PORT = 26379
FENCE_MARGIN_S = 2.0
"""A worker gives up a lease that no beat has renewed this long before the server would: clocks drift, scripts take
time."""


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


class ImagesSection(Section):
    """The hygiene gate: what is decoded at all. Anything beyond is `failed`, never approved."""

    max_bytes: Annotated[int, Field(ge=1024)] = Field(25_000_000, description="bytes of one photo")
    max_pixels: Annotated[int, Field(ge=10_000)] = Field(50_000_000, description="width times height")
    max_side: Annotated[int, Field(ge=64)] = Field(12_000, description="pixels of the longer side")
    min_side: Annotated[int, Field(ge=1)] = Field(
        64, description="pixels of the shorter side; smaller cannot be judged"
    )
    max_ratio: Annotated[float, Field(ge=1)] = Field(5.0, description="longer side divided by shorter side")
    canonical_side: Annotated[int, Field(ge=320)] = Field(
        1600, description="longest side of the JPEG that CompreFace gets"
    )
    canonical_quality: Annotated[int, Field(ge=50, le=100)] = Field(90, description="quality of that JPEG")
    decode_timeout_s: Seconds = Field(20.0, description="seconds one photo may take in the judging process")
    memory_mb: Annotated[int, Field(ge=512)] = Field(3072, description="address space of a judging process in MiB")


class ModelsSection(Section):
    """Which model looks for nudity, and where models lie."""

    nsfw: tuple[str, ...] = Field(
        ("nudenet-320n",), description="names or manifest files of the NSFW models; all must answer"
    )
    local_faces: str = Field("nudenet-320n", description="model whose face labels are the local face detector")
    dir: Path | None = Field(None, description="folder of installed models; empty searches the standard places")
    threads: Annotated[int, Field(ge=1, le=64)] = Field(1, description="ONNX threads per judging process")


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
    health_file: Path | None = Field(None, description="where the worker notes its state for --healthcheck")


class LogSection(Section):
    """What is written to the log."""

    level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is written")
    format: Literal["auto", "json", "text"] = Field(
        "auto", description="auto: text on a terminal, else one JSON object a line"
    )
    sample_success: Score = Field(1.0, description="share of successful photos that are logged; failures always are")


class ZonesSection(Section):
    """Thresholds of one NSFW label; empty switches the zone off."""

    review_at: Score | None = Field(None, description="from this score on a person decides")
    reject_at: Score | None = Field(None, description="from this score on the photo is rejected")


class BlurSection(Section):
    """How sharp a photo must be."""

    # From benchmarks/calibrate_blur.py; docs/calibration.md has the table.
    reject_below: float = Field(
        50.0, ge=0, description="variance of the Laplacian at fixed size and contrast; below is rejected"
    )
    review_below: float = Field(65.0, ge=0, description="below this a person decides")
    face_sharp_at: float = Field(75.0, ge=0, description="a face crop this sharp rescues the photo")


class FacesSection(Section):
    """Which faces count as people in front."""

    min_score: Score = Field(0.47, description="faces below this score are not counted")
    min_area_share: Score = Field(0.25, description="share of the largest face's area from which a face counts")


class AgeSection(Section):
    """How old somebody must look."""

    limit: Annotated[int, Field(ge=13, le=30)] = Field(18, description="years; a range reaching below goes to a person")


class PolicySection(Section):
    """One named, versioned set of thresholds."""

    version: Annotated[int, Field(ge=1)] = Field(1, description="raise it with every change of a threshold")
    description: str = Field("", description="one sentence for people")
    requires: frozenset[Requirement] = Field(
        frozenset(Requirement), description="evidence without which nothing is approved: blur, faces, age, nsfw"
    )
    blur: BlurSection = BlurSection()
    faces: FacesSection = FacesSection()
    age: AgeSection = AgeSection()
    nsfw: dict[Label, ZonesSection] = Field(
        {
            # Chosen for NudeNet, whose scores are low by nature; docs/models.md has the sources and what to raise.
            Label.PORN: ZonesSection(review_at=0.25, reject_at=0.6),
            Label.SEXY: ZonesSection(review_at=0.5),
            Label.HENTAI: ZonesSection(review_at=0.3, reject_at=0.75),
        },
        description="zones per label: porn, sexy, hentai",
    )

    def to_policy(self, name: str) -> Policy:
        return Policy(
            name=name,
            version=self.version,
            requires=self.requires,
            blur=BlurRule(self.blur.reject_below, self.blur.review_below, self.blur.face_sharp_at),
            faces=FaceRule(self.faces.min_score, self.faces.min_area_share),
            age=AgeRule(self.age.limit),
            nsfw={label: Zones(zones.review_at, zones.reject_at) for label, zones in self.nsfw.items()},
            description=self.description,
        )


DEFAULT_POLICY = PolicySection(description="Faces with an age from CompreFace are required.")
LOCAL_POLICY = PolicySection(
    description="No age engine: ages are not checked. For machines without CompreFace.",
    requires=frozenset({Requirement.BLUR, Requirement.FACES, Requirement.NSFW}),
)


class PolicyChoice(Section):
    """What is approved, what is rejected, and what a person decides."""

    active: str | None = Field(None, description="name of the policy; empty: default with CompreFace, local without")
    policies: dict[str, PolicySection] = Field(
        {"default": DEFAULT_POLICY, "local": LOCAL_POLICY}, description="policies by name; shipped: default, local"
    )


class StackSection(Section):
    """The local stack that `lomi up` runs."""

    data: Path | None = Field(None, description="its folder; empty: /var/lib/lomi as root, else ~/.local/share/lomi")
    workers: Annotated[int, Field(ge=0, le=64)] = Field(1, description="worker processes")


class BackendSection(Section):
    """The Go backend, for checks and end-to-end tests."""

    url: str | None = Field(None, description="base URL, without /api/v1")
    token: SecretStr | None = Field(None, description="JWT of an admin")
    init_data: SecretStr | None = Field(
        None, description="Telegram initData of a test account, as its app sends it; lomi e2e logs in with it"
    )
    timeout_s: Seconds = Field(5.0, description="seconds for one call")


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


class TelegramSection(Section):
    """The bot that sends people their messages. lomi only asks whether it is well."""

    bot_token: SecretStr | None = Field(None, description="token of the bot, as the backend has it")
    api_url: str = Field("https://api.telegram.org", description="base URL of the Bot API")
    timeout_s: Seconds = Field(4.0, description="seconds for one call")


class ChecksSection(Section):
    """Limits that `lomi check` judges by."""

    workers: Annotated[int, Field(ge=0)] | None = Field(None, description="how many workers there should be")
    backlog: Annotated[int, Field(ge=0)] = Field(10, description="jobs that may wait before more workers are due")
    oldest_s: Seconds = Field(60.0, description="seconds that the next job may have waited")
    drain_s: Seconds = Field(600.0, description="seconds in which a longer queue must be through")
    error_rate: Score = Field(0.01, description="share of photos of a day that may turn out not to be judgeable")
    mean_s: Seconds = Field(2.0, description="seconds that judging a photo may take on average")
    suppressions: Path | None = Field(None, description="file of accepted trouble: check, reason, until")


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
        return Rules(**self.model_dump(exclude={"every_s"}))


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


class AlertRuleSection(Section):
    """What differs from the shipped rule; whatever is not set stays as `lomi alerts rules` shows it."""

    enabled: bool = Field(True, description="false: nobody is told of it")
    threshold: Annotated[float, Field(ge=0)] | None = Field(None, description="beyond this it is bad")
    clear: Annotated[float, Field(ge=0)] | None = Field(
        None, description="well again only at this; moves along with the threshold where it is not set"
    )
    for_s: Annotated[float, Field(ge=0)] | None = Field(None, description="seconds that it must last to be told")
    keep_firing_for_s: Annotated[float, Field(ge=0)] | None = Field(
        None, description="seconds that it must be well to be over"
    )
    severity: AlertSeverity | None = Field(None, description="warning or critical")


class RouteSection(Section):
    """Who is told, and how: a webhook of your own, or whatever Apprise can reach."""

    webhook: SecretStr | None = Field(None, description="http:// or https:// URL that gets signed JSON")
    key: SecretStr | None = Field(None, description="key that the webhook's messages are signed with")
    apprise: SecretStr | None = Field(
        None, description="URL as Apprise has it: mailtos://, tgram://, slack://, pagerduty://; needs lomi-ops[alerts]"
    )
    severity: AlertSeverity = Field(AlertSeverity.WARNING, description="least severity: warning or critical")
    rules: tuple[str, ...] = Field((), description="rules that it hears of; empty: all")
    quiet: str | None = Field(None, description="hours in which only critical alerts come: 22:00-07:00")
    timeout_s: Seconds = Field(10.0, description="seconds for one message")


class AlertsSection(Section):
    """What is told to whom, and how often."""

    rules: dict[str, AlertRuleSection] = Field({}, description="rules by name that differ from the shipped ones")
    routes: dict[str, RouteSection] = Field({}, description="who is told, by a name of your own")
    timezone: str = Field("UTC", description="of quiet hours, e.g. Europe/Vienna")
    every_s: Seconds = Field(15.0, description="seconds between looks, as a service")
    gap_s: Seconds = Field(900.0, description="looks further apart do not make one span: cron must call more often")
    repeat_s: Seconds = Field(14_400.0, description="seconds after which it is told again, unless acknowledged")
    retry_s: Seconds = Field(86_400.0, description="seconds for which a message is tried until it is given up")
    heartbeat_url: SecretStr | None = Field(
        None, description="asked after each look, so that somebody else notices when there are none any more"
    )


class MetricsSection(Section):
    """What `lomi metrics` serves and counts with."""

    listen: str = Field("127.0.0.1:9464", description="host:port of lomi metrics serve; port 0 takes a free one")
    every_s: Seconds = Field(5.0, description="seconds between looks at the cluster")
    price_per_worker_hour: Annotated[float, Field(ge=0)] | None = Field(
        None, description="what an hour of one job in hand costs, for the cost of 1,000 photos; in any currency"
    )


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
    alerts: AlertsSection = AlertsSection()
    metrics: MetricsSection = MetricsSection()

    def active_policy(self, name: str | None = None) -> Policy:
        """The named policy, else the active one, else `default` with CompreFace and `local` without.

        Raises KeyError for an unknown name.
        """
        chosen = name or self.policy.active or ("default" if self.compreface.urls else "local")
        return self.policy.policies[chosen].to_policy(chosen)
