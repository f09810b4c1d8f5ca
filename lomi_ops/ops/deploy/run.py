"""One deploy from its first check to its last. It stops at what fails, and says who runs what and how to go back.

It may be repeated after any interruption: what runs the wanted image already is left alone.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from lomi_ops.domain import span
from lomi_ops.domain.audit import Action, service_subject
from lomi_ops.domain.check import Scope, Status, summary
from lomi_ops.domain.container import Container, Health
from lomi_ops.domain.fleet import Member, MemberState
from lomi_ops.domain.rollout import Kind, Runs, Source, Standing, short, whereabouts
from lomi_ops.domain.standing import Stand, stand
from lomi_ops.domain.standing import Standing as Stands
from lomi_ops.errors import LomiError, NotFound, Refused
from lomi_ops.ops.deploy.facts import unsafe
from lomi_ops.ops.deploy.fetch import fetched
from lomi_ops.ops.deploy.order import CheckFailed, Done, Handles, NotUp, Order, Outcome, Stopped
from lomi_ops.ops.deploy.roll import Image, Roll
from lomi_ops.ops.workers.arriving import last_words
from lomi_ops.ops.workers.draining import LOOK_S
from lomi_ops.ops.workers.swarm_tasks import require_no_loss

UPDATE_S = 1800.0
"""A Swarm may take so long for all tasks of a service."""
SETTLE_S = 3.0
"""A container without a health check must have run for so long."""
_HASH, _IMAGE = "com.docker.compose.config-hash", "com.docker.compose.image"


class Deploy:
    """`outcome` tells at any moment what was done."""

    def __init__(self, at: Handles, order: Order, found: Sequence[Standing]) -> None:
        self._at, self._order, self._found = at, order, found
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Raises CheckFailed and Refused before anything is changed, Stopped afterwards."""
        began = self._at.clock()
        self._before()
        try:
            for each in self._found:
                self._fetch(each)
            for each in self._found:
                self._change(each)
            self._after()
        except LomiError as failure:
            if self.outcome.changed:
                raise self._stopped(failure) from failure
            raise
        finally:
            self.outcome.took_s = self._at.clock() - began
        return self.outcome

    # --- checks -------------------------------------------------------------------------------------------------------

    def _before(self) -> None:
        if self._order.skip_check:
            self._at.tell(f"the check before is left out: {self._order.skip_check}")
        else:
            with self._step(Kind.CHECK, "") as say:
                say(self._checked(Scope.PRE_DEPLOY, "lomi deploy apply --skip-check REASON"))
        self._keep_jobs()

    def _after(self) -> None:
        with self._step(Kind.CHECK, "") as say:
            say(self._checked(Scope.POST_DEPLOY, ""))

    def _checked(self, scope: Scope, override: str) -> str:
        results = self._at.check(scope)
        bad = [each for each in results if each.status is Status.FAIL]
        for each in (*bad, *(each for each in results if each.status in (Status.UNKNOWN, Status.WARN))):
            self._at.tell(f"{each.status.value}: {each.spec.slug}: {each.found.detail}")
        if bad:
            text = f"{len(bad)} of {len(results)} checks failed: {', '.join(each.spec.slug for each in bad)}"
            hint = f"lomi check --scope {scope.value}"
            raise CheckFailed(text, hint=f"{hint}; then again, or: {override}" if override else hint)
        words = {Status.PASS: "passed", Status.WARN: "to be warned about", Status.UNKNOWN: "unknown"}
        counts = summary(results)
        return ", ".join(f"{counts[status]} {word}" for status, word in words.items() if counts[status])

    def _keep_jobs(self) -> None:
        """Raises Refused where a job would be lost, before a build has taken its time."""
        if self._order.force:
            return
        workers = [each for each in self._found if each.workers]
        if not workers:
            return
        fleet = self._at.look()
        for failure in fleet.failures:
            raise failure
        for each in workers:
            if each.swarm and fleet.cluster and (service := fleet.cluster.swarm_service(each.service)):
                require_no_loss(service, fleet.members, self._order.grace_s)
        rolling = [runs for each in workers if not each.swarm for runs in each.containers]
        if losing := unsafe(fleet, rolling):
            names = ", ".join(each.name for each in losing)
            text = f"nobody knows what these hold, a job in their hand would be lost: {names}"
            raise Refused(text, hint="wait until the queue is empty (lomi queue stats), then repeat it with --force")

    def _fetch(self, each: Standing) -> None:
        with self._step(Kind.IMAGE, each.service) as say:
            found = fetched(self._at, each)
            if found.wanted:
                self.outcome.wanted[each.service] = found.wanted
            if found.leads_elsewhere:
                # Nothing runs it yet, but the name leads to it: that has a way back, too.
                self.outcome.changed.append(each.service)
            say(found.said)

    # --- containers ---------------------------------------------------------------------------------------------------

    def _change(self, each: Standing) -> None:
        wanted = self.outcome.wanted.get(each.service, "")
        before = [short(image) for image in sorted({runs.image_id for runs in each.containers})]
        try:
            if each.swarm:
                with self._step(Kind.UPDATE, each.service) as say:
                    say(self._update(each))
            elif each.workers:
                with self._step(Kind.ROLL, each.service) as say:
                    say(self._roll(each, wanted))
            else:
                with self._step(Kind.RESTART, each.service) as say:
                    say(self._restart(each, wanted))
        except BaseException as failure:
            self._note(each, before, {"failed": str(failure) or type(failure).__name__})
            raise
        self._note(each, before, {"image": each.image, "id": short(wanted)})

    def _note(self, each: Standing, before: list[str], after: dict[str, object]) -> None:
        action = Action.DEPLOY_BACK if each.source is Source.BACK else Action.DEPLOY
        reason = "; ".join(
            part
            for part in (
                self._order.reason,
                f"check left out: {self._order.skip_check}" if self._order.skip_check else "",
            )
            if part
        )
        self._at.journal.note(self._order.by, action, service_subject(each.service), self._at.wall(), reason,
                              before={"ids": before}, after=after)  # fmt: skip

    def _roll(self, each: Standing, wanted: str) -> str:
        roll = Roll(self._at, self._order, Image(each.image, self._labels(each, wanted)))
        roll.tidy(each.containers)
        each = _now(each, self._at.cluster().of(each.service))
        stale = each.stale(wanted)
        if not stale:
            return f"all {len(each.containers)} run {short(wanted)} already"
        for number, old in enumerate(stale, start=1):
            self._at.tell(f"{number} of {len(stale)}: {old.name}")
            roll.replace(old)
        return f"{len(roll.replaced)} of {len(each.containers)} replaced"

    def _labels(self, each: Standing, wanted: str) -> dict[str, str]:
        """By which Compose sees that the new containers are as its file says."""
        if self._at.compose is None:
            self._at.tell("the Compose file is not on this machine: its next `up` makes these workers anew")
            return {}
        known = self._at.compose.hash(each.service)
        labels = {_HASH: known} if known else {}
        return labels if self._at.compose.old else labels | {_IMAGE: wanted}

    def _restart(self, each: Standing, wanted: str) -> str:
        if not each.stale(wanted) and all(runs.up for runs in each.containers):
            return f"it runs {short(wanted)} already"
        if self._at.compose is None:
            raise NotFound(f"{each.service} is made anew by Compose, and its file is not on this machine",
                           hint="run lomi where it is")  # fmt: skip
        self._at.held.require()
        self._at.compose.up(each.service, self._at.chatter)
        self._await_up(each, wanted)
        return f"runs {short(wanted)}"

    def _await_up(self, each: Standing, wanted: str) -> None:
        """Until every container of the service runs the image and is healthy. Raises NotUp."""
        until, since = self._at.clock() + self._order.ready_s, self._at.clock()
        while True:
            cluster = self._at.cluster()
            containers = cluster.of(each.service)
            stands = [(one, _stand(one, wanted)) for one in containers]
            if failed := next((pair for pair in stands if pair[1].standing is Stands.FAILED), None):
                raise self._not_up(failed[0], failed[1].why)
            settled = self._at.clock() - since >= SETTLE_S or all(one.health is Health.HEALTHY for one in containers)
            if stands and settled and all(found.standing is Stands.READY for _, found in stands):
                return
            if self._at.clock() > until:
                late = next((pair for pair in stands if pair[1].standing is not Stands.READY), None)
                why = late[1].why if late else "no container is there"
                one = late[0] if late else None
                raise self._not_up(one, f"{why}, after {span.said(self._order.ready_s)}", each.service)
            self._at.sleep(LOOK_S)

    def _not_up(self, container: Container | None, why: str, service: str = "") -> NotUp:
        name = container.name if container else service
        return NotUp(f"{name} does not work on the new image: {why}", lines=last_words(self._at.control, container))

    def _update(self, each: Standing) -> str:
        self._at.held.require()
        if each.service not in self.outcome.changed:
            self.outcome.changed.append(each.service)
        if wanted := self.outcome.wanted.get(each.service):
            self._at.control.roll_service(each.swarm, self._at.images.exact(each.image, wanted))
        else:
            self._at.updates.take_back(each.swarm)
        until = self._at.clock() + UPDATE_S
        while True:
            now = self._at.updates.update(each.swarm)
            if now.over and now.failed and not (each.source is Source.BACK and now.went_back):
                if now.went_back:
                    self.outcome.changed.remove(each.service)
                raise NotUp(f"the Swarm ended the update of {each.service} with {now.state}: {now.message}",
                            hint=f"docker service ps --no-trunc {each.swarm}")  # fmt: skip
            if now.over:
                return f"the Swarm says {now.state}"
            if self._at.clock() > until:
                raise NotUp(f"the Swarm still updates {each.service} after {span.said(UPDATE_S)}: {now.message}",
                            hint=f"docker service ps --no-trunc {each.swarm}")  # fmt: skip
            self._at.sleep(LOOK_S)

    # --- the end ------------------------------------------------------------------------------------------------------

    @contextmanager
    def _step(self, kind: Kind, service: str) -> Iterator[Callable[[str], None]]:
        """Times a step, and keeps what is said about it."""
        began, said = self._at.clock(), [""]

        def say(text: str) -> None:
            said[0] = text

        yield say
        self.outcome.steps.append(Done(kind, service, self._at.clock() - began, said[0]))
        self._at.tell(f"{service or 'check'}: {said[0]}")

    def _stopped(self, failure: LomiError) -> Stopped:
        """With who runs what now, as far as that can be seen."""
        found = self._found
        try:
            cluster = self._at.cluster()
        except LomiError:
            standing: list[str] = []
        else:
            standing = list(whereabouts([_now(each, cluster.of(each.service)) for each in found], self.outcome.wanted))
        lines = failure.lines if isinstance(failure, NotUp) else ()
        return Stopped(failure.message, standing=standing, lines=lines, hint=self.way_back())

    def way_back(self) -> str:
        """The command that leads to the images from before."""
        words = ["lomi", "deploy", "back"]
        for service in self.outcome.changed:
            words += ["--service", service]
        return shlex.join(words)


def _stand(container: Container, wanted: str) -> Stand:
    if container.image_digest != wanted:
        return Stand(Stands.COMING, "it still runs the image from before")
    # What it says about itself, its health check says; nobody reads its log.
    return stand(Member(MemberState.READY, container), fresh=True)


def _now(each: Standing, containers: Sequence[Container]) -> Standing:
    return replace(each, containers=tuple(Runs(one.id, one.name, one.image_digest, one.up) for one in containers))
