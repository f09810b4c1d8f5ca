"""A process that decodes and draws photos beside the app.

Bytes of strangers crash decoders: that takes this process along and not the reviewer's session, and the next photo gets
a fresh one. And while it draws, the app's own process is free for keys. It holds no connection and no secret, has no
terminal, and ends when the app does: what it reads from then ends.

Its questions are (method of Developer, arguments), each answered by what the method gives, as a line of JSON: nothing
that a decoder may have been made to say is executed here.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import select
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from lomi_ops.tui.review.drawing import begun, end
from lomi_ops.tui.review.plate import BROKEN, packed, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lomi_ops.config.sections.judging import ImagesSection
    from lomi_ops.domain.fingerprint import Fingerprint
    from lomi_ops.tui.review.plate import Plate, Unseen, Wish

_NICE = 5
"""Where cores are few, the processes that keys and the database wait for go first."""
PATIENCE_S = 30.0
"""Seconds for one photo; then its decoder hangs."""


class Darkroom:
    """As `developing.Developer`, for any thread."""

    def __init__(self, limits: Mapping[str, object], process: subprocess.Popen[bytes] | None = None) -> None:
        """`limits` are the fields of ImagesSection; `process` is one that was begun before, and is this darkroom's from
        now on."""
        self._limits = dict(limits)
        self._lock = threading.Lock()
        self._closed = False
        self._process = self._told(process or begun())

    def take(self, key: str, data: bytes) -> None:
        self._ask("take", key, data)

    def plate(self, wish: Wish) -> Plate | Unseen | None:
        return self._ask("plate", wish)  # type: ignore[no-any-return]

    def known(self, key: str) -> bool | None:
        return self._ask("known", key)  # type: ignore[no-any-return]

    def looks(self, key: str) -> Fingerprint | Unseen | None:
        return self._ask("looks", key)  # type: ignore[no-any-return]

    def close(self) -> None:
        """At once, whatever it is at."""
        self._closed = True
        end(self._process)

    def _told(self, process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
        with contextlib.suppress(OSError):  # it is gone: whoever asks it something notices
            _say(process, self._limits)
        return process

    def _ask(self, method: str, *arguments: object) -> Any:
        with self._lock:
            try:
                _say(self._process, (method, arguments))
                assert self._process.stdout is not None
                if not select.select([self._process.stdout], [], [], PATIENCE_S)[0]:
                    raise EOFError
                return unpacked(json.loads(self._process.stdout.readline()))
            except (OSError, EOFError, ValueError, TypeError, KeyError):
                end(self._process)
                if not self._closed:
                    self._process = self._told(begun())
                return BROKEN


def _say(process: subprocess.Popen[bytes], what: object) -> None:
    assert process.stdin is not None
    pickle.dump(what, process.stdin)
    process.stdin.flush()


def main() -> None:
    """Answers until nobody asks any more."""
    os.nice(_NICE)
    from PIL import Image

    from lomi_ops.tui.review.developing import Developer

    Image.preinit()  # the decoders, before there is a photo
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        developer = Developer(cast("ImagesSection", SimpleNamespace(**pickle.load(asked))))  # noqa: S301 - the app's
        while True:
            method, arguments = pickle.load(asked)  # noqa: S301
            answers.write(json.dumps(packed(getattr(developer, method)(*arguments))).encode() + b"\n")
            answers.flush()
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
