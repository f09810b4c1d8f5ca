"""The commands as people type them, as root and as an ordinary user."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lomi_ops.cli import main
from lomi_ops.cli import stack as commands
from lomi_ops.ops.local import layout, owner
from lomi_ops.ops.local.record import PartState
from lomi_ops.ops.local.status import PartStatus, StackStatus
from tests.services import open_folder

CHECKOUT = Path(__file__).parents[3]
Lomi = Callable[..., subprocess.CompletedProcess[str]]


PACKAGES = os.pathsep.join([str(CHECKOUT), *(path for path in sys.path if path.endswith("site-packages"))])


def usable_python(options: dict[str, object]) -> Path | None:
    """This Python, or the system's of the same version where ours lies in a closed folder: one that can run lomi."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for path in (Path(sys.executable), Path("/usr/bin") / version):
        try:
            tried = subprocess.run(
                [path, "-c", "import redis, psycopg, lomi_ops.cli.main"],
                check=False, cwd="/", capture_output=True,
                env={"PYTHONPATH": PACKAGES, "PYTHONDONTWRITEBYTECODE": "1"}, **options,  # type: ignore[call-overload]
            )  # fmt: skip
        except OSError:
            continue
        if tried.returncode == 0:
            return path
    return None


@pytest.fixture(params=["ourselves", "ordinary user"])
def lomi(request: pytest.FixtureRequest) -> Iterator[Lomi]:
    """Runs the command line with a home folder and a default data folder of its own."""
    python, options = Path(sys.executable), dict[str, object]()
    with open_folder("lomi-home-") as home:
        if request.param == "ordinary user":
            if os.geteuid() != 0:
                pytest.skip("we are an ordinary user already")
            entry = pwd.getpwnam("nobody")
            user = owner.ServiceUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
            options = {"user": user.uid, "group": user.gid, "extra_groups": []}
            found = usable_python(options)
            if found is None:
                pytest.skip("an ordinary user can read no Python of this version with the packages, or no checkout")
            python = found
            os.chown(home, user.uid, user.gid)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOMI_", "XDG_"))}
        environ = kept | {"HOME": str(home), "PYTHONPATH": PACKAGES, "PYTHONDONTWRITEBYTECODE": "1"}
        if os.geteuid() == 0 and not options:
            environ["LOMI_DATA"] = str(home / "stack")  # not the machine's own /var/lib/lomi

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            done: subprocess.CompletedProcess[str] = subprocess.run(
                [python, "-m", "lomi_ops", *words],
                capture_output=True, text=True, check=False, cwd=home, env=environ, timeout=100, **options,  # type: ignore[call-overload]
            )  # fmt: skip
            return done

        yield run
        run("down", "--purge")


def test_a_stack_from_up_to_purge(lomi: Lomi) -> None:
    assert lomi("status").returncode == 3
    up = lomi("up", "--workers", "0")
    assert up.returncode == 0, up.stderr
    assert "creating the database" in up.stderr
    assert "postgres" in up.stdout

    status = lomi("status", "-o", "json")
    assert status.returncode == 0
    body = json.loads(status.stdout)
    assert {body[name]["state"] for name in ("redis", "postgres", "supervisor")} == {"running"}
    assert body["workers"] == []
    assert body["redis"]["pid"] > 1
    assert Path(body["data"]).is_dir()

    env = json.loads(lomi("env", "-o", "json").stdout)
    assert env["objects"] == f"file://{body['data']}/objects"
    assert f":{body['redis']['port']}/0" in env["redis_url"]
    lines = dict(line.split("=", 1) for line in lomi("env").stdout.splitlines())
    assert lines == {
        "LOMI_REDIS_URL": env["redis_url"],
        "LOMI_DATABASE_URL": env["database_url"],
        "LOMI_OBJECTS": env["objects"],
    }
    assert env["redis_url"] not in status.stdout
    assert env["redis_url"].split(":")[2].split("@")[0] not in status.stdout + status.stderr + up.stdout + up.stderr

    down = lomi("down")
    assert (down.returncode, down.stderr) == (0, "stopped redis, postgres\n")
    stopped = lomi("status")
    assert stopped.returncode == 1
    assert "stopped" in stopped.stdout
    assert lomi("down").stderr == "nothing was running\n"
    purged = lomi("down", "--purge")
    assert purged.returncode == 0
    assert not Path(body["data"]).exists()
    gone = lomi("env")
    assert (gone.returncode, gone.stdout) == (3, "")
    assert "try: lomi up" in gone.stderr


def test_a_supervisor_without_a_stack_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.run(["_supervise", "--data", str(tmp_path)]) == 3
    assert "there is no stack in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def running(name: str, **more: object) -> PartStatus:
    return replace(PartStatus(name, PartState.RUNNING, pid=7, uptime_s=61.0), **more)  # type: ignore[arg-type]


def test_a_part_that_is_down_makes_the_exit_code_one_and_shows_its_reason(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bad = PartStatus("worker-1", PartState.FAILED, restarts=4, error="ended with exit code 2: error: [no] model")
    status = StackStatus(
        tmp_path, running("supervisor"), running("redis", port=1), running("postgres", port=2), (bad,), 1, "held back"
    )
    monkeypatch.setattr("lomi_ops.ops.local.stack.status", lambda where: status)
    monkeypatch.setattr(layout, "locate", lambda data: layout.Layout(tmp_path))
    assert main.run(["status"]) == 1
    shown = capsys.readouterr()
    assert "error: [no] model" in shown.out
    assert "1m 1s" in shown.out
    assert "held back" in shown.err
    assert f"{tmp_path}/logs" in shown.err
    assert main.run(["status", "-o", "json"]) == 1
    body = json.loads(capsys.readouterr().out)
    assert body["workers"] == [
        {"name": "worker-1", "state": "failed", "pid": None, "uptime_s": None, "restarts": 4, "error": bad.error}
    ]
    assert body["healthy"] is False


def test_fewer_workers_than_wanted_is_not_healthy_and_draining_ones_do_not_count(tmp_path: Path) -> None:
    services = (running("supervisor"), running("redis"), running("postgres"))
    draining = running("worker-2", state=PartState.STOPPING)
    assert StackStatus(tmp_path, *services, (running("worker-1"), draining), 1).healthy
    assert not StackStatus(tmp_path, *services, (draining,), 1).healthy
    assert not StackStatus(tmp_path, running("supervisor", state=PartState.STOPPED), *services[1:], (), 0).healthy


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.4, "0s"), (59, "59s"), (200, "3m 20s"), (18_180, "5h 3m"), (187_200, "2d 4h")]
)
def test_durations_have_two_units_at_most(seconds: float, shown: str) -> None:
    assert commands._duration(seconds) == shown
