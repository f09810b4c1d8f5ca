"""The first photo of a session, dealt while the app still starts."""

from __future__ import annotations

import threading
from collections.abc import Callable

from lomi_ops.domain.pile import Pile
from lomi_ops.domain.review_filter import ReviewFilter
from lomi_ops.tui.review.exhibit import Exhibit


class Ahead:
    """One deal in a thread of its own."""

    def __init__(self, asked: tuple[Pile, ReviewFilter], deal: Callable[[], tuple[Exhibit, ...]]) -> None:
        self.asked = asked
        self._deal = deal
        self._dealt: tuple[Exhibit, ...] = ()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="review-ahead", daemon=True)
        self._thread.start()

    def dealt(self) -> tuple[Exhibit, ...]:
        """Waits for it. Raises what the deal raised."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._dealt

    def _run(self) -> None:
        try:
            self._dealt = self._deal()
        except Exception as failure:  # noqa: BLE001 - it is whoever asks who is told
            self._failure = failure
