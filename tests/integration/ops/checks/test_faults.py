"""What happens to the run itself: signals, silence everywhere, broken probes, full disks, wrong files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import redis

from lomi_ops.cli.check_formats import CheckFormat
from lomi_ops.domain.check import Found, Status
from lomi_ops.ops.checks import catalogue, memory
from lomi_ops.ops.checks.handles import Check, Handles
from tests.integration.ops.black_hole import BlackHole, black_hole
from tests.integration.ops.checks.conftest import Find, detail, inhabited
from tests.integration.ops.checks.test_host import small_disk
from tests.integration.ops.conftest import ONLY_SERVED, Lomi, Sound, checks, on, statuses, troubled
from tests.services import RedisServer, free_port, running_redis
from tests.unit.check import strict

__all__ = ["small_disk"]

LOMI = [sys.executable, "-m", "lomi_ops"]
ROOTS = ("redis.ping", "postgres.ping", "objects.read", "faces.health", "telegram.bot")


@pytest.fixture
def hole() -> Iterator[BlackHole]:
    with black_hole() as found:
        yield found


@pytest.fixture
def silent(sound: Sound, hole: BlackHole, monkeypatch: pytest.MonkeyPatch) -> BlackHole:
    """Everything takes connections and says nothing."""
    monkeypatch.delenv("LOMI_OBJECTS")
    for name, value in {
        "LOMI_REDIS_URL": f"redis://:long-enough@127.0.0.1:{hole.port}/0",
        "LOMI_DATABASE_URL": f"postgresql://lomi:long-enough@127.0.0.1:{hole.port}/x",
        "S3_ENDPOINT": f"http://127.0.0.1:{hole.port}", "S3_ACCESS_KEY": "AKIDEXAMPLE", "S3_SECRET_KEY": "long-enough",
        "LOMI_COMPREFACE_URL": f"http://127.0.0.1:{hole.port}", "LOMI_TELEGRAM__API_URL": f"http://127.0.0.1:{hole.port}",
        "LOMI_BACKEND__URL": f"http://127.0.0.1:{hole.port}",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    return hole


def valid(format_: CheckFormat, said: str) -> None:
    """One whole document of its kind."""
    match format_:
        case CheckFormat.JSON:
            assert strict.faults(json.loads(said), strict.SCHEMA) == []
        case CheckFormat.JSONL:
            *lines, last = [json.loads(line) for line in said.splitlines()]
            assert {line["event"] for line in lines} == {"check"}
            assert last["event"] == "summary"
            assert sum(last["summary"].values()) == len(lines)
        case CheckFormat.JUNIT:
            ElementTree.fromstring(said)
        case CheckFormat.NAGIOS:
            strict.nagios(said.rstrip("\n"))
        case CheckFormat.PROM:
            strict.metrics(said.rstrip("\n"))
        case CheckFormat.GITHUB:
            strict.github(said.rstrip("\n"))
        case CheckFormat.TEXT | CheckFormat.SHORT:
            assert "; interrupted" in said.splitlines()[-1]


# --- signals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", CheckFormat)
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"])
def test_a_signal_in_the_middle_leaves_one_whole_document(
    silent: BlackHole, format_: CheckFormat, number: signal.Signals, code: int
) -> None:
    running = subprocess.Popen(
        [*LOMI, "check", "-o", format_, *ONLY_SERVED],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert silent.entered.wait(60)
    running.send_signal(number)
    out, err = running.communicate(timeout=60)

    assert (running.returncode, err) == (code, "")
    valid(format_, out)
    if format_ is CheckFormat.JSON:
        document = json.loads(out)
        assert (document["interrupted"], document["exit_code"], document["ok"]) == (True, code, False)
        by_slug = {check["slug"]: check for check in document["checks"]}
        assert by_slug["redis.ping"]["detail"] == "interrupted before it was known"


def test_what_was_known_before_a_signal_stays_known(silent: BlackHole) -> None:
    seen: list[dict[str, Any]] = []
    with subprocess.Popen([*LOMI, "check", "-o", "jsonl", *ONLY_SERVED], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while not any(line["slug"] == "config.passwords" for line in seen):
            seen.append(json.loads(running.stdout.readline()))
        running.send_signal(signal.SIGINT)
        *rest, last = [json.loads(line) for line in running.stdout]

    assert running.returncode == last["exit_code"] == 130
    slugs = [line["slug"] for line in (*seen, *rest)]
    assert len(slugs) == len(set(slugs)) == sum(last["summary"].values())
    assert last["summary"]["pass"] == sum(line["status"] == "pass" for line in (*seen, *rest)) >= 1


def test_a_second_ctrl_c_ends_it_all_the_same(silent: BlackHole) -> None:
    running = subprocess.Popen([*LOMI, "check"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert silent.entered.wait(60)
    while running.poll() is None:
        running.send_signal(signal.SIGINT)
        time.sleep(0.01)

    assert running.communicate()[1] == ""
    # Struck after its end, when Python has put its own handlers away, it dies of the signal itself.
    assert running.returncode in (130, -signal.SIGINT)


def test_watch_goes_on_until_ctrl_c_and_ends_with_the_last_code(sound: Sound) -> None:
    sound.telegram.token = "another"
    running = subprocess.Popen(
        [*LOMI, "check", "--watch", "10ms", "-o", "jsonl", "--only", "telegram"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    lines = [json.loads(running.stdout.readline()) for _ in range(4)]
    assert [line["event"] for line in lines] == ["check", "summary"] * 2
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)

    assert (running.returncode, err) == (1, ""), "whether it slept or was at work"


def test_watch_looks_again_and_again(sound: Sound) -> None:
    running = subprocess.Popen(
        [*LOMI, "check", "--watch", "10ms", "-o", "nagios", "--only", "redis.ping"],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert running.stdout is not None
    lines = [running.stdout.readline() for _ in range(3)]
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)

    assert all(line.startswith("LOMI OK - ") for line in lines)
    assert running.returncode == 143


@pytest.mark.parametrize("format_", ["json", "junit", "prom"])
def test_watch_does_not_write_many_documents_where_one_is_expected(sound: Sound, lomi: Lomi, format_: str) -> None:
    said = lomi("check", "--watch", "1s", "-o", format_)

    assert (said.code, said.out) == (2, "")
    assert "-o jsonl" in said.err


# --- silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit_s", [1, 30])
def test_where_nobody_answers_the_run_ends_in_time_and_every_root_is_a_timeout(
    silent: BlackHole, find: Find, limit_s: int
) -> None:
    said = find("--timeout", f"{limit_s}s")

    assert said.code == 3
    blocked = {slug for root in ROOTS for slug in on(root)} - set(ROOTS)
    expected = dict.fromkeys(ROOTS, "unknown") | dict.fromkeys(blocked, "blocked")
    found = troubled(said)
    assert {slug: found.get(slug) for slug in expected} == expected
    late = found.keys() - expected.keys()
    assert not late or limit_s == 1, "within a second a busy machine does not come to those that ask nobody"
    for slug in (*ROOTS, *late):
        assert detail(said, slug).startswith("timeout: "), slug
    if limit_s == 1:
        assert detail(said, "redis.ping") == "timeout: no answer within 1 s, the limit of the whole run"


# --- broken probes ----------------------------------------------------------------------------------------------------


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[Handles], Found]], None]:
    """Puts a probe of the test's own in the place of a check's."""

    def plant(slug: str, probe: Callable[[Handles], Found]) -> None:
        swapped = tuple(Check(each.spec, probe) if each.spec.slug == slug else each for each in catalogue.CHECKS)
        monkeypatch.setattr("lomi_ops.cli.check_run.CHECKS", swapped)

    return plant


@pytest.mark.parametrize("format_", CheckFormat)
def test_a_probe_that_breaks_is_a_doubt_about_itself_alone(
    sound: Sound, lomi: Lomi, planted: Callable[[str, Callable[[Handles], Found]], None], format_: CheckFormat
) -> None:
    def broken(at: Handles) -> Found:
        raise RuntimeError("no such thing | 'as' <this>\n:: %, redis://:canary-secret@h")

    planted("redis.memory", broken)

    said = lomi("check", "-o", format_, *ONLY_SERVED)

    assert said.code == 3
    assert "RuntimeError" in said.out or format_ is CheckFormat.PROM
    assert "canary-secret" not in said.out + said.err
    if format_ not in (CheckFormat.TEXT, CheckFormat.SHORT):
        valid(format_, said.out)
    if format_ is CheckFormat.JSON:
        assert troubled(said) == {"redis.memory": "unknown"}


def test_a_probe_that_ends_its_thread_is_no_reason_to_wait_for_ever(
    sound: Sound, find: Find, planted: Callable[[str, Callable[[Handles], Found]], None]
) -> None:
    def leaving(at: Handles) -> Found:
        sys.exit(7)

    planted("redis.memory", leaving)

    said = find("--only", "redis.memory", "--timeout", "10s")

    assert statuses(said)["redis.memory"] == "unknown"


# --- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format_", CheckFormat)
def test_an_output_file_has_what_stdout_would_have(
    sound: Sound, lomi: Lomi, tmp_path: Path, format_: CheckFormat
) -> None:
    place = tmp_path / "out" / "lomi.check"
    place.parent.mkdir()
    place.write_text("the old one")

    said = lomi("check", "--only", "config", "-o", format_, "--output-file", place)

    assert (said.code, said.out) == (0, "")
    assert [path.name for path in place.parent.iterdir()] == ["lomi.check"], "nothing is left beside it"
    assert place.stat().st_mode & 0o777 == 0o644
    if format_ not in (CheckFormat.TEXT, CheckFormat.SHORT):
        valid(format_, place.read_text())


@pytest.mark.parametrize("option", ["--output-file", "--bundle"])
def test_a_file_in_a_folder_that_does_not_exist_is_told(sound: Sound, lomi: Lomi, tmp_path: Path, option: str) -> None:
    said = lomi("check", "--only", "config", option, tmp_path / "gone" / "file")

    assert said.code == 3
    assert said.err.splitlines()[0] == f"error: {tmp_path}/gone/file cannot be written: No such file or directory"


@pytest.mark.parametrize("option", ["--output-file", "--bundle"])
def test_a_full_disk_is_told_and_leaves_the_old_file_and_nothing_beside_it(
    sound: Sound, lomi: Lomi, small_disk: Path, option: str
) -> None:
    place = small_disk / "lomi.json"
    place.write_text("the old one")
    room = os.statvfs(small_disk)
    (small_disk / "ballast").write_bytes(b"x" * (room.f_bavail * room.f_bsize))

    said = lomi("check", *ONLY_SERVED, "-o", "json", option, place)

    assert said.code == 3
    assert said.err.splitlines()[0] == f"error: {place} cannot be written: No space left on device"
    assert place.read_text() == "the old one"
    assert sorted(path.name for path in small_disk.iterdir()) == ["ballast", "lomi.json"]


def test_a_state_folder_that_cannot_be_written_is_only_a_warning(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("no folder")
    monkeypatch.setattr("lomi_ops.config.paths.state_folder", lambda environ: tmp_path / "state")
    well = tuple(Check(each.spec, lambda at: Found(Status.PASS)) for each in catalogue.CHECKS)
    monkeypatch.setattr("lomi_ops.cli.check_run.CHECKS", well)

    said = lomi("check", "-o", "json")

    assert said.code == 0
    assert said.document["ok"]
    assert said.err == f"warning: this green run is not remembered: {tmp_path}/state: Not a directory\n"


def test_what_was_green_is_what_makes_the_next_trouble_new(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lomi_ops.config.paths.state_folder", lambda environ: tmp_path / "state")
    well = tuple(Check(each.spec, lambda at: Found(Status.PASS)) for each in catalogue.CHECKS)
    with monkeypatch.context() as patch:
        patch.setattr("lomi_ops.cli.check_run.CHECKS", well)
        assert lomi("check", "-o", "json").document["green_at"] is None
        lomi("check", "--only", "config")
    sound.telegram.token = "another"

    said = lomi("check", "-o", "json", *ONLY_SERVED)

    assert {slug for slug, check in checks(said).items() if check["new"]} == {"telegram.bot"}
    assert said.document["green_at"] is not None
    *_, counts = lomi("check", *ONLY_SERVED).out.splitlines()
    assert "1 new since the last green run" in counts
    *lines, _ = lomi("check", "-o", "jsonl", *ONLY_SERVED).records
    assert [line["slug"] for line in lines if line["new"]] == ["telegram.bot"]


def test_a_run_over_some_of_the_checks_is_not_remembered(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("lomi_ops.config.paths.state_folder", lambda environ: tmp_path / "state")
    for words in (("--only", "config"), ("--skip", "docker"), ("--scope", "worker")):
        lomi("check", *words)

    assert not (tmp_path / "state").exists()
    assert memory.recall(tmp_path / "state", "x") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- check: redis.memory\n  reason: x\n", "known.yaml: entry 1: until: Field required"),
        ("- {check: a, reason: x, until: 2026-12-01}\n- {check: b, reason: x, until: soon}\n", "entry 2: until: "),
        ("- {check: a, reason: '', until: 2026-12-01}\n", "entry 1: reason: "),
        ("- {check: a, reason: x, until: 2026-12-01, who: me}\n", "entry 1: who: Extra inputs are not permitted"),
        ("check: redis.memory\n", "is not a list of entries"),
        ("- redis.memory\n", "entry 1"),
        ("- {check: [\n", "is no YAML: line 2"),
        ("\tx: y\n", "is no YAML: line 1"),
    ],
    ids=["no until", "second entry", "empty reason", "unknown key", "no list", "no mapping", "no yaml", "tab"],
)  # fmt: skip
def test_a_mistake_in_the_suppressions_is_named_with_its_entry(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "known.yaml"
    file.write_text(text)
    monkeypatch.setenv("LOMI_CHECKS__SUPPRESSIONS", str(file))

    found = lomi("check", "-o", "json")

    assert found.code == found.document["exit_code"] == 2
    assert said in found.err
    assert found.err.splitlines()[-1].endswith("the last day on which it holds (2026-12-31)")
    assert found.document["error"]["problems"]
    assert strict.faults(found.document, strict.SCHEMA) == []


def test_suppressions_that_are_gone_are_told(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOMI_CHECKS__SUPPRESSIONS", str(tmp_path / "gone.yaml"))

    said = lomi("check")

    assert (said.code, said.out) == (2, "no check ran\n")
    assert "gone.yaml" in said.err


def test_a_suppressed_failure_is_marked_so_in_a_stream_as_well(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "known.yaml"
    file.write_text("- {check: 'faces.*', reason: it moves, until: 2999-01-01}\n")
    monkeypatch.setenv("LOMI_CHECKS__SUPPRESSIONS", str(file))
    sound.faces.go_down()

    *lines, last = lomi("check", "-o", "jsonl", *ONLY_SERVED).records

    streamed = {line["slug"] for line in lines if line["status"] == "suppressed"}
    assert streamed == {"faces.health", "faces.key", "faces.ages"}
    assert (last["summary"]["suppressed"], last["exit_code"]) == (3, 0)


# --- the archive ------------------------------------------------------------------------------------------------------


SECRETS = {
    "REDIS_PASSWORD": "canary-redis-password", "LOMI_REDIS__SENTINEL_PASSWORD": "canary-sentinel-password",
    "DB_PASSWORD": "canary-database-password", "S3_ACCESS_KEY": "canary-access-key",
    "S3_SECRET_KEY": "canary-secret-key", "LOMI_COMPREFACE__API_KEY": "canary-faces-key",
    "LOMI_BACKEND__TOKEN": "canary-backend-token", "TELEGRAM_BOT_TOKEN": "777:canary-telegram-token",
}  # fmt: skip


def packed(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read().decode() for name, file in files.items() if file is not None}


def test_the_archive_has_what_helps_and_no_secret_no_payload_and_nobody(
    sound: Sound, client: redis.Redis, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    photo = sound.cluster.photo("approved", batch=uuid.uuid4(), data=b"canary-photo-bytes")
    element = json.loads(sound.cluster.job(uuid.uuid4(), [photo], ago=timedelta(hours=2)))
    sound.cluster.push(json.dumps(element | {"note": "canary-payload"}))
    client.rpush("photo_moderation_queue", '{"job_id": "canary-payload", "photos": "canary-payload"}')
    place = tmp_path / "support.tgz"

    said = lomi("check", *ONLY_SERVED, "--bundle", place)

    assert said.code == 1
    assert place.stat().st_mode & 0o777 == 0o600
    files = packed(place)
    assert {name.removeprefix("lomi-check/") for name in files} >= {
        "check.json", "check.txt", "settings.json", "versions.json", "redis.json", "queue.json", "workers.json",
        "migrations.json", "stuck.json", "variables.json",
    }  # fmt: skip
    document = json.loads(files["lomi-check/check.json"])
    assert strict.faults(document, strict.SCHEMA) == []
    assert json.loads(files["lomi-check/queue.json"])["ready"] == 2
    assert json.loads(files["lomi-check/migrations.json"])["pending"] == []
    whole = "\n".join(files.values())
    urls = (sound.cluster.redis_url, sound.cluster.database_url)
    passwords = [url.partition("@")[0].rpartition(":")[2] for url in urls]
    forbidden = [*SECRETS.values(), *passwords, "canary-telegram-token", "canary-payload", "canary-photo-bytes",
                 str(sound.cluster.user), str(photo), str(sound.cluster.telegram), element["job_id"],
                 element["photos"][0]["r2_url"]]  # fmt: skip
    assert [each for each in forbidden if each in whole] == []


def test_the_archive_says_what_could_not_be_had(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://:long-enough@127.0.0.1:{free_port()}/0")
    place = tmp_path / "support.tgz"

    said = lomi("check", *ONLY_SERVED, "--bundle", place)

    assert said.code == 1
    files = packed(place)
    for name in ("redis", "queue", "workers", "stuck"):
        assert "did not serve" in json.loads(files[f"lomi-check/{name}.json"])["unavailable"]
    assert json.loads(files["lomi-check/migrations.json"])["applied"]


# --- waiting ----------------------------------------------------------------------------------------------------------


def test_wait_waits_for_a_redis_that_comes_later(sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_redis() as server, inhabited(server.url):
        server.stop()
        monkeypatch.setenv("LOMI_REDIS_URL", server.url)
        monkeypatch.setattr("lomi_ops.cli.check_run._AGAIN_S", 0.05)
        notes: list[str] = []
        back = Comeback(server)
        monkeypatch.setattr("lomi_ops.cli.diagnostics.note", back.heard(notes))

        said = lomi("check", "--only", "redis", "--wait", "60s", "-o", "json")

    assert said.code == 0
    assert statuses(said)["redis.memory"] == "pass"
    assert checks(said)["redis.ping"]["attempts"] > 1
    assert notes[0].startswith("waiting: redis.ping, try 1: Redis at 127.0.0.1:")


class Comeback:
    """Starts a server once somebody has said that it is missed."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._started = threading.Event()

    def heard(self, notes: list[str]) -> Callable[[str], None]:
        def note(text: str) -> None:
            notes.append(text)
            if not self._started.is_set():
                self._started.set()
                self._server.start()

        return note


def test_wait_does_not_wait_for_what_does_not_change_by_itself(sound: Sound, lomi: Lomi, client: redis.Redis) -> None:
    client.set("photo_moderation_queue", "x")
    asked: Any = lomi("check", "--only", "queue.keys", "--wait", "1h", "-o", "json")

    assert asked.code == 1
    assert checks(asked)["queue.keys"]["attempts"] == 1


def test_wait_gives_up_in_time_and_says_how_often_it_looked(
    sound: Sound, lomi: Lomi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOMI_REDIS_URL", f"redis://:long-enough@127.0.0.1:{free_port()}/0")
    monkeypatch.setattr("lomi_ops.cli.check_run._AGAIN_S", 0.01)

    said = lomi("check", "--only", "redis", "--wait", "200ms", "-o", "json")

    assert said.code == 1
    assert checks(said)["redis.ping"]["attempts"] > 1
    assert "waiting: redis.ping, try 2" in said.err
