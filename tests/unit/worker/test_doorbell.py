from __future__ import annotations

import threading

import pytest

from lomi_ops.errors import RedisUnavailable
from worker.doorbell import Bell, Doorbell


class Queue:
    """Rings when told to."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.visits = 0
        self.at_door = threading.Event()
        self.bell = threading.Event()
        self.fault = fault

    def wait(self, client: object, timeout_s: float) -> bool:
        self.visits += 1
        self.at_door.set()
        if self.fault is not None:
            raise self.fault
        return self.bell.wait(timeout_s)


def visitor(doorbell: Doorbell) -> threading.Thread:
    thread = threading.Thread(target=doorbell.ring, args=(60.0,), daemon=True)
    thread.start()
    return thread


def test_one_slot_waits_at_the_door_and_all_wake_when_it_rings() -> None:
    queue = Queue()
    doorbell = Doorbell(queue, None)  # type: ignore[arg-type]
    slots = [visitor(doorbell) for _ in range(3)]
    assert queue.at_door.wait(10)

    queue.bell.set()
    while any(slot.is_alive() for slot in slots):
        for slot in slots:
            slot.join(0.01)
            # A thread that came after the ring stands at the door itself: the bell is still set, so it leaves too.

    assert 1 <= queue.visits <= 3


def test_no_wait_is_no_visit() -> None:
    queue = Queue()

    Doorbell(queue, None).ring(0.0)  # type: ignore[arg-type]

    assert queue.visits == 0


def test_a_door_that_breaks_is_left_open_for_the_next() -> None:
    queue = Queue(RedisUnavailable("gone"))
    doorbell = Doorbell(queue, None)  # type: ignore[arg-type]

    for _ in range(2):
        with pytest.raises(RedisUnavailable):
            doorbell.ring(1.0)

    assert queue.visits == 2


def test_while_the_bell_is_silent_one_slot_asks_for_all() -> None:
    over = threading.Event()

    class Silent(Queue):
        def wait(self, client: object, timeout_s: float) -> bool:
            super().wait(client, 0)
            over.wait(timeout_s)
            return False

    queue = Silent()
    doorbell = Doorbell(queue, None)  # type: ignore[arg-type]
    heard: dict[str, Bell] = {}
    at_door = threading.Thread(target=lambda: heard.update(door=doorbell.ring(60.0)))
    at_door.start()
    assert queue.at_door.wait(10)
    napping = threading.Thread(target=lambda: heard.update(nap=doorbell.ring(60.0)))
    napping.start()
    while not doorbell._changed._waiters:  # type: ignore[attr-defined]
        napping.join(0.01)

    over.set()
    for slot in (at_door, napping):
        slot.join(10)

    assert heard == {"door": Bell.SILENT, "nap": Bell.NAPPED}
    assert queue.visits == 1


def test_a_job_that_was_found_in_silence_wakes_the_others() -> None:
    queue = Queue()
    doorbell = Doorbell(queue, None)  # type: ignore[arg-type]
    door = visitor(doorbell)
    assert queue.at_door.wait(10)
    heard: list[Bell] = []
    napping = threading.Thread(target=lambda: heard.append(doorbell.ring(60.0)))
    napping.start()

    while napping.is_alive():
        doorbell.stir()
        napping.join(0.01)

    assert heard == [Bell.RANG]
    assert door.is_alive(), "the one at the door listens on"
    queue.bell.set()
    door.join(10)
