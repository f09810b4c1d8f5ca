"""Looks at a cluster, one after the other, as frames: numbers, workers, alert rules, and what has changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lomi_ops.domain.alert_rule import Rule, amount
from lomi_ops.domain.alert_state import Track, step
from lomi_ops.domain.frame import AlertLine, Frame, WorkerLine
from lomi_ops.domain.happening import happenings
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.domain.worker import WorkerRecord
from lomi_ops.domain.worker_state import worker_state
from lomi_ops.ops.live.attention import Known
from lomi_ops.ops.live.lately import Lately
from lomi_ops.ops.measuring.look import Measuring

GAP_S = 15.0
"""Looks further apart than this do not make one span for a rule's `for`."""
_JUST = timedelta(milliseconds=1)


class Looking:
    """`tick` is called by one thread at a time."""

    def __init__(
        self,
        measuring: Measuring,
        workers: Callable[[], Sequence[WorkerRecord]],
        rules: Sequence[Rule],
        lease_s: float,
        attention: Callable[[], Known] = Known,
        believed_s: float = 900.0,
    ) -> None:
        """`workers`: those of the last look that Redis answered; `attention`: what is known of alerts already. Neither
        may wait, where looks follow each other. What `lomi alerts run` saw is believed for `believed_s`."""
        self._attention, self._believed_s, self._told = attention, believed_s, False
        self._measuring, self._workers, self._lease_s = measuring, workers, lease_s
        self._rules = tuple(rule for rule in rules if _asked(rule, measuring.sources))
        self._tracks = {rule.slug: Track() for rule in self._rules}
        self._before: Frame | None = None
        self._lately = Lately()

    def tick(self, patience_s: float) -> Frame:
        """Asks what is due, waiting no longer than that for anybody."""
        return self.frame_of(self._measuring.tick(patience_s))

    def frame_of(self, measured: Measured) -> Frame:
        """Of one look more."""
        measured = _short(self._lately.summed_up(measured))
        frame = Frame(measured, self._workers_of(measured), self._alerts(measured))
        frame = replace(frame, events=happenings(self._before, frame))
        self._before = frame
        return frame

    def _workers_of(self, measured: Measured) -> tuple[WorkerLine, ...] | None:
        if Source.REDIS in measured.silent:
            return None
        return tuple(_line(each, self._lease_s) for each in self._workers())

    def _alerts(self, measured: Measured) -> tuple[AlertLine, ...]:
        lines, known = [], self._attention()
        self._begin_as(known.tracks, measured.at)
        for rule in self._rules:
            track = step(self._tracks[rule.slug], rule, rule.judge(measured), measured.at, gap_s=GAP_S)
            self._tracks[rule.slug] = track
            state = track.state(acked=rule.slug in known.acked)
            lines.append(
                AlertLine(
                    rule.slug, state.value, rule.severity.value, _whole(track.since),
                    track.value, rule.said(track.value), rule.command,
                    "" if track.value is None else amount(track.value, rule.unit), f"{rule.side} {rule.limit}",
                    known.by(rule.slug),
                )
            )  # fmt: skip
        return tuple(lines)

    def _begin_as(self, tracks: Mapping[str, Track], at: datetime) -> None:
        """Once: what people were told of before this view began is not new to it."""
        if self._told or not tracks:
            return
        self._told = True
        for slug in self._tracks.keys() & tracks.keys():
            track = tracks[slug]
            if track.at is not None and abs((at - track.at).total_seconds()) <= self._believed_s:
                # A database whose clock is ahead has seen nothing that this look has not.
                self._tracks[slug] = replace(track, at=min(at - _JUST, track.at))


def _asked(rule: Rule, sources: Sequence[Source]) -> bool:
    """Whether the service that a rule watches is one that this cluster has."""
    watched = {value for name, values in rule.query.wanted if name == "service" for value in values}
    return not watched or bool(watched & set(sources))


def _line(record: WorkerRecord, lease_s: float) -> WorkerLine:
    info = record.info
    return WorkerLine(
        name=info.name,
        state=worker_state(record, lease_s).value,
        beat_age_s=round(record.beat_age_s, 1),
        slots=info.slots,
        jobs=record.jobs,
        done=record.done,
        errors=record.errors,
        models=tuple(sorted({engine.model for engine in info.engines})),
        policy=info.policy,
        version=info.version,
    )


def _short(measured: Measured) -> Measured:
    """As it is shown and kept: whole milliseconds, and of what is no whole number four digits; digits that nobody reads
    are most of a recording."""
    values = {key: value if value.is_integer() else float(f"{value:.4g}") for key, value in measured.values.items()}
    return replace(measured, at=_whole(measured.at) or measured.at, values=values)


def _whole(at: datetime | None) -> datetime | None:
    return None if at is None else at.replace(microsecond=at.microsecond // 1000 * 1000)
