"""From histograms, which only rise, to what things took in the last minutes."""

from __future__ import annotations

import itertools
from collections import defaultdict, deque
from dataclasses import replace
from datetime import datetime, timedelta

from lomi_ops.domain.measure import Labels, Measured
from lomi_ops.domain.tally import BOUNDS_S, quantile

WINDOW, EVERY = timedelta(minutes=5), timedelta(seconds=10)
SHARES = (("0.5", 0.5), ("0.95", 0.95), ("0.99", 0.99))
_PLACE = {f"{bound:g}": place for place, bound in enumerate(BOUNDS_S)} | {"+Inf": len(BOUNDS_S)}
_PARTS = ("_bucket", "_sum", "_count")

Series = tuple[str, Labels]
"""Without `le`."""
Counts = dict[Series, list[float]]
"""Up to each bound."""


class Lately:
    """Remembers five minutes of buckets; not for several threads at once."""

    def __init__(self) -> None:
        self._looks: deque[tuple[datetime, Counts]] = deque()

    def summed_up(self, measured: Measured) -> Measured:
        """With quantiles as `lomi_engine_seconds{engine="nsfw",quantile="0.95"}` in place of buckets; where nothing was
        timed within the window, there is none."""
        now = _counts(measured)
        if not now:
            return measured
        before = self._before(measured.at, now)
        values = {key: value for key, value in measured.values.items() if not key[0].endswith(_PARTS)}
        for (name, labels), counts in now.items():
            old = before.get((name, labels), [0.0] * len(counts))
            if any(new < then for new, then in zip(counts, old, strict=True)):
                old = [0.0] * len(counts)  # the counters began again
            found = _places([new - then for new, then in zip(counts, old, strict=True)])
            for said, share in SHARES:
                if (seconds := quantile(found, share)) is not None:
                    values[name, tuple(sorted((*labels, ("quantile", said))))] = seconds
        return replace(measured, values=values)

    def _before(self, at: datetime, now: Counts) -> Counts:
        if not self._looks or at - self._looks[-1][0] >= EVERY:
            self._looks.append((at, now))
        while len(self._looks) > 1 and at - self._looks[0][0] > WINDOW:
            self._looks.popleft()
        return self._looks[0][1]


def _counts(measured: Measured) -> Counts:
    found: Counts = defaultdict(lambda: [0.0] * (len(BOUNDS_S) + 1))
    for (name, labels), value in measured.values.items():
        if name.endswith("_bucket"):
            said = dict(labels)
            place = _PLACE.get(said.pop("le", ""))
            if place is not None:
                found[name.removesuffix("_bucket"), tuple(sorted(said.items()))][place] = value
    return dict(found)


def _places(up_to: list[float]) -> list[int]:
    """How many lie in each place, from how many lie up to each bound."""
    return [round(up_to[0]), *(round(high - low) for low, high in itertools.pairwise(up_to))]
