"""What the queue answers. Times are milliseconds of the Redis server's clock, since 1970."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lomi_ops.domain.flow import Flow
from lomi_ops.domain.job_state import JobState as JobState
from lomi_ops.domain.worker import WorkerMode as WorkerMode

# --- claim ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job in hand. The lease is ours until `deadline_ms` or the last beat plus the lease, whichever is later."""

    job_id: str
    """The queue's name for the job: the producer's `job_id`, else the SHA-1 of the raw element."""
    token: str
    """The fence: every later call names it."""
    raw: bytes
    """The element of the list, byte by byte. Not yet parsed."""
    slot: str
    attempt: int
    """1 for the first try."""
    claimed_ms: int
    deadline_ms: int
    first_seen_ms: int
    """When a claim or a submit first saw this job."""
    setbacks: int = 0
    """How often an outage or a throttle has refunded an attempt."""
    crashes: int = 0
    """How often a lease on it has run out."""
    first_outage_ms: int | None = None
    """When the first of the setbacks was; None where there was none."""
    adopted: bool = False
    """True where this slot held the job already: the reply to an earlier claim was lost."""
    outages: Mapping[str, int] = field(default_factory=dict)
    """Upstreams whose breaker is not closed, with the start of the outage: this job was let through to try them."""

    def outage_s(self) -> float:
        """Seconds between the first setback and this claim; 0 where there was none."""
        return 0.0 if self.first_outage_ms is None else max(0, self.claimed_ms - self.first_outage_ms) / 1000

    def overdue(self, limit_s: float) -> frozenset[str]:
        """The upstreams that had been out for longer than that when this job was claimed, whoever met the outage."""
        return frozenset(name for name, since in self.outages.items() if self.claimed_ms - since > limit_s * 1000)


@dataclass(frozen=True, slots=True)
class Empty:
    """Nothing to do. Now, and only now, ring the doorbell."""

    wait_s: float | None
    """Seconds until the next delayed job is due; 0 where the claim only cleared copies away; None: nothing waits."""


@dataclass(frozen=True, slots=True)
class Paused:
    """Somebody paused the queue, or told this worker to be quiet. Do not ring the doorbell: sleep."""

    wait_s: float | None
    """Seconds until the pause ends by itself; None where it does not."""
    reason: str


@dataclass(frozen=True, slots=True)
class Limited:
    """An upstream is on hold for all machines, or its rate is used up. Do not ring the doorbell: sleep."""

    wait_s: float
    upstream: str


@dataclass(frozen=True, slots=True)
class Stale:
    """A later claim of this slot has been seen; this one did nothing. Go on with a higher sequence number."""

    seen: int


ClaimReply = Claimed | Empty | Paused | Limited | Stale


# --- beat -----------------------------------------------------------------------------------------------------------


class Beat(StrEnum):
    """How one lease stands."""

    OK = "OK"
    LOST = "LOST"
    """No longer ours: stop, write nothing."""
    CANCEL = "CANCEL"
    """Still ours and renewed, but somebody cancelled the job: stop, then release it."""


@dataclass(frozen=True, slots=True)
class Beats:
    leases: Mapping[str, Beat]
    """By job id."""
    mode: WorkerMode | None
    """What the registry wants of this worker; None where it does not know it: register again."""


# --- the ends of an attempt -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Done:
    """Finished; recorded in the results stream, and published if there was something to publish."""

    receivers: int
    """Subscribers that got the message; 0 also where there was none to send. Unheard messages are kept for `relay`."""
    repeated: bool = False
    """True where an earlier call with this token had done it already."""
    late: bool = False
    """True where it was not done: the caller's time for it was over."""


@dataclass(frozen=True, slots=True)
class Delayed:
    """The job waits for another attempt."""

    due_ms: int
    refunded: bool


@dataclass(frozen=True, slots=True)
class Buried:
    """The job is a dead letter."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Somebody had cancelled the job; it is over."""


