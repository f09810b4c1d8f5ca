"""Numbers as Prometheus and OpenMetrics write them, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lomi_ops.cli import diagnostics
from lomi_ops.domain.measure import MEASURES, Kind, Measure, Measured

if TYPE_CHECKING:
    from prometheus_client import Metric

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
"""An `Accept` that asks for it."""
_PARTS = ("_bucket", "_sum", "_count")


def exposition(now: Measured, accept: str) -> tuple[bytes, str]:
    """The text in the format that the reader wants, and its content type. The profile, where one holds, is a label: a
    collector takes no number twice with the same labels."""
    from prometheus_client.exposition import choose_encoder

    # What the client says comes back to it in a header: on one line.
    encode, content_type = choose_encoder(" ".join(accept.split()))
    return encode(_Families(tuple(_families(now)))), content_type


class _Families:
    """What a writer of the library reads."""

    def __init__(self, families: tuple[Metric, ...]) -> None:
        self._families = families

    def collect(self) -> tuple[Metric, ...]:
        return self._families


def _families(now: Measured) -> Iterator[Metric]:
    from prometheus_client import Metric

    profile = diagnostics.cluster()
    extra = {"profile": profile} if profile else {}
    for measure in MEASURES:
        family = Metric(measure.name.removesuffix("_total"), measure.help, measure.kind.value)
        for name, labels, value in samples(now, measure):
            family.add_sample(name, labels | extra, value)
        if family.samples:
            yield family


def samples(now: Measured, measure: Measure) -> Iterator[tuple[str, dict[str, str], float]]:
    """Name, labels and value; of a histogram the buckets of one label set upwards, then sum and count."""
    if measure.kind is not Kind.HISTOGRAM:
        for labels, value in now.each(measure.name):
            yield measure.name, labels, value
        return
    names = [measure.name + part for part in _PARTS]
    yield from sorted(((name, *found) for name in names for found in now.each(name)), key=_whose)


def _whose(sample: tuple[str, dict[str, str], float]) -> tuple[list[tuple[str, str]], bool, float]:
    name, labels, _ = sample
    others = sorted((label, text) for label, text in labels.items() if label != "le")
    return others, not name.endswith("_bucket"), float(labels.get("le", 0))


def record(now: Measured) -> dict[str, Any]:
    return {
        "at": now.at.isoformat(timespec="seconds"),
        "metrics": [
            {
                "name": measure.name,
                "kind": measure.kind.value,
                "source": measure.source.value,
                "help": measure.help,
                "samples": [
                    {"name": name, "labels": labels, "value": value} for name, labels, value in samples(now, measure)
                ],
            }
            for measure in MEASURES
        ],
        "silent": {source.value: diagnostics.scrubbed(why) for source, why in now.silent.items()},
    }
