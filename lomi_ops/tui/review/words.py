"""What the screen says about photos, as text with styles; the words carry the meaning, colours only help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from textual.content import Content

from lomi_ops.domain.macro import Macro
from lomi_ops.domain.pile import Pile, so_many
from lomi_ops.domain.review_measure import Measure
from lomi_ops.domain.shown import shown
from lomi_ops.domain.so_far import SoFar
from lomi_ops.tui.review.exhibit import Exhibit
from lomi_ops.tui.review.reviewing import Reviewing
from lomi_ops.tui.review.state import State
from lomi_ops.tui.review.table import Item, Mark

_STYLES = {"approve": "$text-success", "review": "$text-warning", "reject": "$text-error"}
_BOXES = {"bad": "$text-error", "doubt": "$text-warning", "face": "$text-success", "plain": "dim"}
_SAYS = {"review": " ?", "reject": " !"}
"""Beside a value, so that the colour is not all there is."""
_WITHOUT_BAR, _LIMITS = 19, 16
_NARROW = 24
_WITH_LIMITS = _WITHOUT_BAR + _LIMITS + 10
"""Columns from which the thresholds are written out beside a bar."""
_COVERED = "why it waits is not shown: samples are among these photos"
_NAMES = {"face_sharpness": "face sharp"}


def plain(text: str, most: int = 400) -> str:
    """Text of people as it is, on one line, its end left out where it is long."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    return shown(short.replace("\n", " ").replace("\t", " "))


def bar(measure: Measure, width: int, *, ascii_only: bool = False) -> Content:
    """The value as a bar, with a mark where each threshold lies."""
    full, empty, edge = ("#", "-", "|") if ascii_only else ("█", "░", "┃")
    filled = _place(measure.observed or 0.0, measure, width)
    cells = [full] * filled + [empty] * (width - filled)
    for limit in (measure.review_at, measure.reject_at):
        if limit is not None:
            cells[min(width - 1, _place(limit, measure, width))] = edge
    style = _STYLES.get(measure.zone, "")
    return Content.assemble(*((sign, "bold" if sign == edge else style) for sign in cells))


def _place(value: float, measure: Measure, width: int) -> int:
    return round(min(1.0, max(0.0, value / measure.scale)) * width)


def measure_line(measure: Measure, width: int, *, ascii_only: bool = False) -> Content:
    """Name, bar and value; the thresholds where there is room for them."""
    value = "no answer" if measure.observed is None else _number(measure.observed)
    value += _SAYS.get(measure.zone, "")
    limits = _limits(measure) if width >= _WITH_LIMITS else ""
    taken = _WITHOUT_BAR + (_LIMITS if limits or width >= _WITH_LIMITS else 0)
    drawn = bar(measure, max(4, min(20, width - taken)), ascii_only=ascii_only)
    name = _NAMES.get(measure.label, measure.label)
    wide = 10 if width >= _NARROW else 6
    style = _STYLES.get(measure.zone, "")
    return Content.assemble(f"{name[: wide - 1]:<{wide}}", drawn, " ", (f"{value:<8}", style), (limits, "dim"))


def _limits(measure: Measure) -> str:
    sign = "<" if measure.worse_below else "≥"
    zones = (("?", measure.review_at), ("!", measure.reject_at))
    return "  ".join(f"{word} {sign}{_number(limit)}" for word, limit in zones if limit is not None)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.2f}"


def facts(exhibit: Exhibit, width: int, *, boxes: bool = False, ascii_only: bool = False) -> Content:
    """What speaks for and against a photo; with boxes, what stands beside them: in large pixels nobody can read it in
    the photo."""
    known = [each for each in exhibit.dossier.measures if each.observed is not None or each.review_at is not None]
    lines: list[Content | str] = [
        Content.styled(plain(exhibit.standing), "bold"),
        *(Content(plain(each)) for each in exhibit.why),
        *([Content.styled(_COVERED, "dim")] if exhibit.dossier.covered else []),
        "",
        *(measure_line(each, width, ascii_only=ascii_only) for each in known),
    ]
    if not known:
        lines.append(Content.styled("no scores were written for it", "dim"))
    found = exhibit.boxes if boxes else ()
    lines += [Content.styled(f"□ {plain(caption)}", _BOXES.get(severity, "")) for _, caption, severity in found]
    return joined(lines)


def about(item: Item, width: int, *, boxes: bool, ascii_only: bool) -> Content:
    """What became of a photo, then `facts`."""
    head = mark(item)
    told = facts(item.exhibit, width, boxes=boxes, ascii_only=ascii_only)
    return joined([head, told]) if head.plain else told


def story(exhibit: Exhibit, lines: Sequence[str]) -> Content:
    """What is known of the photo's past and its user, then `origin`."""
    return joined([*(Content(plain(line)) for line in ("", *lines, "")), origin(exhibit)])


def origin(exhibit: Exhibit) -> Content:
    """Which photo it is, and who judged it."""
    row = exhibit.row
    uploaded = f"  {row.created_at:%Y-%m-%d %H:%M}" if row.created_at else ""
    lines = [f"photo {str(row.media_id)[:8]}{uploaded}"]
    lines += [f"policy {plain(exhibit.policy)}"] if exhibit.policy else []
    return joined([Content.styled(line, "dim") for line in (*lines, *map(plain, exhibit.models))])


def joined(lines: Sequence[Content | str]) -> Content:
    return Content("\n").join(line if isinstance(line, Content) else Content(line) for line in lines)


