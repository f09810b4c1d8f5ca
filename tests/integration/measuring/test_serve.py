"""`lomi metrics serve`: scrapes, the page, and what may go wrong between."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from lomi_ops.cli import diagnostics, metrics_http
from lomi_ops.cli.metrics_http import Exporter, address, is_loopback
from lomi_ops.config.alerts import rules
from lomi_ops.config.schema import Settings
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.errors import UsageError
from tests import browser
from tests.commands import Lomi
from tests.conftest import need
from tests.integration.ops.black_hole import black_hole
from tests.integration.ops.old_cluster import OldCluster
from tests.integration.queue.conftest import Bench
from tests.services import free_port

openmetrics: Any = text_string_to_metric_families
NOW = Measured(
    datetime(2026, 11, 26, 3, 0, tzinfo=UTC),
    {("lomi_queue_jobs", (("state", "ready"),)): 7.0, ("lomi_up", (("service", "redis"),)): 1.0,
     ("lomi_up", (("service", "postgres"),)): 0.0},
    {Source.POSTGRES: "<b>no answer</b>"},
)  # fmt: skip
PATIENCE_S = 60


@pytest.fixture(autouse=True)
def of_no_profile() -> None:
    """Whatever command ran in this process before."""
    diagnostics.repeat_profile(None)
    diagnostics.speak_of(None)


@contextmanager
def serving(latest: Callable[[], Measured] = lambda: NOW) -> Iterator[Exporter]:
    with closing(Exporter(("127.0.0.1", 0), latest)) as exporter:
        threading.Thread(target=exporter.serve, daemon=True).start()
        yield exporter


def get(url: str, accept: str = "*/*", method: str = "GET") -> tuple[int, str, str]:
    request = urllib.request.Request(url, headers={"Accept": accept}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read().decode()
    except urllib.error.HTTPError as failure:
        return failure.code, failure.headers["Content-Type"], failure.read().decode()


def test_the_format_is_what_the_reader_asks_for() -> None:
    with serving() as exporter:
        plain = get(f"{exporter.url}metrics")
        open_ = get(f"{exporter.url}metrics", "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2")

    assert plain[:2] == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert 'lomi_queue_jobs{state="ready"} 7.0' in plain[2]
    assert open_[1].startswith("application/openmetrics-text; version=1.0.0")
    assert {family.name for family in openmetrics(open_[2])} == {"lomi_queue_jobs", "lomi_up"}


def test_the_page_needs_no_script_and_shows_what_is_wrong_first() -> None:
    with serving() as exporter:
        status, kind, page = get(exporter.url)
        nothing, health = get(f"{exporter.url}etc/passwd")[0], get(f"{exporter.url}healthz")
        head = get(exporter.url, method="HEAD")

    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert "<script" not in page
    assert "No answer from postgres" in page
    assert "&lt;b&gt;no answer&lt;/b&gt;" in page, "words of others are no markup"
    assert "<td>wait</td><td>7</td>" in page
    assert page.index("No answer from") < page.index("<table>")
    assert (nothing, health[2], head[2]) == (404, "ok\n", "")


def test_the_page_says_what_the_alert_rules_say_and_what_to_run_next() -> None:
    many = Measured(
        NOW.at, {("lomi_queue_jobs", (("state", "ready"),)): 812.0, ("lomi_up", (("service", "redis"),)): 0.0}
    )
    with closing(Exporter(("127.0.0.1", 0), lambda: many, rules(Settings()))) as exporter:
        threading.Thread(target=exporter.serve, daemon=True).start()
        page = get(exporter.url)[2]
    with closing(Exporter(("127.0.0.1", 0), lambda: Measured(NOW.at, {}), rules(Settings()))) as exporter:
        threading.Thread(target=exporter.serve, daemon=True).start()
        fine = get(exporter.url)[2]

    assert page.index("Redis does not answer") < page.index("812 jobs wait in the queue, more than 50")
    assert "<code>lomi autoscale --dry-run</code>" in page
    assert '<li><span class="bad">Redis' in page
    assert '<li class=warning><span class="bad">812 jobs' in page
    assert "Nothing is wrong" not in page
    assert "Nothing is wrong" in fine


def test_a_browser_shows_all_of_the_page_on_a_phone_and_asks_nobody() -> None:
    need(browser.chromium(), "chromium-headless-shell")
    wide = {Source.POSTGRES: "no answer from " + "a-host-with-a-very-long-name." * 6}
    many = Measured(NOW.at, dict(NOW.values) | {("lomi_queue_jobs", (("state", "ready"),)): 812.0}, wide)
    with closing(Exporter(("127.0.0.1", 0), lambda: many, rules(Settings()))) as exporter:
        threading.Thread(target=exporter.serve, daemon=True).start()
        page = get(exporter.url)[2]
    seen = browser.opened((page, 320), (page, 1200))

    assert [(look.seen, look.wide) for look in seen.looks] == [(320, 320), (1200, 1200)], "nothing scrolls sideways"
    assert all("812 jobs wait in the queue" in look.words for look in seen.looks)
    assert seen.complaints == []
    assert [look.asked for look in seen.looks] == [[], []]
    assert sorted(seen.paths) == ["/", "/page0", "/page1"]


def test_secrets_are_not_on_the_page() -> None:
    silent = {Source.REDIS: "refused postgresql://lomi:canary-password@db/x"}
    with serving(lambda: Measured(NOW.at, {}, silent)) as exporter:
        assert "canary-password" not in get(exporter.url)[2]


def test_a_client_that_says_nothing_holds_up_nobody() -> None:
    with serving() as exporter:
        place = exporter.server_address[:2]
        idle = [socket.create_connection(place) for _ in range(20)]  # type: ignore[arg-type]
        assert get(f"{exporter.url}metrics")[0] == 200
        for each in idle:
            each.close()


def test_too_many_clients_are_hung_up_on_and_places_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_http, "AT_ONCE", 3)
    with serving() as exporter:
        place: Any = exporter.server_address[:2]
        idle = [socket.create_connection(place) for _ in range(3)]
        while exporter._seats._value:
            time.sleep(0.01)
        with socket.create_connection(place) as late:
            late.settimeout(PATIENCE_S)
            assert late.recv(1) == b""
        for each in idle:
            each.close()
        while exporter._seats._value < 3:
            time.sleep(0.01)
        assert get(f"{exporter.url}metrics")[0] == 200


def test_a_header_comes_back_on_one_line() -> None:
    with serving() as exporter, socket.create_connection(exporter.server_address[:2]) as client:  # type: ignore[arg-type]
        client.sendall(
            b"GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text; version=2.0\r\n evil: 1\r\n\r\n"
        )
        answer = client.makefile("rb").read()
    assert b"\nevil" not in answer
    assert b"\n evil" not in answer


@pytest.mark.parametrize("text", ["nowhere", "127.0.0.1", "127.0.0.1:", "host:70000", "user@host:1", "a:1/b", "a:-1"])
def test_what_is_no_place_to_listen_at_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not host:port"):
        address(text)


def test_places_to_listen_at() -> None:
    assert [address(text) for text in ("127.0.0.1:9464", ":0", "[::1]:80")] == [
        ("127.0.0.1", 9464), ("", 0), ("::1", 80),
    ]  # fmt: skip
    assert [is_loopback((host, 1)) for host in ("127.0.0.2", "localhost", "::1")] == [True] * 3
    assert [is_loopback((host, 1)) for host in ("", "0.0.0.0", "db.example.org")] == [False] * 3


def test_a_port_in_use_is_an_error_that_says_who_to_look_for(cluster: OldCluster, lomi: Lomi) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = lomi("metrics", "serve", "--listen", f"127.0.0.1:{port}")
    assert said.code == 2
    assert said.err.splitlines()[0] == f"error: cannot listen on 127.0.0.1:{port}: Address already in use"
    assert f"ss -ltnp 'sport = :{port}'" in said.err


def test_whoever_comes_first_is_not_told_that_every_service_is_down(cluster: OldCluster, lomi: Lomi) -> None:
    port = free_port()
    first: list[str] = []

    def scrape() -> None:
        while not first:
            with suppress(OSError):
                first.append(get(f"http://127.0.0.1:{port}/metrics")[2])

    reader = threading.Thread(target=scrape)
    reader.start()
    with service(f"127.0.0.1:{port}"):
        reader.join()
    assert 'lomi_up{service="postgres"} 1.0' in first[0]
    assert 'lomi_up{service="redis"} 1.0' in first[0]


@contextmanager
def service(listen: str = "127.0.0.1:0", **environ: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and its address."""
    command = [sys.executable, "-m", "lomi_ops", "metrics", "serve", "--listen", listen]
    environ = os.environ | {"LOMI_METRICS__EVERY_S": "0.2"} | environ
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            said = process.stderr.readline()
            assert said.startswith("metrics at http://127.0.0.1:"), said
            yield process, said.split()[-1]
        finally:
            process.kill()


