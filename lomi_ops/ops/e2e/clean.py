"""Taking back what a run has made: its jobs, its objects, its rows.

The rows go last: as long as something else is left, they say so to the next one who cleans up, and a job that may still
wait finds its photos.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from lomi_ops.clients.objects import ObjectStore
from lomi_ops.db import marked as rows
from lomi_ops.db.pool import Database
from lomi_ops.db.uploads import forget_user
from lomi_ops.domain import marked
from lomi_ops.errors import LomiError
from lomi_ops.ops.e2e.handles import Handles, Left
from lomi_ops.queue import tracing

PATIENCE_S = 10.0
"""For a worker to hear that its job is cancelled: two beats and a little."""
NAP_S = 0.2


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a look for leftovers has found."""

    users: int = 0
    """Runs whose leftovers were removed."""
    busy: tuple[UUID, ...] = ()
    """Users of runs that are still at work."""
    strays: int = 0
    """Rows that they had left in the ledger."""
    left: tuple[Left, ...] = ()


@dataclass(slots=True)
class Cleaner:
    at: Handles
    database: Database
    store: ObjectStore
    bucket: str
    _left: list[Left] = field(default_factory=list)

    def clean(
        self, user_id: UUID, jobs: Sequence[tuple[str, bytes]] = (), keys: Sequence[str] | None = None
    ) -> tuple[Left, ...]:
        """Everything of one run. `jobs` are its ids and elements, `keys` its objects, as far as they are known; what is
        not known is looked up. What cannot be removed now is told and left."""
        self._left = []
        known = dict(jobs) | {job_id: b"" for job_id in self._jobs_of(user_id) if job_id not in dict(jobs)}
        gone = [job_id for job_id, raw in known.items() if self._forgotten(job_id, raw)]
        self._try("job", ", ".join(gone), lambda: rows.forget_jobs(self.database, gone))
        for key in self._keys_of(user_id) if keys is None else keys:
            self._try("object", key, lambda key=key: self.store.delete(self.bucket, key))  # type: ignore[misc]
        if not self._left:
            self._try("user", str(user_id), lambda: forget_user(self.database, user_id))
        return tuple(self._left)

    def found(self) -> tuple[UUID, ...]:
        """Users of runs that are over and have left something; the oldest first."""
        over = []
        for user_id in rows.users(self.database):
            with rows.at_work(self.database, user_id) as ours:
                if ours:
                    over.append(user_id)
        return tuple(over)

    def clean_all(self) -> Cleaned:
        """Everything of runs that are over: killed, or kept on purpose. Raises DatabaseUnavailable."""
        cleaned, busy = 0, list[UUID]()
        left: list[Left] = []
        for user_id in rows.users(self.database):
            with rows.at_work(self.database, user_id) as ours:
                if not ours:
                    busy.append(user_id)
                    continue
                remains = self.clean(user_id)
                left += remains
                cleaned += not remains
        return Cleaned(cleaned, tuple(busy), rows.forget_strays(self.database), tuple(left))

    def _jobs_of(self, user_id: UUID) -> list[str]:
        found: list[str] = []
        self._try(
            "job", f"of user {user_id}",
            lambda: found.extend(marked.job_id(batch) for batch in rows.batches(self.database, user_id)),
        )  # fmt: skip
        return found

    def _keys_of(self, user_id: UUID) -> list[str]:
        found: list[str] = []
        prefix = f"users/{user_id}/"
        self._try("object", prefix, lambda: found.extend(item.key for item in self.store.list(self.bucket, prefix)))
        return found

    def _forgotten(self, job_id: str, raw: bytes) -> bool:
        """Whether the job is out of the queue; a worker that has it is given some time to let go."""
        queue = self.at.queue
        assert queue is not None
        deadline = self.at.clock() + PATIENCE_S
        try:
            element = raw or self._element(job_id)
            while not queue.forget(job_id, element):
                if self.at.clock() >= deadline:
                    self._left.append(Left("job", job_id, "a worker still has it"))
                    return False
                self.at.wait(NAP_S)
        except LomiError as failure:
            self._left.append(Left("job", job_id, failure.message))
            return False
        return True

    def _element(self, job_id: str) -> bytes:
        """Of a killed run: nobody knows it any more, and it may still wait."""
        assert self.at.redis is not None
        assert self.at.queue is not None
        return tracing.element_of(self.at.redis, self.at.queue.keys, job_id) or b""

    def _try(self, what: str, name: str, deed: Callable[[], object]) -> None:
        if not name:
            return
        try:
            deed()
        except LomiError as failure:
            self._left.append(Left(what, name, failure.message))