def left(until: datetime, now: datetime) -> str:
    """A countdown: `1:43`; `0:00` when it is over."""
    seconds = max(0, int((until - now) / timedelta(seconds=1)))
    return f"{seconds // 60}:{seconds % 60:02}"


def keys(pairs: Sequence[tuple[str, str]], width: int) -> Content:
    """`a approve  1 blurry`: each key beside what it does, folded between them."""
    lines: list[Content] = []
    line, taken = Content(""), 0
    for key, does in pairs:
        length = len(key) + len(does) + 5
        if taken and taken + length - 2 > width:
            lines.append(line)
            line, taken = Content(""), 0
        line, taken = Content.assemble(line, (f" {key} ", "reverse"), f" {does}  "), taken + length
    return joined([*lines, line])


def reason(macro: Macro | None) -> str:
    """The name of a template, or the beginning of somebody's own words."""
    return plain(macro.name or macro.note, 16) if macro else ""


def mark(item: Item) -> Content:
    """What became of a photo, in front of everything else; nothing while it is open."""
    match item.mark:
        case Mark.LOST:
            return Content.styled(f"CONFLICT: {plain(item.word)}", "bold $text-error")
        case Mark.OPEN:
            return Content("")
        case _:
            return Content.styled(plain(item.word), "bold")


def evidence(item: Item, width: int, *, ascii_only: bool = False) -> Content:
    """What a cell of a grid has room for: what became of the photo, else why it is here and its worst numbers."""
    if (head := mark(item)).plain:
        return head
    exhibit = item.exhibit
    lines: list[Content | str] = [plain(each, max(8, 2 * width - 2)) for each in exhibit.why[:1]]
    worst = sorted(exhibit.dossier.measures, key=lambda each: _WORST.get(each.zone, 3))
    told = [each for each in worst if each.observed is not None][:2]
    lines += [measure_line(each, width - 2, ascii_only=ascii_only) for each in told]
    return joined(lines)


_WORST = {"reject": 0, "review": 1, "approve": 2}


def heading(
    pile: Pile, counts: Mapping[Pile, int], actor: str, current: Item | None, now: datetime, width: int,
    filtered: str = "",
) -> Content:  # fmt: skip
    """Piles with their counts, the current one in front with its filter; who is at work, and for how long the photo is
    theirs."""
    order = sorted((each for each in Pile if each is not Pile.ALL), key=lambda each: each is not pile)
    claim = f"yours for {left(current.exhibit.until, now)} " if current is not None and current.open else ""
    here = f" {pile.value} {_count(counts, pile)}"
    here += f", only {plain(filtered, max(12, width // 4))}" if filtered else ""
    others = "".join(f"  {each.value} {_count(counts, each)}" for each in order if each is not pile)
    name = f"{plain(actor, 16)}  " if width >= 100 else ""
    tail = name + claim
    if len(here) + len(others) + len(tail) + 2 > width:
        others = ""
    gap = max(1, width - len(here) - len(others) - len(tail))
    return Content.assemble((here, "bold"), others, " " * gap, tail)


def _count(counts: Mapping[Pile, int], pile: Pile) -> str:
    if pile is Pile.ALL:
        known = [counts[each] for each in pile.parts if each in counts]
        return so_many(sum(known)) if known else "…"
    return so_many(counts[pile]) if pile in counts else "…"


def notice(session: Reviewing, now: datetime) -> Content:
    """What just happened, and how long the last step can be taken back without anybody having heard of it."""
    lines: list[Content | str] = []
    state, deciding = session.state, session.deciding
    if state.away:
        waiting = len(deciding.waiting)
        words = "1 decision waits and is kept" if waiting == 1 else f"{waiting} decisions wait and are kept"
        kept = f" {words}." if waiting else ""
        lines.append(Content.styled(f"THE DATABASE IS AWAY: {plain(state.away)}.{kept} Asking again…", "bold"))
    if state.notice.text:
        lines.append(plain(state.notice.text))
    if deciding.steps and deciding.steps[-1].due_at > now:
        last = deciding.steps[-1]
        number = "" if len(last.done) == 1 else f" ({len(last.done)} photos)"
        lines.append(Content.styled(f"u takes back: {last.word}{number}; told in {left(last.due_at, now)}", "dim"))
    return joined(lines)


def so_far(far: SoFar, *, any_yet: bool, stopped: bool) -> tuple[str, ...]:
    """How far a pile has been looked through for photos that a filter admits."""
    oldest = far.part.oldest_first
    back = f", {'up' if oldest else 'back'} to {far.back_to:%Y-%m-%d}" if far.back_to else ""
    looked = f"looked at the {'oldest' if oldest else 'newest'} {far.photos:,} of {far.part.value}{back}"
    once_more = ("once more from the front, for what came back or is new",) if far.again else ()
    none = ("no other one matches" if any_yet else "none matches") + (" so far" if stopped else " yet")
    does = "stopped: / and Enter goes on from there" if stopped else "looking on; Escape stops, p goes to another pile"
    return (*once_more, looked, none, "", does)


def through(state: State) -> str:
    """That there is nothing more."""
    if not state.filter_text:
        return f"nothing more to look at on the pile {state.pile.value}"
    what = "nothing more" if state.found_some else "nothing"
    wanted = plain(state.filter_name or state.filter_text, 40)
    return f"looked through all of {state.pile.value}: {what} matches {wanted}"


def rest(reminder: str) -> Content:
    """That a break is due, and how to go on without one."""
    return Content.assemble((plain(reminder), "bold"), "   ", (" Escape ", "reverse"), " puts this away")
