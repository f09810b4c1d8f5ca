"""What `rate.lua` computes, once more: the same arithmetic in another language."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Limit:
    rate: float
    ceiling: float
    tokens: float
    at: float
    grown: float
    cut: float
    bit: float


def risen(rate: float, ceiling: float) -> float:
    if rate < 0.9 * ceiling:
        return rate + (0.95 * ceiling - rate) / 2
    if rate < 1.1 * ceiling:
        return min(100_000.0, rate + 0.005 * ceiling)
    return min(100_000.0, rate * 1.05)


def ripened(limit: Limit, now: float) -> Limit:
    rate, grown = limit.rate, limit.grown
    clean = max(0, min(100, math.floor((now - grown) / 1000)))
    for _ in range(clean):
        rate = risen(rate, limit.ceiling)
    if clean:
        grown = now if clean == 100 else grown + clean * 1000
    saved = limit.tokens + rate * max(0.0, now - limit.at) / 1000
    return replace(limit, rate=rate, grown=grown, at=max(now, limit.at), tokens=min(max(1.0, rate * 0.1), saved))


def wait_ms(limit: Limit) -> int:
    return 0 if limit.tokens >= 1 else math.ceil((1 - limit.tokens) / limit.rate * 1000)


def unneeded(limit: Limit, now: float) -> bool:
    return limit.rate >= limit.ceiling and now - max(limit.bit, limit.cut) > 60_000


def halved(limit: Limit | None, used: float, now: float, till: float) -> Limit | None:
    if limit is None:
        ceiling, tokens = used, 0.0
    elif now - limit.cut < 1000:
        return None
    else:
        binding = now - limit.bit < 3000
        ceiling, tokens = (limit.rate if binding else min(limit.rate, used)), min(0.0, limit.tokens)
    ceiling = max(0.2, ceiling)
    return Limit(ceiling * 0.5, ceiling, tokens, till, till, now, now)
