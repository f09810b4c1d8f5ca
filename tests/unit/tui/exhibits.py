"""Photos in a reviewer's hands without a database, and a session that does what it asked for when it is told to."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from lomi_ops.db.media import PhotoRow
from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review import Seen
from lomi_ops.domain.so_far import SoFar
from lomi_ops.errors import LomiError
from lomi_ops.ops.reviews.dossier import Dossier
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.reviewing import Reviewing
from lomi_ops.tui.review.work import Back, Order, Taken

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def exhibit(
    until: datetime = NOW + timedelta(minutes=2), status: str = "rejected", reason: str | None = "blurry"
) -> Exhibit:
    media_id, token = uuid.uuid4(), uuid.uuid4()
    row = PhotoRow(media_id, uuid.uuid4(), None, "key", status, reason, None, 0, NOW, NOW)
    seen = Seen(media_id, status, reason, 1, token)
    return Exhibit(Dossier(row, seen, None, None, (), (), (), (), None, recorded=True), seen, until)


class Paper:
    """Work on paper: `answers` takes the next answer of a method from here, an error or something else."""

    def __init__(self, *photos: Exhibit) -> None:
        self.pile = deque(photos)
        self.answers: dict[str, deque[Any]] = {}
        self.done: list[tuple[str, Any]] = []

    def will(self, method: str, *answers: object) -> None:
        self.answers.setdefault(method, deque()).extend(answers)

    def _answer(self, method: str, about: object, otherwise: Any) -> Any:
        self.done.append((method, about))
        waiting = self.answers.get(method)
        answer = waiting.popleft() if waiting else otherwise
        if isinstance(answer, LomiError):
            raise answer
        return answer

    def counts(self) -> Mapping[Pile, int]:
        return self._answer("counts", None, {Pile.REJECTED: 10, Pile.WAITING: 5})  # type: ignore[no-any-return]

    def narrow(self, text: str) -> None:
        self._answer("narrow", text, None)

    def deal(self, pile: Pile, limit: int) -> tuple[Exhibit, ...]:
        got = tuple(self.pile.popleft() for _ in range(min(limit, len(self.pile))))
        return self._answer("deal", (pile, limit), got)  # type: ignore[no-any-return]

    def so_far(self) -> SoFar | None:
        return self._answer("so_far", None, None)  # type: ignore[no-any-return]

    def deal_batch(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        return self._answer("deal_batch", around, ((around,), {}))  # type: ignore[no-any-return]

    def deal_similar(self, around: Exhibit) -> tuple[tuple[Exhibit, ...], Mapping[UUID, str]]:
        return self._answer("deal_similar", around, ((around,), {}))  # type: ignore[no-any-return]

    def decide(self, order: Order) -> Taken:
        ids = tuple(each.media_id for each in order.exhibits)
        taken = Taken((uuid.uuid4(),), ids, order.word, NOW + timedelta(minutes=1))
        return self._answer("decide", order, taken)  # type: ignore[no-any-return]

    def undo(self, taken: Taken) -> Back:
        return self._answer("undo", taken, Back((), "taken back"))  # type: ignore[no-any-return]

    def put_back(self, exhibits: Sequence[Exhibit]) -> None:
        self._answer("put_back", [each.media_id for each in exhibits], None)

    def skip(self, exhibit: Exhibit) -> None:
        self._answer("skip", exhibit.media_id, None)

    def leave(self, exhibits: Sequence[Exhibit]) -> None:
        self._answer("leave", [each.media_id for each in exhibits], None)

    def beat(self, exhibits: Sequence[Exhibit]) -> Mapping[UUID, datetime]:
        until = {each.media_id: NOW + timedelta(minutes=5) for each in exhibits}
        return self._answer("beat", None, until)  # type: ignore[no-any-return]

    def publish(self) -> None:
        self._answer("publish", None, None)

    def look(self, exhibit: Exhibit) -> tuple[str, ...]:
        return self._answer("look", exhibit.media_id, ("a story",))  # type: ignore[no-any-return]

    def unhashed(self, exhibit: Exhibit) -> bool:
        return self._answer("unhashed", exhibit.media_id, False)  # type: ignore[no-any-return]

    def remember(self, exhibit: Exhibit, seen: Fingerprint) -> tuple[str, ...]:
        return self._answer("remember", exhibit.media_id, ())  # type: ignore[no-any-return]

    def reveal(self, exhibits: Sequence[Exhibit]) -> str:
        return self._answer("reveal", [each.media_id for each in exhibits], "")  # type: ignore[no-any-return]

    def note(self, exhibit: Exhibit, text: str) -> None:
        self._answer("note", text, None)


class Later:
    """A runner that runs nothing until it is told."""

    def __init__(self) -> None:
        self._asked: deque[Callable[[], None]] = deque()

    def __call__(self, task: Callable[[], Any], then: Callable[[Any], None], *, order: bool = False) -> None:
        def run() -> None:
            try:
                answer = task()
            except LomiError as failure:
                answer = failure
            then(answer)

        self._asked.append(run)

    def one(self) -> None:
        """The next task alone."""
        self._asked.popleft()()

    def go(self) -> None:
        """Until nothing is left to do."""
        while self._asked:
            self._asked.popleft()()


class Desk:
    """A session on paper that has begun."""

    def __init__(self, *photos: Exhibit, pile: Pile = Pile.REJECTED) -> None:
        self.paper, self.later = Paper(*photos), Later()
        self.session = Reviewing(self.paper, self.later, pile)
        self.session.start()
        self.later.go()

    def said(self, method: str) -> list[Any]:
        return [about for name, about in self.paper.done if name == method]

    def tick(self, number: int = 1) -> None:
        for _ in range(number):
            self.session.tick(NOW)
            self.later.go()
