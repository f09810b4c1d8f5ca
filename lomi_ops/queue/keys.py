"""Every key of the queue, in one place.

The tag in braces is the list's own name, so all keys share its cluster slot although the producer knows nothing of it.
"""

from __future__ import annotations

from dataclasses import dataclass

QUEUE = "photo_moderation_queue"
RESULTS_CHANNEL = "moderation_results"


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of the queue whose list is `ready`."""

    ready: str = QUEUE

    def _at(self, name: str) -> str:
        return f"{{{self.ready}}}:{name}"

    @property
    def high(self) -> str:
        """LIST: raw elements of high priority; taken before `ready`."""
        return self._at("high")

    @property
    def delayed(self) -> str:
        """ZSET: job id by the time it is due."""
        return self._at("delayed")

    @property
    def lease(self) -> str:
        """ZSET: job id by the end of its lease. First index of what is running."""
        return self._at("lease")

    @property
    def slots(self) -> str:
        """HASH: job id by `<boot>/<slot>`. Second index of what is running; each heals the other."""
        return self._at("slots")

    @property
    def dead(self) -> str:
        """ZSET: job id by time of death."""
        return self._at("dead")

    @property
    def done(self) -> str:
        """ZSET: finished and cancelled job ids by time, for trimming."""
        return self._at("done")

    @property
    def unsent(self) -> str:
        """ZSET: job ids by the time their message was published to nobody."""
        return self._at("unsent")

    @property
    def results(self) -> str:
        """STREAM: job id and payload of every finished job."""
        return self._at("results")

    @property
    def events(self) -> str:
        """STREAM: every change of a job's state."""
        return self._at("events")

    @property
    def paused(self) -> str:
        """HASH: by, reason, since, until."""
        return self._at("paused")

    @property
    def holds(self) -> str:
        """HASH: `until|since|reason` by upstream."""
        return self._at("holds")

    @property
    def workers(self) -> str:
        """ZSET: boot ids by their last beat."""
        return self._at("workers")

    @property
    def stats(self) -> str:
        """HASH: counters."""
        return self._at("stats")

    @property
    def tick(self) -> str:
        """STRING with a life time: somebody has just reaped."""
        return self._at("tick")

    @property
    def server(self) -> str:
        """STRING `<run id>|<first seen>`: which server process the reaper saw, and since when."""
        return self._at("server")

    @property
    def bulk(self) -> str:
        """LIST: raw elements that yield to all others."""
        return self._at("bulk")

    @property
    def limits(self) -> str:
        """HASH: the adaptive rate of each upstream that has throttled us."""
        return self._at("limits")

    @property
    def doubt(self) -> str:
        """ZSET: buried job ids of which the ledger may say that they were settled."""
        return self._at("doubt")

    @property
    def samples(self) -> str:
        """STREAM: what waited and what was done, every few seconds; for rates."""
        return self._at("samples")

    @property
    def ops(self) -> str:
        """ZSET: ids of operations on many jobs by their start."""
        return self._at("ops")

    @property
    def ended(self) -> str:
        """STREAM: jobs that ended without the ledger, and what was done about them; until Postgres has it."""
        return self._at("ended")

    @property
    def measured(self) -> str:
        """HASH: what finished jobs have added up to, for the metrics (`domain/tally.py`)."""
        return self._at("measured")

    @property
    def autoscale(self) -> str:
        """HASH with a life time: what autoscaling saw and did last."""
        return self._at("autoscale")

    @property
    def autoscale_lease(self) -> str:
        """HASH with a life time: who autoscales."""
        return self._at("autoscale:lease")

    @property
    def autoscale_log(self) -> str:
        """STREAM: every step of autoscaling and every change of why there was none."""
        return self._at("autoscale:log")

    @property
    def restoring(self) -> str:
        """A key that a restore is making, with a life time; then it gets its name."""
        return self._at("restoring")

    @property
    def scratch(self) -> str:
        """HASH: until when a queue of `lomi bench` may stand, and its jobs, by its name. Its keys begin with this."""
        return self._at("bench")

    @property
    def fleet(self) -> str:
        """HASH with a life time: who changes the workers at the moment."""
        return self._at("fleet")

    @property
    def job_prefix(self) -> str:
        return self._at("job:")

    def job(self, job_id: str) -> str:
        """HASH: what is known of one job."""
        return self.job_prefix + job_id

    def op(self, op: str) -> str:
        """HASH with a life time: one operation on many jobs."""
        return self._at(f"op:{op}")

    def op_plan(self, op: str) -> str:
        """LIST with a life time: job ids that an operation has still to touch."""
        return self._at(f"op:{op}:plan")

    def op_log(self, op: str) -> str:
        """LIST with a life time: job ids that an operation has touched."""
        return self._at(f"op:{op}:log")

    def seq(self, slot: str) -> str:
        """STRING with a life time: the highest claim number of a slot, `+` behind it when that claim took a job."""
        return self._at(f"seq:{slot}")

    def worker(self, boot: str) -> str:
        """HASH: one worker's own description."""
        return self._at(f"worker:{boot}")

    def types(self) -> dict[str, str]:
        """The keys that are always the same ones, with their types in Redis' words."""
        kinds = {
            "list": (self.ready, self.high, self.bulk),
            "zset": (self.delayed, self.lease, self.dead, self.done, self.unsent, self.workers, self.doubt, self.ops),
            "hash": (
                self.slots,
                self.paused,
                self.holds,
                self.stats,
                self.limits,
                self.measured,
                self.autoscale,
                self.autoscale_lease,
            ),
            "stream": (self.results, self.events, self.samples, self.ended, self.autoscale_log),
            "string": (self.tick, self.server),
        }
        return {name: kind for kind, names in kinds.items() for name in names}

    def shared(self) -> tuple[str, ...]:
        """The keys that every script gets, in the order in which `common.lua` names them."""
        return (
            self.ready, self.high, self.delayed, self.lease, self.slots, self.dead, self.done, self.unsent,
            self.results, self.events, self.paused, self.holds, self.workers, self.stats, self.tick, self.server,
            self.bulk, self.limits, self.doubt, self.samples, self.ops, self.ended,
            self.measured,
        )  # fmt: skip
