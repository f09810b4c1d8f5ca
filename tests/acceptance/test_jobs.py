"""`lomi jobs` on a real stack: killed in the middle, its terminal closed, Redis killed and wiped beneath it."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from lomi_ops.domain.submission import job_id_of
from lomi_ops.ops.demo.samples import Sample
from tests.acceptance.conftest import QUEUE, Cluster, StartWorker, environment, lomi, wait_until
from tests.acceptance.test_conduct import on_terminal

LOMI = [sys.executable, "-m", "lomi_ops"]
MANY = 1_000
"""Jobs: pushing them takes long enough to be stopped in the middle."""


def batches(cluster: Cluster, count: int, photo: bytes | None = None) -> str:
    """Batches of one photo each, of one user; the beginning of their keys. None: rows without objects."""
    upload = cluster.upload([photo])
    user = upload.job["user_id"]
    prefix = f"users/{user}/"
    with cluster.pg.cursor() as cursor:
        rows = [(uuid.uuid4(), user, uuid.uuid4()) for _ in range(count - 1)]
        cursor.executemany(
            "INSERT INTO media (id, user_id, media_type, url, batch_id) VALUES (%s, %s, 'photo', %s, %s)",
            [(media, owner, f"{prefix}photo/{media}.jpg", batch) for media, owner, batch in rows],
        )
    if photo is not None:
        for media, _, _ in rows:
            (cluster.objects / "lomi-photos" / f"{prefix}photo/{media}.jpg").write_bytes(photo)
    return prefix


def submitted(cluster: Cluster) -> int:
    """Jobs that were pushed since Redis was emptied."""
    return int(cluster.redis.hget(f"{{{QUEUE}}}:stats", "submitted") or 0)


def in_the_middle(cluster: Cluster) -> None:
    while submitted(cluster) < 20:
        pass


def settled(cluster: Cluster, submission: str, jobs: int) -> int:
    names = [job_id_of(uuid.UUID(submission), seq) for seq in range(jobs)]
    found = cluster.pg.execute("SELECT count(*) AS n FROM lomi.jobs WHERE job_id = ANY(%s)", (names,)).fetchone()
    assert found is not None
    return int(found["n"])


def decisions(cluster: Cluster, prefix: str) -> list[int]:
    """How often each photo was decided."""
    found = cluster.pg.execute(
        "SELECT (SELECT count(*) FROM lomi.decisions AS d WHERE d.media_id = m.id) AS n FROM media AS m"
        " WHERE starts_with(m.url, %s)",
        (prefix,),
    )
    return [int(row["n"]) for row in found.fetchall()]


@pytest.fixture
def portrait(samples: dict[str, Sample]) -> bytes:
    return next(sample.data for sample in samples.values() if sample.status == "approved")


def test_a_submit_that_is_killed_in_the_middle_is_gone_on_with(bare: Cluster, start_worker: StartWorker) -> None:
    prefix, name = batches(bare, MANY), str(uuid.uuid4())
    running = subprocess.Popen(
        [*LOMI, "jobs", "submit", "--prefix", prefix, "--job-id", name, "--data", str(bare.data)], env=environment()
    )
    in_the_middle(bare)
    running.kill()
    running.wait(60)
    pushed = submitted(bare)
    assert 20 <= pushed < MANY, "the test came too late: it shows nothing"
    status = json.loads(lomi("jobs", "status", name, "-o", "json", "--data", bare.data, check=1).stdout)
    assert status["states"] == {"missing": MANY - pushed, "ready": pushed}

    again = lomi("jobs", "submit", "--prefix", prefix, "--job-id", name, "--data", bare.data)
    assert again.stdout == f"{name}\n"
    assert submitted(bare) == MANY
    start_worker()
    done = lomi("jobs", "wait", name, "--data", bare.data, "-o", "json", check=1)

    document = json.loads(done.stdout)
    assert document["states"] == {"done": MANY}
    assert document["now"] == [{"status": "failed", "reason": "object_missing", "photos": MANY}]
    assert settled(bare, name, MANY) == MANY
    assert decisions(bare, prefix) == [1] * MANY


def in_a_terminal(*words: str) -> tuple[int, int]:
    """Process and terminal of a command that leads a session: closing the terminal hangs up on it."""
    pid, ours = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests by nohup had it ignored
        os.execve(sys.executable, [*LOMI, *words], environment(TERM="xterm") | {"COLUMNS": "80"})
    return pid, ours


def ended(pid: int) -> int:
    """As a shell tells it."""
    _, status = os.waitpid(pid, 0)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def read_until(terminal: int, pattern: str) -> str:
    seen = b""
    while not re.search(pattern.encode(), seen):
        seen += os.read(terminal, 65536)
    return seen.decode()


def test_a_terminal_that_closes_while_it_pushes_lets_it_push_everything(bare: Cluster) -> None:
    prefix, name = batches(bare, MANY), str(uuid.uuid4())
    pid, terminal = in_a_terminal("jobs", "submit", "--prefix", prefix, "--job-id", name, "--data", str(bare.data))
    in_the_middle(bare)
    os.close(terminal)
    assert submitted(bare) < MANY, "the test came too late: it shows nothing"

    assert ended(pid) == 129
    assert submitted(bare) == MANY


def test_a_terminal_that_closes_while_somebody_waits_stops_nothing(
    bare: Cluster, start_worker: StartWorker, portrait: bytes
) -> None:
    prefix, name = batches(bare, 3, portrait), str(uuid.uuid4())
    pid, terminal = in_a_terminal("jobs", "submit", "--prefix", prefix, "--job-id", name, "--data", str(bare.data))
    read_until(terminal, "3 photos in 3 jobs")
    wait_until(lambda: submitted(bare) == 3)
    os.close(terminal)
    assert ended(pid) == 129
    start_worker()

    done = lomi("jobs", "wait", name, "--data", bare.data)

    assert done.stdout.splitlines()[:2] == [f"submission {name}: 3 of 3 jobs over", "  approved  3 photos"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["INT", "TERM"])
def test_whoever_stops_waiting_is_told_how_to_come_back(bare: Cluster, number: int, code: int) -> None:
    prefix, name = batches(bare, 2), str(uuid.uuid4())
    running = subprocess.Popen(
        [*LOMI, "jobs", "submit", "--wait", "--prefix", prefix, "--job-id", name, "--data", str(bare.data)],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stderr is not None
    while "over" not in running.stderr.readline():
        pass
    running.send_signal(number)
    out, err = running.communicate(timeout=60)

    assert (running.returncode, out) == (code, "")
    assert err == f"it goes on without you: lomi jobs wait {name}\n"
    assert submitted(bare) == 2


def kill_redis(cluster: Cluster) -> None:
    """The stack's supervisor starts it again."""
    info: Any = cluster.redis.info("server")
    os.kill(info["process_id"], signal.SIGKILL)

    def back() -> bool:
        with suppress(redis.RedisError):
            again: Any = cluster.redis.info("server")
            return bool(again["process_id"] != info["process_id"])
        return False

    wait_until(back)


