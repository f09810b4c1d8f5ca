"""The image of a service: built, pulled, or the one from before, and what it replaces kept under a name of its own."""

from __future__ import annotations

from typing import NamedTuple

from lomi_ops.domain.rollout import Source, Standing, previous_name, repository, short
from lomi_ops.errors import NotFound
from lomi_ops.ops.deploy.order import Handles


class Fetched(NamedTuple):
    """What came of it."""

    said: str
    wanted: str = ""
    """Its id; empty where only the Swarm knows it."""
    leads_elsewhere: bool = False
    """Whether the image's name leads to something else than what runs, or than before."""


def fetched(at: Handles, each: Standing) -> Fetched:
    """Raises ContainerError where it can be neither built nor pulled, NotFound where there is none."""
    at.held.require()
    if each.source is Source.BACK:
        return _from_before(at, each)
    if each.source is Source.BUILD:
        assert at.compose is not None
        at.compose.build(each.service, at.chatter)
    elif each.source is Source.PULL:
        at.images.pull(each.image, at.chatter)
    wanted = at.images.id_of(each.image)
    if not wanted:
        raise NotFound(f"there is no image {each.image} on the engine", hint=f"docker pull {each.image}")
    before = each.from_before(wanted)
    if before and before != each.kept:
        at.images.tag(before, previous_name(each.image))
    if wanted == each.tagged and not each.stale(wanted):
        return Fetched(f"{each.image} is what it was, {short(wanted)}", wanted)
    told = f", before it {short(before)}" if before else ""
    return Fetched(f"{each.image} is {short(wanted)} now{told}", wanted, bool(before and each.stale(wanted)))


def _from_before(at: Handles, each: Standing) -> Fetched:
    """The names change places, so that a second time leads forward again."""
    if not each.kept and each.swarm:
        return Fetched("the Swarm keeps the description from before")
    if not each.kept:
        text = f"no image from before is kept for {each.service}: there is no {previous_name(each.image)}"
        raise NotFound(text, hint=f"docker images {repository(each.image)}")
    at.images.tag(each.kept, each.image)
    if each.tagged:
        at.images.tag(each.tagged, previous_name(each.image))
    said = f"{each.image} is {short(each.kept)} again; {short(each.tagged)} is kept"
    return Fetched(said, each.kept, leads_elsewhere=True)
