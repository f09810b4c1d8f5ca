"""A flame graph shows what works, under the names that a reader knows."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.worker.flame import drawn, read

WORKER = 'process 7:"python -m lomi_ops worker"'
JUDGING = f'{WORKER};process 8:"python -P -m worker.judging.child 4 7"'
STARTS = "0x7f (libc.so.6);_run_code (<frozen runpy>:65);main (worker/judging/child.py:29)"
STACKS = f"""\
{JUDGING};{STARTS};Looker.look (worker/judging/look.py:62);decode (lomi_ops/imaging/decode.py:80);0x7f (libjpeg.so) 30
{JUDGING};{STARTS};Looker.look (worker/judging/look.py:70);ask.<locals>.<listcomp> (worker/engines/load.py:1) 60
{WORKER};Thread.run (threading.py:1);Slot.run (worker/slot.py:88);settle (lomi_ops/db/ledger.py:120) 10
{WORKER};Thread.run (threading.py:1);Slot.run (worker/slot.py:88);PyThread_acquire_lock_timed (libpython.so) 900
{WORKER};Thread.run (threading.py:1);Slot.run (worker/slot.py:88);Connection.wait (connection.py);poll (libc.so) 7
{JUDGING};{STARTS};Connection._recv (multiprocessing/connection.py:390);os_read (libpython.so);read (libc.so) 8
"""
_SVG = "{http://www.w3.org/2000/svg}"


def test_functions_are_named_from_the_first_of_ours_on_and_who_waits_does_not_count() -> None:
    root = read(STACKS)
    judging = root.below["judging process"]
    look = judging.below["Looker.look (look.py)"]

    assert (root.samples, judging.samples, look.samples) == (100, 90, 90)
    assert {name: each.samples for name, each in look.below.items()} == {"decode (decode.py)": 30}
    assert root.below["Slot.run (slot.py)"].below["settle (ledger.py)"].samples == 10


def test_what_it_draws_is_wide_as_it_took_and_no_wider_than_what_called_it() -> None:
    boxes = {
        group.findtext(f"{_SVG}title"): group.find(f"{_SVG}rect")
        for group in ElementTree.fromstring(drawn(read(STACKS))).findall(f"{_SVG}g")
    }
    widths = {name: float(box.attrib["width"]) for name, box in boxes.items() if name and box is not None}

    assert widths["worker, 100.0%"] == 999.6
    assert widths["Looker.look (look.py), 90.0%"] == widths["judging process, 90.0%"] == 899.6
    assert widths["decode (decode.py), 30.0%"] == 299.6
