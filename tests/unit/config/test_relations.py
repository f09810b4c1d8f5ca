from __future__ import annotations

import pytest

from tests.unit.config.conftest import Machine

HOST = "must be a host alone: the port goes into redis.port, a whole URL into redis.url"
URL = "must look like redis://USER:PASSWORD@HOST:PORT/…, with special characters in the password percent-encoded"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("redis: {doorbell_s: 5}", "redis.timeout_s: must be at least redis.doorbell_s + 3 = 8"),
        ("worker: {beat_s: 10}", "worker.beat_s: must be less than worker.lease_s - 2 = 10"),
        ("worker: {lease_s: 5, beat_s: 4}", "worker.beat_s: must be less than worker.lease_s - 2 = 3"),
        ("worker: {reap_s: 20}", "worker.reap_s: must be less than worker.lease_s = 12"),
        ("backup: {to: backups}", "backup.to: must be a folder with its whole path, or s3://bucket/prefix"),
        ("backup: {to: 'ftp://host/x'}", "backup.to: must be a folder with its whole path, or s3://bucket/prefix"),
        ("backup: {to: 's3://bucket/a/../b'}", "backup.to: must be a folder with its whole path"),
        ("backup: {object: 's3://bucket'}", "backup.object: must look like s3://bucket/key"),
        ("backup: {object: bucket/key}", "backup.object: must look like s3://bucket/key"),
        ("autoscale: {min: 13}", "autoscale.min: must not exceed autoscale.max = 12"),
        ("autoscale: {fewer_below: 0.85}", "autoscale.fewer_below: must be less than autoscale.one_more_at = 0.85"),
        ("autoscale: {two_more_at: 0.96}", "autoscale.two_more_at: must be less than autoscale.five_more_at = 0.95"),
        ("autoscale: {every_s: 180}", "autoscale.gap_s: must exceed autoscale.every_s = 180"),
        ("worker: {lease_s: 900}", "worker.lease_s: must be less than worker.job_limit_s = 900"),
        ("images: {decode_timeout_s: 900}", "images.decode_timeout_s: must be less than worker.job_limit_s = 900"),
        ("images: {min_side: 20000}", "images.min_side: must not exceed images.max_side = 12000"),
        ("images: {max_pixels: 10000, min_side: 101}", "images.min_side: squared must not exceed images.max_pixels"),
        ("policy: {policies: {default: {blur: {reject_below: 30, review_below: 20}}}}", "below = 30"),
        ("policy: {policies: {default: {blur: {reject_below: 999}}}}", "must not be less than reject_below = 999"),
        ("policy: {policies: {x: {nsfw: {porn: {review_at: 0.9}}}}}", "nsfw.porn.review_at: must not exceed reject_at"),
        ("policy: {policies: {x: {requires: []}}}", "x.requires: must not be empty"),
        ("policy: {active: locale}", "policy.active: names a policy that does not exist; there are default, local;"),
        ("policy: {active: locale}", "did you mean local?"),
        ("docker: {host: 'tcp://h'}", "docker.host: must look like unix:///var/run/docker.sock, tcp://HOST:2376 or"),
        ("docker: {host: 'tcp://u:canary@h:1'}", "docker.host: must look like"),
        ("docker: {host: 'ssh://h/path'}", "docker.host: must look like"),
        ("docker: {redis_service: backend}", "docker.backend_service: must differ from docker.redis_service"),
        ("redis: {host: 'cache:6379'}", f"redis.host: {HOST}"),
        ("redis: {host: 'redis://cache'}", f"redis.host: {HOST}"),
        ("redis: {sentinels: [one], host: h}", "redis.sentinels: says where Redis is, and so does redis.host"),
        ("redis: {sentinels: [one], url: 'redis://h'}", "redis.sentinels: says where Redis is, and so does redis.url"),
        ("redis: {sentinels: ['one:port']}", "redis.sentinels: must be host:port of each Sentinel"),
        ("redis: {sentinels: ['redis://one']}", "redis.sentinels: must be host:port of each Sentinel"),
        ("redis: {sentinels: [one], sentinel_service: ''}", "redis.sentinel_service: must not be empty"),
        ("redis: {url: 'http://cache'}", f"redis.url: {URL}"),
        ("redis: {url: 'redis://:p#w@cache'}", f"redis.url: {URL}"),
        ("redis: {url: 'redis://cache:port'}", f"redis.url: {URL}"),
        ("redis: {url: 'redis://[::1'}", f"redis.url: {URL}"),
        ("database: {url: 'postgresql+psycopg://h/d'}", "database.url: must look like postgresql://"),
        ("compreface: {urls: [faces]}", "compreface.urls: is not an http:// or https:// URL"),
        ("compreface: {urls: ['http://h:x']}", "compreface.urls: is not an http:// or https:// URL"),
        ("backend: {url: 'http://u:p@h'}", "backend.url: must not hold a user or password"),
        ("objects: {endpoint: 'u:p@h'}", "objects.endpoint: must not hold a user or password"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_together_are_mistakes(machine: Machine, text: str, problem: str) -> None:
    told = machine.mistakes(text)

    assert any(problem in line for line in told), told
    assert all(line.startswith("c.yaml:1: ") for line in told)


@pytest.mark.parametrize(
    "text",
    [
        "redis: {doorbell_s: 4}",
        "backup: {to: 's3://bucket'}",
        "backup: {to: ~/backups}",
        "backup: {object: 's3://bucket/dumps/*', file: '/var/backups/*.dump', command: 'last-backup --iso'}",
        "redis: {url: 'unix:///run/redis.sock'}",
        "redis: {host: '::1'}",
        "redis: {sentinels: ['one:26380', two, '[::1]:26379']}",
        "database: {host: /var/run/postgresql}",
        "docker: {host: 'ssh://ops@db1:2222', project: app, redis_service: null}",
        "docker: {host: 'ssh://[::1]'}",
        "docker: {host: 'tcp://[::1]:2376'}",
        "database: {url: 'postgresql://u:p@one:1,two:2/d?target_session_attrs=read-write'}",
        "database: {url: 'postgresql:///d?host=/run/postgresql'}",
        "objects: {endpoint: r2.example.com}",
        "policy: {policies: {x: {nsfw: {porn: {review_at: 0.6}}}}}",
    ],
)
def test_unusual_settings_that_fit_are_taken(machine: Machine, text: str) -> None:
    machine.load(text)


def test_a_relation_is_checked_beside_a_mistake_elsewhere_and_not_with_a_wrong_value(machine: Machine) -> None:
    assert machine.mistakes("redis: {timeout_s: x, doorbell_s: 5}\nworker: {beat_s: 10}\n") == (
        "c.yaml:1: redis.timeout_s: must be a number",
        "c.yaml:2: worker.beat_s: must be less than worker.lease_s - 2 = 10",
    )


def test_the_source_of_a_misfit_is_the_one_that_somebody_changed(machine: Machine) -> None:
    (problem,) = machine.mistakes(LOMI_REDIS__DOORBELL_S="9")
    assert problem.startswith("environment LOMI_REDIS__DOORBELL_S: redis.timeout_s: must be at least")