def wipe(cluster: Cluster) -> None:
    cluster.redis.flushall()


def test_a_run_survives_a_redis_that_is_killed_and_one_that_forgets(
    bare: Cluster, start_worker: StartWorker, portrait: bytes
) -> None:
    prefix, name, jobs = batches(bare, 12, portrait), str(uuid.uuid4()), 12
    start_worker()
    running = subprocess.Popen(
        [*LOMI, "jobs", "submit", "--wait", "--prefix", prefix, "--job-id", name, "--rate", "2/s", "--data",
         str(bare.data), "-o", "json"],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for at, blow in ((2, kill_redis), (5, wipe)):
        wait_until(lambda at=at: settled(bare, name, jobs) >= at)  # type: ignore[misc]
        assert settled(bare, name, jobs) < jobs, "the test came too late: it shows nothing"
        blow(bare)
    out, err = running.communicate(timeout=110)

    assert running.returncode == 0, err
    document = json.loads(out)
    assert document["states"] == {"done": jobs}
    assert document["pushed"] > 0
    assert settled(bare, name, jobs) == jobs
    assert decisions(bare, prefix) == [1] * jobs


def test_history_outlives_redis_with_the_machine_and_the_time(
    bare: Cluster, start_worker: StartWorker, portrait: bytes
) -> None:
    prefix, name = batches(bare, 1, portrait), str(uuid.uuid4())
    start_worker()
    lomi("jobs", "submit", "--wait", "--prefix", prefix, "--job-id", name, "--as", "sara", "--data", bare.data)
    bare.push("this is no job")

    def told() -> list[dict[str, Any]]:
        said = lomi("jobs", "history", "-o", "json", "--data", bare.data)
        found: list[dict[str, Any]] = json.loads(said.stdout)["jobs"]
        return found

    wait_until(lambda: "dead: not_json" in {job["outcome"] for job in told()})
    wipe(bare)

    (done,) = [job for job in told() if job["submission_id"] == name]
    assert (done["outcome"], done["submitted_by"], done["attempt"]) == ("1 approved", "sara", 1)
    assert done["host"] == os.uname().nodename
    assert done["took_s"] > 0
    assert done["waited_s"] >= 0
    (dead,) = [job for job in told() if job["outcome"] == "dead: not_json"]
    assert dead["host"] == os.uname().nodename


def test_a_live_upload_overtakes_a_bulk_submit(bare: Cluster, start_worker: StartWorker, portrait: bytes) -> None:
    prefix, name = batches(bare, 30), str(uuid.uuid4())
    lomi("jobs", "submit", "--prefix", prefix, "--job-id", name, "--data", bare.data)
    live = bare.upload([portrait])
    bare.push(live)
    start_worker()
    lomi("jobs", "wait", name, "--data", bare.data, check=1)

    order = [row["job_id"] for row in bare.pg.execute("SELECT job_id FROM lomi.jobs ORDER BY settled_at").fetchall()]

    mine = [order.index(job_id_of(uuid.UUID(name), seq)) for seq in range(30)]
    assert sum(place < order.index(live.job["job_id"]) for place in mine) == 1, "only the one that found nobody waiting"


# --- what a person sees ----------------------------------------------------------------------------------------------

NAME = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def over(bare: Cluster, start_worker: StartWorker, portrait: bytes) -> Callable[..., str]:
    """A submission that is over; runs a command on a terminal of 80 columns."""
    bare.pg.execute("TRUNCATE lomi.submissions, lomi.submitted_jobs")
    start_worker()
    lomi("jobs", "submit", "--wait", "--prefix", batches(bare, 2, portrait), "--job-id", NAME, "--data", bare.data)
    return lambda *words, **extra: on_terminal("jobs", *words, "--data", str(bare.data), **extra).replace("\r\n", "\n")


def plain(text: str) -> list[str]:
    """Without colours, and with moments as 00-00 00:00."""
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    text = re.sub(r"\d\d-\d\d \d\d:\d\d", "00-00 00:00", text)
    return [line.rstrip() for line in re.sub(r" \d+\.\d s", " 0.0 s", text).splitlines()]


def test_a_terminal_of_80_columns_is_enough(over: Callable[..., str]) -> None:
    recent, one, past = over("status"), over("status", NAME), over("history", "--limit", "2")

    assert all(len(line) <= 80 for text in (recent, one, past) for line in plain(text))
    assert plain(recent)[0] == "submission                            when         jobs"
    assert plain(recent)[2:] == [f"{NAME}  00-00 00:00  2 over"]
    assert plain(one)[:1] + plain(one)[2:] == [
        f"submission  {NAME}",
        "priority    bulk",
        "jobs        2 of 2 over",
        "done        2",
        "approved    2 photos",
    ]
    assert plain(past)[0] == "ended        job                                    took  outcome"
    assert sorted(plain(past)[2:4]) == sorted(
        f"00-00 00:00  {job_id_of(uuid.UUID(NAME), seq)}  0.0 s  1 approved" for seq in range(2)
    )


def test_no_colour_where_none_is_wanted_or_nobody_looks(over: Callable[..., str], bare: Cluster) -> None:
    colour = re.compile(r"\x1b\[[0-9;]*3[0-9](?:;[0-9;]*)?m")
    assert not colour.search(over("status", NO_COLOR="1"))
    for words in (("status",), ("history",), ("wait", NAME)):
        assert "\x1b" not in lomi("jobs", *words, "--data", bare.data).stdout


@pytest.mark.usefixtures("over")
def test_the_bar_of_a_wait_stays_off_stdout(bare: Cluster, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [*LOMI, "jobs", "wait", NAME, "--data", str(bare.data)],
            env=environment(TERM="xterm"), stdout=out, stderr=theirs, check=False,
        )  # fmt: skip
    os.close(theirs)
    os.close(ours)

    assert done.returncode == 0
    assert (tmp_path / "out").read_text().startswith(f"submission {NAME}: 2 of 2 jobs over\n")
