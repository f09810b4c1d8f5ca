"""What runs beside the event loop, and when it begins."""

from __future__ import annotations

import queue
from collections.abc import Callable

from lomi_ops.errors import Conflict
from lomi_ops.tui.review.background import Background


def test_answers_that_come_before_anybody_attends_are_kept() -> None:
    background = Background()
    heard: list[object] = []
    background.ask(lambda: "early", heard.append, order=True)
    background._orders.shutdown()
    assert heard == []

    background.catch_up()

    assert heard == ["early"]
    background.close()


def test_what_is_asked_begins_after_the_paint_and_keeps_its_order() -> None:
    background = Background()
    posted: queue.Queue[Callable[[], None]] = queue.Queue()
    paints: list[Callable[[], None]] = []
    background.attend(posted.put, paints.append)
    ran: list[str] = []

    background.ask(lambda: ran.append("one"), lambda _: None, order=True)
    background.ask(lambda: ran.append("two"), lambda _: None, order=True)
    assert ran == []
    paints[-1]()
    posted.get(timeout=30)()
    posted.get(timeout=30)()

    assert ran == ["one", "two"]
    background.close()


def test_an_order_that_waits_for_a_paint_is_carried_out_when_the_app_ends() -> None:
    background = Background()
    background.attend(lambda act: None, lambda begin: None)
    ran: list[str] = []

    background.ask(lambda: ran.append("the last decision"), lambda _: None, order=True)
    background.close()

    assert ran == ["the last decision"]


def test_an_error_of_ours_is_an_answer() -> None:
    background = Background()
    heard: list[object] = []

    def fails() -> None:
        raise Conflict("no")

    background.ask(fails, heard.append, order=True)
    background._orders.shutdown()
    background.catch_up()

    assert [str(each) for each in heard] == ["no"]
    background.close()
