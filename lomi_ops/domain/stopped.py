"""Why a batch did not come through, from what the queue says about it at the end, and the next command. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lomi_ops.domain.job_state import JobState
from lomi_ops.domain.way import BatchWay, Leg, Sees, Stop, Where

NOBODY_LISTENS = "nobody but this test listens on moderation_results: people get no push"
NOBODY_LISTENS_HINT = "start the backend, or look why its subscriber has gone; then lomi check"


@dataclass(frozen=True, slots=True)
class Sight:
    """What Redis says about one job, and about the queue as a whole."""

    in_list: bool = False
    """The element waits where it was pushed."""
    ahead: int = 0
    """Jobs that are taken before it."""
    state: JobState | None = None
    """None where no worker of ours has met it."""
    attempt: int = 0
    error: str = ""
    workers: int = 0
    """That are registered and were heard of."""
    pause: str = ""
    """By whom and why the queue is paused; empty where it is not."""
    holds: tuple[str, ...] = ()
    """`upstream: reason` of breakers that are not closed."""
    listeners: int | None = None
    """On the channel, without us."""
    local: bool = False
    """The services are a local stack's."""


def stopped(batch: BatchWay, sees: Sees, sight: Sight) -> Stop | None:
    """None where the batch is through."""
    if batch.done(sees):
        return None
    if not batch.sent:
        return Stop(Where.UPLOAD, "it was not sent: the run ended before")
    undecided = [photo for photo in batch.photos if photo.decision is None]
    if undecided:
        return _undecided(sees, sight) if sees.channel else _unseen()
    if sees.channel and any(Leg.PUBLISHED not in photo.legs for photo in batch.photos if not photo.done(sees)):
        return _unpublished(sight)
    if sees.app and any(Leg.SHOWN not in photo.legs for photo in batch.photos):
        return _unshown(sight)
    return Stop(Where.DATABASE, "the backend shows a decision that Postgres does not have", "lomi migrate verify")


def _unseen() -> Stop:
    text = (
        "the backend took it and shows no decision; without Redis and Postgres in the settings nobody sees where it is"
    )
    return Stop(Where.QUEUE, text, "set REDIS_HOST and DB_HOST too, or run it where they are known: lomi help services")


def _undecided(sees: Sees, sight: Sight) -> Stop:
    match sight.state:
        case JobState.RUNNING:
            text = f"a worker has claimed it (attempt {sight.attempt}) and has not settled it{_because(sight)}"
            return Stop(Where.WORKER, text, "lomi workers list, which shows each worker and its last beat")
        case JobState.DELAYED:
            text = f"attempt {sight.attempt} came to nothing and it is tried again later{_because(sight)}"
            return Stop(Where.WORKER, text, "lomi check")
        case JobState.DEAD:
            return Stop(Where.WORKER, f"it was given up after attempt {sight.attempt}{_because(sight)}", "lomi check")
        case JobState.CANCELLED:
            return Stop(Where.QUEUE, "somebody cancelled it", "lomi queue ops, which names who")
        case JobState.DONE:
            text = "the job is done and the photo was left alone: its row was not the job's to change any more"
            return Stop(Where.DATABASE, text, "look for photo_skipped in the worker's log")
        case JobState.READY | None:
            return _waiting(sees, sight)


def _waiting(sees: Sees, sight: Sight) -> Stop:
    if sight.state is None and not sight.in_list:
        text = "somebody took it out of the list and settled nothing; old workers leave no other trace of a job"
        return Stop(Where.WORKER, text, "look into that worker's log; then lomi check")
    again = f"attempt {sight.attempt} came to nothing{_because(sight)}, and " if sight.attempt else ""
    never = f"{again}it waits in the queue" if again else "it never left the queue"
    if sight.pause:
        return Stop(Where.QUEUE, f"{never}, which is paused ({sight.pause})", "lomi queue resume")
    if sight.holds:
        return Stop(Where.QUEUE, f"{never}: nobody claims while {'; '.join(sight.holds)}", "lomi queue stats")
    if not sight.workers:
        hint = "lomi up --workers 1" if sight.local else "start a worker: lomi worker, or the moderator-worker service"
        return Stop(Where.QUEUE, f"{never}: no worker is registered", hint)
    if sight.ahead:
        jobs = "1 job is" if sight.ahead == 1 else f"{sight.ahead} jobs are"
        return Stop(Where.QUEUE, f"{never}: {jobs} before it", "lomi queue stats")
    workers = "1 worker is" if sight.workers == 1 else f"{sight.workers} workers are"
    return Stop(Where.QUEUE, f"{never}: {workers} registered, and none has taken it", "lomi workers list")


def _unpublished(sight: Sight) -> Stop:
    if sight.state is JobState.RUNNING:
        text = "it is settled in Postgres, and its worker has not finished the job in Redis: nothing is published yet"
        return Stop(Where.CHANNEL, text, "lomi workers list; another worker takes it over when the lease runs out")
    text = "it is settled in Postgres, and nothing came on moderation_results"
    return Stop(Where.CHANNEL, text, "lomi queue stats; the user of Redis may lack the right to publish: lomi check")


def _unshown(sight: Sight) -> Stop:
    if sight.listeners == 0:
        return Stop(
            Where.APP, f"it is decided, and the backend does not show it; {NOBODY_LISTENS}", NOBODY_LISTENS_HINT
        )
    text = "it is decided, and the backend does not show it"
    return Stop(Where.APP, text, "look into the backend's log: its subscriber writes what it hears into media")


def _because(sight: Sight) -> str:
    return f": {sight.error}" if sight.error else ""
