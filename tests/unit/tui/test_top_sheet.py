"""What the panels of the live view show, before anybody draws it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lomi_ops.cli import metrics_page
from lomi_ops.domain.alert_rule import Judged
from lomi_ops.domain.alert_rules import RULES, watching
from lomi_ops.domain.frame import AlertLine, Event, Frame, WorkerLine
from lomi_ops.domain.measure import Measured, Source
from lomi_ops.domain.traces import RECENT, SPAN, Lines, Traces
from lomi_ops.tui.top import acting, head, numbers, states
from lomi_ops.tui.top.options import Options
from lomi_ops.tui.top.panels import PANELS, TITLES
from lomi_ops.tui.top.sheet import GAP, Cell, Column, Order, Row, Sheet, Tone, arranged, widths, written
from lomi_ops.tui.top.times import moment
from lomi_ops.tui.top.view import View

AT = datetime(2026, 11, 20, 14, 5, 30, tzinfo=UTC)
READY = ("lomi_queue_jobs", (("state", "ready"),))
WORKER = WorkerLine("web-1/77", "running", 0.4, 2, ("j1",), 1234, 2, ("320n",), "default@1", "0.1.0")


def measured(values: dict[tuple[str, tuple[tuple[str, str], ...]], float], **silent: str) -> Measured:
    return Measured(AT, values, {Source(name): why for name, why in silent.items()})


def sheet(*rows: tuple[str, float | None], wide: bool = False) -> Sheet:
    columns = (Column("name"), Column("n", right=True), Column("line", grows=True))
    found = tuple(
        Row(name, (Cell(name), Cell("" if n is None else f"{n:g}", order=n), Cell(line=(1.0, 2.0)))) for name, n in rows
    )
    return Sheet("Things", columns, found)


def texts(shown: Sheet) -> dict[str, list[str]]:
    return {row.key: [cell.text for cell in row.cells if cell.line is None] for row in shown.rows}


def test_a_sheet_is_sorted_by_any_column_both_ways_and_what_is_not_known_stays_last() -> None:
    things = sheet(("b", 10), ("c", None), ("a", 9))

    assert [row.key for row in arranged(things, Order(), "")] == ["b", "c", "a"]
    assert [row.key for row in arranged(things, Order(0), "")] == ["a", "b", "c"]
    assert [row.key for row in arranged(things, Order(1), "")] == ["a", "b", "c"]
    assert [row.key for row in arranged(things, Order(1, down=True), "")] == ["b", "a", "c"]
    assert [row.key for row in arranged(things, Order(9), "")] == ["b", "c", "a"], "a column that another sheet had"


def test_the_key_goes_through_the_columns_and_a_click_turns_round() -> None:
    order = Order()
    seen = []
    for _ in range(4):
        order = order.next(3)
        seen.append(order.column)
    assert seen == [0, 1, 2, None]
    assert Order().by(1) == Order(1)
    assert Order(1).by(1) == Order(1, down=True)
    assert Order(1, down=True).by(1) == Order(1)


def test_a_filter_wants_every_word() -> None:
    things = sheet(("Alpha one", 1), ("alpha two", 2), ("beta one", 1))

    assert [row.key for row in arranged(things, Order(), "ALPHA one")] == ["Alpha one"]


@given(
    st.lists(st.tuples(st.text(max_size=30), st.none() | st.floats(0, 1e9)), max_size=6),
    st.integers(0, 200),
)
def test_a_row_never_takes_more_room_than_there_is(rows: list[tuple[str, float | None]], room: int) -> None:
    things = sheet(*rows)

    found = widths(things, things.rows, room)

    shown = [width for width in found if width]
    if room >= 12:
        assert sum(shown) + GAP * max(0, len(shown) - 1) <= room or shown == [found[0]]
    for row in things.rows:
        for cell, column, width in zip(row.cells, things.columns, found, strict=True):
            assert cell_len(written(cell, column, width)) == width


def test_wide_signs_are_cut_where_they_end() -> None:
    assert written(Cell("写真写真"), Column("x"), 5) == "写真…"
    assert written(Cell("写真写真"), Column("x"), 4, plain=True) == "写 ~"


@pytest.mark.parametrize("text", ["x\u200d", "👩\u200d👩\u200d👧 and more", "\u200dab", "☁\ufe0f☁\ufe0f", "🇪🇹🇪🇹"])
@pytest.mark.parametrize("width", range(8))
def test_signs_that_are_joined_take_no_room_that_nobody_knows_of(text: str, width: int) -> None:
    for column in (Column("x"), Column("x", right=True)):
        for plain in (False, True):
            assert cell_len(written(Cell(text), column, width, plain=plain)) == width


def test_a_number_has_the_colour_of_its_alert() -> None:
    def tone(state: str) -> Tone:
        alerts = (AlertLine("queue_backlog", state, "warning", AT, 90, "90 jobs wait", "lomi autoscale"),)
        shown = numbers.queue(View(Frame(measured({READY: 90}), alerts=alerts)))
        return shown.rows[0].cells[1].tone

    assert [tone(state) for state in ("ok", "pending", "firing", "acked", "stale")] == [
        Tone.PLAIN, Tone.WARN, Tone.BAD, Tone.WARN, Tone.PLAIN,
    ]  # fmt: skip


def test_each_number_is_judged_by_the_rules_that_read_it() -> None:
    def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        return name, tuple(sorted(labels.items()))

    assert watching(key("lomi_queue_jobs", state="dead")) == ("dead_letters",)
    assert watching(key("lomi_queue_jobs", state="high")) == ("queue_backlog",)
    assert watching(key("lomi_queue_jobs", state="running")) == ()
    assert watching(key("lomi_database_write_p95_seconds", window="5m")) == ("database_slow",)
    assert watching(key("lomi_up", service="redis")) == ("redis_down",)


def test_the_last_numbers_of_a_silent_source_stay_dim_with_their_age() -> None:
    now = measured({("lomi_source_age_seconds", (("source", "redis"),)): 14}, redis="timeout")

    shown = numbers.queue(View(Frame(now), old={READY: 7}))
    there = states.workers(View(Frame(now), old_workers=(WORKER,)))

    assert shown.note == there.note == "stale 14 s, timeout"
    assert (shown.rows[0].cells[1].text, shown.rows[0].cells[1].tone) == ("7", Tone.DIM)
    assert texts(there) == {
        "web-1/77": ["web-1/77", "running", "0 s", "1/2", "1,234", "2", "320n", "default@1", "0.1.0"]
    }


def test_a_pause_and_missing_workers_are_said_in_the_title() -> None:
    known = {state: ("lomi_workers", (("state", state),)) for state in ("running", "silent")}
    now = measured({("lomi_queue_paused", ()): 1, READY: 1, ("lomi_workers_expected", ()): 4,
                    known["running"]: 1, known["silent"]: 0})  # fmt: skip

    assert numbers.queue(View(Frame(now))).note == "PAUSED: nothing is taken."
    assert states.workers(View(Frame(now, (WORKER,)))).note == "3 fewer than there should be"
    assert "old workers do not register" in states.workers(View(Frame(measured({}), ()))).note


@pytest.mark.parametrize(("running", "silent", "missing"), [(2, 0, 0), (1, 1, 1), (0, 2, 2), (3, 0, 0)])
def test_panel_page_and_rule_count_the_same_workers_as_there(running: int, silent: int, missing: int) -> None:
    now = measured({("lomi_workers_expected", ()): 2, ("lomi_workers", (("state", "running"),)): running,
                    ("lomi_workers", (("state", "silent"),)): silent})  # fmt: skip
    rule = next(each for each in RULES if each.slug == "workers_missing")
    frame = Frame(now, (WORKER,) * (running + silent))
    (page,) = [each for part in metrics_page.parts(now) for each in part.rows if each.what == "expected"]

    assert (rule.judge(now).judged is Judged.BREACHED) is page.bad is bool(missing)
    assert states.workers(View(frame)).note == (f"{missing} fewer than there should be" if missing else "")


def test_a_rate_is_shown_per_second() -> None:
    traces, claims = Traces(), ("lomi_claims_total", ())
    for s in range(3):
        traces.add(Measured(AT + timedelta(seconds=s), {claims: s * 5}))

    shown = numbers.queue(View(Frame(measured({claims: 10})), traces))

    assert texts(shown)["taken"] == ["taken", "5.0/s", ""]


def test_decisions_are_counted_by_who_made_them() -> None:
    def key(status: str, reason: str, actor: str) -> tuple[str, tuple[tuple[str, str], ...]]:
        return "lomi_decisions", (("actor", actor), ("reason", reason), ("status", status), ("window", "1h"))

    shown = numbers.decisions(View(Frame(measured({
        key("approved", "", "worker"): 30, key("rejected", "blurry", "worker"): 10, key("approved", "", "person"): 0,
    }))))  # fmt: skip

    assert list(texts(shown).values()) == [
        ["approved", "worker", "30", "75%"], ["rejected: blurry", "worker", "10", "25%"],
    ]  # fmt: skip


def test_a_rule_and_a_worker_have_a_line_of_what_they_judge_and_finish() -> None:
    lines, done = Lines(), [None, *range(0, 4 * SPAN, 2)]
    for number, each in enumerate(done):
        worker = replace(WORKER, done=each)
        lines.add(Frame(measured({}), (worker,), (AlertLine("a", "ok", "warning", AT, number, "", ""),)))
    view = View(Frame(measured({}), (WORKER,), (AlertLine("a", "firing", "warning", AT, 7, "", ""),)), lines=lines)
    (alert,), (worker_row,) = states.alerts(view).rows, states.workers(view).rows

    assert [cell.line for cell in alert.cells if cell.line is not None] == [tuple(range(len(done)))]
    assert [cell.tone for cell in alert.cells if cell.line is not None] == [Tone.BAD]
    (finished,) = [cell.line for cell in worker_row.cells if cell.line is not None]
    assert finished == (None, *[2.0 * SPAN] * (len(done) - SPAN - 1))


def test_who_came_later_has_gaps_before_and_who_is_gone_is_forgotten_with_his_last_look() -> None:
    lines = Lines()

    def look(rule: str) -> None:
        lines.add(Frame(measured({}), alerts=(AlertLine(rule, "ok", "warning", AT, 1, "", ""),)))

    look("a")
    look("b")
    assert (lines.values("a"), lines.values("b")) == ((1, None), (None, 1))
    for _ in range(RECENT):
        look("b")
    assert (lines.values("a"), len(lines.values("b"))) == ((), RECENT)


def test_text_comes_before_spark_lines_where_there_is_room_for_one_of_them_only() -> None:
    view = View(Frame(measured({}), (replace(WORKER, models=("nudenet-320n@3.4.2", "compreface")),)))
    found = {}
    for room in (40, 59, 80, 100, 160):
        shown = states.workers(view)
        names = [column.name for column in shown.columns]
        taken = widths(shown, shown.rows, room)
        assert sum(taken) + GAP * (sum(1 for each in taken if each) - 1) <= room
        found[room] = {name: width for name, width in zip(names, taken, strict=True) if width}

    assert "2 min" not in found[59]
    assert found[59]["models"] >= len("nudenet-320n@3.4.2")
    assert found[80]["2 min"] >= 8
    assert found[160]["models"] == len("nudenet-320n@3.4.2, compreface"), "what is left is for the line"
    assert found[160]["2 min"] == 60
    assert {"policy", "version"} <= found[160].keys()


def test_every_row_of_every_panel_names_the_command_that_shows_more() -> None:
    numbers_: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
        READY: 1,
        ("lomi_up", (("service", "redis"),)): 1,
        ("lomi_probe_seconds", (("service", "redis"),)): 0.1,
        ("lomi_decisions", (("actor", "person"), ("reason", ""), ("status", "approved"), ("window", "1h"))): 1,
    }
    events = [Event(AT, kind, "x") for kind in ("alert", "worker", "queue", "source", "upstream")]
    alert = AlertLine("a", "ok", "warning", AT, 1, "", "lomi doctor")
    view = View(Frame(measured(numbers_), (WORKER,), (alert,)), events=events)
    for title, panel in zip(TITLES, PANELS, strict=True):
        rows = panel(view).rows
        assert rows or title == "Jobs"
        assert all(row.command.startswith("lomi ") and row.record for row in rows), title


def test_a_cluster_without_a_log_of_decisions_is_not_said_to_have_made_none() -> None:
    assert "no log of decisions" in numbers.decisions(View(Frame(measured({})))).note
    logged = measured({("lomi_batches_ended", (("window", "5m"),)): 0})
    assert numbers.decisions(View(Frame(logged))).note == "none in the last hour"


def test_the_keys_below_are_never_cut_in_the_middle() -> None:
    for width in (60, 80, 120, 200):
        said = str(head.keys(Options(write=True), width))
        assert len(said) <= width
        assert said.startswith("? help  q quit  P R Q S change")
        assert re.fullmatch(r"(\S+ ?\S* ?\S* ?\S* [a-z ]+  )*\S+ [a-z ]+", said)


def test_every_panel_stands_with_nothing_known_and_control_characters_are_never_obeyed() -> None:
    evil = "\x1b[2J\u202eevil"
    worker = WorkerLine(evil, evil, 0, 0, (), None, None, (evil,), evil, evil)
    alert = AlertLine("a", "firing", "warning", AT, None, evil, evil)
    full = View(Frame(measured({}, redis=evil), (worker,), (alert,)), events=[Event(AT, "worker", evil, True)])
    for title, panel in zip(TITLES, PANELS, strict=True):
        assert panel(View(Frame(measured({})))).title == title
        for row in panel(full).rows:
            shown = row.words
            assert "\x1b" not in shown
            assert "\u202e" not in shown


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("14:05", "2026-11-20 14:05:00"), ("14:05:29", "2026-11-20 14:05:29"), ("23:00", "2026-11-19 23:00:00"),
        (" 2026-11-18 07:30 ", "2026-11-18 07:30:00"), ("2026-11-18T07:30:01", "2026-11-18 07:30:01"),
        ("yesterday", None), ("25:00", None), ("", None),
    ],
)  # fmt: skip
def test_a_time_is_of_today_or_yesterday(text: str, found: str | None) -> None:
    at = moment(text, AT)

    assert (None if at is None else f"{at:%Y-%m-%d %H:%M:%S}") == found


def test_what_is_changed_is_a_command_line() -> None:
    running, paused = (measured({("lomi_queue_paused", ()): value}) for value in (0, 1))
    worker, job = Row("w", (), {"name": "web/1", "state": "running"}), Row("j", (), {"job": "j1"})
    quiet = Row("w", (), {"name": "web/1", "state": "quiet"})

    assert acting.words_of("pause", running, None) == ("queue", "pause", "--reason", "lomi top")
    assert acting.words_of("pause", paused, None) == ("queue", "resume")
    assert acting.words_of("retry", running, job) == ("queue", "retry", "j1")
    for odd in ("state:dead", "--all", "-x"):
        named = acting.words_of("retry", running, Row("j", (), {"job": odd}))
        assert named == ("queue", "retry", f"job:{odd}"), "neither a filter nor an option"
    assert acting.words_of("quiet", running, worker) == ("workers", "quiet", "web/1", "--reason", "lomi top")
    assert acting.words_of("quiet", running, quiet) == ("workers", "resume", "web/1", "--reason", "lomi top")
    assert acting.words_of("scale", running, None, "4") == ("scale", "4", "--reason", "lomi top")
    for action, row, said in (
        ("retry", worker, ""),
        ("quiet", job, ""),
        ("scale", None, "-1"),
        ("scale", None, "many"),
    ):
        assert isinstance(acting.words_of(action, running, row, said), str)
    assert isinstance(acting.words_of("pause", measured({}), None), str)
