"""When there should be more workers, or fewer: the decision alone. Time, numbers and memory come in, nothing goes out.

More are due while more than `queue` jobs wait, while a photo takes longer than `photo_s`, or when the load that is
expected fills the workers to one of the stages; fewer while nothing waits and one fewer would do. Either must hold for
a while, and a change has time to show before the next one.
"""

from __future__ import annotations

from dataclasses import replace

from lomi_ops.domain import autoscale_load as load
from lomi_ops.domain import span
from lomi_ops.domain.autoscale import Decision, Forecast, Held, History, Observation, Rules
from lomi_ops.domain.autoscale_forecast import forecast

_PASSING = (Held.COOLDOWN, Held.STARTING)


def decide(seen: Observation, past: History, rules: Rules, *, enforce: bool = False) -> Decision:
    """`enforce`: a number outside of min and max is brought back, whoever has set it."""
    if seen.busy:
        # The number is on its way to another one: nobody should compare it with anything.
        history = replace(
            past,
            looked_ms=seen.at_ms,
            due_ms=None,
            idle_ms=None,
            photo_s=seen.photo_s,
            photo_ms=seen.photo_ms,
            held=Held.LOCKED,
        )
        return _held(seen, history, Held.LOCKED, seen.busy)
    changed = _changed_by_others(seen, past)
    past = _looked_again(seen, past, rules, changed is not None)
    found = _decided(seen, past, rules, enforce)
    history = replace(found.history, held=_held_now(found, past.held))
    return replace(found, changed_by_others=changed, history=history)


def worth_telling(found: Decision, past: History) -> bool:
    """Whether the journal shall have it: a change, or another reason for none. That something is due
    soon is neither."""
    if found.step or found.changed_by_others:
        return True
    return found.held is not None and found.held is not Held.SOON and found.held.value != past.held


def _held_now(found: Decision, before: str) -> str:
    """A load that wavers while a cool-down lasts is not told each time."""
    if found.held is Held.SOON or (found.held is None and not found.step and before in _PASSING):
        return before
    return found.held.value if found.held else ""


def _decided(seen: Observation, past: History, rules: Rules, enforce: bool) -> Decision:
    if (stopped := load.stopped(seen, rules)) is not None:
        held, because, command = stopped
        return _held(seen, replace(past, due_ms=None, idle_ms=None), held, because, next_=command)
    if not rules.min <= seen.workers <= rules.max:
        return _outside(seen, past, rules, enforce)
    step, why = load.rise(seen, rules)
    if step:
        since_ms = seen.at_ms if past.due_ms is None else past.due_ms
        return _up(seen, replace(past, due_ms=since_ms, idle_ms=None), rules, step, why)
    if why := load.idle(seen, rules):
        since_ms = seen.at_ms if past.idle_ms is None else past.idle_ms
        return _down(seen, replace(past, idle_ms=since_ms, due_ms=None), rules, why)
    return Decision(
        seen.workers,
        seen.workers,
        forecast=forecast(seen, seen.workers, rules),
        history=replace(past, due_ms=None, idle_ms=None),
    )


def _changed_by_others(seen: Observation, past: History) -> tuple[int, int] | None:
    if past.workers is None or seen.workers == past.workers:
        return None
    if past.stepping_to is not None and _between(past.workers, seen.workers, past.stepping_to):
        return None
    return past.workers, seen.workers


def _between(start: int, here: int, end: int) -> bool:
    return min(start, end) <= here <= max(start, end)


def _looked_again(seen: Observation, past: History, rules: Rules, changed: bool) -> History:
    """Nobody knows what was between two looks that are far apart: then nothing has held for a while."""
    apart_ms = None if past.looked_ms is None else seen.at_ms - past.looked_ms
    broken = changed or apart_ms is None or not 0 <= apart_ms <= rules.gap_s * 1000
    changed_ms = seen.at_ms if changed else past.changed_ms
    return replace(
        past,
        looked_ms=seen.at_ms,
        workers=seen.workers,
        stepping_to=None,
        # A clock that went back must not make a change lie in the future.
        changed_ms=None if changed_ms is None else min(changed_ms, seen.at_ms),
        due_ms=None if broken else past.due_ms,
        idle_ms=None if broken else past.idle_ms,
        slow_s=None if changed or load.quick(seen, rules) else past.slow_s,
        photo_s=seen.photo_s,
        photo_ms=seen.photo_ms,
    )


# --- more ------------------------------------------------------------------------------------------------------------


