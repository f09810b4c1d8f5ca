"""What changed between two frames, in sentences. Pure: a recording tells the same events again."""

from __future__ import annotations

from collections.abc import Iterator

from lomi_ops.domain.frame import Event, Frame, WorkerLine


def happenings(before: Frame | None, now: Frame) -> tuple[Event, ...]:
    """The gravest kind first."""
    if before is None:
        return ()
    return tuple(
        Event(now.at, kind, text, grave)
        for kind, text, grave in (
            *_alerts(before, now), *_sources(before, now), *_queue(before, now), *_upstreams(before, now),
            *_workers(before, now),
        )
    )  # fmt: skip


Told = Iterator[tuple[str, str, bool]]
_LOUD = ("firing", "acked")


def _alerts(before: Frame, now: Frame) -> Told:
    old = {each.rule: each for each in before.alerts}
    for each in now.alerts:
        was = old.get(each.rule)
        if was is None:
            continue
        if each.state == "firing" and was.state != "firing":
            yield "alert", f"{each.rule} fires: {each.sentence}", True
        elif each.state in _LOUD and each.by != was.by and each.by:
            yield "alert", f"{each.rule} is {each.by}", False
        elif was.state in _LOUD and each.state in ("ok", "resolved"):
            yield "alert", f"{each.rule} is over", False


def _sources(before: Frame, now: Frame) -> Told:
    for source, why in now.measured.silent.items():
        if source not in before.measured.silent:
            yield "source", f"{source} is silent: {why}", True
    for source in before.measured.silent:
        if source not in now.measured.silent:
            yield "source", f"{source} answers again", False


def _queue(before: Frame, now: Frame) -> Told:
    old, new = (each.measured.get("lomi_queue_paused") for each in (before, now))
    if old is not None and new is not None and old != new:
        yield "queue", "the queue is paused" if new else "the queue goes on", bool(new)
    dead, more = (each.measured.get("lomi_queue_jobs", state="dead") for each in (before, now))
    if dead is not None and more is not None and more > dead:
        yield "queue", f"{more - dead:.0f} more dead letters, {more:.0f} in all", True


def _upstreams(before: Frame, now: Frame) -> Told:
    for name, begun, over in (
        ("lomi_upstream_held", "is out: nothing is claimed until it answers", "answers again"),
        ("lomi_upstream_limited", "asks for fewer calls", "takes all calls again"),
    ):
        for labels, value in now.measured.each(name):
            was = before.measured.get(name, **labels)
            if was is not None and was != value:
                yield "upstream", f"{labels.get('upstream', '?')} {begun if value else over}", bool(value)


def _workers(before: Frame, now: Frame) -> Told:
    if before.workers is None or now.workers is None:
        return
    old, new = _named(before.workers), _named(now.workers)
    for name in sorted(new.keys() - old.keys()):
        yield "worker", f"{name} has come", False
    for name in sorted(old.keys() - new.keys()):
        yield "worker", f"{name} has gone", old[name].state not in ("draining", "quiet")
    for name in sorted(old.keys() & new.keys()):
        if old[name].state != new[name].state:
            yield "worker", f"{name} is {new[name].state}", new[name].state in ("silent", "failing")


def _named(workers: tuple[WorkerLine, ...]) -> dict[str, WorkerLine]:
    return {each.name: each for each in workers}
