"""The image of a worker: what is in it, as whom it runs, and how it starts, says that it is well, and goes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from lomi_ops.version import __version__
from tests.docker.images import ROOT, WORKER
from tests.docker.load import load
from tests.docker.models import NAME, write_model
from tests.docker.stack import GRACE_S, Stack, until
from tests.onnx_models import sha256

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker"), pytest.mark.timeout(900)]

MOST_MB = 400


@pytest.fixture
def api(ring_url: str) -> Iterator[Any]:
    client = docker.DockerClient(base_url=ring_url, timeout=60)
    yield client.api
    client.close()


def said(api: Any, *command: str, environment: dict[str, str] | None = None, image: str = WORKER) -> tuple[int, str]:
    """Exit code and words of a program in the image, as its user, on a read-only root."""
    host = api.create_host_config(network_mode="none", read_only=True, tmpfs={"/tmp": ""})
    made = api.create_container(image, list(command), host_config=host, environment=environment)
    try:
        api.start(made["Id"])
        code = api.wait(made["Id"])["StatusCode"]
        return code, api.logs(made["Id"]).decode()
    finally:
        api.remove_container(made["Id"], force=True)


def test_it_is_small(api: Any) -> None:
    assert api.inspect_image(WORKER)["Size"] <= MOST_MB * 1_000_000


def test_it_says_what_it_is(api: Any) -> None:
    config = api.inspect_image(WORKER)["Config"]

    assert config["Labels"]["org.lomi.role"] == "worker"
    assert config["Labels"]["org.lomi.version"] == __version__
    assert config["Labels"]["org.opencontainers.image.version"] == __version__
    assert (config["User"], config["StopSignal"]) == ("10001:10001", "SIGTERM")
    assert config["Healthcheck"]["Test"] == ["CMD", "lomi", "worker", "--healthcheck"]
    assert said(api, "lomi", "--version") == (0, f"lomi {__version__}\n")


def test_it_runs_as_nobody_of_this_machine_and_can_write_nowhere(api: Any) -> None:
    script = (
        "import os; print(os.getuid(), os.getgid(), os.getgroups(), [os.access(d, os.W_OK) for d in ('/', '/opt')])"
    )

    assert said(api, "python3", "-c", script) == (0, "10001 10001 [10001] [False, False]\n")


def test_nothing_is_in_it_that_a_worker_does_not_use(api: Any) -> None:
    script = """
import importlib.util, json, shutil
modules = "textual rich docker jinja2 pip setuptools ensurepip tkinter idlelib requests moto pytest".split()
programs = "cc gcc g++ clang make ld as pip pip3 git curl wget".split()
found = [name for name in modules if importlib.util.find_spec(name)] + [name for name in programs if shutil.which(name)]
import botocore, pathlib
services = [path.name for path in (pathlib.Path(botocore.__file__).parent / "data").iterdir() if path.is_dir()]
print(json.dumps([found, services]))
"""
    code, words = said(api, "python3", "-c", script)

    assert (code, json.loads(words)) == (0, [[], ["s3"]])


def test_our_modules_are_there_in_compiled_form(api: Any) -> None:
    """Otherwise each worker, each of its judging processes and each health check would compile them anew."""
    script = """
import sys, pathlib
import lomi_ops.cli.worker, worker.run, boto3.session, onnxruntime
print([m.__name__ for m in list(sys.modules.values()) if getattr(m, "__cached__", None)
       and m.__file__.endswith(".py") and not pathlib.Path(m.__cached__).exists()])
"""
    assert said(api, "python3", "-c", script) == (0, "[]\n")


def test_without_settings_it_ends_with_what_is_missing(api: Any) -> None:
    code, words = said(api, "lomi", "worker")

    assert code == 2
    assert "nothing says where redis, database and objects are" in words


def test_a_command_that_needs_more_than_the_image_has_says_so_in_a_sentence(api: Any) -> None:
    code, words = said(api, "lomi", "models", "list")

    assert code == 2
    assert words.startswith("error: this lomi has no rich, which the command needs\n  try: pip install lomi-ops"), words


def test_a_worker_without_its_model_names_the_command(api: Any) -> None:
    somewhere = {
        "LOMI_REDIS_URL": "redis://:password@redis:6379/0", "LOMI_OBJECTS": "/tmp", "LOMI_POLICY": "local",
        "LOMI_DATABASE_URL": "postgresql://lomi:password@postgres/lomi",
    }  # fmt: skip
    code, words = said(api, "lomi", "worker", environment=somewhere)

    assert code == 2
    assert "the model nudenet-320n is not installed: no 320n.onnx in /models" in words
    assert "lomi models add nudenet-320n" in words


def test_models_may_be_a_layer_of_their_own(api: Any, ring_url: str, tmp_path: Path) -> None:
    write_model(tmp_path)
    tag = "lomi-test/worker-with-model"
    done = subprocess.run(
        ["docker", "build", "-q", "-f", ROOT / "worker" / "models.Dockerfile", "--build-arg", f"WORKER={WORKER}",
         "-t", tag, tmp_path], env=os.environ | {"DOCKER_HOST": ring_url}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    script = f"""
from pathlib import Path
from lomi_ops.config.model_files import locate
print(locate("{NAME}", Path("/models")).sha256)
"""
    model = next(tmp_path.glob("*.onnx"))

    assert said(api, "python3", "-c", script, image=tag) == (0, f"{sha256(model)}\n")


def test_it_becomes_healthy_works_and_leaves_with_its_job_done(stack: Stack) -> None:
    """tini hands SIGTERM on; the job in hand is finished, and no attempt is spent on the way."""
    stack.await_healthy(2)
    with load(stack) as photos:
        photos.await_more(5)
        for each in stack.containers():
            stack.api.stop(each["Id"], timeout=GRACE_S)
        ended = stack.containers(every=True)
        until(lambda: all(one["State"]["Status"] == "exited" for one in stack.containers(every=True)), "their ends")
        for each in ended:
            stack.api.start(each["Id"])
        findings, state = photos.finish()

    assert [each["State"]["ExitCode"] for each in ended] == [0, 0]
    assert findings.sentences() == []
    assert {int(job["attempt"]) for job in state.jobs.values() if job["state"] == "done"} == {1}


def test_processes_of_a_worker_stand_below_an_init(stack: Stack) -> None:
    (first, *_) = stack.containers()
    top = stack.api.top(first["Id"], ps_args="-eo pid,ppid,args")["Processes"]

    assert any("tini" in " ".join(row) or "docker-init" in " ".join(row) for row in top)
