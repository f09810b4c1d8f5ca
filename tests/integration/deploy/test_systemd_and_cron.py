"""Units as systemd itself reads them, and crontabs as a cron does."""

from __future__ import annotations

import getpass
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cronsim import CronSim

from lomi_ops.config.schema import Settings
from lomi_ops.domain.deployment import BACKUP, CHECK, RECONCILE, REPORT, Target, Timer
from lomi_ops.ops.deploy.render import render
from lomi_ops.ops.deploy.values import Named, values
from tests.conftest import need

TIMERS = (RECONCILE, CHECK, REPORT, BACKUP)
SETTINGS = Settings.model_validate({"backup": {"to": "/srv/backups"}})


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """As on a machine that has the program and the user."""
    program = tmp_path / "lomi"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    named = Named(user=getpass.getuser(), command=str(program), env_file=str(tmp_path / "env"), workers=2)
    folder = tmp_path / "units"
    folder.mkdir()
    for file in render(Target.SYSTEMD, values(Target.SYSTEMD, SETTINGS, named)):
        (folder / file.name).write_text(file.text)
    return folder


def verify(*units: Path) -> str:
    """What systemd has to say about these; empty where it is content."""
    need(shutil.which("systemd-analyze"), "systemd-analyze (systemd)")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units],
        capture_output=True, text=True, check=False,
        # Else it looks at the units of this machine as well.
        env={"SYSTEMD_UNIT_PATH": f"{units[0].parent}:/usr/lib/systemd/system", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "lomi" in line]
    return "\n".join(ours) or ("" if done.returncode == 0 else done.stderr)


def test_systemd_accepts_every_unit(units: Path) -> None:
    plain = [path for path in sorted(units.iterdir()) if "@" not in path.name]
    (units / "lomi-worker@1.service").symlink_to(units / "lomi-worker@.service")
    (units / "lomi-failed@x.service").symlink_to(units / "lomi-failed@.service")

    assert verify(*plain, units / "lomi-worker@1.service", units / "lomi-failed@x.service") == ""


def test_systemd_notices_what_is_wrong(units: Path) -> None:
    path = units / "lomi-reconcile.service"
    path.write_text(path.read_text().replace("Type=oneshot", "Type=onceshot").replace("MemoryMax=", "MemoryMux="))

    assert "onceshot" in verify(path)
    assert "MemoryMux" in verify(path)


@pytest.mark.parametrize("timer", TIMERS, ids=lambda timer: timer.name)
def test_both_clocks_mean_the_same_times(timer: Timer) -> None:
    need(shutil.which("systemd-analyze"), "systemd-analyze (systemd)")
    begin = datetime(2026, 11, 19, 6, 59, 30, tzinfo=UTC)

    done = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=5", f"--base-time={begin:%Y-%m-%d %H:%M:%S} UTC", timer.calendar],
        capture_output=True, text=True, check=True, env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip

    said = re.findall(r"(?:Next elapse|Iter\. #\d+|Iteration #\d+): \w+ (\S+ \S+) UTC", done.stdout)
    cron = CronSim(timer.cron, begin)
    assert said == [f"{next(cron):%Y-%m-%d %H:%M:%S}" for _ in range(5)]


def crontab() -> list[str]:
    named = Named(env_file="/srv/app/.env.production")
    (file,) = render(Target.CRON, values(Target.CRON, SETTINGS, named))
    return file.text.splitlines()


def entries() -> list[tuple[str, str, str]]:
    """When, who and what, as Debian's cron splits a line of /etc/cron.d."""
    found = []
    for line in crontab():
        if line and not line.startswith("#") and not re.match(r"\w+=", line):
            match = re.fullmatch(r"((?:\S+\s+){5})(\S+)\s+(.*)", line)
            assert match, line
            found.append((match[1].strip(), match[2], match[3]))
    return found


def test_a_cron_understands_every_line() -> None:
    found = entries()

    assert len(found) == len(TIMERS)
    for when, user, command in found:
        times = CronSim(when, datetime(2026, 11, 19, tzinfo=UTC))
        assert next(times) < datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=8)
        assert user == "lomi"
        assert not re.search(r"(?<!\\)%", command)


@pytest.mark.parametrize(("code", "mailed"), [(0, False), (1, True), (3, True)])
def test_nothing_is_mailed_while_all_is_well(tmp_path: Path, code: int, *, mailed: bool) -> None:
    """cron mails what a command prints: each line is run as cron would run it."""
    program = tmp_path / "lomi"
    program.write_text(f"#!/bin/sh\necho said by $LOMI_ACTOR: $@\nexit {code}\n")
    program.chmod(0o755)

    for _, _, command in entries():
        line = command.replace("/usr/local/bin/lomi", str(program)).replace(r"\%", "%")
        done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert bool(done.stdout) == (mailed or " report " in line)
        assert done.stderr == ""


def test_debians_own_cron_takes_the_lines(tmp_path: Path) -> None:
    """`crontab -n` or `-T` of newer ones check a file and install nothing; it is for a user, so without that column."""
    program = shutil.which("crontab")
    if program is None:
        pytest.skip("no cron is installed here")
    flag = next((flag for flag in ("-T", "-n") if _knows(program, flag)), None)
    if flag is None:
        pytest.skip("this cron checks no files")
    path = tmp_path / "crontab"
    path.write_text("\n".join(re.sub(r"^((?:\S+ ){5})lomi ", r"\1", line) for line in crontab()) + "\n")

    done = subprocess.run([program, flag, path], capture_output=True, text=True, check=False)
    path.write_text("99 * * * * true\n")
    wrong = subprocess.run([program, flag, path], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert wrong.returncode != 0


def _knows(program: str, flag: str) -> bool:
    done = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)
    return flag in done.stderr + done.stdout
