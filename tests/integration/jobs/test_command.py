"""`lomi jobs` as an operator types it; in a pipe."""

from __future__ import annotations

import io
import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lomi_ops.cli import jobs_watch
from lomi_ops.domain.submission import job_id_of
from lomi_ops.domain.verdict import MediaStatus
from lomi_ops.ops.jobs import watch
from tests.commands import Lomi, Said, lomi, quiet_machine  # noqa: F401 - fixtures
from tests.integration.jobs.conftest import Desk
from tests.integration.jobs.test_watch import POISON, photos
from tests.integration.reconcile.conftest import Cluster

NAME = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def here(
    quiet_machine: None,  # noqa: F811
    prepared_url: str,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The commands see the cluster."""
    (tmp_path / "lomi-photos").mkdir()
    for name, value in (("REDIS_URL", redis_url), ("DATABASE_URL", prepared_url), ("OBJECTS", str(tmp_path))):
        monkeypatch.setenv(f"LOMI_{name}", value)
    monkeypatch.setenv("LOMI_ACTOR", "abebe")
    return tmp_path


@pytest.fixture
def jobs(here: Path, desk: Desk, lomi: Lomi) -> Callable[..., Said]:  # noqa: F811
    return lambda *words: lomi("jobs", *words)


Jobs = Callable[..., Said]


@pytest.fixture
def worker(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[Callable[[], object]]:
    """What happens during the naps of a command that waits, one thing a nap."""
    todo: list[Callable[[], object]] = []
    monkeypatch.setattr(watch, "NAP_S", 0.01)
    monkeypatch.setattr(watch, "PATIENCE", 0)
    monkeypatch.setattr(jobs_watch, "LINE_S", float("inf"))
    real = watch.look

    def look(*args: Any, **how: Any) -> Any:
        seen = real(*args, **how)
        if todo:
            todo.pop(0)()
        return seen

    monkeypatch.setattr(watch, "look", look)
    return todo


def test_in_a_pipe_a_submit_prints_nothing_but_the_id(jobs: Jobs, desk: Desk) -> None:
    said = jobs("submit", *photos(desk, 2))

    assert said.code == 0
    assert str(uuid.UUID(said.out.strip())) == said.out.strip()
    assert said.err == ""
    assert desk.handles.queue.stats().waiting == 2


def test_a_wait_ends_with_what_became_of_everything(jobs: Jobs, desk: Desk, worker: list[Callable[[], object]]) -> None:
    worker += [
        desk.work,
        lambda: desk.work(MediaStatus.REJECTED, "blurry"),
        lambda: desk.work(MediaStatus.REJECTED, "nsfw"),
    ]

    said = jobs("submit", "--wait", "--job-id", NAME, *photos(desk, 3, 2))

    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[:3] == [
        f"submission {NAME}: 3 of 3 jobs over",
        "  approved  2 photos",
        "  rejected  4 photos  (blurry 2, nsfw 2)",
    ]
    assert sorted(lines[3:]) == sorted(f"slow: {job_id_of(uuid.UUID(NAME), seq)} 1.5 s on host-1" for seq in range(3))
    assert said.err.splitlines() == [
        f"submission {NAME}: 6 photos in 3 jobs",
        "0 of 3 jobs over (3 ready)",
    ]


def test_sync_prints_each_decision_as_it_comes(jobs: Jobs, desk: Desk, worker: list[Callable[[], object]]) -> None:
    worker += [desk.work, lambda: desk.work(MediaStatus.FAILED, "truncated")]
    names = photos(desk, 2)

    said = jobs("submit", "--sync", *names, "-o", "jsonl")

    *decisions, summary = said.records
    assert said.code == 1, "a photo failed"
    assert {each["media_id"] for each in decisions} == set(map(str, names))
    assert {(each["status"], each["reason"]) for each in decisions} == {("approved", None), ("failed", "truncated")}
    assert summary["schema"] == "lomi.jobs.wait/v1"
    assert summary["over"] is True


def test_a_dead_letter_ends_with_the_next_command(jobs: Jobs, desk: Desk, worker: list[Callable[[], object]]) -> None:
    worker += [lambda: desk.handles.queue.fail(desk.cluster.claim(), POISON)]

    said = jobs("submit", "--wait", "--job-id", NAME, *photos(desk, 1))

    dead = job_id_of(uuid.UUID(NAME), 0)
    assert said.code == 1
    assert said.out.splitlines() == [
        f"submission {NAME}: 1 of 1 job over",
        "  undecided  1 photo",
        "  dead       1 job",
        f"dead: {dead}: lomi queue show {dead}",
    ]


def test_a_wait_that_takes_too_long_says_how_to_come_back(jobs: Jobs, desk: Desk) -> None:
    said = jobs("submit", "--wait", "--timeout", "0", "--job-id", NAME, *photos(desk, 1))

    assert said.code == 3
    assert said.err.splitlines()[-1] == f"the time is over; it goes on: lomi jobs wait {NAME}"
    assert jobs("wait", NAME, "--timeout", "0m").code == 3
    wrong = jobs("wait", NAME, "--timeout", "soon")
    assert (wrong.code, "try: --timeout 10m" in wrong.err) == (2, True)


def test_what_is_left_alone_is_told_beside_the_answer(jobs: Jobs, desk: Desk) -> None:
    old, fresh = photos(desk, 1), photos(desk, 1)
    desk.submit(*old)
    desk.work()

    said = jobs("submit", *old, *fresh)

    assert said.err == "1 photo decided already, left as it is\n"
    nothing = jobs("submit", *old)
    assert (nothing.code, nothing.err) == (0, "")
    assert nothing.out == "1 photo decided already, left as it is\nnothing is left to submit\n"


def test_only_a_person_can_bring_it_further_exit_1(jobs: Jobs, desk: Desk) -> None:
    (photo,) = photos(desk, 1)
    desk.submit(photo)
    desk.handles.queue.fail(desk.cluster.claim(), POISON)

    said = jobs("submit", photo)

    assert said.code == 1
    assert "lomi reconcile --include-dead" in said.out


def test_names_come_from_a_file_or_from_stdin(
    jobs: Jobs, desk: Desk, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = photos(desk, 1), photos(desk, 1)
    (here / "names").write_text(f"\n{first[0]}\n{first[0]}\n\n")
    assert jobs("submit", "--keys", "names", "-o", "json").document["photos"] == 1
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{second[0]}\n"))
    assert jobs("submit", "--keys", "-", "-o", "json").document["photos"] == 1
    missing = jobs("submit", "--keys", "no-such-file")
    assert (missing.code, missing.err.splitlines()[0]) == (
        2, "error: no-such-file cannot be read: No such file or directory",
    )  # fmt: skip


@pytest.mark.parametrize(
    "words",
    [(), ("--prefix", ""), ("a", "--prefix", "b"), ("a", "--rate", "fast"), ("a", "--async", "--wait"),
     ("a", "--async", "--timeout", "5"),
     ("a", "--job-id", "7"), ("a", "--priority", "urgent")],
)  # fmt: skip
def test_what_does_not_fit_together_is_a_usage_error(jobs: Jobs, words: tuple[str, ...]) -> None:
    assert jobs("submit", *words).code == 2


def test_the_same_id_with_other_photos_is_exit_5(jobs: Jobs, desk: Desk) -> None:
    one, two = photos(desk, 2)
    first = jobs("submit", one, "--job-id", NAME)
    again = jobs("submit", one, "--job-id", NAME)
    other = jobs("submit", two, "--job-id", NAME)

    assert (first.code, again.code, other.code) == (0, 0, 5)
    assert first.out == again.out == f"{NAME}\n"
    assert again.err == "this submission was recorded before: nothing is added\n"
    assert f"try: lomi jobs status {NAME}" in other.err


def test_the_status_of_one_and_of_the_latest(jobs: Jobs, desk: Desk) -> None:
    assert jobs("status").out == "nothing was submitted yet: lomi jobs submit\n"
    jobs("submit", *photos(desk, 3), "--job-id", NAME, "--rate", "60/h")
    desk.work()

    one = jobs("status", NAME)

    lines = one.out.splitlines()
    assert one.code == 0
    assert lines[0] == f"submission    {NAME}"
    assert [line.split()[0] for line in lines] == [
        "submission", "by", "limit", "priority", "jobs", "delayed", "done", "approved", "undecided", "last", "rate",
        "to",
    ]  # fmt: skip
    assert "limit         1 photos/min" in lines
    assert "jobs          1 of 3 over" in lines
    table = jobs("status").out.splitlines()
    assert table[0].split() == ["submission", "when", "by", "photos", "jobs"]
    assert table[2].split()[0] == NAME
    assert table[2].endswith("1 of 3 over")
    document = jobs("status", "-o", "json").document["submissions"][0]
    assert (document["id"], document["states"]) == (NAME, {"done": 1, "delayed": 2})


def test_a_status_names_the_pause_that_keeps_a_run_waiting(jobs: Jobs, desk: Desk) -> None:
    jobs("submit", *photos(desk, 1), "--job-id", NAME)
    desk.handles.queue.pause("hana", "a deploy", 600)

    pause = r"by hana: a deploy \(for \d+ s, ends in 10 min\)"
    assert re.search(rf"^paused      {pause}$", jobs("status", NAME).out, re.MULTILINE)
    waits = jobs("wait", NAME, "--timeout", "0")
    assert re.fullmatch(f"the queue is paused {pause}: lomi queue resume", waits.err.splitlines()[0])
    desk.handles.queue.resume()
    assert "paused" not in jobs("status", NAME).out
    assert "paused" not in jobs("wait", NAME, "--timeout", "0").err


def test_what_is_missing_is_told_with_the_command_that_brings_it_back(jobs: Jobs, desk: Desk) -> None:
    jobs("submit", *photos(desk, 2), "--job-id", NAME)
    desk.forget()

    said = jobs("status", NAME)

    assert said.code == 1
    assert said.out.splitlines()[-1] == f"2 jobs not in the queue: lomi jobs wait {NAME} pushes again"
    assert jobs("status").out.splitlines()[-1].endswith("0 of 2 over, 2 missing")
    assert jobs("wait", NAME, "--timeout", "0").code == 3
    assert desk.handles.queue.stats().waiting == 2


def test_reconciling_pushes_submissions_as_they_were_submitted(
    jobs: Jobs,
    desk: Desk,
    lomi: Lomi,  # noqa: F811
) -> None:
    jobs("submit", *photos(desk, 4), "--job-id", NAME)
    jobs("submit", *photos(desk, 3), "--rate", "1/min")
    cancelled = jobs("submit", *photos(desk, 1)).out.strip()
    jobs("cancel", cancelled)
    lost = desk.cluster.upload(1)
    desk.work()
    desk.forget()

    dry = lomi("reconcile", "--dry-run")
    assert (dry.code, desk.handles.queue.stats().waiting) == (1, 0)
    said = lomi("reconcile")

    assert said.code == 0
    assert said.err == "pushed 6 jobs again of what was submitted: lomi jobs status\n"
    stats = desk.handles.queue.stats()
    assert (stats.bulk, stats.delayed) == (3, 2)
    queued = {job["photos"][0]["media_id"] for job in desk.cluster.waiting()}
    assert str(lost.photos[0].media_id) in queued


def test_a_cancel_counts_first_and_wants_the_true_number(jobs: Jobs, desk: Desk) -> None:
    jobs("submit", *photos(desk, 12), "--job-id", NAME)

    assert jobs("cancel", NAME, "--dry-run").out == (
        f"would be cancelled: 12 jobs\nlomi jobs cancel {NAME} --confirm-count 12\n"
    )
    refused = jobs("cancel", NAME)
    assert (refused.code, refused.out) == (5, "")
    assert refused.err.splitlines() == [
        "error: 12 jobs are not over; more than 10 must be confirmed by their number; nothing was cancelled",
        f"  try: lomi jobs cancel {NAME} --confirm-count 12",
    ]
    assert jobs("cancel", NAME, "--confirm-count", "11").code == 5
    done = jobs("cancel", NAME, "--confirm-count", "12", "--as", "sara", "--reason", "the wrong folder")
    assert done.out == "cancelled: 12 jobs\n"
    assert jobs("cancel", NAME).out == "everything of it is over: nothing to cancel\n"
    (entry,) = [each for each in desk.cluster.audit() if each["action"] == "jobs.cancel"]
    assert (entry["actor"], entry["reason"]) == ("sara", "the wrong folder")


def test_history_tells_who_when_how_often_how_long_and_how(jobs: Jobs, desk: Desk) -> None:
    assert jobs("history").out == "no job ended in that time\n"
    jobs("submit", *photos(desk, 1, 2), "--job-id", NAME)
    desk.work()
    jobs("submit", *photos(desk, 1))
    desk.handles.queue.fail(desk.cluster.claim(), POISON)
    desk.write_down()
    desk.forget()

    lines = jobs("history").out.splitlines()

    assert lines[0].split() == ["ended", "job", "who", "by", "photos", "tries", "took", "outcome"]
    assert lines[2].endswith("dead: not_json")
    done = lines[3].split()
    assert done[2:] == [job_id_of(uuid.UUID(NAME), 0), "host-1", "abebe", "2", "1", "1.5", "s", "2", "approved"]
    dead = jobs("history", "--outcome", "dead", "-o", "jsonl").records
    assert [(each["outcome"], each["submitted_by"]) for each in dead] == [("dead: not_json", "abebe")]
    assert jobs("history", "--limit", "1").err.startswith("there are more than these 1")
    assert jobs("history", "--since", "never").code == 2
    assert jobs("history", "--user", "somebody").code == 2


@pytest.mark.parametrize("words", [("status", "x"), ("wait", "x"), ("cancel", "x")])
def test_what_nobody_knows_is_exit_1(jobs: Jobs, words: tuple[str, ...]) -> None:
    said = jobs(*words)
    assert said.code == 1
    assert "lomi jobs status" in said.err


def test_a_cluster_without_our_tables_is_told_what_makes_them(
    unswapped: Cluster,
    here: Path,
    lomi: Lomi,  # noqa: F811
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", database_url)
    for words in (("submit", "x"), ("status",), ("status", "x"), ("wait", "x"), ("cancel", "x")):
        said = lomi("jobs", *words)
        assert said.code == 1, words
        assert said.err.splitlines()[-1] == "  try: lomi migrate apply", words
    history = lomi("jobs", "history")
    assert history.code == 0
    assert history.out.splitlines()[-1].endswith("is not known: lomi migrate apply")
    assert lomi("jobs", "history", "-o", "json").document["unknown"]


def test_a_redis_that_is_away_is_exit_3_and_records_nothing(
    jobs: Jobs, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photo,) = photos(desk, 1)
    monkeypatch.setenv("LOMI_REDIS_URL", "redis://127.0.0.1:1/0")

    assert jobs("submit", photo).code == 3
    assert desk.rows("SELECT * FROM lomi.submissions") == []


def test_a_redis_that_goes_away_in_the_middle_says_how_to_go_on(
    jobs: Jobs, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lomi_ops.errors import RedisUnavailable
    from lomi_ops.queue.jobs import JobQueue

    def gone(*_: object) -> None:
        raise RedisUnavailable("gone")

    with monkeypatch.context() as patched:
        patched.setattr(JobQueue, "submit_many", gone)
        said = jobs("submit", *photos(desk, 2), "--job-id", NAME)

    assert said.code == 3
    assert said.err.splitlines()[-1] == f"  try: lomi jobs wait {NAME}, which pushes the rest"
    assert jobs("submit", *photos(desk, 0), "--job-id", NAME, "x").code == 5
    assert jobs("wait", NAME, "--timeout", "0").err.splitlines()[0] == "pushed 2 jobs"


def test_a_database_that_is_away_is_exit_3(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOMI_DATABASE_URL", "postgresql://a:b@127.0.0.1:1/c")
    for words in (("submit", "x"), ("status",), ("history",)):
        assert jobs(*words).code == 3


def test_every_document_has_its_schema(jobs: Jobs, desk: Desk) -> None:
    (photo,) = photos(desk, 1)
    schemas = [
        jobs("submit", photo, "--dry-run", "-o", "json").document["schema"],
        jobs("submit", photo, "--job-id", NAME, "-o", "json").document["schema"],
        jobs("status", NAME, "-o", "json").document["schema"],
        jobs("status", "-o", "json").document["schema"],
        jobs("cancel", NAME, "-o", "json").document["schema"],
        jobs("wait", NAME, "-o", "json").document["schema"],
        jobs("history", "-o", "json").document["schema"],
    ]
    assert schemas == [
        "lomi.jobs.submit/v1", "lomi.jobs.submit/v1", "lomi.jobs.status/v1", "lomi.jobs.list/v1",
        "lomi.jobs.cancel/v1", "lomi.jobs.wait/v1", "lomi.jobs.history/v1",
    ]  # fmt: skip
    assert json.loads(jobs("status", NAME, "-o", "jsonl").out)["id"] == NAME
