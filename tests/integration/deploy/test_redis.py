"""The rendered command of the Redis container, run by a real shell with a real server."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import yaml

from lomi_ops.config.schema import Settings
from lomi_ops.domain.deployment import Target
from lomi_ops.ops.deploy.render import render
from lomi_ops.ops.deploy.values import Named, values
from lomi_ops.ops.local.binaries import redis_programs, wanted_source
from tests.services import free_port

PASSWORDS = ["geheim77", 'a"b', "a\\b", "with space", "a'b$c`d", "#hash", "%s\\n", "ጥ-amharic"]


def script(target: Target) -> str:
    """As the shell in the container gets it: Compose and a Swarm make one `$` of two."""
    found = {file.name: file.text for file in render(target, values(target, Settings(), Named()))}
    if target is Target.KUBERNETES:
        (stateful,) = [each for each in yaml.safe_load_all(found["redis.yaml"]) if each["kind"] == "StatefulSet"]
        words: list[str] = stateful["spec"]["template"]["spec"]["containers"][0]["args"]
        return words[0]
    name = "stack.yml" if target is Target.SWARM else "docker-compose.prod.yml"
    service = yaml.safe_load(found[name])["services"]["redis"]
    text: str = service["command"][0]
    return text.replace("${REDIS_MAXMEMORY:-512mb}", "512mb").replace("$$", "$")


@contextmanager
def running(text: str, password: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    program = redis_programs(wanted_source())[0].path
    port = free_port()
    (folder / "redis_password").write_text(password)
    for secret in ("/run/secrets/redis_password", "/run/secrets/lomi/redis_password"):
        text = text.replace(secret, str(folder / "redis_password"))
    text = text.replace("redis-server", str(program)).replace("dir /data", f"dir {folder}\nport {port}\nbind 127.0.0.1")
    process = subprocess.Popen(["/bin/sh", "-ec", text], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process, port
    finally:
        process.terminate()
        process.wait(10)


def answered(client: redis.Redis) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            client.ping()
            return
        except redis.ConnectionError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.mark.parametrize("target", [Target.COMPOSE, Target.SWARM, Target.KUBERNETES])
def test_jobs_are_kept_none_is_evicted_and_the_password_is_in_no_argument(target: Target, tmp_path: Path) -> None:
    with running(script(target), PASSWORDS[0], tmp_path) as (process, port):
        client = redis.Redis(port=port, password=PASSWORDS[0])
        answered(client)

        # Sent away by SIGTERM as the main process of its container, it must be the shell's own process.
        assert b"server" in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert PASSWORDS[0].encode() not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
        assert PASSWORDS[0].encode() not in Path(f"/proc/{process.pid}/environ").read_bytes()
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": "",
                  "maxmemory": str(512 << 20)}  # fmt: skip
        found = client.config_get(*wanted)
        assert {key: found[key] for key in wanted} == wanted
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()
        client.close()


@pytest.mark.parametrize("password", PASSWORDS[1:])
def test_a_password_may_have_any_sign(password: str, tmp_path: Path) -> None:
    with running(script(Target.COMPOSE), password, tmp_path) as (_, port):
        client = redis.Redis(port=port, password=password)
        answered(client)
        client.close()
