"""What people said of photos that a policy had judged, and for how many others each of these speaks. Pure.

Two kinds of photos speak for others: samples, each with the probability with which it was drawn, and photos that had
waited for a person. People do not get to all that wait, so each of those counts as one over the share of its pile that
was looked at: 1 where the whole pile was. This takes it that within a pile, which is what waited for the same reason,
it is chance which photos are looked at. What people changed of their own choice speaks for nothing but itself, since
they look where something seems wrong, and is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lomi_ops.domain.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Judged:
    """A photo that speaks for others."""

    before: Outcome
    """What the policy had said."""
    pile: str
    """What it had waited for; of no meaning for a sample."""
    reject: bool
    """Whether a person rejected it."""
    probability: float | None
    """With which the sample was drawn; None for one that had waited, of which only all together tell it."""


def judged(before: Outcome, pile: str, sample: tuple[float, bool] | None, reject: bool | None) -> Judged | None:
    """From what was said of it as a sample (probability, whether to reject it) and in its own name; None where that
    speaks for no other photo."""
    if sample is not None:
        return Judged(before, pile, sample[1], sample[0])
    if before is Outcome.REVIEW and reject is not None:
        return Judged(before, pile, reject, None)
    return None


@dataclass(frozen=True, slots=True)
class Chances:
    """With which probability photos were looked at."""

    by_pile: Mapping[str, float]

    def of(self, each: Judged) -> float:
        return each.probability or self.by_pile.get(each.pile, 1.0)


def chances(judged: Iterable[Judged], waited: Mapping[str, int]) -> Chances:
    """From all that people said, and from how many photos waited in each pile."""
    looked = Counter(each.pile for each in judged if each.probability is None)
    return Chances({pile: many / max(many, waited.get(pile, 0)) for pile, many in looked.items()})