def _up(seen: Observation, past: History, rules: Rules, step: int, why: tuple[str, ...]) -> Decision:
    target = min(rules.max, seen.workers + step)
    if target == seen.workers:
        because = f"{rules.max} is the most"
        return _held(seen, past, Held.AT_MAX, because, why, "a larger autoscale.max, if the machine holds them", rules)
    if absent := _not_ready(seen, past, rules, rules.min):
        return _held(seen, past, *absent[:2], why, absent[2], rules)
    if wait := _wait(seen, past.due_ms, rules.up_after_s):
        return _held(seen, past, Held.SOON, f"for {_since(seen, past.due_ms)} so far, {wait} to go", why, rules=rules)
    if wait := _wait(seen, past.changed_ms, rules.cooldown_up_s):
        because = f"changed {_since(seen, past.changed_ms)} ago, {wait} to go"
        return _held(seen, past, Held.COOLDOWN, because, why, rules=rules)
    only_slow = len(why) == 1 and load.slow(seen, rules)
    if only_slow and past.slow_s is not None and seen.photo_s is not None and seen.photo_s >= past.slow_s:
        because = f"it was {past.slow_s:.1f} s before the last worker was added for that"
        return _held(seen, past, Held.NO_HELP, because, why, "lomi doctor compreface", rules)
    return _changed(seen, replace(past, slow_s=seen.photo_s if only_slow else None), rules, target, why)


# --- fewer -----------------------------------------------------------------------------------------------------------


def _down(seen: Observation, past: History, rules: Rules, why: tuple[str, ...]) -> Decision:
    if seen.workers == rules.min:
        return Decision(seen.workers, seen.workers, why, forecast=forecast(seen, seen.workers, rules), history=past)
    if seen.old:
        because = "an old worker loses the job in its hand when it is stopped, and nobody sees whether it has one"
        return _held(seen, past, Held.OLD_WORKERS, because, why, f"lomi scale {seen.workers - 1}", rules)
    if absent := _not_ready(seen, past, rules, seen.workers):
        return _held(seen, past, *absent[:2], why, absent[2], rules)
    if wait := _wait(seen, past.idle_ms, rules.down_after_s):
        return _held(seen, past, Held.SOON, f"for {_since(seen, past.idle_ms)} so far, {wait} to go", why, rules=rules)
    if wait := _wait(seen, past.changed_ms, rules.cooldown_down_s):
        because = f"changed {_since(seen, past.changed_ms)} ago, {wait} to go"
        return _held(seen, past, Held.COOLDOWN, because, why, rules=rules)
    return _changed(seen, past, rules, seen.workers - 1, why)


# --- a number outside of the bounds ----------------------------------------------------------------------------------


def _outside(seen: Observation, past: History, rules: Rules, enforce: bool) -> Decision:
    past = replace(past, due_ms=None, idle_ms=None)
    few = seen.workers < rules.min
    target, edge = (rules.min, f"min {rules.min}") if few else (rules.max, f"max {rules.max}")
    why = (f"{_workers(seen.workers)} {'below' if few else 'above'} {edge}",)
    if few and seen.stopped and not enforce:
        because = f"{seen.stopped} of their containers have stopped"
        return _held(seen, past, Held.MISSING, because, why, "lomi doctor workers", rules)
    if not enforce:
        command = f"lomi scale {target}, or lomi autoscale --enforce"
        return _held(seen, past, Held.BOUNDS, "somebody has set that, and it is left so", why, command, rules)
    if not few and seen.old:
        because = "an old worker loses the job in its hand when it is stopped"
        return _held(seen, past, Held.OLD_WORKERS, because, why, f"lomi scale {target}", rules)
    if not few and not load.calm(seen, rules):
        return _held(seen, past, Held.SOON, "not while jobs wait", why, rules=rules)
    return _changed(seen, past, rules, target, why)


# --- shared ----------------------------------------------------------------------------------------------------------


def _not_ready(seen: Observation, past: History, rules: Rules, least: int) -> tuple[Held, str, str] | None:
    """Workers that should be there: they start, or something keeps them from it, and more would fare no better."""
    if seen.ready >= seen.workers:
        return None
    what = f"{seen.ready} of {_workers(seen.workers)} ready"
    if _wait(seen, past.changed_ms, rules.ready_s):
        return Held.STARTING, f"{what}, changed {_since(seen, past.changed_ms)} ago", ""
    return (Held.MISSING, what, "lomi doctor workers") if seen.ready < least else None


def _wait(seen: Observation, since_ms: int | None, whole_s: float) -> str:
    """What is left of a span that began then; empty where it is over, or never began."""
    left_s = 0.0 if since_ms is None else whole_s - (seen.at_ms - since_ms) / 1000
    return span.said(left_s) if left_s > 0 else ""


def _since(seen: Observation, since_ms: int | None) -> str:
    return span.said((seen.at_ms - (since_ms or seen.at_ms)) / 1000)


def _held(
    seen: Observation,
    past: History,
    held: Held,
    because: str,
    why: tuple[str, ...] = (),
    next_: str = "",
    rules: Rules | None = None,
) -> Decision:
    found = Forecast() if rules is None else forecast(seen, seen.workers, rules)
    return Decision(seen.workers, seen.workers, why, held, because, next_, found, history=past)


def _changed(seen: Observation, past: History, rules: Rules, target: int, why: tuple[str, ...]) -> Decision:
    history = replace(past, stepping_to=target, changed_ms=seen.at_ms, due_ms=None, idle_ms=None)
    return Decision(seen.workers, target, why, forecast=forecast(seen, target, rules), history=history)


def _workers(number: int) -> str:
    return f"{number} worker" if number == 1 else f"{number} workers"
