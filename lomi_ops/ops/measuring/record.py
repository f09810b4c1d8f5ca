"""What Postgres says. Each question has a pace of its own: all together they take less than half a percent of the
server's time, however large the tables are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from lomi_ops.db import measuring
from lomi_ops.db.media import has_lomi_schema
from lomi_ops.db.pool import Database
from lomi_ops.domain.measure import OTHER, REASONS, Source, Values
from lomi_ops.domain.pace import Pace
from lomi_ops.errors import LomiError
from lomi_ops.ops.measuring.reader import Bag

SHARE = 0.0007
"""Of the time, for each of the questions."""
FAILED_S = 60.0
"""A question that failed alone rests for so long."""
LATELY_S, HOUR_S, WEEK_S = 300.0, 3600.0, 7 * 86400.0


@dataclass(slots=True)
class Question:
    """One of several, with its last answer."""

    ask: Callable[[Database, Bag], None]
    pace: Pace
    known: Values = field(default_factory=dict)
    failure: LomiError | None = None
    """Why it was not answered the last time."""


@dataclass(slots=True)
class RecordReader:
    """`price_per_hour` is what a worker's slot costs; None where nobody has said.

    `week_above`: the week is asked for only where more than this share of the hour was rejected. For whoever looks once
    and remembers no answer: that question reads every decision of a week."""

    database: Database
    price_per_hour: float | None = None
    week_above: float | None = None
    source: Source = Source.POSTGRES
    pace: Pace = field(default_factory=lambda: Pace(0.0))
    questions: Sequence[Question] = ()
    logged: bool = False
    """Whether the database has a log of decisions, as of the last answer."""
    _hour: float = 0.0
    """The share of the last hour that was rejected."""
    _schema: Pace = field(default_factory=lambda: Pace(60.0))

    def __post_init__(self) -> None:
        self.questions = (
            Question(self._undecided, Pace(1.0, SHARE)),
            Question(self._ended, Pace(5.0, SHARE)),
            Question(self._decisions, Pace(10.0, SHARE)),
            Question(self._work, Pace(15.0, SHARE)),
            Question(self._server, Pace(15.0, SHARE)),
            Question(self._week, Pace(300.0, SHARE)),
        )

    def read(self) -> Values:
        try:
            self._look_for_the_log()
            self._ask_what_is_due()
        except BaseException:
            for pace in (self._schema, *(each.pace for each in self.questions)):
                pace.due_at = float("-inf")
            raise
        return {key: value for each in self.questions for key, value in each.known.items()}

    @property
    def failures(self) -> tuple[LomiError, ...]:
        """Of questions that failed while others were answered; each thing that is wrong once."""
        return tuple({each.failure.message: each.failure for each in self.questions if each.failure}.values())

    def _look_for_the_log(self) -> None:
        now = time.monotonic()
        if self._schema.due(now):
            self.logged = has_lomi_schema(self.database)
            self._schema.asked(now)

    def _ask_what_is_due(self) -> None:
        """One that fails while another is answered is left out; where none is answered the source is silent."""
        answered, failure = False, None
        for each in self.questions:
            began = time.monotonic()
            if not each.pace.due(began):
                continue
            bag = Bag()
            try:
                each.ask(self.database, bag)
            except LomiError as outage:
                each.known, each.failure, failure = {}, outage, outage
                each.pace.due_at = time.monotonic() + FAILED_S
            else:
                each.known, each.failure, answered = bag.values, None, True
                each.pace.asked(time.monotonic(), time.monotonic() - began)
        if failure is not None and not answered:
            raise failure

    def _undecided(self, db: Database, bag: Bag) -> None:
        began = time.monotonic()
        found = measuring.undecided(db)
        bag.put("lomi_probe_seconds", time.monotonic() - began, service="postgres")
        bag.put("lomi_photos_undecided", found.worker, waits="worker")
        bag.put("lomi_photos_undecided", found.person, waits="person")
        bag.put("lomi_photos_undecided", found.never_queued, waits="never_queued")
        bag.put("lomi_review_oldest_age_seconds", found.person_s)

    def _ended(self, db: Database, bag: Bag) -> None:
        if not self.logged:
            return
        found = measuring.ended(db, LATELY_S)
        ended = found.settled + found.given_up
        bag.put("lomi_batches_ended", ended, window="5m")
        bag.put("lomi_batches_failed_ratio", found.given_up / ended if ended else None, window="5m")

    def _decisions(self, db: Database, bag: Bag) -> None:
        if not self.logged:
            return
        found = measuring.decisions(db, HOUR_S)
        for each in found:
            reason = each.reason if each.reason in REASONS else OTHER
            bag.add("lomi_decisions", each.photos, actor=each.actor, reason=reason, status=each.status, window="1h")
        first = {status: sum(e.first for e in found if e.status == status) for status in ("approved", "rejected")}
        decided = sum(first.values())
        self._hour = first["rejected"] / decided if decided else 0.0
        _ratio(bag, measuring.Rejected(decided, first["rejected"]), "1h")

    def _work(self, db: Database, bag: Bag) -> None:
        if not self.logged:
            return
        found = measuring.work(db, HOUR_S)
        if found.photos:
            seconds = found.busy_s / found.photos * 1000
            bag.put("lomi_worker_seconds_per_1000_photos", seconds, window="1h")
            if self.price_per_hour is not None:
                bag.put("lomi_cost_per_1000_photos", seconds / HOUR_S * self.price_per_hour, window="1h")

    def _server(self, db: Database, bag: Bag) -> None:
        found = measuring.server(db)
        bag.put("lomi_database_connections", found.lomi, of="lomi")
        bag.put("lomi_database_connections", found.others, of="others")
        bag.put("lomi_database_connections_allowed", found.allowed)
        bag.put("lomi_database_blocks_total", found.hits, result="hit")
        bag.put("lomi_database_blocks_total", found.misses, result="miss")

    def _week(self, db: Database, bag: Bag) -> None:
        if self.logged:
            if self.week_above is None or self._hour > self.week_above:
                _ratio(bag, measuring.rejected(db, WEEK_S), "7d")
            return
        short, long = measuring.rejected_before(db, HOUR_S, WEEK_S)
        _ratio(bag, short, "1h")
        _ratio(bag, long, "7d")


def _ratio(bag: Bag, found: measuring.Rejected, window: str) -> None:
    bag.put("lomi_decided_photos", found.decided, window=window)
    bag.put("lomi_rejection_ratio", found.rejected / found.decided if found.decided else None, window=window)
