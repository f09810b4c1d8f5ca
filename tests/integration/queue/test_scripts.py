"""The Lua files: complete, self-describing, and on the server whenever they are needed."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

from lomi_ops.queue import autoscale, fleet, jobs, operations, workers
from lomi_ops.queue.scripts import SHARED, ms, source
from tests.integration.queue.conftest import Bench
from tests.integration.queue.producer import element

FOLDER = files("lomi_ops.queue").joinpath("lua")
NAMES = sorted(entry.name.removesuffix(".lua") for entry in FOLDER.iterdir() if entry.name.endswith(".lua"))
TRANSITIONS = [name for name in NAMES if name not in SHARED]


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_script_opens_with_its_arguments_its_reply_and_its_invariant(name: str) -> None:
    opening = FOLDER.joinpath(f"{name}.lua").read_text().split("\n\n")[0]
    assert all(line.startswith("--") for line in opening.splitlines())
    for word in ("-- ARGV", "-- Reply", "-- Invariant"):
        assert word in opening


@pytest.mark.parametrize("name", NAMES)
def test_a_script_has_no_open_loop_no_search_and_writes_no_json(name: str) -> None:
    code = re.sub("--.*", "", FOLDER.joinpath(f"{name}.lua").read_text())
    assert not re.search(r"cjson\.encode|'KEYS'|'SCAN'|'LREM'|while |repeat ", code)


def test_every_script_is_used_and_every_used_script_exists() -> None:
    modules = (autoscale, fleet, jobs, operations, workers)
    code = "".join(module.__loader__.get_source(module.__name__) for module in modules)  # type: ignore[union-attr]
    assert sorted(set(re.findall(r'_scripts\.run\(\s*"(\w+)"', code))) == TRANSITIONS


@pytest.mark.parametrize("name", TRANSITIONS)
def test_a_script_compiles_on_the_server(bench: Bench, name: str) -> None:
    assert bench.client.script_load(source(name))


def test_a_server_that_forgot_its_scripts_gets_them_again(bench: Bench) -> None:
    bench.push(element(), element())
    bench.take("boot/0")
    bench.client.script_flush()
    bench.take("boot/1")


def test_a_wait_is_rounded_up_to_whole_milliseconds() -> None:
    assert [ms(0), ms(0.0001), ms(1.5), ms(15)] == [0, 1, 1500, 15000]
