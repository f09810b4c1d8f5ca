"""`lomi alerts` as it is typed: on a cluster of before, from cron, as a service, by people."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml

from lomi_ops.db import alerts
from lomi_ops.db.pool import Database
from tests.commands import Lomi
from tests.doubles.receiver import KEY, Receiver
from tests.integration.alerts.conftest import webhook
from tests.services import free_port

ENVIRONMENT = ("LOMI_REDIS_URL", "LOMI_DATABASE_URL", "LOMI_OBJECTS", "LOMI_CONFIG")


@pytest.fixture
def here(
    redis_url: str, prepared_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> Path:
    """A cluster with nothing on it and one route; the configuration file is in the test's hands."""
    (tmp_path / "photos" / "lomi-photos").mkdir(parents=True)
    config = tmp_path / "lomi.yaml"
    configure(config, routes={"ops": webhook(receiver)})
    values = (redis_url, prepared_url, str(tmp_path / "photos"), str(config))
    for name, value in zip(ENVIRONMENT, values, strict=True):
        monkeypatch.setenv(name, value)
    return config


def configure(config: Path, **alerts_section: object) -> None:
    config.write_text(yaml.safe_dump({"alerts": alerts_section}, sort_keys=False))


def bury(redis_url: str, number: int) -> None:
    import redis

    from lomi_ops.queue.keys import Keys

    client = redis.Redis.from_url(redis_url)
    if number:
        client.zadd(Keys().dead, {f"job-{each}": each + 1 for each in range(number)})
    else:
        client.delete(Keys().dead)
    client.close()


def test_rules_shows_numbers_limits_and_what_is_not_known(lomi: Lomi, here: Path, redis_url: str) -> None:
    bury(redis_url, 2)
    said = lomi("alerts", "rules", "-o", "json")
    rules = {each["rule"]: each for each in said.document["rules"]}
    assert said.code == 0
    assert (rules["dead_letters"]["value"], rules["dead_letters"]["distance"]) == (2, -2)
    assert rules["dead_letters"]["state"] == "firing", "it waits for nothing"
    assert rules["redis_down"]["state"] == "ok"
    assert (rules["compreface_down"]["state"], rules["database_slow"]["state"]) == ("unset", "unknown")
    table = lomi("alerts", "rules")
    assert "dead_letters      firing" in table.out
    assert states(lomi, "alerts", "rules") == states(lomi, "top", "--once")
    assert len(lomi("alerts", "rules", "-o", "jsonl").records) == len(rules)


def states(lomi: Lomi, *words: str) -> dict[str, str]:
    """Of the rules that both show: the live view leaves out services that there are not."""
    document = lomi(*words, "-o", "json").document
    found = {each["rule"]: each["state"] for each in document.get("rules") or document["alerts"]}
    return {rule: state for rule, state in found.items() if rule != "compreface_down"}


