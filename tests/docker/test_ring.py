"""The stack in containers, under load: scaled, killed, restarted. Everything is counted afterwards."""

from __future__ import annotations

import pytest

from tests.docker.load import attempts, load
from tests.docker.stack import Ends, Stack, until

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.xdist_group("docker"), pytest.mark.timeout(900)]


def test_scaled_to_four_and_back_under_load_nothing_is_lost_and_no_attempt_is_spent(stack: Stack) -> None:
    with Ends(stack.url, stack.label) as ends, load(stack) as photos:
        photos.await_more(5)
        stack.lomi("scale", "4")
        assert len(stack.ready()) == 4
        photos.await_more(15)
        stack.lomi("scale", "2")
        photos.await_more(5)
        findings, state = photos.finish()

    assert findings.sentences() == []
    assert set(attempts(state)) == {1}
    assert ends.exits == [0, 0]
    assert len(stack.containers()) == 2


def test_the_autoscaler_adds_a_worker_of_the_image(stack: Stack) -> None:
    """Fewer than the least: the one thing for which no span of time has to go by."""
    stepped = stack.lomi("autoscale", "--once", "--enforce", "--min", "3")

    assert "2 to 3 workers" in stepped.stdout
    stack.await_ready(3)
    assert len(stack.containers()) == 3
    held = stack.lomi("autoscale", "--once", "--enforce", "--min", "3")
    assert held.stdout.startswith("3 workers")


def test_a_killed_worker_is_started_again_and_its_job_is_done_by_another(stack: Stack) -> None:
    with Ends(stack.url, stack.label) as ends, load(stack) as photos:
        photos.await_more(5)
        (victim, other) = stack.containers()
        stack.api.kill(victim["Id"], signal="SIGKILL")
        until(lambda: ends.exits == [137], "the engine's word of the end")
        # A container that was killed by hand stays down, whatever its restart policy says.
        stack.api.start(victim["Id"])
        stack.await_ready(2)
        findings, state = photos.finish()

    assert findings.sentences() == []
    assert findings.counts["queue: reaped"] <= 1
    assert set(attempts(state)) <= {1, 2}
    assert other["State"]["StartedAt"] == stack.api.inspect_container(other["Id"])["State"]["StartedAt"]


def test_restarted_one_by_one_under_load_nothing_is_lost_and_no_attempt_is_spent(stack: Stack) -> None:
    before = {said["Id"]: said["State"]["StartedAt"] for said in stack.containers()}
    with Ends(stack.url, stack.label) as ends, load(stack) as photos:
        photos.await_more(5)
        stack.restart()
        photos.await_more(5)
        findings, state = photos.finish()

    assert findings.sentences() == []
    assert set(attempts(state)) == {1}
    assert ends.exits == [0, 0]
    after = {said["Id"]: said["State"]["StartedAt"] for said in stack.containers()}
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
