"""Photos for the screen: fetched, decoded and drawn by others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from lomi_ops.domain.fingerprint import Fingerprint
from lomi_ops.tui.review.plate import BROKEN, Plate, Unseen, Wish

Answer = TypeVar("Answer")


class Developing(Protocol):
    """`developing.Developer`, here or in another process. None: it has not got the photo."""

    def take(self, key: str, data: bytes) -> None: ...

    def plate(self, wish: Wish) -> Plate | Unseen | None: ...

    def known(self, key: str) -> bool | None: ...

    def looks(self, key: str) -> Fingerprint | Unseen | None: ...

    def close(self) -> None: ...


class Photos:
    """As safe to share between threads as its developer. Nothing raises: what is wrong with a photo is said in its
    place."""

    def __init__(self, fetch: Callable[[str], bytes | Unseen], developer: Developing) -> None:
        """`fetch` is `fetching.Fetching.get`, here or in another process."""
        self._bytes_of, self._developer = fetch, developer

    def plate(self, wish: Wish) -> Plate | Unseen:
        return self._about(wish.key, lambda: self._developer.plate(wish))

    def fetch(self, key: str) -> None:
        """Has a photo here before it is asked for."""
        self._about(key, lambda: self._developer.known(key))

    def looks(self, key: str) -> Fingerprint | None:
        """What a photo looks like; None where that cannot be told."""
        found = self._about(key, lambda: self._developer.looks(key))
        return found if isinstance(found, Fingerprint) else None

    def close(self) -> None:
        self._developer.close()

    def _about(self, key: str, ask: Callable[[], Answer | None]) -> Answer | Unseen:
        if (found := ask()) is not None:
            return found
        if isinstance(data := self._bytes_of(key), Unseen):
            return data
        self._developer.take(key, data)
        return found if (found := ask()) is not None else BROKEN
