"""The queue as a worker and an operator see it. Every change is one script on the server: all of it happens, or none.

Safe to call again after a lost reply with the same arguments: a claim adopts, a finish, a failure and a release answer
what they answered before. Every method raises RedisUnavailable and nothing else of the network's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

import redis

from lomi_ops.domain.attempt import Bury, ErrorClass, Failure, next_step
from lomi_ops.domain.history import EndedJob
from lomi_ops.domain.job import MAX_JOB_BYTES, Priority
from lomi_ops.domain.stuck import Stuck, stuck
from lomi_ops.errors import Conflict
from lomi_ops.queue import answers, board, ended
from lomi_ops.queue.client import guarded
from lomi_ops.queue.keys import RESULTS_CHANNEL, Keys
from lomi_ops.queue.line import Line
from lomi_ops.queue.replies import (
    Beat,
    Beats,
    Buried,
    Cancelled,
    Claimed,
    ClaimReply,
    Delayed,
    Done,
    Fenced,
    JobRecord,
    JobState,
    Pause,
    QueueStats,
    Reaped,
    Released,
    Standing,
    Submitted,
    Tended,
    WorkerMode,
)
from lomi_ops.queue.scripts import Argument, Scripts, count, ms, packed_command, text
from lomi_ops.queue.wire import parse_job

RETENTION_S = 24 * 3600.0
"""How long a finished job is remembered, so that a second copy of it is recognised."""
MIN_RING_S = 0.1
"""A tiny timeout was once taken for none at all; 0 would block for ever."""
MAX_TEXT = 2000


class JobQueue:
    """The list `photo_moderation_queue` and what stands around it.

    `client` must not retry by itself (`client.queue_client`). `attempts` is how many tries a job has, `chance` draws
    evenly from [0, 1) for the jitter.
    """

    def __init__(
        self,
        client: redis.Redis,
        *,
        keys: Keys | None = None,
        attempts: int = 3,
        retention_s: float = RETENTION_S,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.keys = keys or Keys()
        self.attempts = attempts
        self._client = client
        self._retention_s = retention_s
        self._chance = chance
        self._scripts = Scripts(client, self.keys)

    # --- a worker's verbs ---------------------------------------------------------------------------------------------

    def claim(self, slot: str, seq: int, token: str, lease_s: float = 15.0) -> ClaimReply:
        """Take the next job, or adopt the one that this slot holds already.

        `slot` is `<boot uuid>/<number>`; `seq` rises with every claim of the slot and stays when a claim is sent again
        after a lost reply; `token` is a fresh UUID per `seq`. An adopted job has a new token: the old one is fenced.
        """
        reply = self._scripts.run("claim", self._claim_keys(slot), [slot, seq, token, ms(lease_s), MAX_JOB_BYTES])
        return answers.claimed(reply, slot, token)

    def _claim_keys(self, slot: str) -> list[str]:
        return [self.keys.seq(slot), self.keys.worker(slot.partition("/")[0])]

    def wait(self, doorbell: Line, timeout_s: float) -> bool:
        """Block until the list has an element; False after `timeout_s`. Takes nothing, so nothing can be lost.

        Call it only after `Empty`, over a client of its own (`client.doorbell_client`), one per process.
        """
        ring = max(MIN_RING_S, timeout_s)
        command = packed_command("BLMOVE", self.keys.ready, self.keys.ready, "RIGHT", "RIGHT", f"{ring:.3f}")
        with guarded(doorbell.client, "the doorbell"):
            return doorbell.ask(command) is not None

    def beat(self, boot: str, leases: Mapping[str, str], lease_s: float = 15.0) -> Beats:
        """Renew leases (job id → token) and this worker's registration; at most 100 at once."""
        pairs = [part for pair in leases.items() for part in pair]
        reply = self._scripts.run("beat", [self.keys.worker(boot)], [boot, ms(lease_s), *pairs])
        mode = text(reply[0])
        states = (Beat(text(word)) for word in reply[1:])
        return Beats(dict(zip(leases, states, strict=True)), WorkerMode(mode) if mode else None)

    def finish(self, job_id: str, token: str, payload: bytes = b"", tally: str = "") -> Done | Fenced:
        """The job is done. A `payload` that is not empty is published, at most once ever for this job; the `tally`
        (`domain/tally.py`) is counted once, too."""
        reply = self._scripts.run("finish", [], self._finish_args(job_id, token, payload, tally))
        return answers.finished(reply)

    def _finish_args(self, job_id: str, token: str, payload: bytes, tally: str) -> list[Argument]:
        return [job_id, token, payload, RESULTS_CHANNEL, ms(self._retention_s), tally]

    def advance(
        self,
        job_id: str,
        token: str,
        payload: bytes,
        slot: str,
        seq: int,
        next_token: str,
        lease_s: float = 15.0,
        tally: str = "",
    ) -> tuple[Done | Fenced, ClaimReply]:
        """`finish`, then `claim` for the same slot, in one round trip. Both happen whatever the first one answers."""
        ending = self._finish_args(job_id, token, payload, tally)
        claiming: list[Argument] = [slot, seq, next_token, ms(lease_s), MAX_JOB_BYTES]
        ending_reply, claim_reply = self._scripts.run("advance", self._claim_keys(slot), [*ending, *claiming])
        return answers.finished(ending_reply), answers.claimed(claim_reply, slot, next_token)

    def fail(self, held: Claimed, failure: Failure) -> Delayed | Buried | Cancelled | Fenced:
        """This attempt failed: retry later or bury, as `domain.attempt` decides."""
        step = next_step(
            failure, attempt=held.attempt, setbacks=held.setbacks, limit=self.attempts, chance=self._chance()
        )
        verb: list[Argument] = (
            ["bury", 0, 0] if isinstance(step, Bury) else ["retry", ms(step.delay_s), int(step.refund)]
        )
        story = [failure.error_class.value, failure.code, failure.message[:MAX_TEXT], failure.hint[:MAX_TEXT]]
        reply = self._scripts.run("fail", [], [held.job_id, held.token, *verb, *story, ms(self._retention_s)])
        match reply[0]:
            case b"DELAYED":
                return Delayed(due_ms=count(reply[1]), refunded=bool(count(reply[2])))
            case b"DEAD":
                return Buried()
            case b"CANCELLED":
                return Cancelled()
            case _:
                return Fenced()

    def release(self, job_id: str, token: str) -> Released | Cancelled | Fenced:
        """Give the job back unharmed, to the end that is taken from next; the attempt is refunded."""
        reply = self._scripts.run("release", [], [job_id, token, ms(self._retention_s)])
        match reply[0]:
            case b"RELEASED":
                return Released()
            case b"CANCELLED":
                return Cancelled()
            case _:
                return Fenced()

    def reap(self, *, lease_s: float = 15.0, tick_s: float = 2.5) -> Reaped:
        """Take back expired leases (100 at most), promote what is due, heal, trim. Any worker may call it at any time.

        Does nothing within `tick_s` of another look (0: always look), nor within `lease_s` of first seeing this server
        process: after a restart or a failover live workers beat first.
        """
        return answers.reaped(self._scripts.run("reap", [], self._reap_args(lease_s, tick_s)))

    def _reap_args(self, lease_s: float, tick_s: float) -> list[Argument]:
        return [ms(lease_s), ms(tick_s), self.attempts, ms(self._retention_s)]

    def upkeep(self, *, lease_s: float = 15.0, tick_s: float = 2.5) -> Tended:
        """`reap`, then `relay` unless somebody has just looked, in one round trip."""
        args = [*self._reap_args(lease_s, tick_s), RESULTS_CHANNEL]
        reaped, heard, busy, unwritten, refused = self._scripts.run("upkeep", [], args)
        return Tended(answers.reaped(reaped), count(heard[0]), bool(busy), count(unwritten), bool(refused))

    def absolve(self, job_id: str, *, settled: bool, payload: bytes = b"") -> Done | None:
        """The ledger's word on a job in doubt: it ends as done where it was `settled`, and stays dead where not.

        None where it stays dead, or is no such dead letter any more. The payload is published once.
        """
        reply = self._scripts.run(
            "absolve", [], [job_id, int(settled), payload, RESULTS_CHANNEL, ms(self._retention_s)]
        )
        return Done(receivers=count(reply[1])) if reply[0] == b"DONE" else None

    # --- putting jobs in, and stopping them --------------------------------------------------------------------------

    def submit(self, raw: bytes, priority: Priority = Priority.NORMAL, due_ms: int = 0) -> Submitted:
        """Put a job in, once. High priority goes ahead of whatever waits, bulk yields to it. A job that is due later,
        by the server's clock, is delayed until then.

        Raises JobError where it is none, Conflict where its id is known with other content.
        """
        job_id = parse_job(raw).job_id
        reply = self._scripts.run("submit", [], [job_id, raw, int(priority), due_ms])
        if reply[0] == b"CONFLICT":
            raise Conflict(f"job {job_id} is known with other content", hint=f"lomi queue show {job_id}")
        return Submitted.ACCEPTED if reply[0] == b"ACCEPTED" else Submitted.DUPLICATE

    def submit_many(
        self, elements: Sequence[tuple[str, bytes, int]], priority: Priority = Priority.NORMAL
    ) -> list[Submitted]:
        """The same for jobs of ours by id, element and due time; 100 at most, in one round trip. A known id is a
        duplicate, whatever its content: the same job, signed at another moment. After RedisUnavailable some may be in.
        """
        calls = [(job_id, raw, int(priority), due_ms) for job_id, raw, due_ms in elements]
        replies = self._scripts.run_many("submit", calls)
        return [Submitted.ACCEPTED if reply[0] == b"ACCEPTED" else Submitted.DUPLICATE for reply in replies]

    def cancel(self, job_id: str) -> JobState:
        """Cancel a job; one that nobody has seen yet is stopped when it comes up. Answers the state it is now in:
        `running` means that its worker is told with the next beat. What is done or dead stays so."""
        return JobState(text(self._scripts.run("cancel", [], [job_id, ms(self._retention_s)])[0]))

    def forget(self, job_id: str, raw: bytes = b"") -> bool:
        """Take a job of a test, or of a user who is erased, back wherever it waits, and remove what the queue knows of
        it; `raw` is its element, where it is known. False where a worker has it: that one is told with the next beat,
        and this is to be called again.

        The lists are searched for the element, which takes Redis a while where they are long: an operator's cancel
        leaves a tombstone instead.
        """
        args: list[Argument] = [job_id, ms(self._retention_s)]
        self._take_out({raw})
        reply = self._scripts.run("forget", [], args)
        if reply[0] == b"STOPPED":  # whoever has given it back meanwhile has put its element back, too
            self._take_out({raw, reply[1]})
            reply = self._scripts.run("forget", [], args)
        return bool(reply[0] == b"FORGOTTEN")

    def _take_out(self, elements: set[bytes]) -> None:
        with guarded(self._client, "a search"), self._client.pipeline(transaction=False) as pipe:
            for raw in elements - {b""}:
                for name in (self.keys.ready, self.keys.high, self.keys.bulk):
                    pipe.lrem(name, 1, raw)  # type: ignore[arg-type]
            pipe.execute()

    def pause(self, by: str, reason: str, for_s: float | None = None) -> Pause | None:
        """No claims from now on; what runs goes on. An old BRPOP worker does not know this flag.

        Gives the pause that this one replaces, without its end; None where there was none.
        """
        reply = self._scripts.run("pause", [], [by, reason[:MAX_TEXT], "" if for_s is None else ms(for_s)])
        return Pause(text(reply[1]), text(reply[2]), int(reply[3]), None) if reply[3] else None

    def resume(self) -> bool:
        """False where it was not paused."""
        return bool(self._scripts.run("resume", [], [])[0] == b"RESUMED")

    def hold(
        self,
        upstream: str,
        for_s: float | None,
        reason: str,
        *,
        throttled: bool = False,
        claimed_ms: int = 0,
        patience_s: float | None = None,
    ) -> None:
        """Open the breaker of an upstream for all machines. A longer hold that is already there stays.

        `for_s` None: for longer with each opening of this outage. `throttled`: it asked for fewer calls, so the rate of
        all machines is halved as well. `claimed_ms` says when the job was claimed that met the outage: what was claimed
        before the last opening says nothing new. After `patience_s` of this outage jobs are let through one by one, so
        that people get their photos; None: never.
        """
        kind, wish = "throttled" if throttled else "out", -1 if for_s is None else ms(for_s)
        chance, patience = int(self._chance() * 1000), 0 if patience_s is None else ms(patience_s)
        self._scripts.run("hold", [], [upstream, kind, wish, reason[:MAX_TEXT], claimed_ms, chance, patience])

    def served(self, upstreams: Sequence[str], claimed_ms: int) -> int:
        """These upstreams have served a job that was claimed then: their breakers close for all machines, unless they
        opened later. How many did."""
        return count(self._scripts.run("served", [], [claimed_ms, *upstreams])[0])

    def unhold(self, upstream: str) -> bool:
        """The upstream is back, a person says: its breaker closes for all machines and its rate is forgotten. False
        where there was neither."""
        return bool(self._scripts.run("unhold", [], [upstream])[0] == b"LIFTED")

    def relay(self) -> int:
        """Publish again what nobody heard (100 messages at most); how many were heard now."""
        return count(self._scripts.run("relay", [], [RESULTS_CHANNEL])[0])

    def announce(self, message_id: str, payload: bytes, *, until_ms: int = 0) -> Done:
        """Publish the message of a decision that came from no job, at most once for its id, and not after `until_ms` of
        the server's clock where that is given."""
        arguments: list[str | bytes | int] = [message_id, payload, RESULTS_CHANNEL, ms(self._retention_s), until_ms]
        reply = self._scripts.run("announce", [], arguments)
        return Done(count(reply[1]), repeated=reply[0] == b"AGAIN", late=reply[0] == b"LATE")

    # --- looking -----------------------------------------------------------------------------------------------------

    def stats(self) -> QueueStats:
        """One round trip of constant-time commands; works where nothing but the list exists."""
        return board.stats(self._client, self.keys)

    def stuck(self) -> tuple[Stuck, ...]:
        """What stands still and should not; three round trips."""
        return stuck(board.ages(self._client, self.keys))

    def job(self, job_id: str) -> JobRecord | None:
        """None where no claim and no submit has seen this job, though it may wait in the list."""
        return board.job(self._client, self.keys, job_id)

    def standings(self, job_ids: Sequence[str]) -> dict[str, Standing]:
        """Where the queue has these jobs; one that it does not know is left out."""
        return board.standings(self._client, self.keys, job_ids)

    def waits_unseen(self, job_id: str) -> bool:
        """Whether the list has an element that says this id, of the next 10,000; a job that no claim has met yet leaves
        no other trace."""
        return board.waits_unseen(self._client, self.keys, job_id)

    def ended(self, limit: int = 100) -> tuple[EndedJob, ...]:
        """Jobs that ended without the ledger and have not been written down yet, the oldest first."""
        return ended.read(self._client, self.keys, limit)

    def forget_ended(self, entries: Sequence[str]) -> None:
        """These are written down."""
        ended.forget(self._client, self.keys, entries)

    def now_ms(self) -> int:
        """The server's clock."""
        return board.now_ms(self._client)


__all__ = ["ErrorClass", "Failure", "JobQueue"]
