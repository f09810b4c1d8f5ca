"""For people: one line for each check, what is to be done last, and the most urgent of that at the very end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from lomi_ops.cli import output
from lomi_ops.cli.check_formats.records import detail
from lomi_ops.cli.diagnostics import scrubbed
from lomi_ops.domain.check import CheckResult, Status, to_do
from lomi_ops.ops.checks.report import Report

SIGNS = {"pass": "✔", "warn": "!", "fail": "✘", "unknown": "?", "skip": "-", "blocked": "·", "suppressed": "~"}
PLAIN = {"pass": "ok", "warn": "!!", "fail": "XX", "unknown": "??", "skip": "--", "blocked": "..", "suppressed": "~~"}
STYLES = {"pass": "green", "warn": "yellow", "fail": "red", "unknown": "magenta", "blocked": "magenta"}
_WORD = max(map(len, (status.value for status in Status)))


def whole(report: Report) -> str:
    if report.failure is not None:
        return "no check ran"
    shown = [result for result in report.results if result.status not in (Status.SKIP, Status.BLOCKED)]
    left = max((len(result.spec.slug) for result in shown), default=0)
    lines: list[str] = []
    for category, results in groupby(shown, lambda result: result.spec.category):
        lines += ["", output.painted_text(category, "bold"), *(_line(result, left) for result in results)]
    lines += ["", *_dimmed("skipped", report.of(Status.SKIP)), *_dimmed("blocked", report.of(Status.BLOCKED))]
    lines += _tasks(report.results)
    style = {0: "green", 1: "red", 4: "yellow"}.get(report.code, "magenta")
    return "\n".join([*lines[1:], output.painted_text(output.folded(_sum(report), 2, first=0), style)])


def short(report: Report) -> str:
    """Only what is not well, for pasting: no colour, no folding."""
    if report.failure is not None:
        return f"no check ran: {' '.join(scrubbed(report.failure.message).split())}{_dot()}{_by(report)}"
    lines = [
        f"{result.status.value:{_WORD}}  {result.spec.id}  {result.spec.slug}: {_said(result)}"
        for result in report.results
        if result.status not in (Status.PASS, Status.SKIP, Status.BLOCKED)
    ]
    blocked = _grouped("blocked", report.of(Status.BLOCKED))
    return "\n".join([*blocked, *lines, f"{_sum(report)}{_dot()}{_by(report)}"])


def _line(result: CheckResult, left: int) -> str:
    signs = PLAIN if output.ascii_only() else SIGNS
    word = result.status.value
    status = f"  {signs[word]} {word:{_WORD}}"
    head = f"{status}  {result.spec.slug:{left}}  "
    fresh = " (new)" if result.new else ""
    text = output.folded(_said(result) + fresh, len(head))
    return output.painted_text(head, STYLES.get(word, "dim"), upto=len(status)) + text


def _said(result: CheckResult) -> str:
    """On one line, whatever a server has put into it."""
    return " ".join(detail(result).split())


def _dimmed(word: str, results: Sequence[CheckResult]) -> Iterator[str]:
    for text in _grouped(word, results):
        yield output.painted_text(output.folded(text, 2, first=0), "dim")
    if results:
        yield ""


def _grouped(word: str, results: Sequence[CheckResult]) -> Iterator[str]:
    """The reasons, each with what it keeps from being looked at: too many lines of nothing hide the one that counts."""
    for reason in dict.fromkeys(map(_said, results)):
        slugs = ", ".join(result.spec.slug for result in results if _said(result) == reason)
        yield f"{word}, {reason}: {slugs}"


def _tasks(results: Iterable[CheckResult]) -> Iterator[str]:
    tasks = to_do(results)
    signs = PLAIN if output.ascii_only() else SIGNS
    for result in tasks:
        word = result.status.value
        head = f"{signs[word]} {result.spec.slug}: "
        what = output.folded(_said(result), 2, first=len(head))
        yield output.painted_text(head, STYLES[word]) + what
        yield f"  {output.folded(' '.join(result.hint.split()), 2, first=2)}"
        yield output.painted_text(f"  lomi help {result.spec.id}", "dim")
    if tasks:
        yield ""


def _by(report: Report) -> str:
    return f"lomi {report.version}" + (f", profile {report.profile}" if report.profile else "")


def _dot() -> str:
    return " - " if output.ascii_only() else " · "


def _sum(report: Report) -> str:
    counts = ", ".join(f"{count} {status}" for status, count in report.counts.items() if count)
    text = f"{output.counted(len(report.results), 'check')}: {counts}, {report.duration_ms / 1000:.1f} s"
    fresh = [result for result in report.results if result.new]
    if fresh and report.green_at is not None:
        text += f"; {len(fresh)} new since the last green run ({report.green_at:%Y-%m-%d %H:%M} UTC)"
    if report.interrupted:
        text += "; interrupted"
    return text
