"""One engine and one set of images for the whole ring; one stack for the tests that scale, kill and restart it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import docker
import pytest

from tests import docker_engine
from tests.conftest import need
from tests.docker import images
from tests.docker.stack import Stack, running_stack
from tests.services import open_folder


@pytest.fixture(scope="session")
def ring_url() -> Iterator[str]:
    """An engine with the images of the ring."""
    lacks = ", ".join(filter(None, (docker_engine.lacking(), images.lacking())))
    need(not lacks, lacks)
    with ExitStack() as stack:
        try:
            url = stack.enter_context(docker_engine.running_engine())
        except OSError as failure:
            need(condition=False, what=str(failure))
        folder = stack.enter_context(open_folder("lomi-images-"))
        client = docker.DockerClient(base_url=url, timeout=300)
        images.Builder(url, client.api, folder).make()
        client.close()
        yield url


@pytest.fixture(scope="session")
def shared_stack(ring_url: str) -> Iterator[Stack]:
    with open_folder("lomi-stack-") as folder, running_stack(ring_url, folder) as stack:
        yield stack


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    """Two ready workers, empty stores."""
    shared_stack.wipe()
    shared_stack.compose("up", "-d", "--scale", f"moderator-worker={shared_stack.workers}")
    shared_stack.await_ready(shared_stack.workers)
    return shared_stack