def test_rules_and_the_live_view_have_one_word_for_one_thing_whatever_is_gone(
    lomi: Lomi, here: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury(redis_url, 1)
    lomi("alerts", "check")
    fires = states(lomi, "alerts", "rules")
    assert fires == states(lomi, "top", "--once")
    lomi("alerts", "silence", "all", "--for", "1h", "--reason", "load test")
    assert fires == states(lomi, "top", "--once"), "a silence is no acknowledgement"
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")
    lomi("alerts", "check")
    without = states(lomi, "alerts", "rules")
    assert (without["dead_letters"], without["jobs_stuck"], without["workers_none"]) == ("stale", "stale", "unknown")
    assert without == states(lomi, "top", "--once")
    monkeypatch.setenv("LOMI_DATABASE_URL", f"postgresql://x@127.0.0.1:{free_port()}/x")
    blind = states(lomi, "alerts", "rules")
    assert (blind["dead_letters"], blind["redis_down"], blind["workers_missing"]) == ("unknown", "pending", "unset")
    assert blind == states(lomi, "top", "--once")


def test_check_finds_tells_and_exits_as_it_is(lomi: Lomi, here: Path, redis_url: str, receiver: Receiver) -> None:
    quiet = lomi("alerts", "check", "-q")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")

    bury(redis_url, 2)
    found = lomi("alerts", "check", "-q")
    assert found.code == 1
    assert "told ops: [lomi] FIRING warning: given up on: 2 jobs" in found.out
    assert "1 incident: dead_letters" in found.out
    assert receiver.subjects() == ["[lomi] FIRING warning: given up on: 2 jobs"]

    again = lomi("alerts", "check", "-q")
    assert (again.code, again.out, again.err) == (1, "", ""), "cron mails what has changed"

    listed = lomi("alerts", "list", "-o", "json")
    assert listed.code == 1
    (incident,) = listed.document["incidents"]
    assert (incident["rule"], incident["state"], incident["told"][0]["outcome"]) == ("dead_letters", "firing", "sent")

    acked = lomi("alerts", "ack", incident["id"], "--until-resolved", "--reason", "on it", "--as", "ada")
    assert acked.code == 0
    assert acked.out.endswith(" (dead_letters) is acknowledged by ada until it is over\n")
    assert "ada knows: on it" in lomi("alerts", "list").out

    bury(redis_url, 0)
    configure(here, routes={"ops": webhook(receiver)}, rules={"dead_letters": {"keep_firing_for_s": 0}})
    assert lomi("alerts", "check").code == 0
    assert receiver.subjects()[1:] == ["[lomi] RESOLVED: given up on: 2 jobs"]
    assert lomi("alerts", "list").out == "no incident is open\n"
    assert "resolved" in lomi("alerts", "list", "--since", "1h").out
    assert "resolved" in lomi("alerts", "list", "--since", "2020-01-01").out
    assert lomi("alerts", "list", "--since", "99999999d").code == 2


def test_where_somebody_else_looks_check_says_so_in_one_line_and_is_content(
    lomi: Lomi, here: Path, prepared_url: str
) -> None:
    import uuid

    with Database(prepared_url) as db:
        assert alerts.take(db, uuid.uuid4(), "lomi alerts run on elsewhere", at=db.now(), lease_s=60)
    said = lomi("alerts", "check")
    assert (said.code, said.out) == (0, "")
    assert said.err == "alerts are looked after by lomi alerts run on elsewhere\n"
    assert lomi("alerts", "check", "-q").err == ""
    assert lomi("alerts", "check", "-o", "json").document["busy"] == said.err.strip()


def test_a_service_that_does_not_answer_is_told_and_its_rules_are_stale(
    lomi: Lomi, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lomi("alerts", "check", "-o", "json").document["stale"] == []
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://127.0.0.1:{free_port()}")
    said = lomi("alerts", "check", "-o", "json")
    assert said.code == 3
    assert "redis" in said.document["silent"]
    assert "queue_backlog" in said.document["stale"]
    assert "workers_none" in said.document["unknown"], "no worker of ours has ever been seen"


def test_what_is_not_configured_is_not_stale_and_says_what_to_set(lomi: Lomi, here: Path, receiver: Receiver) -> None:
    unset = ["compreface_down", "workers_missing", "backup_none", "backup_old"]
    found = lomi("alerts", "check", "-o", "json").document
    assert (found["unset"], found["stale"]) == (unset, [])
    rules = {each["rule"]: each for each in lomi("alerts", "rules", "-o", "json").document["rules"]}
    assert {rules[slug]["state"] for slug in unset} == {"unset"}
    assert rules["workers_missing"]["setting"] == "checks.workers"
    said = lomi("alerts", "rules")
    assert "workers_missing: nothing to judge until checks.workers is set" in said.err
    assert "backup_none, backup_old: nothing to judge until backup.to is set" in said.err


def test_an_incident_whose_rule_has_nothing_to_judge_any_more_is_over(
    lomi: Lomi, here: Path, receiver: Receiver, tmp_path: Path
) -> None:
    told = {"routes": {"ops": webhook(receiver)}, "rules": {"backup_none": {"for_s": 0}}}
    here.write_text(yaml.safe_dump({"alerts": told, "backup": {"file": str(tmp_path / "none.dump")}}))
    assert lomi("alerts", "check").code == 1
    configure(here, **told)
    assert lomi("alerts", "check").code == 0
    assert [each.body["notice"] for each in receiver.got] == ["firing", "resolved"]


def test_silences_and_acknowledgements_leave_entries_and_mistakes_are_told(lomi: Lomi, here: Path) -> None:
    made = lomi(
        "alerts", "silence", "queue_backlog", "--for", "2h", "--reason", "load test", "--as", "ada", "-o", "json"
    )
    assert made.document["rule"] == "queue_backlog"
    assert "queue_backlog (load test)" in lomi("alerts", "list").out
    assert "silenced" in lomi("alerts", "rules").out
    assert lomi("alerts", "unsilence", "queue_backlog", "--as", "bob", "-o", "json").document["lifted"] == 1
    entries = lomi("audit", "list", "-o", "json").document["entries"]
    assert [(each["action"], each["actor"], each["subject"]) for each in entries] == [
        ("alerts.unsilence", "bob", "rule:queue_backlog"), ("alerts.silence", "ada", "rule:queue_backlog"),
    ]  # fmt: skip

    assert lomi("alerts", "unsilence", "queue_backlog").code == 1
    assert lomi("alerts", "ack", 99).code == 1
    wrong = lomi("alerts", "silence", "queue_backlgo", "--for", "2h", "--reason", "x")
    assert (wrong.code, "did you mean queue_backlog?" in wrong.err) == (2, True)
    assert lomi("alerts", "silence", "all", "--for", "0s", "--reason", "x").code == 2
    assert lomi("alerts", "silence", "all", "--for", "1h", "--reason", " ").code == 2
    long = lomi("alerts", "silence", "all", "--for", "99999999d", "--reason", "x")
    assert (long.code, "a silence ends within a year" in long.err) == (2, True)
    assert "any rule until" in lomi("alerts", "silence", "all", "--for", "1d", "--reason", "x").out


def test_whoever_lifts_one_of_two_silences_is_told_of_the_other(lomi: Lomi, here: Path) -> None:
    for rule in ("queue_backlog", "all"):
        lomi("alerts", "silence", rule, "--for", "1h", "--reason", "load test")

    first = lomi("alerts", "unsilence", "queue_backlog")
    lomi("alerts", "silence", "queue_backlog", "--for", "1h", "--reason", "load test")
    every = lomi("alerts", "unsilence", "all", "-o", "json").document
    last = lomi("alerts", "unsilence", "queue_backlog")

    still = "the silence of queue_backlog is lifted; still silenced: all: lomi alerts unsilence all\n"
    assert (first.out, last.out) == (still, "queue_backlog is heard again\n")
    assert (every["lifted"], every["still_silenced"]) == (1, ["queue_backlog"])


def test_a_password_in_a_reason_is_in_no_answer(lomi: Lomi, here: Path, redis_url: str) -> None:
    bury(redis_url, 1)
    lomi("alerts", "check")
    why = "postgresql://lomi:hunter2@db/lomi"
    lomi("queue", "pause", "--reason", why)

    for words in (
        ("alerts", "ack", 1, "--reason", why), ("alerts", "ack", 1, "--reason", why, "-o", "json"),
        ("alerts", "silence", "all", "--for", "1h", "--reason", why, "-o", "json"),
        ("alerts", "show", 1), ("alerts", "show", 1, "-o", "json"),
        ("alerts", "list"), ("alerts", "list", "-o", "json"), ("alerts", "list", "-o", "jsonl"),
        ("queue", "stats"), ("top", "--once"),
    ):  # fmt: skip
        said = lomi(*words)
        assert "hunter2" not in said.out + said.err, words


def test_on_a_cluster_of_before_rules_are_shown_and_all_else_says_what_to_do(
    lomi: Lomi, here: Path, prepared_url: str
) -> None:
    with psycopg.connect(prepared_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA lomi CASCADE")
    rules = lomi("alerts", "rules")
    assert (rules.code, "redis_down" in rules.out) == (0, True)
    assert "nobody looks at these yet: lomi migrate apply" in rules.err
    for words in (["list"], ["check"], ["run"], ["ack", "1"], ["silence", "all", "--for", "1h", "--reason", "x"]):
        said = lomi("alerts", *words)
        assert (said.code, said.out) == (1, "")
        assert said.err.endswith("  try: lomi migrate apply\n")


def test_every_route_is_tested_with_a_marked_message(lomi: Lomi, here: Path, receiver: Receiver) -> None:
    dead = {"webhook": f"http://127.0.0.1:{free_port()}/canary-token-1234", "key": KEY}
    configure(here, routes={"ops": webhook(receiver), "dead": dead})
    said = lomi("alerts", "test", "-o", "json")
    assert said.code == 1
    assert [(each["route"], each["ok"]) for each in said.document["routes"]] == [("ops", True), ("dead", False)]
    assert receiver.subjects() == ["[lomi] TEST: the route ops"]
    assert "nothing is wrong" in receiver.got[0].body["text"]
    assert "canary" not in said.out + said.err
    assert lomi("alerts", "test", "ops").code == 0
    assert lomi("alerts", "test", "nobody").code == 2
    configure(here)
    assert lomi("alerts", "test").code == 2


def test_the_service_tells_and_ends_at_sigterm(
    here: Path, redis_url: str, receiver: Receiver, prepared_url: str
) -> None:
    bury(redis_url, 2)
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    running = subprocess.Popen(
        [sys.executable, "-m", "lomi_ops", "alerts", "run"], env=environ,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert receiver.arrived.wait(60)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out) == (0, "")
    assert "21 rules, a look every 15 s, 1 route" in err
    assert "firing: dead_letters" in err
    assert err.endswith("alerts stopped; incidents stay as they are\n")
    with Database(prepared_url) as db:
        assert alerts.run(db).expires_at is None, "the next one need not wait"


def test_several_at_once_tell_it_once(here: Path, redis_url: str, receiver: Receiver, prepared_url: str) -> None:
    bury(redis_url, 2)
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-m", "lomi_ops", "alerts", "check"]
    several = [subprocess.Popen(words, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)]
    for running in several:
        running.communicate(timeout=60)
    assert {running.returncode for running in several} <= {0, 1}
    assert 1 in {running.returncode for running in several}
    assert [each.body["notice"] for each in receiver.got] == ["firing"]
    with Database(prepared_url) as db:
        assert [each.rule for each in alerts.incidents(db)] == ["dead_letters"]
