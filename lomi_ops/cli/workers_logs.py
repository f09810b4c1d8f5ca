"""`lomi workers logs`: what the workers say, all of them as one, and as it is said."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lomi_ops.cli import diagnostics, options, output, session
from lomi_ops.cli.output import Format
from lomi_ops.domain.log_line import Level, Said, Wanted
from lomi_ops.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from lomi_ops.ops.workers.find import Found
    from lomi_ops.ops.workers.logs import Tap
    from lomi_ops.ops.workers.sources import Source

TAIL = 100
"""Lines of each, where nobody says how many, nor since when."""
_AT_ONCE = 500
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""Of the names, in the order of their numbers; red is for errors."""
_LEVELS = {Level.ERROR: 31, Level.WARNING: 33, Level.DEBUG: 2}
_TOLD = frozenset({"ts", "level", "msg", "action", "trace"})
"""Fields that a line for people has elsewhere."""

Names = Annotated[list[str] | None, typer.Argument(help="Which ones; all without.", metavar="WORKER...")]
Since = Annotated[str | None, typer.Option("--since", help="From then on: 10m, 7d, 2026-11-26T09:00.", metavar="TIME")]
Tail = Annotated[
    int | None, typer.Option("--tail", help=f"The last lines of each; without --since {TAIL}.", min=0, metavar="N")
]


@options.with_common
def workers_logs(
    common: options.Common,
    names: Names = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written, until Ctrl-C.")] = False,
    since: Since = None,
    tail: Tail = None,
    level: Annotated[Level | None, typer.Option("--level", help="At least so bad: error, warning, …")] = None,
    grep: Annotated[str | None, typer.Option("--grep", help="Only lines that match.", metavar="REGEX")] = None,
    service: Annotated[
        str | None, typer.Option("--service", help="Of another service, such as compreface.", metavar="NAME")
    ] = None,
    format_: options.Output = Format.TEXT,
) -> int:
    """Show the logs of all workers as one, by time.

    Of containers, or of a local stack's processes. Levels of old workers are read from their words. With -o json each
    line is an object. Exit 3 when a log could not be read.
    """
    from lomi_ops.ops.workers.find import found
    from lomi_ops.ops.workers.logs import merged

    wanted = Wanted(level, _pattern(grep))
    at = datetime.now(UTC)
    start = _moment(since, at)
    with session.opened(common) as runtime:
        where = found(runtime.docker, runtime.settings, runtime.loaded.stack, service, names or [])
        show = Shown(where.sources(), format_)
        taps = [where.tap(source, wanted, start) for source in where.sources()]
        if tail == 0:
            for tap in taps:
                tap.since = at
        show.all(merged(taps, tail if tail is not None or start is not None else TAIL))
        for tap in taps:
            if tap.failure is not None:
                diagnostics.warn(f"{tap.source.name}: {tap.failure.message}")
        if follow:
            _follow(where, taps, show, wanted, at)
    return int(ExitCode.UNKNOWN if any(tap.failure for tap in taps) else ExitCode.OK)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    try:
        return None if text is None else re.compile(text)
    except re.error as fault:
        raise UsageError(f"{text!r} is no regular expression: {fault}", hint="--grep 'job_failed|timeout'") from fault


def _moment(text: str | None, now: datetime) -> datetime | None:
    """A span before now, or a time; without an offset it is in UTC, as everything here."""
    from lomi_ops.domain import span

    if text is None:
        return None
    if (seconds := span.seconds(text)) is not None:
        return now - timedelta(seconds=seconds)
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", hint="--since 7d, or --since 2026-11-26T09:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _follow(where: Found, taps: Sequence[Tap], show: Shown, wanted: Wanted, since: datetime) -> None:
    """Until somebody stops it: that is no failure."""
    from lomi_ops.ops.workers.follow import Follower

    def joined(source: Source) -> Tap:
        show.know([source])
        return where.tap(source, wanted, since)

    for batch in Follower(taps, where.sources, where.happenings, joined).heard():
        for noted, group in itertools.groupby(batch, lambda each: not isinstance(each, Said)):
            if noted:
                for note in group:
                    assert not isinstance(note, Said)
                    (diagnostics.warn if note.trouble else diagnostics.note)(note.text)
            else:
                show.all(each for each in group if isinstance(each, Said))


class Shown:
    """Lines for people, each with the name of its worker in a colour of its own, or for programs."""

    def __init__(self, sources: Sequence[Source], format_: Format) -> None:
        self._format = format_
        self._colours = output.colours()
        self._numbers: dict[str, int] = {}
        self._names: dict[str, str] = {}
        self._width = 0
        self._day = datetime.now(UTC).date()
        self.know(sources)

    def know(self, sources: Sequence[Source]) -> None:
        for each in sources:
            self._numbers[each.name] = each.number
            self._names[each.name] = each.short
            self._width = max(self._width, len(each.short))

    def all(self, lines: Iterable[Said]) -> None:
        draw = self._text if self._format is Format.TEXT else self._object
        for chunk in _chunks(lines):
            output.foreign([draw(said) for said in chunk])

    def _text(self, said: Said) -> str:
        name = self._names.get(said.source, said.source)
        time = self._time(said.at)
        head = f"{name:{self._width}} {time}"
        if said.fields is None:
            return f"{self._coloured(head, said)} {self._by_level(diagnostics.scrubbed(said.text), said.level)}"
        rest = " ".join(f"{key}={_short(value)}" for key, value in said.fields.items() if key not in _TOLD)
        words = f"{said.level.value:7} {said.fields['msg']}" + (f"  {rest}" if rest else "")
        text = self._by_level(diagnostics.scrubbed(words), said.level)
        trace = diagnostics.scrubbed(str(said.fields.get("trace", ""))).splitlines()
        return "\n".join([f"{self._coloured(head, said)} {text}", *(f"{'':{self._width}}   {line}" for line in trace)])

    def _time(self, at: datetime | None) -> str:
        if at is None:
            return "--:--:--"
        return f"{at:%H:%M:%S}" if at.date() == self._day else f"{at:%m-%d %H:%M:%S}"

    def _coloured(self, head: str, said: Said) -> str:
        if not self._colours:
            return head
        number = self._numbers.get(said.source, 0)
        return f"\x1b[{_COLOURS[(number - 1) % len(_COLOURS)]}m{head}\x1b[0m"

    def _by_level(self, text: str, level: Level) -> str:
        colour = _LEVELS.get(level)
        return f"\x1b[{colour}m{text}\x1b[0m" if colour and self._colours else text

    def _object(self, said: Said) -> str:
        import json

        body: dict[str, Any] = {
            "worker": said.source,
            "at": said.at.isoformat() if said.at else None,
            "level": said.level.value,
            "text": diagnostics.scrubbed(said.text),
        }
        return json.dumps(body, separators=(",", ":"))


def _short(value: object) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _chunks(lines: Iterable[Said]) -> Iterator[list[Said]]:
    rest = iter(lines)
    while chunk := list(itertools.islice(rest, _AT_ONCE)):
        yield chunk