def until(wanted: Callable[[str], bool], url: str) -> str:
    while not wanted(text := get(url)[2]):
        time.sleep(0.05)
    return text


def test_a_service_that_hangs_does_not_hang_the_scrape_and_a_signal_ends_it(cluster: OldCluster, bench: Bench) -> None:
    bench.push(b'{"job_id": "x"}')
    with black_hole() as hole:
        dead = f"postgresql://lomi:x@127.0.0.1:{hole.port}/lomi"
        with service(LOMI_DATABASE_URL=dead) as (process, url):
            assert hole.entered.wait(PATIENCE_S)
            text = until(lambda text: 'lomi_queue_jobs{state="ready"} 1.0' in text, f"{url}metrics")
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=PATIENCE_S)

    assert 'lomi_up{service="postgres"} 0.0' in text
    assert "lomi_photos_undecided" not in text
    assert (process.returncode, out, err) == (0, "", "metrics stopped\n")


def test_a_real_prometheus_scrapes_it_and_its_numbers_are_true(
    cluster: OldCluster, bench: Bench, tmp_path: Path
) -> None:
    program = shutil.which("prometheus")
    need(program, "prometheus (Debian's package)")
    assert program
    for _ in range(3):
        cluster.push(cluster.job(uuid.uuid4(), [uuid.uuid4()]))
    held = bench.take()
    bench.queue.finish(held.job_id, held.token, b"", "t:write:6=4 t:write:us=700000")
    port = free_port()
    with service() as (_, url):
        until(lambda text: "lomi_claims_total 1.0" in text, f"{url}metrics")
        config = {
            "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
            "scrape_configs": [{"job_name": "lomi", "static_configs": [{"targets": [url.split("/")[2]]}]}],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config))
        prometheus = subprocess.Popen(
            [program, f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"],
        )  # fmt: skip
        try:
            ready = asked(port, "sum(lomi_queue_jobs{state='ready'})")
            up = asked(port, "up{job='lomi'} == 1")
            p95 = asked(port, "histogram_quantile(0.95, sum by (le) (lomi_database_write_seconds_bucket))")
        finally:
            prometheus.kill()
            prometheus.wait()

    assert (ready, up) == (2, 1)
    assert p95 == pytest.approx(0.1975)


def asked(port: int, query: str) -> float:
    """As soon as there is an answer."""
    url = f"http://127.0.0.1:{port}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    while True:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
                found = json.load(answer)["data"]["result"]
        except OSError:
            found = []
        if found:
            return float(found[0]["value"][1])
        time.sleep(0.05)
