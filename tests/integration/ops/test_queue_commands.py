"""`lomi queue`: acting on many jobs, on real services."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from lomi_ops.config.sections.services import RedisSection
from lomi_ops.domain.attempt import ErrorClass, Failure
from lomi_ops.errors import RedisUnavailable
from lomi_ops.ops.operations import PATIENCE_S, Journal, Plan, Runner
from lomi_ops.queue.client import queue_client
from lomi_ops.queue.jobs import JobQueue
from lomi_ops.queue.operations import STEP, Operations, OperationState, Order, Progress, Verb
from lomi_ops.queue.replies import Claimed
from tests.commands import Lomi
from tests.integration.ops.old_cluster import QUEUE, OldCluster
from tests.integration.queue.producer import element, job_id
from tests.operating import dead_letters
from tests.services import free_port

POISON = Failure(ErrorClass.POISON, "not_json", "the element is not a JSON object")
HUNG = Failure(ErrorClass.POISON, "hung", "ran for too long")


@pytest.fixture
def queue(redis_url: str) -> Iterator[JobQueue]:
    client = queue_client(RedisSection.model_validate({"url": redis_url}))
    yield JobQueue(client)
    client.close()


def bury(queue: JobQueue, client: redis.Redis, number: int, failure: Failure = POISON) -> list[str]:
    names = []
    for _ in range(number):
        client.lpush(QUEUE, element())
        held = queue.claim(f"{uuid.uuid4()}/0", 1, str(uuid.uuid4()))
        assert isinstance(held, Claimed)
        queue.fail(held, failure)
        names.append(held.job_id)
    return names


def audit(cluster: OldCluster) -> list[dict[str, Any]]:
    with cluster.sql() as pg:
        return pg.execute("SELECT actor, action, subject, reason, before, after FROM lomi.audit ORDER BY id").fetchall()


def test_more_than_a_handful_needs_its_true_number(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    bury(queue, client, 12)
    bury(queue, client, 3, HUNG)

    dry = lomi("queue", "retry", "state:dead error:not_json", "--dry-run")
    bare = lomi("queue", "retry", "state:dead", "error:not_json")
    wrong = lomi("queue", "retry", "state:dead error:not_json", "--confirm-count", 15)

    assert (dry.code, dry.out) == (0, "would retry 12 jobs: 12 dead; nothing was changed\n")
    assert bare.code == wrong.code == 5
    assert "12 jobs match; more than 10 must be confirmed" in bare.err
    assert "12 jobs match, not 15; nothing was changed" in wrong.err
    assert wrong.err.splitlines()[-1] == "  try: lomi queue retry 'state:dead error:not_json' --confirm-count 12"
    assert (queue.stats().dead, audit(cluster)) == (15, [])

    done = lomi("queue", "retry", "state:dead error:not_json", "--confirm-count", 12, "--reason", "new build")

    assert done.code == 0
    assert done.out.startswith("12 jobs retried; to put back: lomi queue undo ")
    assert (queue.stats().dead, queue.stats().waiting) == (3, 12)


def test_a_few_jobs_are_acted_on_at_once_and_a_wrong_number_is_refused_all_the_same(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    names = bury(queue, client, 3)

    assert lomi("queue", "delete", *names[:2], "--confirm-count", 3).code == 5
    assert lomi("queue", "delete", *names[:2]).code == 0
    assert queue.stats().dead == 1


def test_what_was_done_is_on_record_before_and_after_and_is_undone(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    names = bury(queue, client, 12)
    done = lomi(
        "queue", "dead", "delete", "--all", "--confirm-count", 12, "--as", "Hana", "--reason", "spam", "-o", "json"
    )
    op = done.document["op"]

    undone = lomi("queue", "undo", op, "--as", "Abebe")

    assert undone.out == "12 jobs put back\n"
    assert {letter.job_id for letter in dead_letters(queue)} == set(names)
    begun, ended, *undoing = audit(cluster)
    assert (begun["actor"], begun["action"], begun["subject"]) == ("Hana", "queue.delete", f"op:{op}")
    assert (begun["reason"], begun["before"]) == ("spam", {"filter": "state:dead", "jobs": 12})
    assert ended["after"] == {"done": 12, "skipped": 0}
    assert [(each["actor"], each["action"]) for each in undoing] == [("Abebe", "queue.undo")] * 2
    assert undoing[1]["after"] == {"undone": 12, "moved_on": 0}
    again = lomi("queue", "undo", op)
    assert again.code == 5
    assert "undone already, by Abebe" in again.err
    (listed,) = lomi("queue", "ops", "-o", "jsonl").records
    assert (listed["op"], listed["state"], listed["done"], listed["undone"]) == (op, "undone", 12, 12)


def test_an_operation_that_was_killed_in_the_middle_is_continued_and_undone(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    names = bury(queue, client, 1000)
    command = ["queue", "delete", "state:dead", "--confirm-count", "1000", "--as", "Hana"]
    op = killed_in_the_middle(command, client)
    left = queue.stats().dead
    assert 0 < left < 1000

    there = lomi("queue", "continue", op)

    assert there.code == 0
    assert there.out == f"1,000 jobs deleted; to put back: lomi queue undo {op}\n"
    assert queue.stats().dead == 0
    assert lomi("queue", "continue", op).out == there.out, "a second time changes nothing"
    assert lomi("queue", "undo", op).out == "1,000 jobs put back\n"
    assert set(client.zrange(queue.keys.dead, 0, -1)) == {name.encode() for name in names}


def test_an_undo_that_was_killed_in_the_middle_is_continued(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    bury(queue, client, 1000)
    op = lomi("queue", "delete", "state:dead", "--confirm-count", 1000, "-o", "json").document["op"]
    killed_in_the_middle(["queue", "undo", op], client)
    assert 0 < queue.stats().dead < 1000

    assert lomi("queue", "continue", op).out == "1,000 jobs put back\n"
    assert queue.stats().dead == 1000


def killed_in_the_middle(command: list[str], client: redis.Redis) -> str:
    """Runs a command through the installed program and kills it between two of its steps; the operation's name."""
    hook = "import lomi_ops.queue.operations as o, time; step = o._progress\nmade = []\n"
    hook += "def third(*a):\n    made.append(step(*a))\n    if len(made) == 3:\n"
    hook += "        print('three steps', flush=True)\n        time.sleep(600)\n    return made[-1]\n"
    hook += "o._progress = third\nfrom lomi_ops.cli.main import run\nimport sys\nsys.exit(run(sys.argv[1:]))"
    running = subprocess.Popen(
        [sys.executable, "-c", hook, *command], env=dict(os.environ), stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "three steps\n"
    running.send_signal(signal.SIGKILL)
    assert running.wait(10) == -signal.SIGKILL
    running.stdout.close()
    return Operations(client).latest(1)[0].op


def test_ctrl_c_in_the_middle_says_how_to_go_on(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(queue, client, 250)
    step = Operations.step
    steps = []

    def interrupted(self: Operations, op: str) -> Any:
        steps.append(op)
        if len(steps) == 2:
            raise KeyboardInterrupt
        return step(self, op)

    with monkeypatch.context() as patch:
        patch.setattr(Operations, "step", interrupted)
        stopped = lomi("queue", "delete", "--all", "--confirm-count", 250)

    assert stopped.code == 130
    assert f"try: lomi queue continue {steps[0]}, or: lomi queue undo {steps[0]}" in stopped.err
    assert queue.stats().dead == 250 - STEP
    assert lomi("queue", "undo", steps[0]).out == f"{STEP} jobs put back\n"


def test_a_job_that_does_not_exist_or_stands_otherwise_is_named(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    (name,) = bury(queue, client, 1)

    unknown = lomi("queue", "retry", name, "no-such-job")
    other = lomi("queue", "cancel", name)

    assert (unknown.code, unknown.out) == (1, "")
    assert "the queue knows no job no-such-job" in unknown.err
    assert queue.stats().dead == 1
    assert other.code == 0
    assert other.out.splitlines() == [
        "no job to cancel",
        "left alone: 1 job dead; cancel needs delayed or ready or running",
    ]


def test_dead_letters_are_acted_on_by_name_and_nothing_else_is(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    names = bury(queue, client, 12)
    lomi("queue", "retry", names[0])

    many = lomi("queue", "dead", "retry", *names[1:])
    other = lomi("queue", "dead", "retry", names[0])

    assert (many.code, other.code) == (5, 0)
    assert many.err.splitlines()[-1] == f"  try: lomi queue retry {' '.join(names[1:])} --confirm-count 11"
    assert other.out.splitlines() == ["no job to retry", "left alone: 1 job ready; retry needs dead"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["retry"], "which jobs?"),
        (["cancel", ""], "an empty word names none"),
        (["cancel", '""'], "an empty word stands in the filter"),
        (["delete", "--all", "state:dead"], "contradict each other"),
        (["delete", "stat:dead"], "did you mean state?"),
        (["list", "--by", "shoesize"], "cannot be counted by 'shoesize'"),
        (["pause", "--reason", "x", "--for", "soon"], "no span of time"),
        (["pause", "--reason", "x", "--for", "0"], "would end the pause as it begins"),
        (["delete", "state:dead", "age"], "age is compared with nothing"),
        (["delete", "state:ready"], "lomi queue cancel state:ready"),
        (["cancel", "state:dead"], "lomi queue retry state:dead, or: lomi queue delete state:dead"),
        (["dead", "retry", "state:ready"], "retry needs dead or delayed"),
        (["undo", "1126-0000-beef"], "no operation 1126-0000-beef"),
    ],
)
def test_a_mistake_is_answered_with_the_next_command(
    cluster: OldCluster, lomi: Lomi, words: list[str], said: str
) -> None:
    answer = lomi("queue", *words)
    assert answer.code in (1, 2)
    assert said in answer.err
    assert "  try: " in answer.err


@pytest.mark.parametrize("name", ["run:7", "-dash"])
def test_the_next_command_of_a_job_takes_its_id_whatever_it_looks_like(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi, name: str
) -> None:
    client.lpush(QUEUE, f'{{"job_id":"{name}"}}')
    held = queue.claim("b/0", 1, "t1")
    assert isinstance(held, Claimed)
    queue.fail(held, POISON)

    lines = lomi("queue", "show", "--", name).out.splitlines()
    (command,) = [line.removeprefix("next: ") for line in lines if line.startswith("next: ")]

    assert command == f"lomi queue retry job:{name}"
    assert lomi(*command.split()[1:]).out.startswith("1 job retried")


@pytest.mark.parametrize("words", [["list"], ["dead"], ["show", "x"], ["stats"], ["ops"], ["retry", "--all"]])
def test_a_redis_that_is_away_is_exit_3_and_no_bug_of_ours(
    cluster: OldCluster, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")

    answer = lomi("queue", *words)

    assert (answer.code, answer.out) == (3, "")
    assert answer.err.startswith("error: Redis at 127.0.0.1:")
    assert answer.err.endswith("  try: lomi check\n")


def test_without_an_audit_it_is_said_and_done_all_the_same(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = bury(queue, client, 2)
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://x:y@127.0.0.1:{free_port()}/lomi")

    done = lomi("queue", "retry", names[0])

    assert done.code == 0
    assert done.err.count("warning: not in the audit: Postgres at") == 1
    (listed,) = lomi("queue", "ops", "-o", "jsonl").records
    assert (listed["done"], listed["by"]) == (1, listed["by"])


def test_a_cluster_that_is_not_swapped_is_steered_too(
    old: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    """Nothing but the list exists there: no schema of ours, no record of any job."""
    elements = [old.job(uuid.uuid4(), [uuid.uuid4()]) for _ in range(12)]
    for each in elements:
        old.push(each)

    listed = lomi("queue", "list", "state:ready", "-o", "jsonl")
    cancelled = lomi("queue", "cancel", "state:ready", "--confirm-count", 12)

    assert {record["job_id"] for record in listed.records} == {job_id(each.encode()) for each in elements}
    assert cancelled.code == 0
    assert "no schema lomi here (lomi migrate apply)" in cancelled.err
    assert client.llen(QUEUE) == 12, "an old BRPOP worker does not know that they are cancelled"
    assert lomi("queue", "undo", lomi("queue", "ops", "-o", "jsonl").records[0]["op"]).out == "12 jobs put back\n"


def test_pause_and_resume_are_on_record_and_stop_claims(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    client.lpush(QUEUE, element())

    paused = lomi("queue", "pause", "--reason", "deploy", "--as", "Hana")

    assert (paused.code, paused.out) == (0, "paused; 0 jobs still running. lomi queue resume\n")
    assert not isinstance(queue.claim("b/0", 1, "t1"), Claimed)
    assert "never: it is paused" not in lomi("queue", "stats").out, "without a rate nothing is said of it"
    assert "by Hana: deploy" in lomi("queue", "stats").out
    assert lomi("queue", "resume", "--as", "Abebe").out == "resumed; 1 job waiting\n"
    assert lomi("queue", "resume").out == "it was not paused\n"
    assert isinstance(queue.claim("b/0", 2, "t2"), Claimed)
    assert [(each["actor"], each["action"], each["subject"]) for each in audit(cluster)] == [
        ("Hana", "queue.pause", "queue"),
        ("Abebe", "queue.resume", "queue"),
    ]


def test_a_second_pause_says_whose_it_replaces(cluster: OldCluster, lomi: Lomi) -> None:
    lomi("queue", "pause", "--reason", "deploy", "--as", "Hana")

    second = lomi("queue", "pause", "--reason", "lunch", "--for", "20m", "--as", "Abebe")

    assert second.out == "paused for 20 min; 0 jobs still running. lomi queue resume\n"
    assert re.fullmatch(r"it was paused already, by Hana: deploy \(for \d+ s\); that pause is replaced\n", second.err)
    assert re.search(r"by Abebe: lunch \(for \d+ s, ends in 20 min\)", lomi("queue", "stats").out)
    assert [each["before"].get("by") for each in audit(cluster)] == [None, "Hana"]
    lomi("queue", "resume")
    assert lomi("queue", "pause", "--reason", "again").err == ""


def test_a_breaker_is_shown_and_closed_by_hand(cluster: OldCluster, queue: JobQueue, lomi: Lomi) -> None:
    queue.hold("compreface", 60, "connection refused")

    text = lomi("queue", "stats").out
    other = lomi("queue", "resume", "--upstream", "objects")
    closed = lomi("queue", "resume", "--upstream", "compreface", "--as", "Hana")

    assert re.search(r"compreface for \d+ s: out, 1 failure, tried again in", text)
    assert "connection refused" in text
    assert other.code == 1
    assert "'objects' is not on hold; on hold: compreface" in other.err
    assert closed.out == "compreface is tried again at once; 0 jobs waiting\n"
    assert queue.stats().holds == ()
    assert [(each["actor"], each["action"]) for each in audit(cluster)] == [("Hana", "queue.unhold")]


def test_drain_waits_until_nothing_runs(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.lpush(QUEUE, element(), element())
    held = queue.claim("b/0", 1, "t1")
    assert isinstance(held, Claimed)

    late = lomi("queue", "drain", "--timeout", "0s")
    monkeypatch.setattr("lomi_ops.cli.queue_flow.time.sleep", lambda _: queue.finish(held.job_id, "t1"))
    done = lomi("queue", "drain", "-o", "json")

    assert (late.code, late.out) == (3, "1 job still running after 0s; paused until: lomi queue resume\n")
    assert done.code == 0
    assert (done.document["running"], done.document["waiting"], done.document["paused"]) == (0, 1, True)


def test_a_drain_that_is_interrupted_says_that_the_queue_stays_paused(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.lpush(QUEUE, element())
    assert isinstance(queue.claim("b/0", 1, "t1"), Claimed)

    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("lomi_ops.cli.queue_flow.time.sleep", interrupted)
    stopped = lomi("queue", "drain")

    assert (stopped.code, stopped.out) == (130, "")
    assert stopped.err.splitlines()[-1] == "the queue stays paused until: lomi queue resume"
    assert queue.stats().pause is not None


def test_statistics_know_the_rates_and_what_waits_for_people(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    cluster.photo("pending", "needs_review", None)
    queue.reap(lease_s=0, tick_s=0)
    queue.reap(lease_s=0, tick_s=0)
    noted: Any = client.xrange(queue.keys.samples)
    assert len(noted) == 1, "two looks within ten seconds leave one sample"
    ((entry, fields),) = noted
    client.delete(queue.keys.samples)
    client.xadd(queue.keys.samples, fields, id=f"{int(entry.partition(b'-')[0]) - 60_000}-0")
    client.lpush(QUEUE, *(element() for _ in range(30)))
    for number in range(20):
        held = queue.claim(f"b/{number}", 1, f"t{number}")
        assert isinstance(held, Claimed)
        queue.finish(held.job_id, f"t{number}")

    body = lomi("queue", "stats", "-o", "json").document
    text = lomi("queue", "stats").out

    assert body["in_review"] == 1
    assert round(body["flow"]["in_per_min"]) == 30
    assert round(body["flow"]["out_per_min"]) == 20
    assert body["drain_s"] is None
    assert "never at this rate: it does not get less" in text
    assert "1 photo" in text


def test_jobs_are_counted_by_what_went_wrong(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    bury(queue, client, 3)
    bury(queue, client, 1, HUNG)

    assert lomi("queue", "dead", "--by", "error", "-o", "jsonl").records == [
        {"error": "not_json", "jobs": 3},
        {"error": "hung", "jobs": 1},
    ]
    assert lomi("queue", "list", "state:ready").out == "no job matches\n"
    cut = lomi("queue", "dead", "list", "--limit", "2", "-o", "json")
    assert (len(cut.document["jobs"]), cut.document["more"]) == (2, True)


def test_a_job_that_no_worker_has_seen_is_shown_from_the_list(
    cluster: OldCluster, client: redis.Redis, lomi: Lomi
) -> None:
    cluster.push(waiting := cluster.job(uuid.uuid4(), [uuid.uuid4()]))

    shown = lomi("queue", "show", job_id(waiting.encode()))

    assert shown.code == 0
    assert f"next: lomi queue cancel {job_id(waiting.encode())}" in shown.out


class Away(Operations):
    """Redis is away until so many naps were taken."""

    def __init__(self, client: redis.Redis, naps: list[float], back_after: int) -> None:
        super().__init__(client)
        self._naps, self._back_after = naps, back_after

    def step(self, op: str) -> Progress:
        if len(self._naps) < self._back_after:
            raise RedisUnavailable("Redis is loading")
        return super().step(op)


def test_a_step_outlasts_a_redis_that_is_away_for_a_while_and_gives_up_with_the_next_command(
    queue: JobQueue, client: redis.Redis
) -> None:
    nothing, journal, now = (
        Plan(Verb.RETRY, Verb.RETRY.acts_on, (), {}, {}),
        Journal(None, lambda text: None),
        datetime.now(UTC),
    )
    naps: list[float] = []

    brief = Runner(Away(client, naps, 3), journal, lambda: now, sleep=naps.append)
    assert brief.begin(Order("op", Verb.RETRY, "ada", "", "f"), nothing).state is OperationState.FINISHED
    assert len(naps) == 3

    naps.clear()
    long = Runner(Away(client, naps, 1000), journal, lambda: now, sleep=naps.append)
    with pytest.raises(RedisUnavailable) as caught:
        long.begin(Order("op2", Verb.RETRY, "ada", "", "f"), nothing)
    assert (caught.value.hint, sum(naps)) == ("lomi queue continue op2", PATIENCE_S)


def test_finished_jobs_are_listed_beside_cancelled_ones(
    cluster: OldCluster, client: redis.Redis, queue: JobQueue, lomi: Lomi
) -> None:
    client.lpush(QUEUE, element())
    held = queue.claim(f"{uuid.uuid4()}/0", 1, str(uuid.uuid4()))
    assert isinstance(held, Claimed)
    queue.finish(held.job_id, held.token)
    queue.cancel("another")
    found = lomi("queue", "list", "state:done,cancelled", "-o", "jsonl").records
    assert {(job["job_id"], job["state"]) for job in found} == {(held.job_id, "done"), ("another", "cancelled")}