@dataclass(frozen=True, slots=True)
class Released:
    """Back at the consume end, the attempt refunded."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """The lease was no longer ours; nothing was changed. Discard the work."""


# --- everything else ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reaped:
    """What one look for expired leases did."""

    requeued: tuple[str, ...] = ()
    buried: tuple[str, ...] = ()
    """Their workers died with them once too often."""
    cancelled: tuple[str, ...] = ()
    healed: int = 0
    """Running jobs found without a lease; they are reaped next time unless somebody beats."""
    promoted: int = 0
    """Delayed jobs that came due."""
    trimmed: int = 0
    doubt: tuple[str, ...] = ()
    """Buried after the deaths of their workers, the ledger not yet asked; ten at most."""
    skipped: str = ""
    """`tick`: somebody looked just now. `settling`: this server has just started; workers beat first."""


@dataclass(frozen=True, slots=True)
class Tended:
    """What one round of upkeep did."""

    reaped: Reaped
    heard: int
    """Messages that were published again, and heard."""
    busy: bool
    """Whether any job runs or is delayed. Where none does, no lease can run out for as long as one lasts."""
    ended: int = 0
    """Jobs that ended without the ledger, and wait to be written down."""
    muted: bool = False
    """The server refused to publish; `relay` says why."""


class Submitted(StrEnum):
    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"
    """The same job is known, in whatever state; nothing was added."""


@dataclass(frozen=True, slots=True)
class Pause:
    by: str
    reason: str
    since_ms: int
    until_ms: int | None


@dataclass(frozen=True, slots=True)
class Hold:
    """A circuit breaker that all machines share and that is not closed."""

    upstream: str
    since_ms: int
    """When the first hold of this outage was set."""
    until_ms: int
    """No claims until then."""
    reason: str
    half_open: bool = False
    """That time is over: one job tries it for all, or as many as the rate allows."""
    failures: int = 1
    """How often it was opened in this outage."""
    throttled: bool = False
    """It answers, but asked for fewer calls."""
    probe: str = ""
    """The job that tries it, or tried it last."""


@dataclass(frozen=True, slots=True)
class Rate:
    """The adaptive rate of an upstream that asked for fewer calls. It goes away when nothing waits for it."""

    upstream: str
    per_s: float
    """Photos per second that are claimed at most, by all machines together."""
    ceiling_per_s: float
    """The rate at which it was halved last."""
    cut_ms: int
    """When that was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueState:
    """The queue at one moment, whoever asks. Everything but `ready` is zero on a cluster that is not swapped."""

    ready: int
    """`LLEN` of the list, as the runbooks count it; jobs of high priority and bulk beside it are not in it."""
    high: int
    bulk: int
    """Jobs that yield to all others."""
    delayed: int
    running: int
    dead: int
    unsent: int
    """Messages that nobody has heard yet."""
    server_ms: int
    pause: Pause | None = None
    holds: tuple[Hold, ...] = ()
    rates: tuple[Rate, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    """Since the counters began: claimed, finished, retried, refunded, buried, reaped, duplicates, …"""
    flow: Flow | None = None
    """In and out by the minute; None where no worker of ours has noted samples within ten minutes."""

    @property
    def waiting(self) -> int:
        """Jobs that a worker could take now."""
        return self.ready + self.high + self.bulk

    @property
    def to_do(self) -> int:
        """Jobs that no worker has in hand."""
        return self.waiting + self.delayed

    @property
    def drain_s(self) -> float | None:
        """Seconds until nothing is to do; None where it does not get less, while the queue is paused, or where no rate
        is known."""
        if self.flow is None or (self.pause is not None and self.to_do):
            return None
        return self.flow.drain_s(self.to_do)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueStats(QueueState):
    """As somebody sees it who looks once."""

    workers: int
    """Registered ones; some may be gone."""
    oldest_age_s: float | None
    """Age of the job that is next, by its `created_at`; None where there is none or it cannot be read."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the queue has a job."""

    state: JobState
    due_ms: int | None
    """When it comes due, where it is delayed."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What the queue remembers of one job."""

    job_id: str
    state: JobState
    raw: bytes | None
    """None when done: only a digest is kept."""
    attempt: int
    crashes: int
    setbacks: int
    token: str
    slot: str
    first_seen_ms: int
    claimed_ms: int | None
    due_ms: int | None
    error_class: str
    code: str
    error: str
    cancel: bool
